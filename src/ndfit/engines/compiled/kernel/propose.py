"""The next trial point: the step of least cost, to second order, within the trust region and the bounds.

Flows in: the best point, J^T J and J^T r there, the radius of the trust region. Flows out: the next trial point, the
estimated distance to the minimum, and the figures that the convergence tests read.

The step h solves (B + mu D^2) h = J^T r, where B is J^T J with its correction (`step`), and mu >= 0 is such that
|D h| is the radius, or zero where the undamped step is shorter (J. J. More, Lecture Notes in Mathematics 630 (1978)
105). D is the diagonal of J^T J; where linear parameters are eliminated, it is that of what their elimination leaves
of J^T J, and they are not damped. With phi(mu) = |D h|, mu is found by More's iteration
mu + (phi - radius) / radius phi^2 / |L^-1 D^2 h|^2, to within some part of the radius, which is a guess itself.

The square of the undamped step, g^T B^-1 g, is twice the estimated distance to the minimum (EDM): the cost falls by as
much if the model is linear. A fit has not ended before it is known to be small.

A parameter at a bound whose gradient pushes outwards is left out of the system. A step that would cross a bound ends on
it, and the other parameters' steps are solved again with that one given. In the same way no parameter moves further in
one step than its natural scale (`ndfit.model.dimensions`) or, unless it is a place, than itself: where its column is
nearly zero the system knows no limit. A width, whose sign says nothing, does not pass through zero.
"""

from __future__ import annotations

from typing import Any

from ndfit.compiler.flow import loop, loop_while, subroutine, when
from ndfit.compiler.functions.basic import root
from ndfit.compiler.memory import load, none_of, store
from ndfit.compiler.values import Lanes, choose
from ndfit.compiler.variables import Local
from ndfit.engines.compiled.kernel.addresses import at_group, entry
from ndfit.engines.compiled.kernel.algebra import factorise_damped, forward_norm2, substitute
from ndfit.engines.compiled.kernel.by_rows import solve_step_by_rows
from ndfit.engines.compiled.kernel.step import HUGE, INFINITY, UNKNOWN
from ndfit.engines.compiled.kernel.workspace import FREE, KEEP, LINEAR, PARAMS, PLACES, WIDTHS, Field

ROUNDING2 = 1e-26  # of parameters, squared
TINY = 1e-300
# Below such a pivot of a matrix of unit diagonal, its rows are asked.
DOUBTFUL = 1e-8
# How well the radius is met, and how often the damping is corrected for it.
LONGEST2, SHORTEST2, TURNS = 1.7, 0.36, 4
# A width shrinks by this part of itself at most, unless it is within this many times its least value.
MOST_SHRINK, NEAR_EDGE = 0.8, 8.0
# Of the damping; less is none.
LEAST_DAMPING = 1e-4


@subroutine()
def propose(structure: Any, workspace: Any, group: Any, least: Any) -> None:
    """Set the next trial point.

    `least` is the EDM below which a fit may end: where a damped step gains less, the undamped one is asked. So it is
    where the fit may end with the next evaluation: its EDM is to be known.
    """
    find_active_set(structure, workspace, group)
    turns = Local(0)
    with loop_while(lambda: solve_within(structure, workspace, group, least, turns)):
        pass
    with when(truncate_to_bounds(structure, workspace, group)):
        solve_step(structure, workspace, group)
    shorten(structure, workspace, group)
    set_trial_point(structure, workspace, group)
    by_products = load(at_group(workspace, Field.BY_ROWS, group), 0) == 0.0
    repeated = load(at_group(workspace, Field.REPEATS, group), 0) > 0.0
    # Of a fit that starts where the model is no number, what stands there is another's.
    begun = load(at_group(workspace, Field.COST, group), 0) < INFINITY
    doubtful = (load(at_group(workspace, Field.PIVOT, group), 0) < DOUBTFUL) & by_products & begun & ~repeated
    with when(~none_of(doubtful)):
        ask_again(structure, workspace, group, doubtful)


@subroutine()
def ask_again(structure: Any, workspace: Any, group: Any, doubtful: Any) -> None:
    """Have the best point evaluated again in some lanes, which go by rows from then on."""
    params, trial = at_group(workspace, Field.PARAMS, group), at_group(workspace, Field.TRIAL, group)
    by_rows = at_group(workspace, Field.BY_ROWS, group)
    with loop(structure[PARAMS]) as p:
        store(trial, p, choose(doubtful, load(params, p), load(trial, p)))
    # Another fit's may stand there, which stays where the derivatives of this one are no numbers.
    rows = at_group(workspace, Field.R, group)
    with loop(entry(structure[FREE] + 1, 0)) as i:
        store(rows, i, choose(doubtful, 0.0, load(rows, i)))
    store(by_rows, 0, choose(doubtful, 1.0, load(by_rows, 0)))
    for field, value in (
        (Field.COST, UNKNOWN),
        (Field.EDM, INFINITY),
        (Field.RESIDUAL_STEP_NORM2, INFINITY),
        (Field.PREVIOUS_STEP_NORM2, 0.0),
    ):
        place = at_group(workspace, field, group)
        store(place, 0, choose(doubtful, value, load(place, 0)))


def find_active_set(structure: Any, workspace: Any, group: Any) -> None:
    """Set the scale of each parameter, 0 for those that a bound holds and those without effect.

    MAX_GRADIENT_COSINE is the largest square of J_k^T r / |J_k| among the others; TRACE_JTJ is the trace of J^T J.
    """
    normal, gradient = at_group(workspace, Field.NORMAL, group), at_group(workspace, Field.GRADIENT, group)
    scale, pinned = at_group(workspace, Field.SCALE, group), at_group(workspace, Field.PINNED, group)
    params = at_group(workspace, Field.PARAMS, group)
    lower, upper = at_group(workspace, Field.LOWER, group), at_group(workspace, Field.UPPER, group)
    steepest, effect = Local(Lanes.of(0.0)), Local(Lanes.of(0.0))
    with loop(structure[FREE]) as i:
        square, slope, point = load(normal, entry(i, i)), load(gradient, i), load(params, structure[PLACES + i])
        active = ((point <= load(lower, i)) & (slope < 0.0)) | ((point >= load(upper, i)) & (slope > 0.0))
        own = choose(active, 0.0, choose(square > 0.0, 1.0 / root(square), 0.0))
        effect += square
        slant = slope * own * slope * own
        steepest.set(choose(slant > steepest.value, slant, steepest.value))
        store(scale, i, own)
        store(pinned, i, 0.0)
    store(at_group(workspace, Field.MAX_GRADIENT_COSINE, group), 0, steepest.value)
    store(at_group(workspace, Field.TRACE_JTJ, group), 0, effect.value)
    store(at_group(workspace, Field.EDM, group), 0, INFINITY)


def solve_within(structure: Any, workspace: Any, group: Any, least: Any, turns: Any) -> Any:
    """Solve for the step with the present damping; correct that, and tell whether to solve again."""
    gained = solve_step(structure, workspace, group)
    radius, damping = at_group(workspace, Field.RADIUS, group), at_group(workspace, Field.DAMPING, group)
    edm = at_group(workspace, Field.EDM, group)
    norm2 = load(at_group(workspace, Field.METRIC_STEP_NORM2, group), 0)
    mu, allowed2 = load(damping, 0), load(radius, 0)
    repeated = load(at_group(workspace, Field.REPEATS, group), 0) > 0.0
    allowed2 = choose((allowed2 < HUGE) | repeated, allowed2, norm2)  # the first step of a fit
    known = choose(mu == 0.0, 0.5 * gained, load(edm, 0))
    stuck = norm2 <= ROUNDING2 * load(at_group(workspace, Field.PARAMS_NORM2, group), 0)
    late = load(at_group(workspace, Field.NFEV, group), 0) + 1.0 >= load(at_group(workspace, Field.LATEST, group), 0)
    unsure = (mu > 0.0) & (known == INFINITY) & ((gained <= 2.0 * least) | stuck | late)
    too_long, too_short = norm2 > LONGEST2 * allowed2, (mu > 0.0) & (norm2 < SHORTEST2 * allowed2)
    again = (too_long | too_short | unsure) & (allowed2 > 0.0) & ~repeated
    store(edm, 0, known)
    store(radius, 0, allowed2)
    turns += 1
    go_on = ~none_of(again) & (turns.value < TURNS)
    with when(go_on):
        correct_damping(structure, workspace, group, again, unsure, too_long)
    return go_on


@subroutine()
def correct_damping(structure: Any, workspace: Any, group: Any, again: Any, unsure: Any, too_long: Any) -> None:
    """Take a step of More's iteration for the damping in some lanes, and none at all in those that are `unsure`."""
    damping = at_group(workspace, Field.DAMPING, group)
    length = root(load(at_group(workspace, Field.METRIC_STEP_NORM2, group), 0))
    allowed = root(load(at_group(workspace, Field.RADIUS, group), 0))
    factor, along = at_group(workspace, Field.FACTOR, group), at_group(workspace, Field.ALONG, group)
    curved, mu = forward_norm2(factor, along, structure[FREE]), load(damping, 0)
    corrected = mu + (length - allowed) / allowed * length * length / choose(curved > 0.0, curved, 1.0)
    corrected = choose(too_long | (corrected > LEAST_DAMPING), corrected, 0.0)
    store(damping, 0, choose(again, choose(unsure, 0.0, corrected), mu))


def solve_step(structure: Any, workspace: Any, group: Any) -> Any:
    """Solve for STEP, by rows in the lanes that need it. Return g^T h."""
    gained = Local(solve_step_by_products(structure, workspace, group))
    by_rows = load(at_group(workspace, Field.BY_ROWS, group), 0) > 0.0
    with when(~none_of(by_rows)):
        gained.set(choose(by_rows, solve_step_by_rows(structure, workspace, group), gained.value))
    return gained.value


@subroutine(Lanes)
def solve_step_by_products(structure: Any, workspace: Any, group: Any) -> Any:
    """Solve the damped, scaled equations for STEP; pinned steps are given. Return g^T h.

    METRIC_STEP_NORM2 is |D h|^2, ALONG is D^2 h.
    """
    normal, gradient = at_group(workspace, Field.NORMAL, group), at_group(workspace, Field.GRADIENT, group)
    scale, pinned = at_group(workspace, Field.SCALE, group), at_group(workspace, Field.PINNED, group)
    factor, step = at_group(workspace, Field.FACTOR, group), at_group(workspace, Field.STEP, group)
    metric, along = at_group(workspace, Field.METRIC, group), at_group(workspace, Field.ALONG, group)
    secant_ad, secant_y = at_group(workspace, Field.SECANT_AD, group), at_group(workspace, Field.SECANT_Y, group)
    n_free = structure[FREE]
    with loop(n_free) as i:
        own, right = load(scale, i), Local(load(gradient, i))
        with loop(n_free) as j:
            right -= load(normal, entry(i, j)) * load(pinned, j)
        store(step, i, right.value * own)
        with loop(i + 1) as j:
            curved = (
                load(normal, entry(i, j))
                - load(secant_ad, i) * load(secant_ad, j)
                + load(secant_y, i) * load(secant_y, j)
            )
            store(factor, entry(i, j), curved * own * load(scale, j))
        store(factor, entry(i, i), choose(own > 0.0, load(factor, entry(i, i)), 1.0))
    eliminated = load(at_group(workspace, Field.MODE, group), 0) != KEEP
    damping = load(at_group(workspace, Field.DAMPING, group), 0)
    least = factorise_damped(factor, n_free, structure[LINEAR], damping, metric, scale, normal, eliminated)
    store(at_group(workspace, Field.PIVOT, group), 0, least)
    gained, length = substitute(factor, step, n_free), Local(Lanes.of(0.0))
    with loop(n_free) as i:
        own, given, weight = load(step, i) * load(scale, i), load(pinned, i), load(metric, i)
        length += (own * own + given * given) * weight
        store(along, i, own * weight * load(scale, i))
        store(step, i, own + given)
    store(at_group(workspace, Field.METRIC_STEP_NORM2, group), 0, length.value)
    return gained


def truncate_to_bounds(structure: Any, workspace: Any, group: Any) -> Any:
    """Give the steps that would cross a bound or are too long, and drop their parameters; return whether any were."""
    step, scale = at_group(workspace, Field.STEP, group), at_group(workspace, Field.SCALE, group)
    pinned, crossings = at_group(workspace, Field.PINNED, group), Local(Lanes.of(0.0))
    with loop(structure[FREE]) as i:
        least, most = limits_of_step(structure, workspace, group, i)
        own = load(step, i)
        below, above = own < least, own > most
        store(pinned, i, choose(below, least, choose(above, most, 0.0)))
        store(scale, i, choose(below | above, 0.0, load(scale, i)))
        crossings += choose(below | above, 1.0, 0.0)
    return ~none_of(crossings.value > 0.0)


def limits_of_step(structure: Any, workspace: Any, group: Any, i: Any) -> tuple[Any, Any]:
    """Least and greatest step of a parameter."""
    point = load(at_group(workspace, Field.PARAMS, group), structure[PLACES + i])
    natural, size = load(at_group(workspace, Field.NATURAL, group), i), choose(point > 0.0, point, 0.0 - point)
    far = choose(natural < 0.0, 0.0 - natural, choose(size > natural, size, natural))
    far = far * load(at_group(workspace, Field.CAP_SHARE, group), 0)
    lower, upper = load(at_group(workspace, Field.LOWER, group), i), load(at_group(workspace, Field.UPPER, group), i)
    back, forth = Local(0.0 - far), Local(far)
    with when(structure[structure[WIDTHS] + i] != 0):
        most, near = MOST_SHRINK * size, NEAR_EDGE * choose(point > 0.0, lower, 0.0 - upper)
        shrunk = choose((size > near) & (most < far), most, far)
        back.set(choose(point > 0.0, 0.0 - shrunk, back.value))
        forth.set(choose(point < 0.0, shrunk, forth.value))
    to_lower, to_upper = lower - point, upper - point
    least, most = back.value, forth.value
    return choose(to_lower > least, to_lower, least), choose(to_upper < most, to_upper, most)


def shorten(structure: Any, workspace: Any, group: Any) -> None:
    """Shorten steps that are still too long."""
    step, allowed2 = at_group(workspace, Field.STEP, group), load(at_group(workspace, Field.RADIUS, group), 0)
    norm2 = at_group(workspace, Field.METRIC_STEP_NORM2, group)
    too_long = load(norm2, 0) > LONGEST2 * allowed2
    with when(~none_of(too_long)):
        by = choose(too_long, root(allowed2 / choose(too_long, load(norm2, 0), 1.0)), 1.0)
        store(norm2, 0, load(norm2, 0) * by * by)
        with loop(structure[FREE]) as i:
            store(step, i, load(step, i) * by)


def set_trial_point(structure: Any, workspace: Any, group: Any) -> None:
    """Set the trial point, the reduction predicted for it, and the lengths that the convergence tests compare.

    RESIDUAL_STEP_NORM2 is the squared step in the residuals' metric, h^T J^T J h; STEP_NORM2 and PARAMS_NORM2 are the
    squares of step and parameters, each scaled by the length of its Jacobian column.
    """
    normal, gradient = at_group(workspace, Field.NORMAL, group), at_group(workspace, Field.GRADIENT, group)
    step = at_group(workspace, Field.STEP, group)
    params, trial = at_group(workspace, Field.PARAMS, group), at_group(workspace, Field.TRIAL, group)
    lower, upper = at_group(workspace, Field.LOWER, group), at_group(workspace, Field.UPPER, group)
    secant_ad, secant_y = at_group(workspace, Field.SECANT_AD, group), at_group(workspace, Field.SECANT_Y, group)
    # The trial point stays, and what is expected of it.
    repeated = load(at_group(workspace, Field.REPEATS, group), 0) > 0.0
    descent, curvature, distance, size, along, beyond = (Local(Lanes.of(0.0)) for _ in range(6))
    with loop(structure[FREE]) as i:
        point, least, most = load(params, structure[PLACES + i]), load(lower, i), load(upper, i)
        own = load(step, i)
        reached = point + own
        below, above = reached < least, reached > most
        own = choose(below, least - point, choose(above, most - point, own))
        store(step, i, own)
        place = structure[PLACES + i]
        store(trial, place, choose(repeated, load(trial, place), choose(below, least, choose(above, most, reached))))
        square, slope = load(normal, entry(i, i)), load(gradient, i)
        descent += slope * own
        distance += square * own * own
        size += square * point * point
        along += load(secant_ad, i) * own
        beyond += load(secant_y, i) * own
        with loop(i) as j:
            curvature += load(normal, entry(i, j)) * own * load(step, j)
    length = distance.value + 2.0 * curvature.value
    reduction = 2.0 * descent.value - length + along.value * along.value - beyond.value * beyond.value
    predicted = at_group(workspace, Field.PREDICTED, group)
    store(predicted, 0, choose(repeated, load(predicted, 0), choose(reduction > TINY, reduction, TINY)))
    store(at_group(workspace, Field.RESIDUAL_STEP_NORM2, group), 0, length)
    store(at_group(workspace, Field.STEP_NORM2, group), 0, distance.value)
    store(at_group(workspace, Field.PARAMS_NORM2, group), 0, size.value)
