"""Standard errors of every parameter.

Flows in: FitProblem, Maps and the scaled covariance of the free parameters. Flows out: one map a parameter.

A fixed parameter has no error. A tied one, t(p) of the free ones, has the variance g^T C g with g = dt/dp, taken by
central differences of the tie over whole maps.
"""

from __future__ import annotations

import numpy as np

from ndfit.output.maps import Maps
from ndfit.problem.types import FitProblem, FloatArray

__all__ = ["error_maps"]

_STEP = float(np.finfo(float).eps) ** (1 / 3)


def error_maps(problem: FitProblem, maps: Maps, covariance: FloatArray) -> dict[str, FloatArray]:
    """Name -> map of standard errors, in the fit's units.

    Parameters
    ----------
    covariance : shape (*B, F, F)
    """
    params = problem.params
    with np.errstate(invalid="ignore"):
        free = np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1))
    errors = dict(zip(params.free, np.moveaxis(free, -1, 0), strict=True))
    for index, fixed in enumerate(params.fixed):
        if params.tied[index]:
            errors[index] = _tied_error(problem, maps, covariance, index)
        elif fixed:
            errors[index] = np.where(maps.usable, 0.0, np.nan)
    return {name: errors[index] for index, name in enumerate(params.names)}


def _tied_error(problem: FitProblem, maps: Maps, covariance: FloatArray, index: int) -> FloatArray:
    """Zero covariance with a parameter at its bound: there it is fixed."""
    slopes = np.stack([_slope(problem, maps, index, k) for k in problem.params.free], axis=-1)
    # A free parameter at its bound has NaN there; it counts as fixed.
    held = np.isnan(covariance) & maps.usable[..., np.newaxis, np.newaxis]
    known = np.where(held, 0.0, covariance)
    variance: FloatArray = np.einsum("...i,...ij,...j->...", slopes, known, slopes)
    return np.sqrt(variance)


def _slope(problem: FitProblem, maps: Maps, index: int, k: int) -> FloatArray:
    """Derivative of tied parameter `index` by free parameter `k`, shape B."""
    values = maps.parameters[k]
    step = _STEP * np.where(values == 0.0, 1.0, np.abs(values))
    high, low = (_tied_value(problem, maps, index, k, values + sign * step) for sign in (1.0, -1.0))
    slope: FloatArray = (high - low) / (2.0 * step)
    return slope


def _tied_value(problem: FitProblem, maps: Maps, index: int, k: int, values: FloatArray) -> FloatArray:
    model = problem.model.copy()
    names = problem.params.names
    model._reset_parameters(**{name: values if i == k else maps.parameters[i] for i, name in enumerate(names)})
    for i in np.flatnonzero(problem.params.tied):
        tied = model.tied[names[i]](model)
        setattr(model, names[i], np.broadcast_to(getattr(tied, "value", tied), values.shape))
    value: FloatArray = getattr(model, names[index]).value
    return value
