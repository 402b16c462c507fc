"""What rounding makes of chi-square, at every position.

Flows in: FitProblem. Flows out: the least chi-square that says more of a fit than of arithmetic.
"""

from __future__ import annotations

import numpy as np

from ndfit.arrays import FloatArray
from ndfit.engines.certificate import noise_variance
from ndfit.problem.block import inputs_of, make_block
from ndfit.problem.types import FitProblem
from ndfit.run.load import load
from ndfit.run.plan import plan_regions

__all__ = ["rounding_everywhere"]

_SAMPLES_AT_ONCE = 2**22


def rounding_everywhere(problem: FitProblem) -> FloatArray:
    """Least chi-square of each position, of the iterating shape; lazy data are loaded region by region.

    It is the floor of the noise variance (`ndfit.engines.certificate`) times the number of samples, and the smallest
    positive number where all samples are zero.
    """
    axes = problem.axes
    least = np.empty(axes.iterating_shape)
    n_most = max(1, _SAMPLES_AT_ONCE // axes.n_samples)
    for region in plan_regions(problem, n_most=n_most, n_workers=1).regions:
        block = make_block(load(inputs_of(problem, region)))
        with np.errstate(over="ignore", under="ignore"):
            weighted = block.data if block.weights is None else block.data * block.weights
            power = np.einsum("nm,nm->n", weighted, weighted, dtype=float)
        n_samples = np.full(block.n_fits, axes.n_samples) if block.valid is None else block.valid.sum(axis=1)
        floor = noise_variance(0.0, np.maximum(n_samples, 1), 0, power, False) * n_samples
        least[region] = np.maximum(floor, np.finfo(float).tiny).reshape(least[region].shape)
    return least
