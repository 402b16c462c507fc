"""Accepting a trial point, and proposing the next one.

Flows in: cost, J^T J and J^T r of the trial point. Flows out: the best point so far, its damping, the next trial point
and the figures that the convergence tests read.

Levenberg-Marquardt on (J^T J + mu D) h = J^T r, where D is the diagonal of J^T J for nonlinear parameters and zero for
linear ones. mu follows the ratio of actual and predicted reduction (H. B. Nielsen, IMM-REP-1999-05, Technical University
of Denmark, 1999). A parameter at a bound whose gradient pushes outwards is left out of the system. A step that would
cross a bound ends on it, and the other parameters' steps are solved again with that one given.
"""

from __future__ import annotations

from typing import Any

from ndfit.engine.kernel.algebra import backward, compiled, entry, factorise, forward
from ndfit.engine.kernel.lanes import at_group, choose, load, none_of, root, store, widen
from ndfit.engine.kernel.memory import stand_alone
from ndfit.engine.kernel.workspace import FREE, LINEAR, Field, free_at

LEAST_DAMPING = 1e-15
TINY = 1e-300
HUGE = 1e308


@compiled
def judge(structure: Any, workspace: Any, group: int) -> None:
    """Keep the trial points that lower the cost, and update the damping."""
    stand_alone()
    cost, accepted = at_group(workspace, Field.COST, group), at_group(workspace, Field.ACCEPTED, group)
    damping, growth = at_group(workspace, Field.DAMPING, group), at_group(workspace, Field.GROWTH, group)
    last_length = at_group(workspace, Field.LAST_LENGTH, group)
    normal, trial_normal = at_group(workspace, Field.NORMAL, group), at_group(workspace, Field.TRIAL_NORMAL, group)
    gradient = at_group(workspace, Field.GRADIENT, group)
    trial_gradient = at_group(workspace, Field.TRIAL_GRADIENT, group)
    params, trial = at_group(workspace, Field.PARAMS, group), at_group(workspace, Field.TRIAL, group)
    n_free = structure[FREE]
    old, new = load(cost, 0), load(at_group(workspace, Field.TRIAL_COST, group), 0)
    undefined = widen(0.0)
    for i in range(n_free):
        undefined = undefined + (load(trial_normal, entry(i, i)) - load(trial_gradient, i)) * 0.0
    keep = (new < old) & (undefined == 0.0)
    ratio = 2.0 * (old - new) / load(at_group(workspace, Field.PREDICTED, group), 0) - 1.0
    shrink = 1.0 - ratio * ratio * ratio
    shrink = choose(shrink > 1.0 / 3.0, shrink, 1.0 / 3.0)
    shrink = choose(old > HUGE, 1.0, shrink)
    mu = load(damping, 0) * choose(keep, shrink, load(growth, 0))
    store(damping, 0, choose(mu > LEAST_DAMPING, mu, LEAST_DAMPING))
    store(growth, 0, choose(keep, 2.0, 2.0 * load(growth, 0)))
    store(last_length, 0, choose(keep, load(at_group(workspace, Field.LENGTH, group), 0), load(last_length, 0)))
    store(cost, 0, choose(keep, new, old))
    store(accepted, 0, choose(keep, 1.0, 0.0))
    for i in range(entry(n_free, 0)):
        store(normal, i, choose(keep, load(trial_normal, i), load(normal, i)))
    for i in range(n_free):
        store(gradient, i, choose(keep, load(trial_gradient, i), load(gradient, i)))
        place = free_at(structure, i)
        store(params, place, choose(keep, load(trial, place), load(params, place)))


@compiled
def propose(structure: Any, workspace: Any, group: int, bounded: bool) -> None:
    """Set the next trial point."""
    stand_alone()
    hold(structure, workspace, group)
    solve_step(structure, workspace, group)
    if bounded and pin(structure, workspace, group):
        solve_step(structure, workspace, group)
    move(structure, workspace, group)


@compiled
def hold(structure: Any, workspace: Any, group: int) -> None:
    """Set the scale of each parameter, 0 for those that a bound holds and those without effect."""
    normal, gradient = at_group(workspace, Field.NORMAL, group), at_group(workspace, Field.GRADIENT, group)
    scale, pinned = at_group(workspace, Field.SCALE, group), at_group(workspace, Field.PINNED, group)
    params = at_group(workspace, Field.PARAMS, group)
    lower, upper = at_group(workspace, Field.LOWER, group), at_group(workspace, Field.UPPER, group)
    for i in range(structure[FREE]):
        square, slope, point = load(normal, entry(i, i)), load(gradient, i), load(params, free_at(structure, i))
        held = ((point <= load(lower, i)) & (slope < 0.0)) | ((point >= load(upper, i)) & (slope > 0.0))
        store(scale, i, choose(held, 0.0, choose(square > 0.0, 1.0 / root(square), 0.0)))
        store(pinned, i, 0.0)


@compiled
def solve_step(structure: Any, workspace: Any, group: int) -> None:
    """Solve the damped, scaled normal equations; pinned steps are given."""
    stand_alone()
    normal, gradient = at_group(workspace, Field.NORMAL, group), at_group(workspace, Field.GRADIENT, group)
    scale, pinned = at_group(workspace, Field.SCALE, group), at_group(workspace, Field.PINNED, group)
    factor, step = at_group(workspace, Field.FACTOR, group), at_group(workspace, Field.STEP, group)
    damped = 1.0 + load(at_group(workspace, Field.DAMPING, group), 0)
    n_free = structure[FREE]
    for i in range(n_free):
        own, right = load(scale, i), load(gradient, i)
        for j in range(n_free):
            right = right - load(normal, entry(max(i, j), min(i, j))) * load(pinned, j)
        store(step, i, right * own)
        for j in range(i):
            store(factor, entry(i, j), load(normal, entry(i, j)) * own * load(scale, j))
        store(factor, entry(i, i), damped if i >= structure[LINEAR] else widen(1.0))
    factorise(factor, n_free)
    forward(factor, step, n_free)
    backward(factor, step, n_free)
    for i in range(n_free):
        store(step, i, load(step, i) * load(scale, i) + load(pinned, i))


@compiled
def pin(structure: Any, workspace: Any, group: int) -> bool:
    """Give the steps that would cross a bound, and drop their parameters; return whether there were any."""
    stand_alone()
    step, scale = at_group(workspace, Field.STEP, group), at_group(workspace, Field.SCALE, group)
    pinned, params = at_group(workspace, Field.PINNED, group), at_group(workspace, Field.PARAMS, group)
    lower, upper = at_group(workspace, Field.LOWER, group), at_group(workspace, Field.UPPER, group)
    crossings = widen(0.0)
    for i in range(structure[FREE]):
        point, least, most = load(params, free_at(structure, i)), load(lower, i), load(upper, i)
        reached = point + load(step, i)
        below, above = reached < least, reached > most
        store(pinned, i, choose(below, least - point, choose(above, most - point, 0.0)))
        store(scale, i, choose(below | above, 0.0, load(scale, i)))
        crossings = crossings + choose(below | above, 1.0, 0.0)
    return not none_of(crossings > 0.0)


@compiled
def move(structure: Any, workspace: Any, group: int) -> None:
    """Set the trial point, the reduction predicted for it, and the lengths that the convergence tests compare.

    LENGTH is the squared step in the residuals' metric, h^T J^T J h; MOVE and SIZE are the squares of step and parameters,
    each scaled by the length of its Jacobian column; COSINE is the square of J_k^T r / |J_k|, at most.
    """
    stand_alone()
    normal, gradient = at_group(workspace, Field.NORMAL, group), at_group(workspace, Field.GRADIENT, group)
    scale, step = at_group(workspace, Field.SCALE, group), at_group(workspace, Field.STEP, group)
    params, trial = at_group(workspace, Field.PARAMS, group), at_group(workspace, Field.TRIAL, group)
    lower, upper = at_group(workspace, Field.LOWER, group), at_group(workspace, Field.UPPER, group)
    descent, curvature, distance, size, steepest = widen(0.0), widen(0.0), widen(0.0), widen(0.0), widen(0.0)
    for i in range(structure[FREE]):
        point, least, most = load(params, free_at(structure, i)), load(lower, i), load(upper, i)
        own = load(step, i)
        reached = point + own
        below, above = reached < least, reached > most
        own = choose(below, least - point, choose(above, most - point, own))
        store(step, i, own)
        store(trial, free_at(structure, i), choose(below, least, choose(above, most, reached)))
        square, slope = load(normal, entry(i, i)), load(gradient, i)
        slant = slope * load(scale, i)
        slant = slant * slant
        steepest = choose(slant > steepest, slant, steepest)
        descent = descent + slope * own
        distance = distance + square * own * own
        size = size + square * point * point
        for j in range(i):
            curvature = curvature + load(normal, entry(i, j)) * own * load(step, j)
    curvature = distance + 2.0 * curvature
    reduction = 2.0 * descent - curvature
    store(at_group(workspace, Field.PREDICTED, group), 0, choose(reduction > TINY, reduction, TINY))
    store(at_group(workspace, Field.LENGTH, group), 0, curvature)
    store(at_group(workspace, Field.MOVE, group), 0, distance)
    store(at_group(workspace, Field.SIZE, group), 0, size)
    store(at_group(workspace, Field.COSINE, group), 0, steepest)
