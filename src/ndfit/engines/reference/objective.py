"""What one fit minimises, and whether it is at its minimum.

Flows in: the samples of one fit, the model with its ties, and bounds. Flows out: residuals, their Jacobian, and the
certificate of an answer.

Where a model has a derivative of its own it is taken, if no parameter is tied and differences along one direction
confirm it; otherwise central differences over the lengths that the fit was counted in, confirmed in the same way;
otherwise differences whose steps are sought (`ndfit.engines.reference.jacobian`). The direction changes each parameter
by as much as changes the residuals by 1e-5 of themselves, so that each column has its part. Differences over the
lengths are not taken where they show no change at all: lengths belong to where the fit began.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.engines.certificate import CONVERGED_EDM, edm_of, noise_variance
from ndfit.engines.distance import Distance, distance_to_minimum
from ndfit.engines.reference.jacobian import DIFFERENCES, FreeParameters, differences, tried
from ndfit.engines.reference.scaling import root_mean_square, root_mean_squares

__all__ = ["Certificate", "Objective", "flat_values"]

_EPS = float(np.finfo(float).eps)
# Of the residuals' size, that a parameter changes them by; of the least of these changes, that a Jacobian may miss.
_PROBE, _CONFIRMED = 1e-5, 1e-5
_STEP = _EPS ** (1 / 3)


@dataclass(frozen=True)
class Certificate:
    """What is known of an answer.

    Attributes
    ----------
    edm : estimated distance to the minimum, see `ndfit.engines.certificate`
    variance : of the noise of a weighted residual
    distance : where the minimum should be
    jacobian : shape (M, F), of the weighted residuals
    accuracy : relative error of its columns
    residual : shape (M,), weighted
    cost : half the sum of squared weighted residuals
    exact : the variance is that of rounding, and not of any noise
    """

    edm: float
    variance: float
    distance: Distance
    jacobian: FloatArray
    accuracy: float
    residual: FloatArray
    cost: float
    exact: bool = False

    @property
    def converged(self) -> bool:
        return self.edm <= CONVERGED_EDM


class Objective:
    """One fit.

    Parameters
    ----------
    model : bare model
    parameters : its free ones
    coords, data, weights : of the samples used, of one shape; weights may be None
    lower, upper : shape (F,), bounds of the free parameters
    samples : tells coordinates and the choice of samples from those of other fits; None where nothing does
    """

    def __init__(
        self,
        model: Any,
        parameters: FreeParameters,
        coords: tuple[FloatArray, ...],
        data: FloatArray,
        weights: FloatArray | None,
        lower: FloatArray,
        upper: FloatArray,
        samples: Hashable = None,
    ) -> None:
        self.model, self.parameters = model, parameters
        self.coords, self.data, self.weights = coords, data, weights
        self.lower, self.upper, self.samples = lower, upper, samples
        self.weighted_data = np.ravel(data if weights is None else data * weights)
        self.size = root_mean_square(self.weighted_data)

    def restricted(self, used: NDArray[np.bool_]) -> Objective:
        """The same with some of the samples, given a mask of the shape of the data."""
        weights = None if self.weights is None else self.weights[used]
        coords = tuple(np.broadcast_to(axis, self.data.shape)[used] for axis in self.coords)
        return Objective(self.model, self.parameters, coords, self.data[used], weights, self.lower, self.upper)

    def values(self, parameters: FloatArray) -> FloatArray:
        """Of the model, flat."""
        return flat_values(self.model, self.coords, parameters, self.data.shape)

    def residual(self, parameters: FloatArray) -> FloatArray:
        """Residuals with the caller's weights, flat."""
        return self.weighted(self.values(parameters) - self.data.ravel())

    def cost(self, parameters: FloatArray) -> float:
        """Half the sum of squared residuals; infinite where the model is not finite."""
        residual = self.residual(parameters)
        cost = 0.5 * float(residual @ residual)
        return cost if np.isfinite(cost) else np.inf

    def inside(self, parameters: FloatArray) -> FloatArray:
        """All P parameters, the free ones clipped into their bounds."""
        return self.parameters.complete(parameters, np.clip(parameters[self.parameters.free], self.lower, self.upper))

    def lower_at(self, parameters: FloatArray, step: FloatArray, cost: float) -> FloatArray | None:
        """All P parameters a step (F,) away and within the bounds, None where the cost is not lower than `cost`."""
        free = np.clip(parameters[self.parameters.free] + step, self.lower, self.upper)
        residual = tried(self.residual, parameters, free, self.parameters)
        return self.parameters.complete(parameters, free) if 0.5 * residual @ residual < cost else None

    def certify(self, parameters: FloatArray, lengths: FloatArray | None, absolute: bool) -> Certificate:
        """What is known of an answer.

        Parameters
        ----------
        lengths : shape (F,), over which the model is nearly linear; None where that is not known
        absolute : weights are 1 / sigma
        """
        residual, free = self.residual(parameters), parameters[self.parameters.free]
        jacobian, accuracy = self.jacobian(parameters, lengths, residual)
        distance = distance_to_minimum(jacobian, residual, free - self.lower, self.upper - free, accuracy)
        # Squares of data of 1e-200 are counted in those of the residuals; with known errors these are not far from one.
        n_samples, unit = residual.size, 1.0 if absolute else distance.size
        rest, whole = distance.size / unit, (self.size or distance.size) / unit
        with np.errstate(over="ignore", invalid="ignore"):
            parameters_too = free * (distance.lengths / unit)
            variance = float(
                noise_variance(
                    0.5 * n_samples * rest * rest,
                    n_samples,
                    free.size,
                    n_samples * whole * whole,
                    absolute,
                    parameters_too @ parameters_too,
                )
            )
            edm = float(edm_of(distance.fall * rest * rest, variance))
            cost, noise = 0.5 * float(residual @ residual), variance * unit * unit
            exact = 2.0 * cost < noise * max(n_samples - free.size, 1) * (1.0 - DIFFERENCES)
        return Certificate(edm, noise, distance, jacobian, accuracy, residual, cost, exact and not absolute)

    def jacobian(
        self, parameters: FloatArray, lengths: FloatArray | None, residual: FloatArray
    ) -> tuple[FloatArray, float]:
        """Of the residuals (M, F), and the relative error of its columns; `residual` is that at the parameters."""
        exact = self._exact(parameters)
        if exact is not None and self._mismatch(exact, parameters, lengths, residual) <= _CONFIRMED:
            return exact, 0.0
        free = parameters[self.parameters.free]
        if lengths is not None and (2 * _STEP * lengths < np.minimum(free - self.lower, self.upper - free)).all():
            central = self._central(parameters, lengths)
            mismatch = self._mismatch(central, parameters, lengths, residual)
            changes = root_mean_squares(central) * lengths
            if mismatch <= _CONFIRMED and (changes > 0.0).all():
                rounding = _EPS / _STEP * (self.size + root_mean_square(residual))
                noise = rounding / np.min(changes)
                return central, float(max(DIFFERENCES, noise, mismatch))
        return differences(self.residual, parameters, self.parameters, (self.lower, self.upper))

    def weighted(self, values: FloatArray) -> FloatArray:
        """Values at the samples, flat, times the weights."""
        return values if self.weights is None else values * self.weights.ravel()

    def _exact(self, parameters: FloatArray) -> FloatArray | None:
        """By the model's own derivative, None where there is none."""
        if self.parameters.ties or self.model.fit_deriv is None:
            return None
        try:
            columns: Sequence[Any] = self.model.fit_deriv(*self.coords, *parameters)
            if not self.model.col_fit_deriv:
                columns = np.moveaxis(np.asarray(columns), -1, 0)  # type: ignore[assignment]
            chosen = [np.asarray(columns[index], dtype=float).ravel() for index in self.parameters.free]
            weighted = [self.weighted(np.broadcast_to(column, self.data.size)) for column in chosen]
        except Exception:  # the caller's own code, and of another shape than astropy asks for
            return None
        return np.stack(weighted, axis=1)

    def _central(self, parameters: FloatArray, lengths: FloatArray) -> FloatArray:
        columns = []
        for place, step in enumerate(_STEP * lengths):
            move = np.where(np.arange(lengths.size) == place, step, 0.0)
            at = parameters[self.parameters.free[place]]
            difference = self._beside(parameters, move) - self._beside(parameters, -move)
            columns.append(difference / ((at + step) - (at - step)))
        return np.stack(columns, axis=1)

    def _mismatch(
        self, jacobian: FloatArray, parameters: FloatArray, lengths: FloatArray | None, residual: FloatArray
    ) -> float:
        """How far differences in one direction are from a Jacobian, in the least change that a parameter makes."""
        sizes = root_mean_squares(jacobian)
        whole = self.size or root_mean_square(residual)
        with np.errstate(divide="ignore"):
            unit = np.where(sizes > 0.0, whole / sizes, 0.0)
        unit = unit if lengths is None else np.where(sizes > 0.0, np.minimum(unit, lengths), lengths)
        free = parameters[self.parameters.free]
        step = _PROBE * unit
        step[::2] *= -1.0
        room = free - self.lower, self.upper - free
        tight = 2.0 * np.abs(step) > np.minimum(*room)
        if tight.any():
            step = np.where(tight, np.where(room[0] < room[1], 1.0, -1.0) * np.abs(step), step)
            near, far = (self._beside(parameters, times * step) for times in (1.0, 2.0))
            found = 2.0 * (near - residual) - 0.5 * (far - residual)
        else:
            above, below = (self._beside(parameters, sign * step) for sign in (1.0, -1.0))
            found = 0.5 * (above - below)
        apart, parts = root_mean_square(found - jacobian @ step), (sizes * np.abs(step))[sizes != 0.0]
        if apart == 0.0:
            return 0.0
        return apart / float(np.min(parts)) if parts.size else np.inf

    def _beside(self, parameters: FloatArray, step: FloatArray) -> FloatArray:
        """Residuals a step (F,) away."""
        return tried(self.residual, parameters, parameters[self.parameters.free] + step, self.parameters)


def flat_values(model: Any, coords: tuple[FloatArray, ...], parameters: FloatArray, shape: tuple[int, ...]) -> Any:
    """Values of a unitless model at samples of some shape, flat."""
    return np.broadcast_to(np.asarray(model.evaluate(*coords, *parameters), dtype=float), shape).ravel()
