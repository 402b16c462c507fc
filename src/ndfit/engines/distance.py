"""How far the cost can fall from where a fit stopped, and the step that takes it there.

Flows in: the Jacobian J (M, F) of the weighted residuals r there, and how far each parameter is from its bounds. Flows
out: the fall of the cost f = r^T r / 2 that its Gauss-Newton model predicts within the bounds, and the step to there.

With lengths L of the columns and J / L = Q R, the model is |R s + Q^T r|^2 / 2 for steps s in units of 1 / L, and the
singular values of R = U S V^T say which directions J determines; the others stay as they are. Without bounds in the way
the fall is g^T (J^T J)^-1 g / 2. With bounds it is the minimum over the box (C. L. Lawson, R. J. Hanson, Solving Least
Squares Problems, 1974, chapter 23, for bounds on both sides: P. B. Stark, R. L. Parker, Comput. Stat. 10 (1995) 129): a
parameter at a bound beyond which alone the cost falls has no part in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ndfit.arrays import FloatArray
from ndfit.engines.box import within
from ndfit.engines.reference.scaling import root_mean_square, root_mean_squares

__all__ = ["Distance", "distance_to_minimum"]

_EPS = float(np.finfo(float).eps)
# Columns of R of length one whose diagonal is above this, and that are no more, have no small singular value: the least
# is not below the diagonal by more than 2^(1 - F) (N. J. Higham, SIAM Rev. 29 (1987) 575).
_WELL_DETERMINED, _MOST_COLUMNS = 1e-3, 16


@dataclass(frozen=True)
class Distance:
    """What the Gauss-Newton model of the cost says.

    Attributes
    ----------
    fall : of the cost in units of `size` squared, from here to the model's minimum within the bounds; NaN where J is
        not finite
    size : root mean square of the residuals, one where they are zero
    step : shape (F,), to that minimum
    lengths : shape (F,), of the columns of J
    """

    fall: float
    size: float
    step: FloatArray
    lengths: FloatArray


def distance_to_minimum(
    jacobian: FloatArray, residual: FloatArray, below: FloatArray, above: FloatArray, accuracy: float = 0.0
) -> Distance:
    """How far the cost can fall.

    Parameters
    ----------
    jacobian : shape (M, F)
    residual : shape (M,)
    below, above : shape (F,), how far each parameter is from its lower and its upper bound, none of them negative
    accuracy : relative error of the columns; directions that J determines no better than that are left out
    """
    n_free = jacobian.shape[1]
    lengths, size = np.sqrt(residual.size) * root_mean_squares(jacobian), root_mean_square(residual) or 1.0
    if not np.isfinite(lengths).all() or not np.isfinite(size):
        return Distance(np.nan, size, np.zeros(n_free), np.full(n_free, np.nan))
    scaled = jacobian / np.where(lengths > 0.0, lengths, 1.0)
    upper = np.asarray(np.linalg.qr(np.column_stack([scaled, residual / size]), mode="r"))
    matrix, target = _determined(upper[:n_free, :n_free], upper[:n_free, n_free], max(_EPS * len(jacobian), accuracy))
    step, fall = _least(matrix, target), 0.5 * float(target @ target)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        unit = np.where(lengths > 0.0, size / lengths, 0.0)  # steps are counted in it
        moved = step * unit
        if (moved < -below).any() or (moved > above).any():
            step = within(matrix, target, *(np.where(unit > 0.0, each / unit, 0.0) for each in (below, above)))
            rest = matrix @ step - target
            fall, moved = max(0.0, fall - 0.5 * float(rest @ rest)), step * unit
        return Distance(fall, size, moved, lengths)


def _determined(upper: FloatArray, rotated: FloatArray, tolerance: float) -> tuple[FloatArray, FloatArray]:
    """Matrix and target of the steps that J determines: R and -Q^T r, of which the rest is taken out."""
    if np.abs(upper.diagonal()).min(initial=np.inf) > _WELL_DETERMINED and len(upper) <= _MOST_COLUMNS:
        return upper, -rotated
    left, values, right = np.linalg.svd(upper)
    kept = values > tolerance * values[0]
    return values[kept, np.newaxis] * right[kept], -(left.T @ rotated)[kept]


def _least(matrix: FloatArray, target: FloatArray) -> FloatArray:
    """The shortest step s for which matrix s is the target."""
    square = matrix.shape[0] == matrix.shape[1]
    return np.asarray(np.linalg.solve(matrix, target) if square else np.linalg.lstsq(matrix, target)[0], dtype=float)
