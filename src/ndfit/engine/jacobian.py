"""Derivatives of residuals by central differences, ties included: for engines that have no exact ones.

Flows in: a function of all P parameters, and the free ones. Flows out: Jacobian (M, F), covariance (F, F).

Central differences with a step of eps^(1/3) times the parameter's size have a relative error of about eps^(2/3), some
1e-11 (Press et al., Numerical Recipes, 3rd ed., section 5.7).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ndfit.problem.types import FloatArray

__all__ = ["covariance_of", "jacobian_at", "with_free"]

Residual = Callable[[FloatArray], FloatArray]

_STEP = float(np.finfo(float).eps) ** (1 / 3)


def jacobian_at(residual: Residual, values: FloatArray, free: tuple[int, ...], model: Any) -> FloatArray:
    """Derivatives of the residuals by the free parameters.

    Parameters
    ----------
    residual : of all P parameters, shape (M,)
    values : shape (P,)
    free : indices of F parameters
    model : bare model, whose ties are applied; its parameters are overwritten

    Returns
    -------
    shape (M, F)
    """
    columns = []
    for index in free:
        step = _STEP * max(abs(values[index]), _typical(values, index))
        high, low = (with_free(values, values[[index]] + sign * step, (index,), model) for sign in (1.0, -1.0))
        columns.append((residual(high) - residual(low)) / (high[index] - low[index]))
    return np.stack(columns, axis=1)


def _typical(values: FloatArray, index: int) -> float:
    """Size for a parameter that is zero: one, there is nothing better to go by."""
    return 1.0 if values[index] == 0.0 else 0.0


def with_free(values: FloatArray, free_values: FloatArray, free: tuple[int, ...], model: Any) -> FloatArray:
    """All P parameters, with the free ones replaced and the tied ones following.

    The parameters of `model` are overwritten.
    """
    moved = values.copy()
    moved[list(free)] = free_values
    tied = [name for name in model.param_names if model.tied[name]]
    if tied:
        model.parameters = moved
        for name in tied:
            setattr(model, name, model.tied[name](model))
        moved = np.array(model.parameters, dtype=float)
    return moved


def covariance_of(jacobian: FloatArray) -> FloatArray:
    """(J^T J)^-1 by a QR decomposition of J with columns scaled to length one; NaN where J is singular.

    Parameters
    ----------
    jacobian : shape (M, F)

    Returns
    -------
    shape (F, F)
    """
    n_samples, n_free = jacobian.shape
    lengths = np.linalg.norm(jacobian, axis=0)
    nothing = np.full((n_free, n_free), np.nan)
    if not np.isfinite(lengths).all() or (lengths == 0).any() or n_samples < n_free:
        return nothing
    upper = np.linalg.qr(jacobian / lengths, mode="r")
    diagonal = np.abs(np.diag(upper))
    if diagonal.min() <= np.finfo(float).eps * n_samples * diagonal.max():
        return nothing
    inverse = np.linalg.inv(upper)
    scaled: FloatArray = (inverse @ inverse.T) / np.outer(lengths, lengths)
    return scaled
