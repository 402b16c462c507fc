"""Giving a lane a fit, and telling when it has ended.

Flows in: views of the block, the figures of the last step. Flows out: the lane's scratch; the outcome of its fit.

Samples that are not used get weight 0 and the coordinates of a used sample, so that the model stays finite there.
"""

from __future__ import annotations

from typing import Any

from ndfit.engine.kernel.flow import either, loop, loop_while, subroutine, when
from ndfit.engine.kernel.lanes import at_group, choose, load, store
from ndfit.engine.kernel.memory import address, at, float_at, has_byte, put_float, select, single_at
from ndfit.engine.kernel.values import Bool, Local
from ndfit.engine.kernel.workspace import (
    BASIS,
    ELIMINATE,
    FIT_TO_FIT,
    FREE,
    KEEP,
    OUTCOME_COLUMNS,
    PARAMS,
    PLACES,
    ROWS,
    START,
    VIEW_COLUMNS,
    Field,
    Job,
    View,
)
from ndfit.jit import LANES

COORDS = int(View.COORDS)
INFINITY = float("inf")

READY = -1.0
EVALUATION_LIMIT, GTOL, FTOL, XTOL, FTOL_XTOL = 0.0, 1.0, 2.0, 3.0, 4.0
NON_FINITE_MODEL, INSENSITIVE = -16.0, -17.0

# At the first point, and at that of a second attempt, which is to take another way than the first.
START_DAMPING, KEEP_DAMPING = 0.3, 1.0
# A fit ends where the next step is shorter than 1e-5 standard errors: its square, relative to the squared residuals,
# than ftol times this over the number of samples (for an ftol of 1e-8).
MARGIN = 2e-3
# Its last step may be taken unseen: if it is a third of the one before, if the next would be six times shorter than
# that bound, and if it is itself no more than ten times longer, so that its cost is known to 1e-11.
FASTEST, CAUTION, LONGEST, VALLEY = 9.0, 40.0, 100.0, 100.0
ROUNDING = (4.0 * 2.0**-52) ** 2


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
    x, y, weight = at(workspace, Field.X), at(workspace, Field.Y), at(workspace, Field.WEIGHT)
    n_samples, n_inputs, single = job[Job.SAMPLES], job[Job.INPUTS], job[Job.SINGLE] != 0
    power, reference, moved = Local(0.0), Local(0), Local(fresh | weighted)
    with loop(n_inputs) as k:
        moved.set(moved.value | (views[VIEW_COLUMNS * (k + COORDS) + FIT_TO_FIT] != 0))
    with when(weighted):
        unused = Local(True)
        with loop_while(lambda: unused.value & (reference.value < n_samples - 1)):
            unused.set(sample_weight(views, fit, reference.value) == 0.0)
            reference += select(unused.value, 1, 0)
    with loop(n_samples) as sample:
        value, own, place = Local(0.0), Local(1.0), Local(sample)
        with either(single) as (short, long):
            with short:
                value.set(single_at(address(views, View.DATA, fit, sample)))
            with long:
                value.set(float_at(address(views, View.DATA, fit, sample)))
        with when(weighted):
            own.set(sample_weight(views, fit, sample))
            weight[sample * LANES + lane] = own.value
            with when(own.value == 0.0):
                value.set(0.0)
                place.set(reference.value)
        y[sample * LANES + lane] = value.value
        power += own.value * value.value * own.value * value.value
        with when(moved.value), loop(n_inputs) as k:
            x[(k * n_samples + sample) * LANES + lane] = float_at(address(views, k + COORDS, fit, place.value))
    at(workspace, Field.POWER)[lane] = power.value


@subroutine()
def begin(structure: Any, workspace: Any, views: Any, fit: Any, lane: Any, mode: Any) -> None:
    """Set a lane to the starting point of a fit."""
    params, trial = at(workspace, Field.PARAMS), at(workspace, Field.TRIAL)
    with loop(structure[PARAMS]) as p:
        start = float_at(address(views, View.START, fit, p))
        params[p * LANES + lane] = start
        trial[p * LANES + lane] = start
    with loop(structure[FREE]) as i:
        p = structure[PLACES + i]
        at(workspace, Field.LOWER)[i * LANES + lane] = float_at(address(views, View.LOWER, fit, p))
        at(workspace, Field.UPPER)[i * LANES + lane] = float_at(address(views, View.UPPER, fit, p))
    at(workspace, Field.COST)[lane] = INFINITY
    at(workspace, Field.DAMPING)[lane] = select(mode == KEEP, KEEP_DAMPING, START_DAMPING)
    at(workspace, Field.GROWTH)[lane] = 2.0
    at(workspace, Field.PREDICTED)[lane] = 1.0
    at(workspace, Field.LENGTH)[lane] = 0.0
    at(workspace, Field.MODE)[lane] = mode
    at(workspace, Field.FIT)[lane] = fit


def conclude(
    structure: Any, workspace: Any, group: Any, n_samples: Any, ftol: Any, xtol: Any, gtol: Any, max_nfev: Any
) -> None:
    """Count the evaluation, and set CODE: the status of each fit, READY while it goes on."""
    cost, length = load(at_group(workspace, Field.COST, group), 0), load(at_group(workspace, Field.LENGTH, group), 0)
    move, size = load(at_group(workspace, Field.MOVE, group), 0), load(at_group(workspace, Field.SIZE, group), 0)
    steepest, power = at_group(workspace, Field.COSINE, group), at_group(workspace, Field.POWER, group)
    effect, mode = at_group(workspace, Field.EFFECT, group), at_group(workspace, Field.MODE, group)
    nfev = load(at_group(workspace, Field.NFEV, group), 0) + 1.0
    least = (MARGIN * ftol / n_samples) * cost
    settled = arrive(structure, workspace, group, length, move, least)
    by_cost = (length <= least) | settled
    by_step = move <= (xtol * xtol * xtol * xtol) * size
    # From the least to the most important.
    code = choose(nfev >= max_nfev, EVALUATION_LIMIT, READY)
    code = choose(by_step, XTOL, code)
    code = choose(by_cost, choose(by_step, FTOL_XTOL, FTOL), code)
    code = choose(cost <= ROUNDING * load(power, 0), FTOL, code)
    code = choose(load(steepest, 0) <= gtol * gtol * cost, GTOL, code)
    code = choose((nfev == 1.0) & (load(effect, 0) == 0.0), INSENSITIVE, code)
    code = choose(cost < INFINITY, code, NON_FINITE_MODEL)
    store(at_group(workspace, Field.CODE, group), 0, code)
    store(at_group(workspace, Field.NFEV, group), 0, nfev)
    store(mode, 0, choose(load(mode, 0) == START, ELIMINATE, load(mode, 0)))


def arrive(structure: Any, workspace: Any, group: Any, length: Any, move: Any, least: Any) -> Any:
    """Take the proposed step without evaluating it where what is left behind it is shorter than `least`.

    A step q times as long as the one before is followed by one of q times its length. All are squares here. Along a
    valley, where parameters `move` far and residuals hardly change, nothing foretells the cost.
    """
    former, cost = load(at_group(workspace, Field.FORMER, group), 0), at_group(workspace, Field.COST, group)
    params, trial = at_group(workspace, Field.PARAMS, group), at_group(workspace, Field.TRIAL, group)
    settled = (length * length * CAUTION <= least * former) & (length * FASTEST <= former)
    settled = settled & (length <= least * LONGEST) & (move <= length * VALLEY)
    gained = load(at_group(workspace, Field.PREDICTED, group), 0)
    store(cost, 0, choose(settled, load(cost, 0) - gained, load(cost, 0)))
    with loop(structure[PARAMS]) as p:
        store(params, p, choose(settled, load(trial, p), load(params, p)))
    return settled


def suspect(structure: Any, workspace: Any, views: Any, fit: Any, lane: Any) -> Any:
    """Whether a component ended upside down: its linear parameter has another sign than the caller gave it."""
    found = Local(False)
    with loop(structure[ROWS]) as d:
        basis = structure[structure[BASIS] + d]
        with when(basis >= 0):
            p = structure[PLACES + basis]
            ended, given = at(workspace, Field.PARAMS)[p * LANES + lane], float_at(address(views, View.START, fit, p))
            found.set(found.value | (ended * given < 0.0))
    return found.value


@subroutine(Bool)
def report(structure: Any, workspace: Any, views: Any, lane: Any, code: Any) -> Any:
    """Write the outcome of a lane's fit: the best point, of both attempts if there were two.

    Return whether another attempt is to follow.
    """
    fit, point = at(workspace, Field.FIT)[lane].truncated(), at(workspace, Field.PARAMS)
    again = at(workspace, Field.MODE)[lane] == KEEP
    cost = 0.5 * at(workspace, Field.COST)[lane]
    put_float(address(views, View.OUTCOME, fit, 1), at(workspace, Field.NFEV)[lane])
    to_follow = Local(False)
    with when(~(again & (cost >= float_at(address(views, View.OUTCOME, fit, 2))))):
        put_float(address(views, View.OUTCOME, fit, 0), code)
        with when(code >= 0.0):
            put_float(address(views, View.OUTCOME, fit, 2), cost)
            with loop(structure[PARAMS]) as p:
                put_float(address(views, View.OUTCOME, fit, p + OUTCOME_COLUMNS), point[p * LANES + lane])
            to_follow.set((code > 0.0) & ~again & suspect(structure, workspace, views, fit, lane))
    return to_follow.value
