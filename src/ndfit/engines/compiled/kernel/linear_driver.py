"""Linear least squares within bounds, LANES fits at a time.

Flows in: design matrices, samples, weights and bounds. Flows out: of each fit the best parameters, its cost, how far it
is from its minimum, and how well the matrix determines it.

The products of the columns, A^T A, are summed once for all fits that share matrix and weights. Then A^T r is, for the
samples as the residuals r; the active set of `bounded` finds the best parameters; and the same is done again for the
residuals that these leave, which brings the digits back that the products have lost, until a step is too short to
matter. Each lane is by itself: its sums run over the samples in their order, and it takes no part in steps that others
still need. Lanes without bounds take the same steps as those whose bounds are not met, to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import IntEnum
from typing import Any

import numpy as np

from ndfit.compiler.flow import either, loop, loop_while, subroutine, when
from ndfit.compiler.machine_code import Function
from ndfit.compiler.machine_code import load as load_code
from ndfit.compiler.memory import float_at, groups, lanes, load, none_of, put_float, single_at, store, table, width
from ndfit.compiler.target import Target, host
from ndfit.compiler.values import Int, Lanes, choose
from ndfit.compiler.variables import Local
from ndfit.engines.compiled.kernel.addresses import address, at, at_group, entry
from ndfit.engines.compiled.kernel.algebra import BLOCKS, in_blocks
from ndfit.engines.compiled.kernel.bounded import find_active, solve_unclamped
from ndfit.engines.compiled.kernel.covariance import invert
from ndfit.engines.compiled.kernel.filling import sample_weight
from ndfit.engines.compiled.kernel.system import stay_inside
from ndfit.engines.compiled.kernel.workspace import FIT_TO_FIT, FREE, LINEAR, VIEW_COLUMNS, Field, Job, Table, View
from ndfit.once import kept

__all__ = [
    "CODE",
    "COST",
    "DESIGN",
    "DISTANCE",
    "FIGURES",
    "LEAST_PIVOT",
    "OFFSET",
    "POWER",
    "SOLVERS",
    "TERMS",
    "TOUCHED",
    "Given",
    "compiled_linear_solve",
    "rows_of_scratch",
    "target",
]

OFFSET, DESIGN = int(View.COORDS), int(View.COORDS) + 1
"""Rows of the table of views: the part without free parameters, (n, M), and the design matrix, (n, M * F)."""

CODE, COST, DISTANCE, POWER, TERMS, LEAST_PIVOT, TOUCHED = range(7)
FIGURES = 7
"""Columns of the outcome before the parameters; the last is 1 where bounds were met, and 2 if none was at the end."""

# Steps at most. The last changes the model by less than this part of its terms, squared, and the cost by this part: it
# is taken, and what it leaves is not looked at. Of data without noise, it changes the model by less than this part of
# the samples, squared, and is no shorter than the one before by this: it is not taken.
STEPS, SHORT2, GAIN, ROUNDING2, SLOW2 = 10, 1e-16, 1e-16, 1e-26, 1e-2
ONGOING, DONE, FAILED = 1.0, 0.0, 2.0
# The factor of all products and its scale are kept beside those that solutions change.
FACTORED, KEPT = (Field.FACTOR, Field.SCALE), (Field.R, Field.METRIC)
# Samples of a fit that are taken at a time: a line of the processor's memory.
TOGETHER = 8


class Given(IntEnum):
    """What is where in the table of a call beside what `Job` has there."""

    COVARIANCE = len(Job)  # address, 0 where none is wanted
    SHARED = len(Job) + 1  # all fits have the design matrix and the weights of the first


def rows_of_scratch(n_free: int, n_samples: int, own_designs: bool, with_covariance: bool) -> Table:
    """How many rows each array of the scratch has."""
    triangle = n_free * (n_free + 1) // 2
    rows = {
        Field.X: n_samples * n_free if own_designs else 0,
        Field.GRAM: triangle + n_free + 1,
        Field.UNSETTLED: 3,
        **dict.fromkeys((Field.FACTOR, Field.R), triangle),
        **dict.fromkeys((Field.Y, Field.WEIGHT, Field.ROWS), n_samples),
        **dict.fromkeys((Field.NORMAL, Field.TRIAL_NORMAL), triangle if with_covariance else 0),
        **dict.fromkeys((Field.TRIAL, Field.LOWER, Field.UPPER, Field.SCALE, Field.ALONG), n_free),
        **dict.fromkeys((Field.CLAMPED, Field.CLAMPED_TO, Field.METRIC, Field.TAKEN, Field.LEFT), n_free),
    }
    return np.array([rows.get(field, 1) for field in Field], np.int64)


def solver_of(own_designs: bool) -> Callable[[Any], None]:
    """The code of the solver, for fits that share a design matrix or for fits with their own."""

    def solve_all(job_address: Any) -> None:
        job = table(job_address)
        structure, workspace, views = (table(job[field]) for field in (Job.STRUCTURE, Job.WORKSPACE, Job.VIEWS))
        of = _Design(own_designs, job, structure, workspace, views)
        with loop(0, job[Job.FITS], lanes()) as first:
            left = job[Job.FITS] - first
            count, fresh = choose(left > lanes(), lanes(), left), (job[Given.SHARED] == 0) | (first == 0)
            with loop(groups()) as group:
                store(at_group(workspace, Field.CODE, group), 0, DONE)
            with loop(count) as lane:
                take(of, first + lane, lane, fresh)
            take_data(of, first, count)
            with loop(groups()) as group, when(group * width() < count):
                with when(fresh):
                    sum_products(of, group)
                    factorise_all(structure, workspace, group, job[Given.COVARIANCE] != 0)
                solve(of, group)
            with loop(count) as lane:
                report(job, structure, workspace, views, first + lane, lane)
                with when(fresh & (job[Given.COVARIANCE] != 0)):
                    report_covariance(job, structure, workspace, first + lane, lane)

    return solve_all


class _Design:
    """Where design matrices are, and the tables of a call: in scratch where fits have their own."""

    def __init__(self, own: bool, job: Any, structure: Any, workspace: Any, views: Any) -> None:
        self.own, self.job, self.structure, self.workspace, self.views = own, job, structure, workspace, views
        self.samples, self.columns = job[Job.SAMPLES], structure[FREE]

    def at(self, group: Any) -> Callable[[Any, Any], Lanes]:
        """(sample, column) -> the matrix of each lane."""
        if self.own:
            matrices = at_group(self.workspace, Field.X, group)
            return lambda sample, column: load(matrices, sample * self.columns + column)
        return lambda sample, column: Lanes.of(float_at(address(self.views, DESIGN, 0, sample * self.columns + column)))


def take(of: _Design, fit: Any, lane: Any, fresh: Any) -> None:
    """Give a lane a fit: its bounds, and weights and design matrix where they are not the last's."""
    workspace, views, weight = of.workspace, of.views, at(of.workspace, Field.WEIGHT)
    with when(fresh), loop(of.samples) as sample:
        own = sample_weight(views, fit, sample)
        weight[sample * lanes() + lane] = own * own
    if of.own:
        with loop(of.samples * of.columns) as place:
            at(workspace, Field.X)[place * lanes() + lane] = float_at(address(views, DESIGN, fit, place))
    with loop(of.columns) as i:
        for view, field in ((View.LOWER, Field.LOWER), (View.UPPER, Field.UPPER)):
            at(workspace, field)[i * lanes() + lane] = float_at(address(views, view, fit, i))
    at(workspace, Field.CODE)[lane] = ONGOING


def take_data(of: _Design, first: Any, count: Any) -> None:
    """Give lanes the samples of fits, less what no parameter changes: a few of each at a time, which lie together."""
    views, y = of.views, at(of.workspace, Field.Y)
    with either(of.job[Job.SINGLE] != 0) as (short, long):
        for kind, read in ((short, single_at), (long, float_at)):
            with kind, loop(0, of.samples, TOGETHER) as begin:
                end = choose(begin + TOGETHER < of.samples, begin + TOGETHER, of.samples)
                with loop(count) as lane:
                    fit = first + lane
                    data, offset = address(views, View.DATA, fit, 0), address(views, OFFSET, fit, 0)
                    stride, step = (views[VIEW_COLUMNS * view + FIT_TO_FIT + 1] for view in (View.DATA, OFFSET))
                    with loop(begin, end) as sample:
                        value = read(data + sample * stride) - float_at(offset + sample * step)
                        y[sample * lanes() + lane] = value


def sum_products(of: _Design, group: Any) -> None:
    """Sum A^T A."""
    matrix, gram = of.at(group), at_group(of.workspace, Field.GRAM, group)
    weight = at_group(of.workspace, Field.WEIGHT, group)
    with loop(of.columns) as i:

        def some(first: Any, count: int, i: Any = i) -> None:
            totals = [Local(Lanes.of(0.0)) for _ in range(count)]
            with loop(of.samples) as sample:
                weighted = matrix(sample, i) * load(weight, sample)
                for place, total in enumerate(totals):
                    total += weighted * matrix(sample, first + place)
            for place, total in enumerate(totals):
                store(gram, entry(i + 1, first + place + 1), total.value)

        in_blocks(0, i + 1, BLOCKS, some)


@subroutine()
def factorise_all(structure: Any, workspace: Any, group: Any, with_covariance: Any) -> None:
    """Find the least pivot of the products, scaled to a unit diagonal, and the covariance if that is wanted."""
    gram, factor = at_group(workspace, Field.GRAM, group), at_group(workspace, Field.FACTOR, group)
    scale, n, least = at_group(workspace, Field.SCALE, group), structure[LINEAR], Local(Lanes.of(1.0))
    with loop(n) as i:
        store(at_group(workspace, Field.CLAMPED, group), i, 0.0)
        store(gram, entry(i + 1, 0), 0.0)
    solve_unclamped(structure, workspace, group)
    with loop(n) as i:
        inverted = load(factor, entry(i, i))
        own = choose((inverted > 0.0) & (load(scale, i) > 0.0), 1.0 / (inverted * inverted), 0.0)
        least.set(choose(own < least.value, own, least.value))
    store(at_group(workspace, Field.PIVOT, group), 0, least.value)
    copy_factor(structure, workspace, group, FACTORED, KEPT)
    with when(with_covariance):
        with loop(n) as i:
            length = 1.0 / load(scale, i)
            with loop(i) as j:
                store(factor, entry(i, j), load(factor, entry(i, j)) * length)
            store(factor, entry(i, i), length / load(factor, entry(i, i)))
        invert(structure, workspace, group)


def copy_factor(structure: Any, workspace: Any, group: Any, source: Sequence[Field], copy: Sequence[Field]) -> None:
    """Copy a factor and its scale."""
    n = structure[LINEAR]
    for own, other, rows in zip(source, copy, (entry(n, 0), n), strict=True):
        with loop(rows) as row:
            store(at_group(workspace, other, group), row, load(at_group(workspace, own, group), row))


def solve(of: _Design, group: Any) -> None:
    """Find the best parameters of a group of lanes."""
    copy_factor(of.structure, of.workspace, group, KEPT, FACTORED)
    for row in (0, 2):
        store(at_group(of.workspace, Field.UNSETTLED, group), row, 0.0)
    store(at_group(of.workspace, Field.PREVIOUS_STEP_NORM2, group), 0, float("inf"))
    structure, workspace, steps = of.structure, of.workspace, Local(0)
    with loop(of.columns) as i:
        store(at_group(workspace, Field.TRIAL, group), i, 0.0)
        store(at_group(workspace, Field.CLAMPED, group), i, 0.0)

    def one_step() -> Any:
        """Take a step, and tell whether another one is needed."""
        leave_residuals(of, group, choose(steps.value == 0, Int.of(0), of.columns))
        cost, power = load(at_group(workspace, Field.COST, group), 0), at_group(workspace, Field.DATA_NORM2, group)
        store(at_group(workspace, Field.GRAM, group), 0, cost)
        store(power, 0, choose(steps.value == 0, cost, load(power, 0)))
        sum_slopes(of, group)
        step(structure, workspace, group)
        steps.set(steps.value + 1)
        return ~none_of(load(at_group(workspace, Field.CODE, group), 0) == ONGOING) & (steps.value < STEPS)

    with loop_while(one_step):
        pass


def leave_residuals(of: _Design, group: Any, terms: Any) -> None:
    """Set the residuals, times the squares of the weights, and the sum of their squares; of so many columns."""
    matrix, trial = of.at(group), at_group(of.workspace, Field.TRIAL, group)
    y, weight, rows = (at_group(of.workspace, field, group) for field in (Field.Y, Field.WEIGHT, Field.ROWS))
    cost = Local(Lanes.of(0.0))

    def some(first: Any, count: int) -> None:
        left = [Local(load(y, first + place)) for place in range(count)]
        with loop(terms) as j:
            own = load(trial, j)
            for place, total in enumerate(left):
                total -= own * matrix(first + place, j)
        for place, total in enumerate(left):
            weighted = total.value * load(weight, first + place)
            store(rows, first + place, weighted)
            cost.set(cost.value + weighted * total.value)

    in_blocks(0, of.samples, BLOCKS, some)
    store(at_group(of.workspace, Field.COST, group), 0, cost.value)


def sum_slopes(of: _Design, group: Any) -> None:
    """Set A^T r."""
    matrix, gram = of.at(group), at_group(of.workspace, Field.GRAM, group)
    rows = at_group(of.workspace, Field.ROWS, group)

    def some(first: Any, count: int) -> None:
        totals = [Local(Lanes.of(0.0)) for _ in range(count)]
        with loop(of.samples) as sample:
            own = load(rows, sample)
            for place, total in enumerate(totals):
                total += own * matrix(sample, first + place)
        for place, total in enumerate(totals):
            store(gram, entry(first + place + 1, 0), total.value)

    in_blocks(0, of.columns, BLOCKS, some)


@subroutine()
def step(structure: Any, workspace: Any, group: Any) -> None:
    """Move the lanes that go on to what is best for the residuals; they end where that is next to nothing."""
    code, gram = at_group(workspace, Field.CODE, group), at_group(workspace, Field.GRAM, group)
    trial, change = at_group(workspace, Field.TRIAL, group), at_group(workspace, Field.ALONG, group)
    lower, upper = at_group(workspace, Field.LOWER, group), at_group(workspace, Field.UPPER, group)
    n, ongoing = structure[LINEAR], load(code, 0) == ONGOING
    with loop(n) as i:
        store(at_group(workspace, Field.CLAMPED_TO, group), i, 0.0)
    known = none_of(load(at_group(workspace, Field.UNSETTLED, group), 0) > 0.0)
    find_active(structure, workspace, group, ongoing, known)
    gained, moved2, size2 = (Local(Lanes.of(0.0)) for _ in range(3))
    with loop(n) as i:
        own, square, reached = load(change, i), load(gram, entry(i + 1, i + 1)), load(trial, i) + load(change, i)
        gained += load(gram, entry(i + 1, 0)) * own
        moved2 += square * own * own
        size2 += square * reached * reached
    former = at_group(workspace, Field.PREVIOUS_STEP_NORM2, group)
    power, cost = (load(at_group(workspace, field, group), 0) for field in (Field.DATA_NORM2, Field.COST))
    is_last = (moved2.value <= SHORT2 * size2.value) & (abs(gained.value) <= GAIN * cost)
    is_rounding = (moved2.value <= ROUNDING2 * power) & (moved2.value >= SLOW2 * load(former, 0))
    store(former, 0, moved2.value)
    moves = ongoing & ~is_rounding
    with loop(n) as i:
        reached, least, most = load(trial, i) + load(change, i), load(lower, i), load(upper, i)
        inside = choose(reached < least, least, choose(reached > most, most, reached))
        store(trial, i, choose(moves, inside, load(trial, i)))
    stay_inside(structure, workspace, group, moves)
    distance = at_group(workspace, Field.EDM, group)
    store(distance, 0, choose(ongoing, 0.5 * abs(gained.value), load(distance, 0)))
    for field, value in ((Field.FINAL_COST, cost), (Field.PARAMS_NORM2, size2.value)):
        place = at_group(workspace, field, group)
        store(place, 0, choose(ongoing, value, load(place, 0)))
    unsettled = load(at_group(workspace, Field.UNSETTLED, group), 0) > 0.0
    goes_on = moves & ~is_last & ~unsettled
    ended = choose(unsettled, FAILED, DONE)
    store(code, 0, choose(goes_on, ONGOING, choose(ongoing, ended, load(code, 0))))


def report(job: Any, structure: Any, workspace: Any, views: Any, fit: Any, lane: Any) -> None:
    """Write what was found for a lane."""
    fields = {
        CODE: Field.CODE,
        DISTANCE: Field.EDM,
        POWER: Field.DATA_NORM2,
        TERMS: Field.PARAMS_NORM2,
        LEAST_PIVOT: Field.PIVOT,
    }
    for column, field in fields.items():
        put_float(address(views, View.OUTCOME, fit, column), at(workspace, field)[lane])
    put_float(address(views, View.OUTCOME, fit, COST), 0.5 * at(workspace, Field.FINAL_COST)[lane])
    stopped = Local(0.0)
    with loop(structure[FREE]) as i:
        stopped += at(workspace, Field.CLAMPED)[i * lanes() + lane]
    was_stopped = at(workspace, Field.UNSETTLED)[2 * lanes() + lane]
    put_float(address(views, View.OUTCOME, fit, TOUCHED), choose(stopped.value == 0.0, 2.0, 1.0) * was_stopped)
    with loop(structure[FREE]) as i:
        put_float(address(views, View.OUTCOME, fit, i + FIGURES), at(workspace, Field.TRIAL)[i * lanes() + lane])


def report_covariance(job: Any, structure: Any, workspace: Any, fit: Any, lane: Any) -> None:
    """Write a lane's matrix (F, F); that of the first fit alone where all have the same."""
    normal, n = at(workspace, Field.NORMAL), structure[FREE]
    with when((job[Given.SHARED] == 0) | (fit == 0)), loop(n) as i, loop(n) as j:
        put_float(job[Given.COVARIANCE] + ((fit * n + i) * n + j) * 8, normal[entry(i, j) * lanes() + lane])


SOLVERS = tuple(Function(name, solver_of(own), (Int,)) for name, own in (("solve_shared", False), ("solve_own", True)))


def target() -> Target:
    """The processor that this runs on, with twice as many lanes as elsewhere, and rows of these alone.

    One chain of operations hides the other's waiting, and scratch that lies together stays next to the processor.
    """
    width_here = 2 * host().width
    return replace(host(width_here), lanes=width_here)


@kept
def compiled_linear_solve() -> tuple[Callable[..., None], Callable[..., None]]:
    """The compiled functions, for a shared design matrix and for own ones; see `load` for when they are compiled."""
    code = load_code(SOLVERS, target(), __name__)
    return code["solve_shared"], code["solve_own"]
