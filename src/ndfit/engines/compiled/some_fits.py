"""Costs and derivatives of some fits of a block, at any parameters.

Flows in: a model, a Block, and which of its fits. Flows out: costs, their gradients, and changed parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.engines.base import SolveOptions
from ndfit.engines.compiled.kernel.accumulate import ModelInCode
from ndfit.engines.compiled.points import evaluated
from ndfit.engines.loss import Loss, weights_and_residual
from ndfit.engines.natural import Lengths, natural_scales, with_least_widths
from ndfit.engines.rows import bounds_of
from ndfit.problem.places import Places
from ndfit.problem.types import Block

__all__ = ["Fits", "Model"]


class Model(Lengths, Protocol):
    """What is asked of a model to compute with it outside of the kernel.

    Attributes
    ----------
    free : the F free parameters.
    constants : what belongs in the slots of its code.
    """

    @property
    def constants(self) -> tuple[float, ...]: ...
    @property
    def free(self) -> tuple[int, ...]: ...

    def values(self, parameters: FloatArray, coords: Sequence[FloatArray]) -> FloatArray:
        """Model values of N fits, shape (N, M), given (N, P) parameters and K coordinates (M,) or (N, M)."""

    def derivatives(self, parameters: FloatArray, coords: Sequence[FloatArray]) -> FloatArray:
        """Derivatives by the free parameters in the order of the model, shape (N, F, M); else as `values`."""

    def set_tied(self, parameters: FloatArray) -> None:
        """Set the columns of tied parameters, given (N, P) values with the others in place."""


_NUMBERS_AT_ONCE = 2**20


@dataclass(frozen=True)
class Fits:
    """Some fits of a block.

    Attributes
    ----------
    model, code : the model, and the same with weights as the kernel takes it
    places, data, weights : with weights of zero where a sample is not used
    lower, upper, natural : shapes (n, F) or (1, F)
    free : places of the F free parameters
    """

    model: Model
    code: ModelInCode
    loss: Loss
    places: Places
    data: FloatArray
    weights: FloatArray
    lower: FloatArray
    upper: FloatArray
    natural: FloatArray
    free: list[int]

    @classmethod
    def of(cls, model: Model, code: ModelInCode, block: Block, options: SolveOptions) -> Fits:
        data = np.asarray(block.data, dtype=float)
        weights = np.ones(data.shape) if block.weights is None else np.asarray(block.weights, dtype=float)
        if block.valid is not None:
            data, weights = (np.where(block.valid, each, 0.0) for each in (data, weights))
        free = sorted(model.free)
        limits = (*with_least_widths(model, block), natural_scales(model, block))
        lower, upper, natural = (limit[:, free] for limit in limits)
        loss = Loss(options.loss, options.f_scale)
        return cls(model, code, loss, block.places, data, weights, lower, upper, natural, free)

    def take(self, rows: NDArray[np.intp]) -> Fits:
        """Some of them."""
        return replace(
            self,
            places=self.places.take(rows),
            data=self.data[rows],
            weights=self.weights[rows],
            lower=bounds_of(self.lower, rows),
            upper=bounds_of(self.upper, rows),
            natural=bounds_of(self.natural, rows),
        )

    def powers(self) -> FloatArray:
        """Root of the sum of squares of the weighted samples, shape (n,)."""
        return np.asarray(np.linalg.norm(self.weights * self.data, axis=1))

    def room(self, parameters: FloatArray) -> tuple[FloatArray, FloatArray]:
        """How far each free parameter can move down and up, shapes (n, F)."""
        values = parameters[:, self.free]
        return np.maximum(values - self.lower, 0.0), np.maximum(self.upper - values, 0.0)

    def natural_room(self, parameters: FloatArray) -> FloatArray:
        """How far each free parameter should move at most, shape (n, F)."""
        far = np.where(self.natural < 0.0, -self.natural, np.fmax(self.natural, np.abs(parameters[:, self.free])))
        return np.where(np.isnan(far), np.inf, far)

    def moved(self, parameters: FloatArray, changes: FloatArray) -> FloatArray:
        """All parameters with the free ones changed, within their bounds, shape (..., n, P), given (..., n, F)."""
        found = np.array(np.broadcast_to(parameters, (*changes.shape[:-1], parameters.shape[1])))
        found[..., self.free] = np.clip(parameters[:, self.free] + changes, self.lower, self.upper)
        self.model.set_tied(found.reshape(-1, parameters.shape[1]))
        return found

    def costs(self, points: FloatArray) -> FloatArray:
        """Shape (..., n), given points (..., n, P); infinite where there is none."""
        return self._evaluated(points)[0]

    def gradients(self, points: FloatArray) -> FloatArray:
        """Of the cost by the free parameters, shape (..., n, F)."""
        return self._evaluated(points)[1]

    def _evaluated(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Costs and gradients, several points of each fit at once where memory allows."""
        n_fits, n_params = points.shape[-2:]
        each = points.reshape(-1, n_fits, n_params)
        at_once = max(1, _NUMBERS_AT_ONCE // max(self.data.size, 1))
        parts = []
        for first in range(0, len(each), at_once):
            some = each[first : first + at_once]
            fits = self if len(some) == 1 else self.take(np.tile(np.arange(n_fits), len(some)))
            parts.append(evaluated(self.code, self.model.constants, fits, some.reshape(-1, n_params)))
        costs, gradients = (np.concatenate(found) for found in zip(*parts, strict=True))
        return costs.reshape(points.shape[:-1]), gradients.reshape(*points.shape[:-1], -1)

    def weighted(self, parameters: FloatArray) -> tuple[FloatArray, FloatArray]:
        """J^T (n, F, M) and r (n, M) whose product is the gradient of the cost, and J^T J its matrix."""
        of_model = (f(parameters, self.places.inputs) for f in (self.model.values, self.model.derivatives))
        values, derivatives = map(self.places.seen, of_model)
        weights, residual = weights_and_residual(self.loss, self.weights, self.data, values)
        return np.where((self.weights == 0.0)[:, np.newaxis], 0.0, derivatives * weights[:, np.newaxis]), residual
