"""Derivatives of residuals by central differences, ties included: for engines that have no exact ones.

Flows in: a function of all P parameters, and the free ones. Flows out: Jacobian (M, F), covariance (F, F).

Central differences with a step of eps^(1/3) times the length over which the residuals change have a relative error of
about eps^(2/3), some 1e-11 (Press et al., Numerical Recipes, 3rd ed., section 5.7). That length is the parameter's own
size, or one where it is zero, if a quarter of the step gives the same. Otherwise (a narrow line far from zero, an
offset that came out as 1e-17) it is sought in powers of 64 around it, and the step is taken that a quarter of it
confirms best. Where none does, as at the edge of a box, the first is as good as any.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ndfit.problem.types import FloatArray

__all__ = ["covariance_of", "jacobian_at", "with_free"]

Residual = Callable[[FloatArray], FloatArray]

_STEP = float(np.finfo(float).eps) ** (1 / 3)
_LENGTHS = 64.0 ** np.array([0, -1, 1, -2, 2, -3, 3, -4, 4, *range(5, 11)])
# Of the largest derivative, by which a quarter of the step may differ: where no other is tried, and where it is used.
_SETTLED, _BELIEVED = 1e-6, 1e-2


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
    return np.stack([_column(residual, values, index, model) for index in free], axis=1)


def _column(residual: Residual, values: FloatArray, index: int, model: Any) -> FloatArray:
    def slope(step: float) -> FloatArray:
        high, low = (with_free(values, values[[index]] + move, (index,), model) for move in (step, -step))
        difference: FloatArray = (residual(high) - residual(low)) / (high[index] - low[index])
        return difference

    steps = _STEP * (abs(values[index]) or 1.0) * _LENGTHS
    best, least = None, _BELIEVED
    for step in steps:
        found, finer = slope(step), slope(0.25 * step)
        largest = np.max(np.abs(found))
        doubt = np.max(np.abs(found - finer)) / largest if 0.0 < largest < np.inf else np.inf
        if doubt < least:
            best, least = found, doubt
        if least <= _SETTLED:
            break
    return slope(steps[0]) if best is None else best


def with_free(values: FloatArray, free_values: FloatArray, free: tuple[int, ...], model: Any) -> FloatArray:
    """All P parameters, with the free ones replaced and the tied ones following.

    The parameters of `model` are overwritten.
    """
    moved = values.copy()
    moved[list(free)] = free_values
    ties = {name: tie for name, tie in model.tied.items() if tie}
    if ties:
        model.parameters = moved
        for name, tie in ties.items():
            setattr(model, name, tie(model))
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
