"""Losses other than the square: what the caller asks for, and what they mean for the covariance.

Flows in: the caller's `loss`, `f_scale` and `statistic`; then a fit's weighted residuals, or its counts. Flows out: the
loss by name; factors and weights from which the covariance comes.

Of an M-estimator with psi(r) = rho'(r) / 2 the covariance is (P. J. Huber, Robust Statistics, 1981, section 7.6)

    K^2 [sum psi^2 / (n - p)] / [mean psi']^2 (J^T J)^-1,    K = 1 + (p / n) var(psi') / (mean psi')^2,

with n samples and p parameters. The size of the errors is taken from the residuals: it needs no scaling, and for the
square itself it is the usual covariance. psi and psi' of each loss are in `ndfit.loss_functions`.

For counts with expectation m the covariance is that of Fisher's information, sum of df df^T / m: the weights are
1 / sqrt(m).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.loss_functions import ROBUST
from ndfit.options import CASH, SQUARE, Objective

__all__ = ["Loss", "costs", "huber_factor", "loss_of", "weights_and_residual"]


@dataclass(frozen=True)
class Loss:
    """What a residual costs.

    Attributes
    ----------
    name : of `ROBUST`, or SQUARE, or CASH
    scale : of the residuals, beyond which they count less than their square
    """

    name: str = SQUARE
    scale: float = 1.0


def costs(loss: Loss, weights: FloatArray, data: FloatArray, values: FloatArray) -> FloatArray:
    """Half of what is minimised, shape (N,), given (N, M); infinite where that is no number."""
    if loss.name == CASH:
        used, some = weights != 0.0, data > 0.0
        each = values - data + np.where(some, data * np.log(np.where(some, data, 1.0) / values), 0.0)
        each = np.where((values > 0.0) | ((values == 0.0) & ~some), each, np.inf)
        found = np.sum(each, axis=1, where=used)
    else:
        residual = np.where(weights == 0.0, 0.0, weights * (values - data))
        found = 0.5 * np.sum(
            residual**2 if loss.name == SQUARE else residual**2 * _ratio_and_slope(loss, residual)[0], axis=1
        )
    return np.where(np.isfinite(found), found, np.inf)


def weights_and_residual(
    loss: Loss, weights: FloatArray, data: FloatArray, values: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Weights and weighted residuals whose products with J are the gradient of the cost and its matrix, both (N, M)."""
    used = weights != 0.0
    if loss.name == CASH:
        fisher = np.where(used & (values > 0.0), 1.0 / np.sqrt(values), 0.0)
        return fisher, fisher * (values - data)
    residual = np.where(used, weights * (values - data), 0.0)
    if loss.name == SQUARE:
        return weights, residual
    share = np.sqrt(_ratio_and_slope(loss, residual)[1])
    return weights * share, residual * share


def _ratio_and_slope(loss: Loss, residual: FloatArray) -> tuple[FloatArray, FloatArray]:
    """rho / z and rho', as `scipy.optimize.least_squares` has rho."""
    with np.errstate(all="ignore"):
        return ROBUST[loss.name].ratio_and_slope(residual / loss.scale, np)


def huber_factor(loss: Loss, residual: FloatArray, used: NDArray[np.bool_], n_free: int) -> FloatArray:
    """What (J^T J)^-1 is multiplied by, shape (N,); NaN where the residuals do not say.

    Parameters
    ----------
    residual : shape (N, M), weighted
    used : samples that entered the fit, broadcastable to (N, M)
    n_free : p
    """
    used = np.broadcast_to(used, residual.shape)
    _, share = _ratio_and_slope(loss, residual)
    slope = ROBUST[loss.name].curvature(residual / loss.scale, np)
    n_used = used.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.sum(slope, axis=1, where=used) / n_used
        variance = np.sum((slope - mean[:, np.newaxis]) ** 2, axis=1, where=used) / n_used
        power = np.sum((share * residual) ** 2, axis=1, where=used) / (n_used - n_free)
        correction = 1.0 + n_free / n_used * variance / mean**2
        factor: FloatArray = correction**2 * power / mean**2
    return np.where((n_used > n_free) & (mean > 0.0), factor, np.nan)


def loss_of(objective: Objective, weighted: bool) -> Loss:
    """The loss that is minimised.

    Parameters
    ----------
    weighted : weights or uncertainties are given

    Raises
    ------
    ValueError
        Options that contradict each other.
    """
    counts = objective.statistic == CASH
    chosen = Loss(CASH) if counts else Loss(objective.loss, objective.f_scale)
    if counts and objective.loss != SQUARE:
        raise ValueError(f"statistic='cash' is a loss of its own and cannot be combined with loss={objective.loss!r}")
    if counts and weighted:
        raise ValueError(
            "statistic='cash' takes counts, whose errors follow from the model: leave out the weights and uncertainties"
        )
    if chosen.name != SQUARE and objective.absolute_sigma is not None:
        raise ValueError(
            "absolute_sigma is for least squares: other losses determine the size of the errors themselves"
        )
    return chosen
