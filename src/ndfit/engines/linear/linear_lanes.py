"""Linear least squares of many fits side by side, compiled.

Numpy glue only: design matrices and addresses of the block's arrays for the kernel, and its outcomes as a Solution.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.engines.compiled.kernel.linear_driver import (
    CODE,
    COST,
    DESIGN,
    DISTANCE,
    FIGURES,
    LEAST_PIVOT,
    OFFSET,
    POWER,
    TERMS,
    TOUCHED,
    Given,
    compiled_linear_solve,
    rows_of_scratch,
    target,
)
from ndfit.engines.compiled.kernel.workspace import Job, Structure, View, Workspace, view_table
from ndfit.engines.linear.linear_design import DesignModel, design_at
from ndfit.engines.linear.linear_direct import Solution
from ndfit.engines.rows import bounds_of
from ndfit.problem.types import Block
from ndfit.status import Status

__all__ = ["LEAST_FOR_COVARIANCE", "LEAST_FOR_SOLUTIONS", "solve_in_lanes"]

_BYTES_AT_ONCE = 32 * 2**20
# Of products that are scaled to a unit diagonal, the least pivot with which solutions are refined to all of their
# digits, and the one with which the covariance has enough of them.
LEAST_FOR_SOLUTIONS, LEAST_FOR_COVARIANCE = 1e-12, 1e-8
# With a lower one, a parameter can be left at a bound that is next to nothing away from its best value.
_LEAST_TO_BE_SURE = 1e-6


def solve_in_lanes(
    model: DesignModel, block: Block, rows: NDArray[np.intp], with_covariance: bool
) -> tuple[Solution, FloatArray]:
    """Solve some fits; tell the least pivot of their products, which is -1 where the solution is none.

    What is found is to be believed as far as the pivots say, see LEAST_FOR_SOLUTIONS and LEAST_FOR_COVARIANCE.
    """
    found, pivots = Solution.empty(len(rows), len(model.free), with_covariance), np.empty(len(rows))
    for places, designs in _parts(model, block, rows):
        part, pivots[places] = _solve(designs, _rows_of(block, rows[places]), with_covariance)
        found.put(places, part)
    return found, pivots


@dataclass(frozen=True)
class _Designs:
    """The part without free parameters (n or 1, M), and design matrices (n or 1, M, F), zero where not finite.

    `finite` tells where both are, (n or 1, M); `free` are the places of the free parameters.
    """

    offset: FloatArray
    matrix: FloatArray
    finite: NDArray[np.bool_]
    free: list[int]

    @classmethod
    def of(cls, model: DesignModel, block: Block, rows: NDArray[np.intp]) -> _Designs:
        offset, matrix = design_at(model, block.start[rows], block.places.take(rows))
        finite = np.isfinite(offset) & np.isfinite(matrix).all(axis=2)
        if not finite.all():
            offset, matrix = np.where(finite, offset, 0.0), np.where(finite[..., None], matrix, 0.0)
        return cls(np.ascontiguousarray(offset), np.ascontiguousarray(matrix), finite, list(model.free))

    def at(self, rows: NDArray[np.intp]) -> _Designs:
        """Those of some fits."""
        if len(self.matrix) == 1:
            return self
        return _Designs(self.offset[rows], self.matrix[rows], self.finite[rows], self.free)


@dataclass(frozen=True)
class _Samples:
    """Of n fits; weights and valid samples may be of the first alone, where all have the same."""

    data: FloatArray
    weights: FloatArray | None
    valid: NDArray[np.bool_] | None
    lower: FloatArray
    upper: FloatArray

    def without_bounds(self, rows: NDArray[np.intp]) -> _Samples:
        """Of some fits, as if they had no bounds."""
        weights = None if self.weights is None else self.weights[rows]
        valid = None if self.valid is None else self.valid[rows]
        everywhere = np.full((1, self.lower.shape[1]), np.inf)
        return _Samples(self.data[rows], weights, valid, -everywhere, everywhere)


def _parts(
    model: DesignModel, block: Block, rows: NDArray[np.intp]
) -> Iterator[tuple[slice | NDArray[np.intp], _Designs]]:
    """Places among some rows, with their design matrices: all with one, or as many as memory has room for."""
    others = [i for i in range(block.start.shape[1]) if i not in model.free]
    given = block.start[:, others]
    if block.places.are_shared and (given[rows] == given[rows[0]]).all():
        yield slice(None), _Designs.of(model, block, rows[:1])
        return
    size = max(1, _BYTES_AT_ONCE // (8 * block.data.shape[1] * (len(model.free) + 1)))
    for first in range(0, len(rows), size):
        yield slice(first, first + size), _Designs.of(model, block, rows[first : first + size])


def _rows_of(block: Block, rows: NDArray[np.intp]) -> _Samples:
    def some(array: Any) -> Any:
        """Of these rows, which are in order."""
        return array if array is None or len(rows) == block.n_fits else array[rows]

    lower, upper = bounds_of(block.lower, rows), bounds_of(block.upper, rows)
    return _Samples(some(block.data), some(block.weights), some(block.valid), lower, upper)


def _solve(designs: _Designs, samples: _Samples, with_covariance: bool) -> tuple[Solution, FloatArray]:
    outcome, covariance = _outcome(designs, samples, with_covariance)
    # A step that is not exact yet can meet bounds that the answer is within: such fits are made as if there were none.
    unsure = (outcome[:, TOUCHED] == 1.0) & (outcome[:, LEAST_PIVOT] < _LEAST_TO_BE_SURE)
    touched = np.flatnonzero(unsure | (outcome[:, TOUCHED] == 2.0))
    if touched.size:
        again, _ = _outcome(designs.at(touched), samples.without_bounds(touched), False)
        lower, upper = (bounds_of(limit, touched)[:, designs.free] for limit in (samples.lower, samples.upper))
        inside = ((again[:, FIGURES:] >= lower) & (again[:, FIGURES:] <= upper)).all(axis=1)
        outcome[touched[inside]] = again[inside]
    return _solution(designs, samples, outcome, covariance)


def _outcome(designs: _Designs, samples: _Samples, with_covariance: bool) -> tuple[FloatArray, FloatArray | None]:
    """What the kernel finds for each fit, and (1 or n, F, F) covariances."""
    n_fits, n_samples = samples.data.shape
    n_free = len(designs.free)
    own = len(designs.matrix) > 1
    shared = not own and _alike(samples.weights) and _alike(samples.valid)
    structure = Structure(n_free, n_free, tuple(range(n_free)), (), (), (False,) * n_free)
    workspace = Workspace.of(rows_of_scratch(n_free, n_samples, own, with_covariance), target().lanes)
    outcome = np.empty((n_fits, FIGURES + n_free))
    covariance = np.empty((1 if shared else n_fits, n_free, n_free)) if with_covariance else None
    limits = (np.broadcast_to(limit[:, designs.free], (n_fits, n_free)) for limit in (samples.lower, samples.upper))
    lower, upper = limits
    arrays = {
        View.DATA: samples.data,
        View.WEIGHTS: samples.weights,
        View.VALID: samples.valid,
        View.LOWER: lower,
        View.UPPER: upper,
        View.OUTCOME: outcome,
        OFFSET: np.broadcast_to(designs.offset, (n_fits, n_samples)),
        DESIGN: np.broadcast_to(designs.matrix.reshape(len(designs.matrix), -1), (n_fits, n_samples * n_free)),
    }
    tables = structure.table(), workspace.table, view_table([arrays.get(view) for view in range(DESIGN + 1)])
    job = np.zeros(len(Job) + len(Given), np.int64)
    job[[Job.STRUCTURE, Job.WORKSPACE, Job.VIEWS]] = [table.ctypes.data for table in tables]
    job[[Job.FITS, Job.SAMPLES]] = n_fits, n_samples
    job[Job.SINGLE], job[Given.SHARED] = samples.data.dtype == np.float32, shared
    job[Given.COVARIANCE] = 0 if covariance is None else covariance.ctypes.data
    compiled_linear_solve()[own](job.ctypes.data)
    return outcome, covariance


def _solution(
    designs: _Designs, samples: _Samples, outcome: FloatArray, covariance: FloatArray | None
) -> tuple[Solution, FloatArray]:
    finite = _finite_where_used(designs.finite, samples)
    status = np.where(finite, Status.GTOL, Status.NON_FINITE_MODEL).astype(np.int16)
    if covariance is not None:
        covariance = np.broadcast_to(covariance, (len(outcome), *covariance.shape[1:]))
    cost, distance, power, terms = (outcome[:, column] for column in (COST, DISTANCE, POWER, TERMS))
    pivots = np.where(outcome[:, CODE] == 0.0, outcome[:, LEAST_PIVOT], -1.0)
    return Solution(outcome[:, FIGURES:], cost, distance, power, terms, covariance, status), pivots


def _finite_where_used(finite: NDArray[np.bool_], samples: _Samples) -> NDArray[np.bool_]:
    """Fits whose model is finite at each sample that they use."""
    if finite.all():
        return np.ones(len(samples.data), dtype=bool)
    used = np.ones(samples.data.shape, dtype=bool) if samples.valid is None else samples.valid
    if samples.weights is not None:
        used = used & (samples.weights > 0.0)
    return np.asarray((finite | ~used).all(axis=1))


def _alike(array: NDArray[np.generic] | None) -> bool:
    """Whether all rows are the same."""
    return array is None or array.strides[0] == 0 or bool((array == array[0]).all())
