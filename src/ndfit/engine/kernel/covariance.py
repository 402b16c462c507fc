"""Covariance of the parameters at the solution, LANES fits at a time.

Flows in: a model and tables as in `driver`, with the outcomes in place. Flows out: (J^T J)^-1 of each fit that has
parameters, weights in J; NaN where a column of J depends on the others to rounding.

J is factored as Q R by the modified Gram-Schmidt method, whose R is as accurate as Householder's (A. Bjorck, BIT 7
(1967) 1), so that the condition of J counts, not its square; then (J^T J)^-1 = R^-1 R^-T.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numba import types

from ndfit.engine.kernel.algebra import compiled
from ndfit.engine.kernel.filling import fill
from ndfit.engine.kernel.lanes import GROUPS, WIDTH, at_group, choose, load, root, store, widen
from ndfit.engine.kernel.memory import address, at, entry, float_at, put_float, shift, stand_alone, table
from ndfit.engine.kernel.system import coefficient
from ndfit.engine.kernel.workspace import FREE, LINEAR, OUTCOME_COLUMNS, PARAMS, ROWS, VARIABLE, Field, View
from ndfit.jit import LANES, PREPARE, TILE, WRITE_ROWS, compile_cached, files_key

NAN = float("nan")
SINGULAR = float(np.finfo(float).eps)  # of a column's length, times the number of samples


def invert_normal(
    prepare: Any,
    write_rows: Any,
    structure_address: int,
    workspace_address: int,
    views_address: int,
    jacobian_address: int,
    covariance_address: int,
    n_fits: int,
    n_samples: int,
    n_inputs: int,
    weighted: bool,
) -> None:
    """Write the covariance (F, F) of each fit with a status of 0 or more, parameters in the structure's order."""
    structure, workspace, views = table(structure_address), table(workspace_address), table(views_address)
    jacobian = at(table(jacobian_address), 0)
    fits = at(workspace, Field.FIT)
    following, fresh = 0, True
    while following < n_fits:
        filled = 0
        while following < n_fits and filled < LANES:
            if float_at(address(views, View.OUTCOME, following, 0)) >= 0.0:
                fill(workspace, views, following, filled, n_samples, n_inputs, weighted, fresh)
                place(structure, workspace, views, following, filled)
                fits[filled] = following
                filled += 1
            following += 1
        fresh = False
        prepare(at(workspace, Field.TRIAL), at(workspace, Field.PREPARED))
        differentiate(write_rows, structure, workspace, jacobian, n_samples, weighted)
        for group in range(GROUPS):
            orthogonalise(structure, workspace, shift(jacobian, group * WIDTH), group, n_samples)
            invert(structure, workspace, group)
        for lane in range(filled):
            report(structure, workspace, lane, covariance_address, int(fits[lane]))


@compiled
def place(structure: Any, workspace: Any, views: Any, fit: int, lane: int) -> None:
    """Set a lane to the solution of a fit."""
    stand_alone()
    for p in range(structure[PARAMS]):
        at(workspace, Field.TRIAL)[p * LANES + lane] = float_at(address(views, View.OUTCOME, fit, OUTCOME_COLUMNS + p))


@compiled
def differentiate(
    write_rows: Any, structure: Any, workspace: Any, jacobian: Any, n_samples: int, weighted: bool
) -> None:
    """Write J: row k * M + m of scratch is the derivative of sample m by free parameter k."""
    stand_alone()
    n_free, n_linear, rows = structure[FREE], structure[LINEAR], at(workspace, Field.ROWS)
    for first in range(0, n_samples, TILE):
        count = TILE if n_samples - first > TILE else n_samples - first
        write_rows(shift(at(workspace, Field.X), first * LANES), at(workspace, Field.PREPARED), rows, n_samples, count)
        for group in range(GROUPS):
            own, target = shift(rows, group * WIDTH), shift(jacobian, group * WIDTH)
            weight = at_group(workspace, Field.WEIGHT, group)
            for i in range(count):
                scale = load(weight, first + i) if weighted else widen(1.0)
                for k in range(n_free):
                    value = load(own, (1 + k) * TILE + i) * scale if k < n_linear else widen(0.0)
                    store(target, k * n_samples + first + i, value)
                for d in range(structure[ROWS]):
                    to = structure[structure[VARIABLE] + d] * n_samples + first + i
                    value = load(own, (1 + n_linear + d) * TILE + i) * scale
                    store(target, to, load(target, to) + value * coefficient(structure, workspace, group, d))


@compiled
def orthogonalise(structure: Any, workspace: Any, jacobian: Any, group: int, n_samples: int) -> None:
    """Factor J; R goes to FACTOR with its diagonal inverted, NaN where a column depends on the earlier ones."""
    stand_alone()
    factor, n_free = at_group(workspace, Field.FACTOR, group), structure[FREE]
    for k in range(n_free):
        before = widen(0.0)
        for j in range(k):
            before = before + load(factor, entry(k, j)) * load(factor, entry(k, j))
        square = widen(0.0)
        for m in range(n_samples):
            value = load(jacobian, k * n_samples + m)
            square = square + value * value
        limit = SINGULAR * SINGULAR * n_samples * n_samples * (before + square)
        inverse = choose(square > limit, 1.0 / root(square), NAN)
        store(factor, entry(k, k), inverse)
        for i in range(k + 1, n_free):
            product = widen(0.0)
            for m in range(n_samples):
                product = product + load(jacobian, k * n_samples + m) * load(jacobian, i * n_samples + m)
            product = product * inverse
            store(factor, entry(i, k), product)
            step = product * inverse
            for m in range(n_samples):
                to = i * n_samples + m
                store(jacobian, to, load(jacobian, to) - step * load(jacobian, k * n_samples + m))


@compiled
def invert(structure: Any, workspace: Any, group: int) -> None:
    """From R to (R^T R)^-1, packed in NORMAL."""
    stand_alone()
    factor, inverse = at_group(workspace, Field.FACTOR, group), at_group(workspace, Field.TRIAL_NORMAL, group)
    normal, n_free = at_group(workspace, Field.NORMAL, group), structure[FREE]
    for j in range(n_free):
        store(inverse, entry(j, j), load(factor, entry(j, j)))
        for i in range(j + 1, n_free):
            total = widen(0.0)
            for k in range(j, i):
                total = total - load(factor, entry(i, k)) * load(inverse, entry(k, j))
            store(inverse, entry(i, j), total * load(factor, entry(i, i)))
    for i in range(n_free):
        for j in range(i + 1):
            total = widen(0.0)
            for k in range(i, n_free):
                total = total + load(inverse, entry(k, i)) * load(inverse, entry(k, j))
            store(normal, entry(i, j), total)


@compiled
def report(structure: Any, workspace: Any, lane: int, covariance_address: int, fit: int) -> None:
    """Write a lane's matrix."""
    stand_alone()
    n_free, normal = structure[FREE], at(workspace, Field.NORMAL)
    start = covariance_address + 8 * fit * n_free * n_free
    undefined = 0.0
    for k in range(n_free):
        undefined += normal[entry(k, k) * LANES + lane] * 0.0
    for i in range(n_free):
        for j in range(n_free):
            value = normal[entry(i, j) * LANES + lane]
            put_float(start + 8 * (i * n_free + j), value + undefined)


_INVERT = types.void(types.FunctionType(PREPARE), types.FunctionType(WRITE_ROWS), *[types.int64] * 8, types.boolean)
_LOCK = Lock()


def compiled_inversion() -> Any:
    """Return the compiled function; the first call in a process compiles it or loads it from the cache."""
    with _LOCK:
        return _compiled_inversion()


@cache
def _compiled_inversion() -> Any:
    return compile_cached(invert_normal, _INVERT, files_key(Path(__file__).parent))
