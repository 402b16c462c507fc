"""Data and parameters of the order of one, for optimisers that compare with absolute numbers.

Flows in: the model, data and start of one fit. Flows out: a power of two for the residuals, one for each parameter,
and a model whose parameters are counted in those.

scipy's trust-region optimisers take a gradient of 1e-8 for zero, measure a step by the length of the vector of all
parameters, and drop singular values of the Jacobian that are 1e-16 of the largest. Data in units of 1e-18 beside
wavelengths of some thousand meet all three. Powers of two change no digit of any residual.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from astropy.modeling import CompoundModel

from ndfit.problem.types import FloatArray

__all__ = ["column_scales", "count_parameters_in", "residual_scale"]

# Residuals of this size and between are left as they are. Large ones trouble nothing until factors underflow.
_SMALL, _LARGE = 2.0**-10, 2.0**20


def residual_scale(values: FloatArray) -> float:
    """Power of two near the root mean square of the values, or one where that is of the order of one."""
    largest = float(np.max(np.abs(values), initial=0.0))
    if largest == 0.0 or not np.isfinite(largest):
        return 1.0
    size = largest * float(np.sqrt(np.mean(np.square(values / largest))))
    return 1.0 if _SMALL <= size <= _LARGE else float(2.0 ** np.round(np.log2(size)))


def column_scales(jacobian: FloatArray, scale: float, free: tuple[int, ...], n_params: int) -> FloatArray:
    """Powers of two that bring the columns of the Jacobian over `scale` to a length near one; one for other parameters.

    Parameters
    ----------
    jacobian : shape (M, F), of the residuals as they are
    scale : of the residuals
    free : indices of F of the `n_params` parameters

    Returns
    -------
    shape (P,)
    """
    largest = np.max(np.abs(jacobian), axis=0)
    factors = np.ones(n_params)
    usable = np.isfinite(largest) & (largest > 0)
    factors[np.asarray(free)[usable]] = 2.0 ** np.round(np.log2(scale / largest[usable]))
    return factors


def count_parameters_in(model: Any, factors: FloatArray) -> Any:
    """Copy of a bare model whose parameters are numbers of `factors`: evaluation, derivatives, bounds and ties follow.

    Parameters
    ----------
    model : bare model
    factors : shape (P,)
    """
    counted = model.copy()
    plain = model.copy()
    n_inputs = model.n_inputs

    def evaluate(*args: Any) -> Any:
        return plain.evaluate(*args[:n_inputs], *_times(args[n_inputs:], factors))

    counted.evaluate = evaluate
    if not isinstance(model, CompoundModel) and model.fit_deriv is not None:
        counted.fit_deriv = _scaled_derivative(plain, factors)
    for name, factor in zip(model.param_names, factors, strict=True):
        parameter = getattr(counted, name)
        parameter.bounds = tuple(None if limit is None else limit / factor for limit in parameter.bounds)
        if parameter.tied:
            parameter.tied = _counted_tie(parameter.tied, plain, factors, factor)
    return counted


def _times(values: tuple[Any, ...], factors: FloatArray) -> list[Any]:
    return [value * factor for value, factor in zip(values, factors, strict=True)]


def _scaled_derivative(plain: Any, factors: FloatArray) -> Callable[..., Any]:
    def fit_deriv(*args: Any) -> Any:
        columns = plain.fit_deriv(*args[: plain.n_inputs], *_times(args[plain.n_inputs :], factors))
        if plain.col_fit_deriv:
            return [np.asarray(column) * factor for column, factor in zip(columns, factors, strict=True)]
        return np.asarray(columns) * factors

    return fit_deriv


def _counted_tie(tie: Callable[[Any], Any], plain: Any, factors: FloatArray, factor: float) -> Callable[[Any], Any]:
    """The tie sees the parameters as the caller counts them."""

    def counted(model: Any) -> Any:
        plain.parameters = np.asarray(model.parameters) * factors
        value = tie(plain)
        return (value.value if hasattr(value, "value") else value) / factor

    return counted
