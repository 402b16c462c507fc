"""How much a residual costs, where that is not its square.

Flows in: the rows of one tile as `evaluate` leaves them: weighted residuals r = y - f, and weighted derivatives. Flows
out: the same rows, so that the solver, which minimises a sum of squares, minimises another sum.

A loss rho(r) becomes the square of s = sign(r) sqrt(rho(r)), and derivatives are multiplied by ds/dr: cost and gradient
are then exact, and J^T J is positive whatever the loss. With z = (r / scale)^2 and rho = scale^2 rho_1(z) this is
s = r sqrt(rho_1 / z) and ds/dr = rho_1' / sqrt(rho_1 / z), where rho_1 is as in `scipy.optimize.least_squares`:

========  ===============================  ================
huber     z, 2 sqrt(z) - 1 where z > 1     1, 1 / sqrt(z)
soft_l1   2 (sqrt(1 + z) - 1)              1 / sqrt(1 + z)
cauchy    ln(1 + z)                        1 / (1 + z)
arctan    arctan(z)                        1 / (1 + z^2)
========  ===============================  ================

cash is the likelihood ratio of counts d with expectation m, 2 (m - d + d ln(d / m)) (W. Cash, ApJ 228 (1979) 939; with
the terms of d alone: Baker & Cousins, Nucl. Instrum. Methods 221 (1984) 437). It is infinite where m is zero and d is
not, and not a number where m is negative; weights say only which samples count. With t = m / d - 1 it is
d t^2 h(t), h = 2 (t - ln(1 + t)) / t^2, where h is summed as a series near 0, because the difference cancels there.
Its rows are those of Fisher's scoring, residuals (d - m) / sqrt(m) and derivatives over sqrt(m): J^T r is then half the
gradient, with its sign turned, and J^T J Fisher's information. The square root of the cost itself would not do: without
counts it is sqrt(2 m), whose square is linear in m, and J^T J would hold it back near zero.

What each sample costs is left in the scratch row.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import types

from ndfit import vmath
from ndfit.jit import LANES, POINTER, TILE, compile_cached, files_key, inlined
from ndfit.once import kept
from ndfit.vmath.intrinsics import polynomial, select

__all__ = ["REWEIGH", "compiled_loss"]

REWEIGH = types.void(POINTER, POINTER, POINTER, types.float64, types.int64, types.int64)
"""(rows, data, scratch of one row, scale, number of rows, number of samples)."""

_NEAR = 0.03
_DEFICIT = polynomial(tuple((-1.0) ** k * 2.0 / (k + 2.0) for k in range(11)))  # h
# Below this expectation a sample without counts says nothing more about the model.
_FEWEST = 1e-30


@inlined
def count_as(rows: Any, share: Any, i: int, ratio: float, slope: float) -> None:
    """Set sample i, given rho_1 / z and rho_1'."""
    root = math.sqrt(ratio)
    rows[i] = rows[i] * root
    share[i] = slope / root


@inlined
def spread(rows: Any, share: Any, n_rows: int, count: int) -> None:
    """Multiply the derivatives."""
    for row in range(1, n_rows):
        first = row * TILE * LANES
        for i in range(count * LANES):
            rows[first + i] *= share[i]


@inlined
def leave_squares(rows: Any, share: Any, count: int) -> None:
    """Leave the squares of the residuals as what the samples cost."""
    for i in range(count * LANES):
        share[i] = rows[i] * rows[i]


def huber(rows: Any, data: Any, share: Any, scale: float, n_rows: int, count: int) -> None:
    for i in range(count * LANES):
        size = abs(rows[i] / scale)
        far = size > 1.0
        slope = select(far, 1.0 / size, 1.0)
        count_as(rows, share, i, select(far, slope * (2.0 - slope), 1.0), slope)
    spread(rows, share, n_rows, count)
    leave_squares(rows, share, count)


def soft_l1(rows: Any, data: Any, share: Any, scale: float, n_rows: int, count: int) -> None:
    for i in range(count * LANES):
        size = rows[i] / scale
        slant = math.sqrt(1.0 + size * size)
        count_as(rows, share, i, 2.0 / (1.0 + slant), 1.0 / slant)
    spread(rows, share, n_rows, count)
    leave_squares(rows, share, count)


def cauchy(rows: Any, data: Any, share: Any, scale: float, n_rows: int, count: int) -> None:
    for i in range(count * LANES):
        size = rows[i] / scale
        z = size * size
        count_as(rows, share, i, select(z > 0.0, vmath.log1p(z) / z, 1.0), 1.0 / (1.0 + z))
    spread(rows, share, n_rows, count)
    leave_squares(rows, share, count)


def arctan(rows: Any, data: Any, share: Any, scale: float, n_rows: int, count: int) -> None:
    for i in range(count * LANES):
        size = rows[i] / scale
        z = size * size
        count_as(rows, share, i, select(z > 0.0, vmath.arctan(z) / z, 1.0), 1.0 / (1.0 + z * z))
    spread(rows, share, n_rows, count)
    leave_squares(rows, share, count)


def cash(rows: Any, data: Any, share: Any, scale: float, n_rows: int, count: int) -> None:
    for i in range(count * LANES):
        expected = data[i] - rows[i]
        share[i] = 1.0 / math.sqrt(select(expected > _FEWEST, expected, _FEWEST))
        rows[i] *= share[i]
    spread(rows, share, n_rows, count)
    for i in range(count * LANES):
        counts = data[i]
        expected = counts - rows[i] / share[i]
        excess = expected / counts - 1.0
        far = (2.0 * (excess - vmath.log1p(excess))) / (excess * excess)
        deviance = counts * excess * excess * select(abs(excess) < _NEAR, _DEFICIT(excess), far)
        share[i] = select(counts > 0.0, deviance, select(expected >= 0.0, 2.0 * expected, math.nan))


def linear(rows: Any, data: Any, share: Any, scale: float, n_rows: int, count: int) -> None:
    """Nothing to do: the solver never calls it."""


_LOSSES: dict[str, Callable[..., None]] = {
    "linear": linear,
    "huber": huber,
    "soft_l1": soft_l1,
    "cauchy": cauchy,
    "arctan": arctan,
    "cash": cash,
}


@kept
def compiled_loss(name: str) -> Any:
    """Return the compiled function of a loss; the first call in a process compiles it or loads it from the cache."""
    key = files_key(Path(__file__).parent, Path(vmath.__file__).parent)
    return compile_cached(_LOSSES[name], REWEIGH, key)
