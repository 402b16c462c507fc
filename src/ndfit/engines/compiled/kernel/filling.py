"""Giving a lane a fit, and telling when it has ended.

Flows in: views of the block, the figures of the last step. Flows out: the lane's scratch; the outcome of its fit.

Samples that are not used get weight 0 and the coordinates of a used sample, so that the model stays finite there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ndfit.compiler.flow import either, loop, loop_while, subroutine, when
from ndfit.compiler.functions.basic import root
from ndfit.compiler.memory import LANES, float_at, has_byte, load, put_float, single_at, store
from ndfit.compiler.values import Bool, Lanes, choose
from ndfit.compiler.variables import Local
from ndfit.engines.compiled.kernel.addresses import address, at, at_group, entry
from ndfit.engines.compiled.kernel.step import HUGE, INFINITY, SECOND_DAMPING, START_DAMPING, UNKNOWN
from ndfit.engines.compiled.kernel.workspace import (
    BASIS,
    ELIMINATE,
    FIRST,
    FIT_TO_FIT,
    FREE,
    KEEP,
    OUTCOME_COLUMNS,
    PARAMS,
    PLACES,
    ROWS,
    SECOND,
    SECOND_SIGNED,
    SIGNED,
    START,
    VIEW_COLUMNS,
    Field,
    Job,
    Limit,
    View,
)

COORDS = int(View.COORDS)

READY = -1.0
EVALUATION_LIMIT, GTOL, FTOL, XTOL, FTOL_XTOL, STALLED = 0.0, 1.0, 2.0, 3.0, 4.0, 5.0
NON_FINITE_MODEL, INSENSITIVE = -16.0, -17.0

# A fit ends where the next step is shorter than 1e-5 standard errors: its square, relative to the squared residuals,
# than ftol times this over the number of samples (for an ftol of 1e-8).
MARGIN = 2e-3
# Its last step may be taken unseen: if it is a third of the one before, if the next would be six times shorter than
# that bound, and if it is itself no more than ten times longer, so that its cost is known to 1e-11.
LEAST_SHRINK2, LEAST_MARGIN_OF_NEXT_STEP, LONGEST, MOST_STEP_OVER_RESIDUAL_STEP = 9.0, 40.0, 100.0, 100.0
ROUNDING = (4.0 * 2.0**-52) ** 2
# A weighted residual is known to so many roundings of data and parameters; of these to a millionth of the data.
ROUNDINGS = 128.0 * 2.0**-52
MOST_SIZE = (1e-6 / ROUNDINGS) ** 2
# The cost is a sum of squares that rounding makes uncertain by this part of its root and that of the data's.
COST_ROUNDING = 4.0 * 2.0**-52
# Where no step lowers the cost, a fit has converged if its EDM is this part of the noise variance.
CERTIFIED = 1e-3
# The largest EDM with which a fit ends by itself, in units of the noise variance.
LARGEST = 1e-8
# A point that is evaluated again may take so many evaluations beyond the limit; it is finite, as it was before.
MORE_EVALUATIONS = 10.0
# So many evaluations that together gain less than this part of the noise variance are enough, for an ftol of 1e-8 or
# more; one who asks for less is given more.
PATIENCE, WORTH, USUAL_FTOL = 12.0, 0.005, 1e-8
# Then, a fit has converged if its EDM is no more than this; with what is no rounding it is below the 0.01 of an answer.
ENOUGH = 0.009


def sample_weight(views: Any, fit: Any, sample: Any) -> Any:
    """Weight of a sample, 0 where it is not used."""
    weight = Local(1.0)
    with when(address(views, View.WEIGHTS, 0, 0) != 0):
        weight.set(float_at(address(views, View.WEIGHTS, fit, sample)))
    with when(address(views, View.VALID, 0, 0) != 0), when(~has_byte(address(views, View.VALID, fit, sample))):
        weight.set(0.0)
    return weight.value


@subroutine()
def fill(job: Any, workspace: Any, views: Any, fit: Any, lane: Any, weighted: Any, fresh: Any) -> None:
    """Copy the samples of a fit into a lane, with coordinates where it is a `fresh` one or they are not the last's."""
    single, moved = job[Job.SINGLE] != 0, Local(fresh | weighted)
    with when(job[Job.TAPS] != 0):
        fill_sight(job, workspace, views, fit, lane, fresh)
    with loop(job[Job.INPUTS]) as k:
        moved.set(moved.value | (views[VIEW_COLUMNS * (k + COORDS) + FIT_TO_FIT] != 0))
    with either(single) as (short, long):
        for kind, read in ((short, single_at), (long, float_at)):
            with kind, either(weighted | moved.value) as (whole, data_alone):
                with whole:
                    fill_whole(job, workspace, views, fit, lane, weighted, read)
                with data_alone:
                    fill_data(job, workspace, views, fit, lane, read)


def fill_data(job: Any, workspace: Any, views: Any, fit: Any, lane: Any, read: Any) -> None:
    """Copy the data of a fit."""
    y = at(workspace, Field.Y)

    def copy(sample: Any) -> Any:
        value = read(address(views, View.DATA, fit, sample))
        y[sample * LANES + lane] = value
        return value * value

    at(workspace, Field.DATA_NORM2)[lane] = total_of(job[Job.SAMPLES], copy)


def fill_whole(job: Any, workspace: Any, views: Any, fit: Any, lane: Any, weighted: Any, read: Any) -> None:
    """Copy data, weights and inputs of a fit."""
    y, weight, direct = at(workspace, Field.Y), at(workspace, Field.WEIGHT), job[Job.TAPS] == 0
    n_samples, reference = job[Job.SAMPLES], Local(0)
    with when(weighted):
        unused = Local(True)
        with loop_while(lambda: unused.value & (reference.value < n_samples - 1)):
            unused.set(sample_weight(views, fit, reference.value) == 0.0)
            reference += choose(unused.value, 1, 0)

    def copy(sample: Any) -> Any:
        value, own, place = Local(read(address(views, View.DATA, fit, sample))), Local(1.0), Local(sample)
        with when(weighted):
            own.set(sample_weight(views, fit, sample))
            weight[sample * LANES + lane] = own.value
            with when(own.value == 0.0):
                value.set(0.0)
                place.set(reference.value)
        y[sample * LANES + lane] = value.value
        with when(direct):
            fill_place(job, workspace, views, fit, lane, sample, place.value)
        return own.value * value.value * own.value * value.value

    at(workspace, Field.DATA_NORM2)[lane] = total_of(n_samples, copy)


def fill_place(job: Any, workspace: Any, views: Any, fit: Any, lane: Any, place: Any, source: Any) -> None:
    """Copy the inputs of the model at a place from those at another."""
    x, n_places = at(workspace, Field.X), job[Job.PLACES]
    with loop(job[Job.INPUTS]) as k:
        x[(k * n_places + place) * LANES + lane] = float_at(address(views, k + COORDS, fit, source))


@subroutine()
def fill_sight(job: Any, workspace: Any, views: Any, fit: Any, lane: Any, fresh: Any) -> None:
    """Copy inputs at all places, and coefficients, if the lane is a `fresh` one or they are not those of all fits."""
    own, moved = job[Job.OWN] != 0, Local(fresh)
    with loop(job[Job.INPUTS]) as k:
        moved.set(moved.value | (views[VIEW_COLUMNS * (k + COORDS) + FIT_TO_FIT] != 0))
    with when(moved.value), loop(job[Job.PLACES]) as place:
        fill_place(job, workspace, views, fit, lane, place, place)
    taps = at(workspace, Field.TAPS)
    with when(own), loop(job[Job.TAPS]) as number:
        taps[number * LANES + lane] = float_at(address(views, View.COEFFICIENTS, fit, number))


def total_of(n_samples: Any, value_of_sample: Callable[[Any], Any]) -> Any:
    """Sum over samples, four at a time: one sum alone would wait for itself."""
    totals, whole = [Local(0.0) for _ in range(4)], (n_samples >> 2) << 2
    with loop(0, whole, len(totals)) as first:
        for place, total in enumerate(totals):
            total += value_of_sample(first + place)
    with loop(whole, n_samples) as sample:
        totals[0] += value_of_sample(sample)
    first, second, third, fourth = (total.value for total in totals)
    return (first + second) + (third + fourth)


def set_bounds(structure: Any, workspace: Any, views: Any, fit: Any, lane: Any) -> None:
    """Set the bounds of a lane to the caller's."""
    with loop(structure[FREE]) as i:
        p = structure[PLACES + i]
        at(workspace, Field.LOWER)[i * LANES + lane] = float_at(address(views, View.LOWER, fit, p))
        at(workspace, Field.UPPER)[i * LANES + lane] = float_at(address(views, View.UPPER, fit, p))


@subroutine()
def start_fit(structure: Any, workspace: Any, views: Any, fit: Any, lane: Any, mode: Any) -> None:
    """Set a lane to the starting point of a fit."""
    params, trial = at(workspace, Field.PARAMS), at(workspace, Field.TRIAL)
    with loop(structure[PARAMS]) as p:
        start = float_at(address(views, View.START, fit, p))
        params[p * LANES + lane] = start
        trial[p * LANES + lane] = start
    set_bounds(structure, workspace, views, fit, lane)
    # Where the start is evaluated more than once, steps are computed before there is a best point.
    with loop(entry(structure[FREE], 0)) as i:
        at(workspace, Field.NORMAL)[i * LANES + lane] = 0.0
    with loop(structure[FREE]) as i:
        p = structure[PLACES + i]
        at(workspace, Field.GRADIENT)[i * LANES + lane] = 0.0
        at(workspace, Field.CLAMPED)[i * LANES + lane] = 0.0
        at(workspace, Field.METRIC)[i * LANES + lane] = 0.0
        at(workspace, Field.NATURAL)[i * LANES + lane] = float_at(address(views, View.SCALE, fit, p))
    at(workspace, Field.COST)[lane] = INFINITY
    at(workspace, Field.DAMPING)[lane] = choose(mode == SIGNED, SECOND_DAMPING, START_DAMPING)
    at(workspace, Field.ATTEMPT)[lane] = choose(mode == SIGNED, SECOND_SIGNED, FIRST)
    at(workspace, Field.RADIUS)[lane] = INFINITY
    at(workspace, Field.METRIC_STEP_NORM2)[lane] = 0.0
    at(workspace, Field.CAP_SHARE)[lane] = 1.0
    at(workspace, Field.PARAMS_NORM2)[lane] = 0.0
    at(workspace, Field.MARK)[lane] = INFINITY
    at(workspace, Field.BY_ROWS)[lane] = 0.0
    at(workspace, Field.REPEATS)[lane] = 0.0
    at(workspace, Field.LEFT_DOMAIN)[lane] = 0.0
    at(workspace, Field.PSEUDO)[lane] = 0.0
    at(workspace, Field.FINAL)[lane] = READY
    at(workspace, Field.MARK_NFEV)[lane] = 0.0
    at(workspace, Field.LATEST)[lane] = INFINITY
    at(workspace, Field.PREDICTED)[lane] = 1.0
    at(workspace, Field.RESIDUAL_STEP_NORM2)[lane] = 0.0
    at(workspace, Field.MODE)[lane] = mode
    at(workspace, Field.FIT)[lane] = fit


def noise_of(job: Any, structure: Any, workspace: Any, group: Any) -> Any:
    """Variance of the noise, as `ndfit.engines.certificate` has it: one, or the cost over the degrees of freedom.

    It is no less than what rounding leaves of data and parameters, whose power is ROUNDED.
    """
    n_samples, cost = job[Job.SAMPLES], load(at_group(workspace, Field.COST, group), 0)
    freedom = choose(n_samples > structure[FREE], n_samples - structure[FREE], 1)
    power, size = (
        load(at_group(workspace, Field.DATA_NORM2, group), 0),
        load(at_group(workspace, Field.PARAMS_NORM2, group), 0),
    )
    rounded = choose(size < MOST_SIZE * power, power + size, MOST_SIZE * power)
    floor = (ROUNDINGS * ROUNDINGS) * rounded
    store(at_group(workspace, Field.ROUNDED, group), 0, rounded)
    known = choose(job[Job.ABSOLUTE] != 0, Lanes.of(1.0), cost / freedom)
    return choose(known > floor, known, floor)


def least_edm(workspace: Any, group: Any, noise: Any, n_samples: Any, ftol: Any) -> Any:
    """The EDM below which a fit ends: a part of the noise variance, and no less than the cost is known to."""
    cost, power = load(at_group(workspace, Field.COST, group), 0), load(at_group(workspace, Field.DATA_NORM2, group), 0)
    rounding = COST_ROUNDING * root(cost * power / n_samples)
    wanted = (0.5 * MARGIN * ftol / n_samples) * cost
    wanted = choose(wanted > LARGEST * noise, LARGEST * noise, wanted)
    return choose(rounding > wanted, rounding, wanted)


def test_convergence(structure: Any, workspace: Any, group: Any, noise: Any, least: Any, limits: Any) -> None:
    """Count the evaluation, and set CODE: the status of each fit, READY while it goes on.

    A fit has converged where its EDM is at most `least`; or where steps are rounding, or the gradient is zero to gtol,
    and the EDM is small enough for an answer. It has stalled where it is not, or nothing is gained any more.
    """
    ftol, xtol, gtol, max_nfev = (limits[limit] for limit in (Limit.FTOL, Limit.XTOL, Limit.GTOL, Limit.EVALUATIONS))
    cost, edm = load(at_group(workspace, Field.COST, group), 0), at_group(workspace, Field.EDM, group)
    move, size = (
        load(at_group(workspace, Field.STEP_NORM2, group), 0),
        load(at_group(workspace, Field.PARAMS_NORM2, group), 0),
    )
    steepest, power = (
        at_group(workspace, Field.MAX_GRADIENT_COSINE, group),
        at_group(workspace, Field.DATA_NORM2, group),
    )
    effect, mode = at_group(workspace, Field.TRACE_JTJ, group), at_group(workspace, Field.MODE, group)
    nfev = load(at_group(workspace, Field.NFEV, group), 0) + 1.0
    left = load(edm, 0)
    # Of a cost that is known less well, nobody could tell whether the step had been for the worse.
    unseen = choose(least > LARGEST * noise, LARGEST * noise, least)
    by_cost = (left <= least) | accept_final_step(structure, workspace, group, move, unseen)
    by_step = (move <= (xtol * xtol * xtol * xtol) * size) & (left < INFINITY)
    certain = left <= CERTIFIED * noise
    # From the least to the most important.
    code = choose((nfev >= max_nfev) & (cost < HUGE), EVALUATION_LIMIT, READY)
    ended = choose(left <= ENOUGH * noise, FTOL, STALLED)
    code = choose(stagnant(workspace, group, noise, ftol, nfev, max_nfev), ended, code)
    code = choose((move <= ROUNDING * size) & (left < INFINITY), STALLED, code)
    code = choose(by_step & certain, XTOL, code)
    code = choose(by_cost, choose(by_step, FTOL_XTOL, FTOL), code)
    exact = cost <= ROUNDING * load(power, 0)
    code = choose(exact, FTOL, code)
    code = choose((load(steepest, 0) <= gtol * gtol * cost) & certain, GTOL, code)
    code = choose((nfev == 1.0) & (load(effect, 0) == 0.0), INSENSITIVE, code)
    code = choose(cost < INFINITY, code, NON_FINITE_MODEL)
    repeated = load(at_group(workspace, Field.REPEATS, group), 0) > 0.0
    asked = repeated | ((cost >= HUGE) & (cost < INFINITY))
    code = choose(asked, choose(nfev >= max_nfev + MORE_EVALUATIONS, NON_FINITE_MODEL, READY), code)
    store(at_group(workspace, Field.CODE, group), 0, code)
    store(at_group(workspace, Field.NFEV, group), 0, nfev)
    store(edm, 0, choose(exact, 0.0, choose(by_cost & (left > least), least, left)))
    store(mode, 0, choose((load(mode, 0) == START) & ~repeated, ELIMINATE, load(mode, 0)))


def stagnant(workspace: Any, group: Any, noise: Any, ftol: Any, nfev: Any, max_nfev: Any) -> Any:
    """Whether the last PATIENCE evaluations gained less than a small part of the noise variance.

    LATEST is the evaluation at which that will be so if nothing more is gained, or at which the fit ends in any case.
    """
    mark, since = at_group(workspace, Field.MARK, group), at_group(workspace, Field.MARK_NFEV, group)
    cost = load(at_group(workspace, Field.COST, group), 0)
    least = WORTH * choose(ftol < USUAL_FTOL, ftol / USUAL_FTOL, 1.0)
    worth = cost < load(mark, 0) - least * noise
    store(mark, 0, choose(worth, cost, load(mark, 0)))
    store(since, 0, choose(worth, nfev, load(since, 0)))
    ends = load(since, 0) + PATIENCE
    store(at_group(workspace, Field.LATEST, group), 0, choose(ends < max_nfev, ends, max_nfev))
    return nfev >= ends


def accept_final_step(structure: Any, workspace: Any, group: Any, move: Any, least_edm: Any) -> Any:
    """Take the proposed step without evaluating it where what is left behind it is less than `least_edm`.

    A step q times as long as the one before is followed by one of q times its length. All are squares here. Along a
    valley, where parameters `move` far and residuals hardly change, nothing foretells the cost.
    """
    former, cost = (
        load(at_group(workspace, Field.PREVIOUS_STEP_NORM2, group), 0),
        at_group(workspace, Field.COST, group),
    )
    length, least = load(at_group(workspace, Field.RESIDUAL_STEP_NORM2, group), 0), 2.0 * least_edm
    undamped = load(at_group(workspace, Field.DAMPING, group), 0) == 0.0
    params, trial = at_group(workspace, Field.PARAMS, group), at_group(workspace, Field.TRIAL, group)
    left = load(at_group(workspace, Field.EDM, group), 0)
    settled = (
        (length * length * LEAST_MARGIN_OF_NEXT_STEP <= least * former)
        & (length <= least * LONGEST)
        & (move <= length * MOST_STEP_OVER_RESIDUAL_STEP)
    )
    # At the end of a valley it is the gradient that leads closer, where the cost is no longer known well enough to.
    settled = (settled & (left <= least_edm * LONGEST)) | (left <= least_edm)
    settled = settled & (length * LEAST_SHRINK2 <= former) & undamped
    gained = load(at_group(workspace, Field.PREDICTED, group), 0)
    reached = load(cost, 0) - gained
    store(cost, 0, choose(settled, choose(reached > 0.0, reached, 0.0), load(cost, 0)))
    with loop(structure[PARAMS]) as p:
        store(params, p, choose(settled, load(trial, p), load(params, p)))
    return settled


def has_flipped_sign(structure: Any, workspace: Any, views: Any, fit: Any, lane: Any) -> Any:
    """Whether a component ended upside down, or at a bound: it has another sign than the caller gave it, or none."""
    found = Local(False)
    with loop(structure[ROWS]) as d:
        basis = structure[structure[BASIS] + d]
        with when(basis >= 0):
            p = structure[PLACES + basis]
            ended, given = at(workspace, Field.PARAMS)[p * LANES + lane], float_at(address(views, View.START, fit, p))
            lower = at(workspace, Field.LOWER)[basis * LANES + lane]
            upper = at(workspace, Field.UPPER)[basis * LANES + lane]
            found.set(found.value | (ended * given < 0.0) | ((ended <= lower) | (ended >= upper)))
    return found.value


@subroutine()
def start_again(structure: Any, workspace: Any, lane: Any) -> None:
    """Have the best point of a lane evaluated again, and accepted whatever it costs."""
    with loop(structure[PARAMS]) as p:
        at(workspace, Field.TRIAL)[p * LANES + lane] = at(workspace, Field.PARAMS)[p * LANES + lane]
    at(workspace, Field.COST)[lane] = UNKNOWN
    at(workspace, Field.MARK)[lane] = INFINITY


def go_on_free(structure: Any, workspace: Any, views: Any, fit: Any, lane: Any) -> None:
    """Have a second attempt go on from where it is, without bounds on the signs of its components."""
    set_bounds(structure, workspace, views, fit, lane)
    start_again(structure, workspace, lane)
    at(workspace, Field.ATTEMPT)[lane] = SECOND
    at(workspace, Field.CODE)[lane] = READY


@subroutine(Bool)
def report(structure: Any, workspace: Any, views: Any, lane: Any, code: Any, again: Any) -> Any:
    """Write the outcome of a lane's fit: the best point, of both attempts if there were two.

    Return whether another attempt is to follow; `again` says that this is one.
    """
    fit, point = at(workspace, Field.FIT)[lane].truncated(), at(workspace, Field.PARAMS)
    cost = 0.5 * at(workspace, Field.COST)[lane]
    put_float(address(views, View.OUTCOME, fit, 1), at(workspace, Field.NFEV)[lane])
    to_follow = Local(False)
    with when(~(again & (cost >= float_at(address(views, View.OUTCOME, fit, 2))))):
        put_float(address(views, View.OUTCOME, fit, 0), code)
        with when(code >= 0.0):
            put_float(address(views, View.OUTCOME, fit, 2), cost)
            put_float(address(views, View.OUTCOME, fit, 3), at(workspace, Field.EDM)[lane])
            put_float(address(views, View.OUTCOME, fit, 4), at(workspace, Field.ROUNDED)[lane])
            with loop(structure[PARAMS]) as p:
                put_float(address(views, View.OUTCOME, fit, p + OUTCOME_COLUMNS), point[p * LANES + lane])
            eliminated = at(workspace, Field.MODE)[lane] != KEEP
            to_follow.set((code > 0.0) & ~again & eliminated & has_flipped_sign(structure, workspace, views, fit, lane))
    return to_follow.value
