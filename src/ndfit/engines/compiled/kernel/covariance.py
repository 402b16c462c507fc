"""Covariance of the parameters at the solution, LANES fits at a time.

Flows in: a model and tables as in `driver`, with the outcomes in place. Flows out: (J^T J)^-1 of each fit that has
parameters, weights in J; NaN where a column of J depends on the others to rounding.

J is factored as Q R (`rows`); then (J^T J)^-1 = R^-1 R^-T.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ndfit.compiler.flow import Routine, either, loop, loop_while, subroutine, when
from ndfit.compiler.machine_code import Function
from ndfit.compiler.machine_code import load as load_code
from ndfit.compiler.memory import LANES, float_at, groups, load, put_float, store, table, width
from ndfit.compiler.target import host
from ndfit.compiler.values import Int, Lanes, choose
from ndfit.compiler.variables import Local
from ndfit.engines.compiled.kernel.accumulate import MODEL_KINDS
from ndfit.engines.compiled.kernel.addresses import address, at, at_group, entry
from ndfit.engines.compiled.kernel.by_rows import orthogonalise
from ndfit.engines.compiled.kernel.filling import fill
from ndfit.engines.compiled.kernel.workspace import (
    FREE,
    OUTCOME_COLUMNS,
    PARAMS,
    RANKS,
    Field,
    Job,
    View,
)
from ndfit.once import kept

NAN = float("nan")


def invert_all(differentiate_at: Any, job_address: Any, covariance: Any) -> None:
    """Write the covariance (F, F) of each fit, in the order of the parameters; NaN where the status is below 0."""
    differentiate, job = Routine(differentiate_at, MODEL_KINDS), table(job_address)
    structure, workspace, views = (table(job[field]) for field in (Job.STRUCTURE, Job.WORKSPACE, Job.VIEWS))
    n_fits, n_samples, weighted = job[Job.FITS], job[Job.SAMPLES], job[Job.WEIGHTED] != 0
    fits, following, fresh = at(workspace, Field.FIT), Local(0), Local(True)
    size = structure[FREE] * structure[FREE]
    with when(~weighted), loop(groups()) as group, loop(n_samples) as sample:
        store(at_group(workspace, Field.WEIGHT, group), sample, 1.0)
    with loop_while(lambda: following.value < n_fits):
        filled = Local(0)
        with loop_while(lambda: (following.value < n_fits) & (filled.value < LANES)):
            fit, lane = following.value, filled.value
            with either(float_at(address(views, View.OUTCOME, fit, 0)) >= 0.0) as (solved, without_solution):
                with solved:
                    fill(job, workspace, views, fit, lane, weighted, fresh.value)
                    place(structure, workspace, views, fit, lane)
                    fits[lane] = fit
                    filled += 1
                with without_solution, loop(size) as i:
                    put_float(covariance + (fit * size + i) * 8, NAN)
            following += 1
        fresh.set(False)
        with loop(groups()) as group, when(group * width() < filled.value):
            differentiate(workspace, group, n_samples, 1.0)
            columns, n_free = at_group(workspace, Field.JACOBIAN, group), structure[FREE]
            orthogonalise(columns, at_group(workspace, Field.FACTOR, group), n_free, n_free, n_samples)
            invert(structure, workspace, group)
        with loop(filled.value) as lane:
            report(structure, workspace, lane, covariance, fits[lane].truncated())


def place(structure: Any, workspace: Any, views: Any, fit: Any, lane: Any) -> None:
    """Set a lane to the solution of a fit."""
    with loop(structure[PARAMS]) as p:
        solution = float_at(address(views, View.OUTCOME, fit, p + OUTCOME_COLUMNS))
        at(workspace, Field.TRIAL)[p * LANES + lane] = solution


@subroutine()
def invert(structure: Any, workspace: Any, group: Any) -> None:
    """From R to (R^T R)^-1, packed in NORMAL."""
    factor, inverse = at_group(workspace, Field.FACTOR, group), at_group(workspace, Field.TRIAL_NORMAL, group)
    normal, n_free = at_group(workspace, Field.NORMAL, group), structure[FREE]
    with loop(n_free) as j:
        own = load(factor, entry(j, j))
        store(factor, entry(j, j), choose(own > 0.0, 1.0 / own, NAN))
    with loop(n_free) as j:
        store(inverse, entry(j, j), load(factor, entry(j, j)))
        with loop(j + 1, n_free) as i:
            total = Local(Lanes.of(0.0))
            with loop(j, i) as k:
                total -= load(factor, entry(i, k)) * load(inverse, entry(k, j))
            store(inverse, entry(i, j), total.value * load(factor, entry(i, i)))
    with loop(n_free) as i, loop(i + 1) as j:
        total = Local(Lanes.of(0.0))
        with loop(i, n_free) as k:
            total += load(inverse, entry(k, i)) * load(inverse, entry(k, j))
        store(normal, entry(i, j), total.value)


@subroutine()
def report(structure: Any, workspace: Any, lane: Any, covariance: Any, fit: Any) -> None:
    """Write a lane's matrix."""
    n_free, normal = structure[FREE], at(workspace, Field.NORMAL)
    start, undefined = covariance + fit * n_free * n_free * 8, Local(0.0)
    with loop(n_free) as k:
        undefined += normal[entry(k, k) * LANES + lane] * 0.0
    with loop(n_free) as i, loop(n_free) as j:
        value = normal[entry(i, j) * LANES + lane]
        row, column = structure[structure[RANKS] + i], structure[structure[RANKS] + j]
        put_float(start + (row * n_free + column) * 8, value + undefined.value)


INVERT = Function("invert", invert_all, (Int, Int, Int))


@kept
def compiled_inversion() -> Callable[..., None]:
    """Return the compiled function; the first call in a process compiles it or loads it from the cache."""
    return load_code((INVERT,), host(), __name__)["invert"]
