"""What the data leave open, in the fits whose covariance is no matrix of numbers.

Flows in: the answers to a few fits, and the engine that can tell derivatives there. Flows out: which parameters have no
effect, which others cannot be distinguished, and the covariance of the rest.

With the columns of J scaled to length one, G = J^T J has an eigenvalue of zero for each combination of parameters that
the data do not determine. A parameter takes part in these combinations, or it does not; if not, its variance is that of
the pseudo-inverse of G. Eigenvalues below 1e-14, at which combinations and the rounding of G meet, are taken for zero:
that is done only where J is known to be singular.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.engines.base import BlockResult, Engine, SolveOptions
from ndfit.engines.loss import Loss, huber_factor
from ndfit.options import CASH, SQUARE
from ndfit.problem.types import Block

__all__ = ["LeftOpen", "look_closer"]

# Of the largest sample: a derivative that is smaller everywhere comes from the tail of something that ends elsewhere.
_NOTHING = 1e-150
_ZERO = 1e-14
_TAKES_PART = 1e-6
_NUMBERS_AT_ONCE = 2**22


@dataclass(frozen=True)
class LeftOpen:
    """Of n fits with F free parameters.

    Attributes
    ----------
    no_effect : shape (n, F), parameters whose derivative is zero at every sample
    scale : shape (n, F), length of each column of J; NaN where that is no number
    gram : shape (n, F, F), of the columns scaled to length one; 0 where that cannot be
    factor : shape (n,), what (J^T J)^-1 is multiplied by
    covariance : shape (n, F, F), NaN in the rows and columns of all that is not determined
    """

    no_effect: NDArray[np.bool_]
    scale: FloatArray
    gram: FloatArray
    factor: FloatArray
    covariance: FloatArray

    @property
    def errors(self) -> FloatArray:
        """Standard error of each parameter if the others were known, shape (n, F), for noise of size one."""
        return np.sqrt(self.factor)[:, np.newaxis] / self.scale

    def at_bounds(self, at_bound: NDArray[np.bool_]) -> LeftOpen:
        """The same with the parameters that bounds hold, (n, F), left out."""
        with np.errstate(all="ignore"):
            covariance = _covariance(self.gram, self.scale, self.no_effect | at_bound, self.factor)
        return replace(self, no_effect=self.no_effect & ~at_bound, covariance=covariance)


def look_closer(
    result: BlockResult,
    block: Block,
    options: SolveOptions,
    engine: Engine,
    rows: NDArray[np.intp],
    free: tuple[int, ...],
) -> LeftOpen:
    """Look at some of the fits of a block.

    A model that raises here leaves everything open: what it raises belongs to the fit.

    Parameters
    ----------
    rows : numbers of n fits that have an answer
    free : places of the F free parameters
    """
    size = max(1, _NUMBERS_AT_ONCE // (block.data.shape[1] * max(len(free), 4)))
    parts = []
    for first in range(0, rows.size, size):
        some = rows[first : first + size]
        parameters = result.parameters[some]
        try:
            with np.errstate(all="ignore"):
                jacobian, factor, largest_sample = _weighted(parameters, block, options, engine, some)
                parts.append(_found(jacobian, factor, largest_sample, parameters[:, list(free)]))
        except Exception:  # the caller's own code
            parts.append(_everything_open(some.size, len(free)))
    return LeftOpen(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(LeftOpen)))


def _everything_open(n_fits: int, n_free: int) -> LeftOpen:
    unknown = np.full((n_fits, n_free, n_free), np.nan)
    nothing = np.zeros((n_fits, n_free), dtype=bool)
    return LeftOpen(nothing, unknown[:, 0], np.zeros(unknown.shape), np.ones(n_fits), unknown)


def _weighted(
    parameters: FloatArray, block: Block, options: SolveOptions, engine: Engine, rows: NDArray[np.intp]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """J of a loss (n, F, M), what its covariance is multiplied by (n,), and the largest weighted sample (n,)."""
    block = block.whitened.take(rows)
    used = np.ones(block.data.shape, dtype=bool) if block.valid is None else block.valid
    weights = np.ones(used.shape) if block.weights is None else block.weights
    data, factor = block.data.astype(float), np.ones(rows.size)
    jacobian = engine.derivatives(parameters, block.places)
    if options.loss != SQUARE:
        values = engine.values(parameters, block.places)
        if options.loss == CASH:
            weights = np.where(values > 0.0, 1.0 / np.sqrt(values), 0.0)
        else:
            residual = np.where(used, (data - values) * weights, 0.0)
            factor = huber_factor(Loss(options.loss, options.f_scale), residual, used, jacobian.shape[1])
    weights = np.where(used, weights, 0.0)
    jacobian = np.where(used[:, np.newaxis, :], jacobian * weights[:, np.newaxis, :], 0.0)
    return jacobian, factor, np.max(np.abs(weights * data), axis=1, initial=0.0)


def _found(jacobian: FloatArray, factor: FloatArray, largest_sample: FloatArray, parameters: FloatArray) -> LeftOpen:
    largest = np.max(np.abs(jacobian), axis=2, initial=0.0)
    size = np.maximum(np.abs(parameters), 1.0)  # an amplitude of 1e150 acts through a tail of 1e-150
    no_effect = largest * size <= _NOTHING * largest_sample[:, np.newaxis]
    without = no_effect | ~np.isfinite(largest)
    # Scaled twice: the square of 1e-200 is zero.
    columns = np.where(without[..., np.newaxis], 0.0, jacobian / np.where(without, 1.0, largest)[..., np.newaxis])
    length = np.sqrt(np.vecdot(columns, columns))
    columns = columns / np.where(without, 1.0, length)[..., np.newaxis]
    gram = columns @ columns.swapaxes(1, 2)
    scale = np.where(without, np.nan, largest * length)
    return LeftOpen(no_effect, scale, gram, factor, _covariance(gram, scale, no_effect, factor))


def _covariance(gram: FloatArray, scale: FloatArray, fixed: NDArray[np.bool_], factor: FloatArray) -> FloatArray:
    """Of what is determined while some parameters are fixed."""
    without = fixed | ~np.isfinite(scale)
    gram = np.where(without[:, :, np.newaxis] | without[:, np.newaxis, :], 0.0, gram)
    values, vectors = np.linalg.eigh(gram)
    null = values <= _ZERO * np.maximum(values[:, -1:], 1.0)
    part = np.sqrt(np.sum(np.where(null[:, np.newaxis, :], vectors**2, 0.0), axis=2))
    kept = np.where(null, 0.0, factor[:, np.newaxis] / np.where(null, 1.0, values))
    covariance = (vectors * kept[:, np.newaxis, :]) @ vectors.swapaxes(1, 2)
    covariance = covariance / scale[:, :, np.newaxis] / scale[:, np.newaxis, :]
    lost = without | (part > _TAKES_PART)
    return np.where(lost[:, :, np.newaxis] | lost[:, np.newaxis, :], np.nan, covariance)
