"""Models that are linear in every free parameter: solved directly, without iteration.

Flows in: a block, a model that gives its design matrix A (M, F). Flows out: the least-squares parameters of each fit.

With weights w, diag(w) A is scaled to columns of length one and factored by singular values, A D = U S V^T; then
c = D V S^-1 U^T w (y - f_0), where singular values below rounding are left out (the solution of least length, as
`numpy.linalg.lstsq` takes it). That costs one factorisation for all fits that share design matrix, weights and samples,
and one a fit where they don't. Normal equations would square the condition, which a polynomial of frequencies near
1e9 Hz does not forgive.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from ndfit.engine.rows import coords_of
from ndfit.problem.types import Block, BlockResult, SolveOptions, Status

__all__ = ["DesignModel", "LinearEngine"]

FloatArray = NDArray[np.float64]

_BYTES_AT_ONCE = 32 * 2**20
_FITS_WORTH_A_GROUP = 4
# Of the largest singular value, the least of a matrix whose solutions are refined; how often they are at most, and what
# has to be left of the squared residuals.
_DOUBTFUL, _REFINEMENTS, _WORTH_IT = 1e-4, 8, 1.0 - 1e-12


class DesignModel(Protocol):
    """What the engine needs of a model. Picklable; see `ndfit.graph.design.LinearModel`, which is one."""

    @property
    def free(self) -> tuple[int, ...]: ...

    def design(self, parameters: FloatArray, coords: Sequence[FloatArray]) -> tuple[FloatArray, FloatArray]:
        """The part without free parameters (N, M), and the design matrix (N, M, F)."""

    def values(self, parameters: FloatArray, coords: Sequence[FloatArray]) -> FloatArray:
        """Model values of N fits, shape (N, M), given (N, P) parameters and K coordinates (M,) or (N, M)."""

    def set_tied(self, parameters: FloatArray) -> None:
        """Set the columns of tied parameters, given (N, P) values with the others in place."""


@dataclass(frozen=True)
class LinearEngine:
    """Direct linear least squares. Bounds are not supported; starting values do not matter."""

    model: DesignModel

    name: ClassVar[str] = "linear"
    chunk_size: ClassVar[int] = 50_000
    releases_gil: ClassVar[bool] = True
    pointwise: ClassVar[bool] = True
    seconds_per_fit: ClassVar[float] = 3e-6

    def make_ready(self, options: SolveOptions) -> None:
        """Nothing is left to be loaded."""

    def __call__(self, block: Block, options: SolveOptions) -> BlockResult:
        """Solve a block. Parameters are NaN where the status is not usable."""
        n_fits, n_free = block.n_fits, len(self.model.free)
        parameters, cost = np.full(block.start.shape, np.nan), np.full(n_fits, np.nan)
        status, nfev = block.status.copy(), np.zeros(n_fits, np.int32)
        covariance = np.full((n_fits, n_free, n_free), np.nan) if options.covariance else None
        for rows, shared in self._groups(block):
            solution = _solve(self.model, block, rows, shared)
            status[rows], nfev[rows] = solution.status, 1
            usable = rows[solution.status >= 0]
            parameters[usable] = block.start[usable]
            parameters[np.ix_(usable, np.array(self.model.free))] = solution.free[solution.status >= 0]
            cost[usable] = solution.cost[solution.status >= 0]
            if covariance is not None:
                covariance[usable] = solution.covariance[solution.status >= 0]
        self.model.set_tied(parameters)
        return BlockResult(parameters, status, nfev, cost, covariance)

    def values(self, parameters: FloatArray, coords: Sequence[FloatArray]) -> FloatArray:
        return self.model.values(parameters, coords)

    def derivatives(self, parameters: FloatArray, coords: Sequence[FloatArray]) -> FloatArray:
        return self.model.design(parameters, coords)[1].swapaxes(1, 2)

    def _groups(self, block: Block) -> Iterator[tuple[NDArray[np.intp], bool]]:
        """Fits to solve at once, and whether one factorisation serves them all."""
        ready = np.flatnonzero(block.status == Status.READY)
        others = [i for i in range(block.start.shape[1]) if i not in self.model.free]
        parts: list[Any] = [block.start[:, others], block.weights, *(axis for axis in block.coords if axis.ndim == 2)]
        alike = len(ready) > 0 and all(part is None or (part[ready] == part[ready[0]]).all() for part in parts)
        patterns = _by_pattern(block.valid, ready) if alike else []
        if alike and (len(patterns) - 1) * _FITS_WORTH_A_GROUP <= len(ready):
            for rows in patterns:
                yield rows, True
            return
        size = max(1, _BYTES_AT_ONCE // (8 * block.data.shape[1] * (len(self.model.free) + 1)))
        for first in range(0, len(ready), size):
            yield ready[first : first + size], False


def _by_pattern(valid: NDArray[np.bool_] | None, ready: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Rows with the same valid samples."""
    if valid is None:
        return [ready]
    _, pattern = np.unique(np.packbits(valid[ready], axis=1), axis=0, return_inverse=True)
    order = np.argsort(pattern, kind="stable")
    return np.split(ready[order], np.flatnonzero(np.diff(pattern[order])) + 1)


@dataclass(frozen=True)
class _Solution:
    free: FloatArray
    cost: FloatArray
    covariance: FloatArray
    status: NDArray[np.int16]


def _solve(model: DesignModel, block: Block, rows: NDArray[np.intp], shared: bool) -> _Solution:
    """Solve some fits; all of them with the design matrix, weights and samples of the first where they are shared."""
    which = rows[:1] if shared else rows
    coords = coords_of(block.coords, which)
    offset, matrix = model.design(block.start[which], coords)
    weights = np.ones(offset.shape) if block.weights is None else block.weights[which]
    if block.valid is not None:
        weights = np.where(block.valid[which], weights, 0.0)
    used = weights > 0.0
    matrix = np.where(used[..., None], matrix * weights[..., None], 0.0)
    target = np.where(used, weights * (block.data[rows] - offset), 0.0)
    finite = np.isfinite(matrix).all(axis=(1, 2)) & np.isfinite(np.where(used, offset, 0.0)).all(axis=1)
    matrix[~finite] = 0.0
    target[~np.broadcast_to(finite, len(rows))] = 0.0
    inverse, full, doubtful = _pseudoinverse(matrix)
    free = _apply(inverse, target)
    residual = target - _apply(matrix, free)
    if doubtful.any():
        _refine(free, residual, matrix, inverse, np.flatnonzero(np.broadcast_to(doubtful, len(rows))))
    covariance = np.where(full[:, None, None], inverse @ inverse.swapaxes(1, 2), np.nan)
    status = np.where(matrix.any(axis=(1, 2)), Status.GTOL, Status.INSENSITIVE)
    status = np.where(finite, status, Status.NON_FINITE_MODEL).astype(np.int16)
    n_fits, n_free = free.shape
    return _Solution(
        free,
        0.5 * np.einsum("nm,nm->n", residual, residual),
        np.broadcast_to(covariance, (n_fits, n_free, n_free)),
        np.broadcast_to(status, n_fits),
    )


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
