"""Covariance of the parameters at the solution, LANES fits at a time.

Flows in: a model and tables as in `driver`, with the outcomes in place. Flows out: (J^T J)^-1 of each fit that has
parameters, weights in J; NaN where a column of J depends on the others to rounding.

J is factored as Q R by the modified Gram-Schmidt method, whose R is as accurate as Householder's (A. Bjorck, BIT 7
(1967) 1), so that the condition of J counts, not its square; then (J^T J)^-1 = R^-1 R^-T.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from ndfit.engine.kernel.evaluate import count_of_tile
from ndfit.engine.kernel.filling import fill
from ndfit.engine.kernel.flow import either, emitted, loop, loop_while, subroutine, when
from ndfit.engine.kernel.lanes import at_group, choose, load, root, store
from ndfit.engine.kernel.memory import address, at, entry, float_at, pointer, put_float, shift, table
from ndfit.engine.kernel.system import coefficient
from ndfit.engine.kernel.values import GROUPS, WIDTH, Lanes, Local
from ndfit.engine.kernel.workspace import (
    FREE,
    LINEAR,
    OUTCOME_COLUMNS,
    PARAMS,
    RANKS,
    ROWS,
    VARIABLE,
    Field,
    Job,
    View,
)
from ndfit.jit import LANES, PREPARE, TILE, WRITE_ROWS, compile_cached, files_key
from ndfit.once import kept

NAN = float("nan")
SINGULAR = float(np.finfo(float).eps)  # of a column's length, times the number of samples


def invert_all(prepare: Any, write_rows: Any, job_address: Any, jacobian_address: Any, covariance: Any) -> None:
    """Write the covariance (F, F) of each fit, in the order of the parameters; NaN where the status is below 0."""
    job, jacobian = table(job_address), pointer(jacobian_address)
    structure, workspace, views = (table(job[field]) for field in (Job.STRUCTURE, Job.WORKSPACE, Job.VIEWS))
    n_fits, n_samples, weighted = job[Job.FITS], job[Job.SAMPLES], job[Job.WEIGHTED] != 0
    fits, following, fresh = at(workspace, Field.FIT), Local(0), Local(True)
    size = structure[FREE] * structure[FREE]
    with when(~weighted), loop(GROUPS) as group, loop(n_samples) as sample:
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
        prepare(at(workspace, Field.TRIAL), at(workspace, Field.PREPARED))
        differentiate(write_rows, structure, workspace, jacobian, n_samples)
        with loop(GROUPS) as group:
            orthogonalise(structure, workspace, shift(jacobian, group * WIDTH), group, n_samples)
            invert(structure, workspace, group)
        with loop(filled.value) as lane:
            report(structure, workspace, lane, covariance, fits[lane].truncated())


def place(structure: Any, workspace: Any, views: Any, fit: Any, lane: Any) -> None:
    """Set a lane to the solution of a fit."""
    with loop(structure[PARAMS]) as p:
        solution = float_at(address(views, View.OUTCOME, fit, p + OUTCOME_COLUMNS))
        at(workspace, Field.TRIAL)[p * LANES + lane] = solution


@subroutine()
def differentiate(write_rows: Any, structure: Any, workspace: Any, jacobian: Any, n_samples: Any) -> None:
    """Write J: row k * M + m of scratch is the derivative of sample m by free parameter k."""
    n_free, n_linear, rows = structure[FREE], structure[LINEAR], at(workspace, Field.ROWS)
    with loop(0, n_samples, TILE) as first:
        count = count_of_tile(first, n_samples)
        write_rows(shift(at(workspace, Field.X), first * LANES), at(workspace, Field.PREPARED), rows, n_samples, count)
        with loop(GROUPS) as group:
            own, target = shift(rows, group * WIDTH), shift(jacobian, group * WIDTH + first * LANES)
            weight = shift(at_group(workspace, Field.WEIGHT, group), first * LANES)
            with loop(n_linear) as k, loop(count) as i:
                store(target, k * n_samples + i, load(own, (k + 1) * TILE + i) * load(weight, i))
            with loop(n_linear, n_free) as k, loop(count) as i:
                store(target, k * n_samples + i, 0.0)
            with loop(structure[ROWS]) as d:
                start, row = structure[structure[VARIABLE] + d] * n_samples, d + 1 + n_linear
                factor = coefficient(structure, workspace, group, d)
                with loop(count) as i:
                    value = load(own, row * TILE + i) * load(weight, i) * factor
                    store(target, start + i, load(target, start + i) + value)


@subroutine()
def orthogonalise(structure: Any, workspace: Any, jacobian: Any, group: Any, n_samples: Any) -> None:
    """Factor J; R goes to FACTOR with its diagonal inverted, NaN where a column depends on the earlier ones."""
    factor, n_free = at_group(workspace, Field.FACTOR, group), structure[FREE]
    with loop(n_free) as k:
        before, square = Local(Lanes.of(0.0)), Local(Lanes.of(0.0))
        with loop(k) as j:
            before += load(factor, entry(k, j)) * load(factor, entry(k, j))
        with loop(n_samples) as m:
            value = load(jacobian, k * n_samples + m)
            square += value * value
        limit = SINGULAR * SINGULAR * n_samples * n_samples * (before.value + square.value)
        inverse = choose(square.value > limit, 1.0 / root(square.value), NAN)
        store(factor, entry(k, k), inverse)
        with loop(k + 1, n_free) as i:
            product = Local(Lanes.of(0.0))
            with loop(n_samples) as m:
                product += load(jacobian, k * n_samples + m) * load(jacobian, i * n_samples + m)
            along = product.value * inverse
            store(factor, entry(i, k), along)
            step = along * inverse
            with loop(n_samples) as m:
                to = i * n_samples + m
                store(jacobian, to, load(jacobian, to) - step * load(jacobian, k * n_samples + m))


@subroutine()
def invert(structure: Any, workspace: Any, group: Any) -> None:
    """From R to (R^T R)^-1, packed in NORMAL."""
    factor, inverse = at_group(workspace, Field.FACTOR, group), at_group(workspace, Field.TRIAL_NORMAL, group)
    normal, n_free = at_group(workspace, Field.NORMAL, group), structure[FREE]
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


_INVERT = types.void(types.FunctionType(PREPARE), types.FunctionType(WRITE_ROWS), types.int64, types.int64, types.int64)


@intrinsic
def _invert_all(typingctx, prepare, write_rows, job, jacobian, covariance):  # type: ignore[no-untyped-def]
    return _INVERT, emitted(invert_all)


def invert_normal(prepare: Any, write_rows: Any, job: int, jacobian: int, covariance: int) -> None:
    """`invert_all`, for numba to compile."""
    _invert_all(prepare, write_rows, job, jacobian, covariance)


@kept
def compiled_inversion() -> Any:
    """Return the compiled function; the first call in a process compiles it or loads it from the cache."""
    return compile_cached(invert_normal, _INVERT, files_key(Path(__file__).parent))
