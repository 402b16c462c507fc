"""Accepting a trial point, and proposing the next one.

Flows in: cost, J^T J and J^T r of the trial point. Flows out: the best point so far, its damping, the next trial point
and the figures that the convergence tests read.

Levenberg-Marquardt on (B + mu D) h = J^T r, where D is the diagonal of J^T J for nonlinear parameters and zero for
linear ones that are eliminated. mu follows the ratio of actual and predicted reduction (H. B. Nielsen,
IMM-REP-1999-05, Technical University of Denmark, 1999).

B is J^T J, corrected by what the last step d has shown: with y the change of the gradient over d and A = J^T J,
B = A - A d d^T A / (d^T A d) + y y^T / (y^T d), the update of Broyden, Fletcher, Goldfarb and Shanno, so that B d = y
and B stays positive definite (for its use with least squares: M. Al-Baali, R. Fletcher, J. Oper. Res. Soc. 36
(1985) 405).
Where residuals are large, as noise is, J^T J alone converges linearly; with the correction it took a quarter fewer
evaluations on spectra of low signal.

A parameter at a bound whose gradient pushes outwards is left out of the system. A step that would cross a bound ends on
it, and the other parameters' steps are solved again with that one given.
"""

from __future__ import annotations

from typing import Any

from ndfit.engine.kernel.algebra import factorise, substitute
from ndfit.engine.kernel.flow import loop, subroutine, when
from ndfit.engine.kernel.lanes import at_group, choose, load, none_of, root, store
from ndfit.engine.kernel.memory import entry, select
from ndfit.engine.kernel.values import Lanes, Local
from ndfit.engine.kernel.workspace import FREE, KEEP, LINEAR, PLACES, Field

LEAST_DAMPING = 1e-15
TINY = 1e-300
HUGE = 1e308
# The change of the gradient over a step is used where the step gained between these multiples of what was predicted,
LEAST_GAIN, MOST_GAIN = 0.25, 2.0
# and where it shows at least this part of the curvature of J^T J.
LEAST_CURVATURE = 0.03
# A step that gained what was predicted, within this part of it, says how far the next will be from the minimum.
SURPRISE = 0.3


def learn(structure: Any, workspace: Any, group: Any, good: Any) -> None:
    """Set the correction of J^T J from the step that led to the trial point, or none where the step is no `good`.

    CHORD is A d / sqrt(d^T A d), TURN is y / sqrt(y^T d).
    """
    normal, gradient = at_group(workspace, Field.TRIAL_NORMAL, group), at_group(workspace, Field.GRADIENT, group)
    new_gradient = at_group(workspace, Field.TRIAL_GRADIENT, group)
    params, trial = at_group(workspace, Field.PARAMS, group), at_group(workspace, Field.TRIAL, group)
    chord, turn = at_group(workspace, Field.CHORD, group), at_group(workspace, Field.TURN, group)
    n_free = structure[FREE]
    straight, real = Local(Lanes.of(0.0)), Local(Lanes.of(0.0))
    with loop(n_free) as i:
        total = Local(Lanes.of(0.0))
        with loop(n_free) as j:
            place = structure[PLACES + j]
            total += load(normal, entry(i, j)) * (load(trial, place) - load(params, place))
        place = structure[PLACES + i]
        own, change = load(trial, place) - load(params, place), load(gradient, i) - load(new_gradient, i)
        store(chord, i, total.value)
        store(turn, i, change)
        straight += total.value * own
        real += change * own
    good = good & (real.value > LEAST_CURVATURE * straight.value) & (straight.value > 0.0)
    by_chord, by_turn = choose(good, 1.0 / root(straight.value), 0.0), choose(good, 1.0 / root(real.value), 0.0)
    with loop(n_free) as i:
        store(chord, i, choose(good, load(chord, i) * by_chord, 0.0))
        store(turn, i, choose(good, load(turn, i) * by_turn, 0.0))


def judge(structure: Any, workspace: Any, group: Any) -> None:
    """Keep the trial points that lower the cost, and update the damping."""
    cost = at_group(workspace, Field.COST, group)
    damping, growth = at_group(workspace, Field.DAMPING, group), at_group(workspace, Field.GROWTH, group)
    normal, trial_normal = at_group(workspace, Field.NORMAL, group), at_group(workspace, Field.TRIAL_NORMAL, group)
    gradient, former = at_group(workspace, Field.GRADIENT, group), at_group(workspace, Field.FORMER, group)
    trial_gradient = at_group(workspace, Field.TRIAL_GRADIENT, group)
    params, trial = at_group(workspace, Field.PARAMS, group), at_group(workspace, Field.TRIAL, group)
    n_free = structure[FREE]
    old, new = load(cost, 0), load(at_group(workspace, Field.TRIAL_COST, group), 0)
    undefined = Local(Lanes.of(0.0))
    with loop(n_free) as i:
        undefined += (load(trial_normal, entry(i, i)) - load(trial_gradient, i)) * 0.0
    keep = (new < old) & (undefined.value == 0.0)
    gain = (old - new) / load(at_group(workspace, Field.PREDICTED, group), 0)
    learn(structure, workspace, group, keep & (old < HUGE) & (gain > LEAST_GAIN) & (gain < MOST_GAIN))
    excess = 2.0 * gain - 1.0
    shrink = 1.0 - excess * excess * excess
    shrink = choose(shrink > 1.0 / 3.0, shrink, 1.0 / 3.0)
    shrink = choose(old > HUGE, 1.0, shrink)
    mu = load(damping, 0) * choose(keep, shrink, load(growth, 0))
    store(damping, 0, choose(mu > LEAST_DAMPING, mu, LEAST_DAMPING))
    store(growth, 0, choose(keep, 2.0, 2.0 * load(growth, 0)))
    store(cost, 0, choose(keep, new, old))
    foreseen = keep & (gain > 1.0 - SURPRISE) & (gain < 1.0 + SURPRISE)
    store(former, 0, choose(foreseen, load(at_group(workspace, Field.LENGTH, group), 0), 0.0))
    with loop(entry(n_free, 0)) as i:
        store(normal, i, choose(keep, load(trial_normal, i), load(normal, i)))
    with loop(n_free) as i:
        store(gradient, i, choose(keep, load(trial_gradient, i), load(gradient, i)))
        place = structure[PLACES + i]
        store(params, place, choose(keep, load(trial, place), load(params, place)))


@subroutine()
def propose(structure: Any, workspace: Any, group: Any, bounded: Any) -> None:
    """Set the next trial point."""
    hold(structure, workspace, group)
    solve_step(structure, workspace, group)
    with when(bounded), when(pin(structure, workspace, group)):
        solve_step(structure, workspace, group)
    move(structure, workspace, group)


def hold(structure: Any, workspace: Any, group: Any) -> None:
    """Set the scale of each parameter, 0 for those that a bound holds and those without effect.

    COSINE is the largest square of J_k^T r / |J_k| among the others; EFFECT is the trace of J^T J.
    """
    normal, gradient = at_group(workspace, Field.NORMAL, group), at_group(workspace, Field.GRADIENT, group)
    scale, pinned = at_group(workspace, Field.SCALE, group), at_group(workspace, Field.PINNED, group)
    params = at_group(workspace, Field.PARAMS, group)
    lower, upper = at_group(workspace, Field.LOWER, group), at_group(workspace, Field.UPPER, group)
    steepest, effect = Local(Lanes.of(0.0)), Local(Lanes.of(0.0))
    with loop(structure[FREE]) as i:
        square, slope, point = load(normal, entry(i, i)), load(gradient, i), load(params, structure[PLACES + i])
        held = ((point <= load(lower, i)) & (slope < 0.0)) | ((point >= load(upper, i)) & (slope > 0.0))
        own = choose(held, 0.0, choose(square > 0.0, 1.0 / root(square), 0.0))
        effect += square
        slant = slope * own * slope * own
        steepest.set(choose(slant > steepest.value, slant, steepest.value))
        store(scale, i, own)
        store(pinned, i, 0.0)
    store(at_group(workspace, Field.COSINE, group), 0, steepest.value)
    store(at_group(workspace, Field.EFFECT, group), 0, effect.value)


@subroutine()
def solve_step(structure: Any, workspace: Any, group: Any) -> None:
    """Solve the damped, scaled normal equations; pinned steps are given."""
    normal, gradient = at_group(workspace, Field.NORMAL, group), at_group(workspace, Field.GRADIENT, group)
    scale, pinned = at_group(workspace, Field.SCALE, group), at_group(workspace, Field.PINNED, group)
    factor, step = at_group(workspace, Field.FACTOR, group), at_group(workspace, Field.STEP, group)
    damped = load(at_group(workspace, Field.DAMPING, group), 0)
    chord, turn = at_group(workspace, Field.CHORD, group), at_group(workspace, Field.TURN, group)
    n_free, n_linear = structure[FREE], structure[LINEAR]
    linear_damping = choose(load(at_group(workspace, Field.MODE, group), 0) == KEEP, damped, 0.0)
    with loop(n_free) as i:
        own, right = load(scale, i), Local(load(gradient, i))
        with loop(n_free) as j:
            right -= load(normal, entry(i, j)) * load(pinned, j)
        store(step, i, right.value * own)
        with loop(i + 1) as j:
            curved = load(normal, entry(i, j)) - load(chord, i) * load(chord, j) + load(turn, i) * load(turn, j)
            store(factor, entry(i, j), curved * own * load(scale, j))
        own = choose(own > 0.0, load(factor, entry(i, i)), 1.0)
        store(factor, entry(i, i), own + select(i >= n_linear, damped, linear_damping))
    factorise(factor, n_free)
    substitute(factor, step, n_free)
    with loop(n_free) as i:
        store(step, i, load(step, i) * load(scale, i) + load(pinned, i))


def pin(structure: Any, workspace: Any, group: Any) -> Any:
    """Give the steps that would cross a bound, and drop their parameters; return whether there were any."""
    step, scale = at_group(workspace, Field.STEP, group), at_group(workspace, Field.SCALE, group)
    pinned, params = at_group(workspace, Field.PINNED, group), at_group(workspace, Field.PARAMS, group)
    lower, upper = at_group(workspace, Field.LOWER, group), at_group(workspace, Field.UPPER, group)
    crossings = Local(Lanes.of(0.0))
    with loop(structure[FREE]) as i:
        point, least, most = load(params, structure[PLACES + i]), load(lower, i), load(upper, i)
        reached = point + load(step, i)
        below, above = reached < least, reached > most
        store(pinned, i, choose(below, least - point, choose(above, most - point, 0.0)))
        store(scale, i, choose(below | above, 0.0, load(scale, i)))
        crossings += choose(below | above, 1.0, 0.0)
    return ~none_of(crossings.value > 0.0)


def move(structure: Any, workspace: Any, group: Any) -> None:
    """Set the trial point, the reduction predicted for it, and the lengths that the convergence tests compare.

    LENGTH is the squared step in the residuals' metric, h^T J^T J h; MOVE and SIZE are the squares of step and
    parameters, each scaled by the length of its Jacobian column.
    """
    normal, gradient = at_group(workspace, Field.NORMAL, group), at_group(workspace, Field.GRADIENT, group)
    step = at_group(workspace, Field.STEP, group)
    params, trial = at_group(workspace, Field.PARAMS, group), at_group(workspace, Field.TRIAL, group)
    lower, upper = at_group(workspace, Field.LOWER, group), at_group(workspace, Field.UPPER, group)
    chord, turn = at_group(workspace, Field.CHORD, group), at_group(workspace, Field.TURN, group)
    descent, curvature, distance, size, along, beyond = (Local(Lanes.of(0.0)) for _ in range(6))
    with loop(structure[FREE]) as i:
        point, least, most = load(params, structure[PLACES + i]), load(lower, i), load(upper, i)
        own = load(step, i)
        reached = point + own
        below, above = reached < least, reached > most
        own = choose(below, least - point, choose(above, most - point, own))
        store(step, i, own)
        store(trial, structure[PLACES + i], choose(below, least, choose(above, most, reached)))
        square, slope = load(normal, entry(i, i)), load(gradient, i)
        descent += slope * own
        distance += square * own * own
        size += square * point * point
        along += load(chord, i) * own
        beyond += load(turn, i) * own
        with loop(i) as j:
            curvature += load(normal, entry(i, j)) * own * load(step, j)
    length = distance.value + 2.0 * curvature.value
    reduction = 2.0 * descent.value - length + along.value * along.value - beyond.value * beyond.value
    store(at_group(workspace, Field.PREDICTED, group), 0, choose(reduction > TINY, reduction, TINY))
    store(at_group(workspace, Field.LENGTH, group), 0, length)
    store(at_group(workspace, Field.MOVE, group), 0, distance.value)
    store(at_group(workspace, Field.SIZE, group), 0, size.value)
