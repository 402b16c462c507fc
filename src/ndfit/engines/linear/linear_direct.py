"""Linear least squares by singular values, and within bounds one fit at a time.

Flows in: a block, some of its rows, a model that gives its design matrix. Flows out: the best parameters of each.

With weights w, diag(w) A is scaled to columns of length one and factored by singular values, A D = U S V^T; then
c = D V S^-1 U^T w (y - f_0), where singular values below rounding are left out (the solution of least length, as
`numpy.linalg.lstsq` takes it). That costs one factorisation for all fits that share design matrix, weights and samples,
and one a fit where they don't. Where such a solution is beyond a bound, an active set finds the best within
(`linear_bounded.py`), which goes by the rows of the matrix too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.engines.linear.linear_bounded import best_within
from ndfit.engines.linear.linear_design import DesignModel, design_at
from ndfit.engines.rows import bounds_of
from ndfit.problem.types import Block
from ndfit.status import Status

__all__ = ["Solution", "covariance_of", "solve_directly"]

_BYTES_AT_ONCE = 32 * 2**20
_FITS_WORTH_A_GROUP = 4
# Of the largest singular value, the least of a matrix whose solutions are refined; how often they are at most, and what
# has to be left of the squared residuals.
_DOUBTFUL, _REFINEMENTS, _WORTH_IT = 1e-4, 8, 1.0 - 1e-12
# So are those that leave this part of the squared residuals to be fitted.
_UNSOLVED = 1e-8


@dataclass(frozen=True)
class Solution:
    """Of n fits with F free parameters.

    Attributes
    ----------
    free : shape (n, F), of numbers wherever the status is usable
    cost : shape (n,)
    distance : shape (n,), half of what the squared residuals would still fall by
    power : shape (n,), squares of the weighted samples, less the part of the model without free parameters
    terms : shape (n,), squares of parameters times the lengths of their columns
    covariance : shape (n, F, F), or None
    status : shape (n,)
    """

    free: FloatArray
    cost: FloatArray
    distance: FloatArray
    power: FloatArray
    terms: FloatArray
    covariance: FloatArray | None
    status: NDArray[np.int16]

    def put(self, places: NDArray[np.intp] | slice, other: Solution) -> None:
        """Take some fits from another."""
        for name in ("free", "cost", "distance", "power", "terms", "covariance", "status"):
            own, given = getattr(self, name), getattr(other, name)
            if own is not None and given is not None:
                own[places] = given

    @classmethod
    def empty(cls, n_fits: int, n_free: int, with_covariance: bool) -> Solution:
        """Of fits that are still to be solved."""
        cost, distance, power, terms = np.full((4, n_fits), np.nan)
        covariance = np.full((n_fits, n_free, n_free), np.nan) if with_covariance else None
        status = np.full(n_fits, Status.NON_FINITE_MODEL, np.int16)
        return cls(np.full((n_fits, n_free), np.nan), cost, distance, power, terms, covariance, status)


def solve_directly(model: DesignModel, block: Block, rows: NDArray[np.intp], with_covariance: bool) -> Solution:
    """Solve some fits."""
    free = list(model.free)
    found = Solution.empty(len(rows), len(free), with_covariance)
    for places, shared in _groups(model, block, rows):
        own = rows[places]
        lower, upper = (bounds_of(limit, own)[:, free] for limit in (block.lower, block.upper))
        found.put(places, _solve(_Rows.of(model, block, own, shared), (lower, upper), with_covariance))
    return found


def covariance_of(model: DesignModel, block: Block, rows: NDArray[np.intp]) -> FloatArray:
    """(J^T J)^-1 of some fits, shape (n, F, F); NaN where that is singular."""
    covariance = np.empty((len(rows), len(model.free), len(model.free)))
    for places, shared in _groups(model, block, rows):
        inverse, full, _ = _pseudoinverse(_Rows.of(model, block, rows[places], shared).matrix)
        covariance[places] = _covariance(inverse, full)
    return covariance


def _covariance(inverse: FloatArray, full: NDArray[np.bool_]) -> FloatArray:
    return np.where(full[:, None, None], inverse @ inverse.swapaxes(1, 2), np.nan)


def _groups(model: DesignModel, block: Block, rows: NDArray[np.intp]) -> Iterator[tuple[NDArray[np.intp], bool]]:
    """Places among some rows of fits to solve at once, and whether one factorisation serves them all."""
    others = [i for i in range(block.start.shape[1]) if i not in model.free]
    parts: list[Any] = [block.start[:, others], block.weights, *block.places.own]
    alike = len(rows) > 0 and all(part is None or (part[rows] == part[rows[0]]).all() for part in parts)
    patterns = _by_pattern(block.valid, rows) if alike else []
    if alike and (len(patterns) - 1) * _FITS_WORTH_A_GROUP <= len(rows):
        for places in patterns:
            yield places, True
        return
    size = max(1, _BYTES_AT_ONCE // (8 * block.data.shape[1] * (len(model.free) + 1)))
    for first in range(0, len(rows), size):
        yield np.arange(first, min(first + size, len(rows))), False


def _by_pattern(valid: NDArray[np.bool_] | None, rows: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Places of rows with the same valid samples."""
    if valid is None:
        return [np.arange(len(rows))]
    _, pattern = np.unique(np.packbits(valid[rows], axis=1), axis=0, return_inverse=True)
    order = np.argsort(pattern, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(pattern[order])) + 1)


@dataclass(frozen=True)
class _Rows:
    """Weighted rows of n fits: matrix (n or 1, M, F), target (n, M), and whether the model is finite (n or 1,)."""

    matrix: FloatArray
    target: FloatArray
    finite: NDArray[np.bool_]

    @classmethod
    def of(cls, model: DesignModel, block: Block, rows: NDArray[np.intp], shared: bool) -> _Rows:
        """Of some fits; all of them with the design matrix, weights and samples of the first where these are shared."""
        which = rows[:1] if shared else rows
        offset, matrix = design_at(model, block.start[which], block.places.take(which))
        weights = np.ones(offset.shape) if block.weights is None else block.weights[which]
        if block.valid is not None:
            weights = np.where(block.valid[which], weights, 0.0)
        used = weights > 0.0
        matrix = np.where(used[..., None], matrix * weights[..., None], 0.0)
        target = np.where(used, weights * (block.data[rows] - offset), 0.0)
        finite = np.asarray(np.isfinite(matrix).all(axis=(1, 2)) & np.isfinite(np.where(used, offset, 0.0)).all(axis=1))
        matrix[~finite] = 0.0
        target[~np.broadcast_to(finite, len(rows))] = 0.0
        return cls(matrix, target, finite)


def _solve(rows: _Rows, bounds: tuple[FloatArray, FloatArray], with_covariance: bool) -> Solution:
    matrix, target = rows.matrix, rows.target
    n_fits = len(target)
    inverse, full, doubtful = _pseudoinverse(matrix)
    free = _apply(inverse, target)
    residual = target - _apply(matrix, free)
    left = _apply(matrix, _apply(inverse, residual))
    doubtful = doubtful | (np.vecdot(left, left) > _UNSOLVED * np.vecdot(residual, residual))
    if doubtful.any():
        _refine(free, residual, matrix, inverse, np.flatnonzero(doubtful))
        left = _apply(matrix, _apply(inverse, residual))
    status = np.where(matrix.any(axis=(1, 2)), Status.GTOL, Status.INSENSITIVE)
    status = np.where(rows.finite, status, Status.NON_FINITE_MODEL).astype(np.int16)
    covariance = None
    if with_covariance:
        covariance = _covariance(inverse, full)
        covariance = np.broadcast_to(covariance, (n_fits, *covariance.shape[1:]))
    found = Solution(
        free,
        0.5 * np.vecdot(residual, residual),
        0.5 * np.vecdot(left, left),
        np.vecdot(target, target),
        np.sum((free * np.linalg.norm(matrix, axis=1)) ** 2, axis=1),
        covariance,
        np.broadcast_to(status, n_fits).copy(),
    )
    lower, upper = bounds
    for row in np.flatnonzero(((free < lower) | (free > upper)).any(axis=1) & (found.status >= 0)):
        own, low, high = (each[0 if len(each) == 1 else row] for each in (matrix, lower, upper))
        _solve_within(found, row, own, target[row], low, high)
    return found


def _pseudoinverse(matrix: FloatArray) -> tuple[FloatArray, NDArray[np.bool_], NDArray[np.bool_]]:
    """Pseudo-inverses (n, F, M) of matrices (n, M, F), which of these have full rank, and which hardly have it."""
    length = np.sqrt(np.einsum("nmf,nmf->nf", matrix, matrix))
    scale = 1.0 / np.where(length > 0.0, length, 1.0)
    left, values, right = np.linalg.svd(matrix * scale[:, None, :], full_matrices=False)
    limit = np.finfo(float).eps * max(matrix.shape[1:]) * values[:, :1]
    kept = values > limit
    reciprocal = np.where(kept, 1.0 / np.where(kept, values, 1.0), 0.0)
    inverse = scale[:, :, None] * (right.swapaxes(1, 2) * reciprocal[:, None, :]) @ left.swapaxes(1, 2)
    full = kept.all(axis=1) & (values.shape[1] == matrix.shape[2])
    return inverse, full, np.min(values, axis=1, where=kept, initial=np.inf) < _DOUBTFUL * values[:, 0]


def _refine(
    free: FloatArray, residual: FloatArray, matrix: FloatArray, inverse: FloatArray, rows: NDArray[np.intp]
) -> None:
    """Bring the digits back that multiplying with a pseudo-inverse loses, in some rows of solutions and residuals.

    It loses as many as A has too little rank. Residuals are solved for in turn (G. H. Golub, J. H. Wilkinson, Numer.
    Math. 9 (1966) 139), as long as they get smaller.
    """
    for _ in range(_REFINEMENTS):
        if not rows.size:
            break
        own, own_inverse = (each if len(each) == 1 else each[rows] for each in (matrix, inverse))
        change = _apply(own_inverse, residual[rows])
        left = residual[rows] - _apply(own, change)
        lower = np.vecdot(left, left) < _WORTH_IT * np.vecdot(residual[rows], residual[rows])
        rows = rows[lower]
        free[rows] += change[lower]
        residual[rows] = left[lower]


def _apply(matrices: FloatArray, vectors: FloatArray) -> FloatArray:
    """Each matrix (n, A, B), or the only one, times each vector (N, B): (N, A).

    One dot product an element, so that a row's result does not depend on how many rows there are.
    """
    return np.vecdot(np.ascontiguousarray(matrices), np.ascontiguousarray(vectors)[:, None, :])


def _solve_within(
    found: Solution, row: np.intp, matrix: FloatArray, target: FloatArray, lower: FloatArray, upper: FloatArray
) -> None:
    """Put what is best within the bounds in place of one solution."""
    length = np.linalg.norm(matrix, axis=0)
    scale = np.where(length > 0.0, length, 1.0)
    columns = matrix / scale
    limits = lower * scale, upper * scale
    scaled, free = best_within(columns, target, *limits)
    best = np.clip(scaled / scale, lower, upper)
    for limit, active in zip((lower, upper), (scaled <= limits[0], scaled >= limits[1]), strict=True):
        best[active] = limit[active]
    for _ in range(2):  # what rounding leaves is solved for once more
        residual = target - matrix @ best
        change = np.linalg.lstsq(columns[:, free], residual, rcond=None)[0]
        found.free[row], found.cost[row] = best, 0.5 * residual @ residual
        found.distance[row] = 0.5 * np.sum((columns[:, free] @ change) ** 2)
        found.terms[row] = np.sum((best * length) ** 2)
        best = best.copy()
        best[free] = np.clip(best[free] + change / scale[free], lower[free], upper[free])
