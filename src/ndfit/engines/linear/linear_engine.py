"""Models that are linear in every free parameter: solved directly, without iteration.

Flows in: a block, a model that gives its design matrix A (M, F). Flows out: the least-squares parameters of each fit,
within its bounds.

Fits are solved side by side from the products A^T A and A^T r, and again for the residuals that this leaves
(`kernel/linear.py`). Products square the condition of A, which a polynomial of frequencies near 1e9 Hz does not
forgive: fits whose products have lost the digits are solved by singular values, and those of them beyond a bound one by
one (`linear_direct.py`). So is everything where nothing can be compiled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.engines.availability import why_not_compiled
from ndfit.engines.base import BlockResult, SolveOptions
from ndfit.engines.certificate import edm_of, noise_variance, status_with_certificate
from ndfit.engines.linear.linear_design import DesignModel, design_at
from ndfit.engines.linear.linear_direct import Solution, covariance_of, solve_directly
from ndfit.engines.plain_data import PlainDataEngine
from ndfit.problem.places import Places
from ndfit.problem.types import Block
from ndfit.status import Status

__all__ = ["LinearEngine"]


@dataclass(frozen=True)
class LinearEngine(PlainDataEngine):
    """Direct linear least squares within bounds. Starting values do not matter.

    `absolute_sigma`: weights are one over the errors of the samples.
    """

    model: DesignModel
    absolute_sigma: bool = False

    name: ClassVar[str] = "linear"
    dimensions: ClassVar[None] = None

    def make_ready(self, options: SolveOptions) -> None:
        """Compile or load what blocks need."""
        if not why_not_compiled():
            # With the compiler, which a run does without where it cannot be had.
            from ndfit.engines.compiled.kernel.linear_driver import compiled_linear_solve

            compiled_linear_solve()

    def __call__(self, block: Block, options: SolveOptions) -> BlockResult:
        """Solve a block. Parameters are NaN where the status is not usable."""
        block = block.whitened
        ready = np.flatnonzero(block.status == Status.READY)
        solution = self._solved(block, ready, options.covariance)
        edm = edm_of(solution.distance, self._noise_variance(block, ready, solution))
        found = status_with_certificate(solution.status, edm)
        usable = found >= 0
        rows = ready[usable]

        def spread(values: FloatArray) -> FloatArray:
            """Values of the usable solutions among all fits of the block."""
            if len(rows) == block.n_fits:
                return np.ascontiguousarray(values)
            everywhere = np.full((block.n_fits, *values.shape[1:]), np.nan)
            everywhere[rows] = values[usable]
            return everywhere

        parameters = spread(block.start[ready])  # a copy
        parameters[:, list(self.model.free)] = spread(solution.free)
        self.model.set_tied(parameters)
        status, nfev = block.status.copy(), np.zeros(block.n_fits, np.int32)
        status[ready], nfev[ready] = found, 1
        covariance = None if solution.covariance is None else spread(solution.covariance)
        return BlockResult(parameters, status, nfev, spread(solution.cost), covariance, edm=spread(edm))

    def values(self, parameters: FloatArray, places: Places) -> FloatArray:
        return places.seen(self.model.values(parameters, places.inputs))

    def derivatives(self, parameters: FloatArray, places: Places) -> FloatArray:
        return design_at(self.model, parameters, places)[1].swapaxes(1, 2)

    def _solved(self, block: Block, rows: NDArray[np.intp], with_covariance: bool) -> Solution:
        """In lanes as far as the products tell, and else directly."""
        if not rows.size or why_not_compiled():
            return solve_directly(self.model, block, rows, with_covariance)
        from ndfit.engines.linear.linear_lanes import LEAST_FOR_COVARIANCE, LEAST_FOR_SOLUTIONS, solve_in_lanes

        solution, pivots = solve_in_lanes(self.model, block, rows, with_covariance)
        ill = np.flatnonzero((solution.status >= 0) & ~(pivots >= LEAST_FOR_SOLUTIONS))
        if ill.size:
            solution.put(ill, solve_directly(self.model, block, rows[ill], with_covariance))
        vague = np.flatnonzero((pivots >= LEAST_FOR_SOLUTIONS) & (pivots < LEAST_FOR_COVARIANCE))
        if solution.covariance is not None and vague.size:
            solution.covariance[vague] = covariance_of(self.model, block, rows[vague])
        return solution

    def _noise_variance(self, block: Block, rows: NDArray[np.intp], solution: Solution) -> FloatArray:
        n_samples = block.data.shape[1] if block.valid is None else block.valid[rows].sum(axis=1)
        n_free, known = len(self.model.free), self.absolute_sigma
        return noise_variance(solution.cost, n_samples, n_free, solution.power, known, solution.terms)
