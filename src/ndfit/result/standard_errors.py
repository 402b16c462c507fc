"""Standard errors of every parameter.

Flows in: FitProblem, Maps and the scaled covariance of the free parameters. Flows out: one map a parameter.

A fixed parameter has no error. A tied one, t(p) of the free ones, has the variance g^T C g with g = dt/dp, taken by
central differences of the tie: over whole maps where that gives the same as position by position. A free parameter at
its bound counts as fixed there; what follows from such parameters alone has no error, as they have none. Ties are the
caller's functions, which may give something else later: whoever keeps a result has their errors computed when the run
ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ndfit._compat.astropy_models import set_values
from ndfit.arrays import FloatArray
from ndfit.problem.types import FitProblem
from ndfit.result.maps import Maps
from ndfit.status import Flag

__all__ = [
    "Uncertainties",
    "derivative_steps",
    "either_side",
    "error_maps",
    "errors_along",
    "inverse",
    "normalized",
    "quadratic_form",
    "tied_uncertainties",
    "tied_values",
]


@dataclass(frozen=True)
class Uncertainties:
    """Standard errors and covariance as they are reported; None where they were not computed.

    Attributes
    ----------
    errors : name -> shape B
    covariance : shape (*B, F, F)
    """

    errors: Mapping[str, FloatArray] | None
    covariance: FloatArray | None


_STEP = float(np.finfo(float).eps) ** (1 / 3)
_TRIED = 8  # positions
_OF_ERROR = 1e-3
_AT_MOST = 0.1  # of an error
_CANCELLED = 2e-6  # of the largest term: what is left is of the size of the error of slopes
_DIGITS = 1e4 * float(np.finfo(float).eps)


def tied_uncertainties(problem: FitProblem, maps: Maps, absolute_sigma: bool) -> Uncertainties | None:
    """Errors and covariance of a run whose ties have to be asked now; None where there are none."""
    if maps.covariance is None or not any(problem.params.tied):
        return None
    covariance = maps.scaled_covariance(absolute_sigma)
    assert covariance is not None
    return Uncertainties(error_maps(problem, maps, covariance), covariance)


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
    errors |= _tied_errors(problem, maps, covariance)
    for index, fixed in enumerate(params.fixed):
        if fixed and not params.tied[index]:
            errors[index] = np.where(maps.usable, 0.0, np.nan)
    return {name: errors[index] for index, name in enumerate(params.names)}


def _tied_errors(problem: FitProblem, maps: Maps, covariance: FloatArray) -> dict[int, FloatArray]:
    """Maps of the tied parameters' errors, by index; NaN where a tie depends on what the data do not determine."""
    tied = [index for index, is_tied in enumerate(problem.params.tied) if is_tied]
    if not tied:
        return {}
    slopes = np.stack([_slopes(problem, maps, tied, k) for k in problem.params.free], axis=-1)
    errors = [errors_along(own, maps, covariance) for own in slopes]
    return {index: np.where(maps.usable, error, np.nan) for index, error in zip(tied, errors, strict=True)}


def errors_along(slopes: FloatArray, maps: Maps, covariance: FloatArray) -> FloatArray:
    """Standard errors, shape B, of what has these derivatives by the free parameters, shape (*B, F)."""
    alone = np.zeros(maps.status.shape, dtype=bool)
    if maps.parameter_flags is not None:
        at_bound = np.moveaxis(maps.parameter_flags & Flag.AT_BOUND, 0, -1) != 0
        depends = slopes != 0.0
        alone = np.any(at_bound & depends, axis=-1) & ~np.any(~at_bound & depends, axis=-1)
        slopes = np.where(at_bound, 0.0, slopes)
    with np.errstate(invalid="ignore"):
        spread = np.sqrt(quadratic_form(slopes, covariance))
        terms = np.abs(slopes) * np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1))
        lost = spread < _CANCELLED * np.fmax.reduce(terms, axis=-1, initial=0.0)
    return np.where(alone | lost, np.nan, spread)


def quadratic_form(slopes: FloatArray, covariance: FloatArray) -> FloatArray:
    """g^T C g, shape B, in which elements of C do not count that g leaves out, be they NaN."""
    depends = slopes != 0.0
    known = np.where(depends[..., :, np.newaxis] & depends[..., np.newaxis, :], covariance, 0.0)
    return np.asarray(np.einsum("...i,...ij,...j->...", slopes, known, slopes))


def derivative_steps(values: FloatArray, covariance: FloatArray) -> FloatArray:
    """How far to go from parameters for central differences of what depends on them, shape (*B, F).

    A thousandth of the standard error that a parameter has with the others held: there a function is as straight as
    propagation takes it to be, also where the parameters' own errors are large because they go together. Up to a tenth,
    where a parameter is so large beside its error that four digits of the step would be lost. Without an error, it is
    what differences of a number need.

    Parameters
    ----------
    values : shape (*B, F)
    covariance : shape (*B, F, F)
    """
    matrix, scale, known = normalized(covariance)
    with np.errstate(all="ignore"):
        held = scale / np.sqrt(np.fmax(np.diagonal(inverse(matrix), axis1=-2, axis2=-1), 1.0))
        step = np.maximum(_OF_ERROR * held, np.minimum(_AT_MOST * held, _DIGITS * np.abs(values)))
    return np.asarray(np.where(known, step, _STEP * np.where(values == 0.0, 1.0, np.abs(values))))


def normalized(covariance: FloatArray) -> tuple[FloatArray, FloatArray, Any]:
    """Correlations, shape (*B, F, F), with the errors, shape (*B, F), and where there are any.

    A parameter without an error counts as one with error 1 that is correlated with none.
    """
    with np.errstate(all="ignore"):
        sigma = np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1))
        known = np.isfinite(sigma) & (sigma > 0.0)
        scale = np.where(known, sigma, 1.0)
        matrix = covariance / (scale[..., :, np.newaxis] * scale[..., np.newaxis, :])
    matrix[~(known[..., :, np.newaxis] & known[..., np.newaxis, :])] = 0.0
    diagonal = np.arange(matrix.shape[-1])
    matrix[..., diagonal, diagonal] = 1.0
    return np.nan_to_num(matrix, nan=0.0), scale, known


def inverse(matrices: FloatArray) -> FloatArray:
    """Of symmetric matrices, shape (*B, F, F); the pseudoinverses where one of them is singular."""
    try:
        return np.asarray(np.linalg.inv(matrices), dtype=np.float64)
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.pinv(matrices, hermitian=True), dtype=np.float64)


def _slopes(problem: FitProblem, maps: Maps, tied: list[int], k: int) -> FloatArray:
    """Derivatives of the tied parameters by free parameter `k`, shape (T, *B)."""
    values = maps.parameters[k]
    step = _STEP * np.where(values == 0.0, 1.0, np.abs(values))
    above, below = either_side(problem, maps.parameters, k, step, tied)
    slopes: FloatArray = (above[tied] - below[tied]) / (2.0 * step)
    return slopes


def either_side(
    problem: FitProblem, table: FloatArray, index: int, step: Any, tied: list[int]
) -> tuple[FloatArray, FloatArray]:
    """A table of parameters, shape (P, *B), with one of them a step larger, and a step smaller.

    Parameters
    ----------
    tied : places of parameters that follow it
    """
    above, below = table.copy(), table.copy()
    for moved, sign in ((above, 1.0), (below, -1.0)):
        moved[index] = table[index] + sign * step
        if tied:
            moved[tied] = tied_values(problem, moved, tied)
    return above, below


def tied_values(problem: FitProblem, table: FloatArray, tied: list[int]) -> FloatArray:
    """Values of the tied parameters, shape (T, *B), from a table of all parameters, shape (P, *B)."""
    flat = table.reshape(len(table), -1)
    found = _together(problem, table, tied)
    if found is not None:
        whole = found.reshape(len(tied), -1)
        tried = np.unique(np.linspace(0, flat.shape[1] - 1, min(_TRIED, flat.shape[1])).astype(int))
        alone = _one_by_one(problem, flat[:, tried], tied)
        if np.allclose(whole[:, tried], alone, rtol=1e-12, atol=0.0, equal_nan=True):
            return found
    return _one_by_one(problem, flat, tied).reshape(len(tied), *table.shape[1:])


def _together(problem: FitProblem, table: FloatArray, tied: list[int]) -> FloatArray | None:
    """All positions at once; None where a tie cannot take maps."""
    model, names = problem.model.copy(), problem.params.names
    set_values(model, dict(zip(names, table, strict=True)))
    try:
        with np.errstate(all="ignore"):
            for index in tied:
                setattr(model, names[index], np.broadcast_to(_number_of(model, names[index]), table.shape[1:]))
        return np.stack([np.asarray(getattr(model, names[index]).value, dtype=float) for index in tied])
    except Exception:  # the caller's own code
        return None


def _one_by_one(problem: FitProblem, flat: FloatArray, tied: list[int]) -> FloatArray:
    """Shape (T, N) from a table of shape (P, N); NaN where a tie raises."""
    model, names = problem.model.copy(), problem.params.names
    found = np.full((len(tied), flat.shape[1]), np.nan)
    for column in np.flatnonzero(np.isfinite(flat).all(axis=0)):
        model.parameters = flat[:, column]
        try:
            with np.errstate(all="ignore"):
                for place, index in enumerate(tied):
                    value = float(np.squeeze(_number_of(model, names[index])))
                    setattr(model, names[index], value)
                    found[place, column] = value
        except Exception:  # the caller's own code
            found[:, column] = np.nan
    return found


def _number_of(model: Any, name: str) -> Any:
    value = model.tied[name](model)
    return getattr(value, "value", value)
