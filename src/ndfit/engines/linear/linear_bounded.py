"""Bounded linear least squares of one fit whose matrix may be as ill-conditioned as it likes.

Flows in: a matrix of columns of length one, samples, bounds. Flows out: the best parameters, and which of them no bound
holds.

It is the active-set method (C. L. Lawson, R. J. Hanson, Solving Least Squares Problems, 1974, chapter 23; with upper
bounds: P. B. Stark, R. L. Parker, Computational Statistics 10 (1995) 129). Each step is the shortest that is best for
the residuals, cut where it meets a bound, so that what the samples do not tell stays where it is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray

__all__ = ["best_within"]

# A slope leads inwards where it is this part of the samples, or this part of the residuals.
_ROUNDING, _INWARDS = 1e-14, 1e-10
_STEPS, _STEPS_A_PARAMETER = 20, 20


def best_within(
    columns: FloatArray, target: FloatArray, lower: FloatArray, upper: FloatArray
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """The parameters within bounds that leave the least squares, and which of them are free.

    Parameters
    ----------
    columns : shape (M, F), of length one, or zero
    target : shape (M,)
    lower, upper : shape (F,)
    """
    acts = columns.any(axis=0)
    best, free = np.clip(0.0, lower, upper), acts & (lower < upper)
    # Of the same products as many rows as there are columns.
    orthogonal, rows = np.linalg.qr(columns)
    inside = orthogonal.T @ target
    tolerance = np.finfo(float).eps * max(columns.shape)
    stuck = np.zeros(len(best), dtype=bool)
    for _ in range(_STEPS + _STEPS_A_PARAMETER * len(best)):
        change = np.zeros(len(best))
        change[free] = np.linalg.lstsq(rows[:, free], inside - rows @ best, rcond=tolerance)[0]
        part, blocked = _part_within(best, change, lower, upper)
        best = np.clip(best + part * change, lower, upper)
        best[blocked] = np.where(change[blocked] < 0.0, lower[blocked], upper[blocked])
        free &= ~blocked
        stuck = blocked if part == 0.0 else np.zeros_like(stuck)
        if blocked.any():
            continue
        residual = inside - rows @ best
        slope = rows.T @ residual
        inwards = np.where(best <= lower, slope, np.where(best >= upper, -slope, 0.0))
        inwards[free | ~acts | stuck | (lower >= upper)] = 0.0
        least = max(_INWARDS * np.linalg.norm(residual), _ROUNDING * np.linalg.norm(inside))
        if not inwards.size or inwards.max() <= least:
            break
        free[np.argmax(inwards)] = True
    return best, free


def _part_within(
    point: FloatArray, change: FloatArray, lower: FloatArray, upper: FloatArray
) -> tuple[float, NDArray[np.bool_]]:
    """How much of a change leads up to the next bound, and which parameters are on it then."""
    room = np.where(change < 0.0, lower - point, upper - point)
    parts = np.divide(room, change, out=np.full(len(point), np.inf), where=change != 0.0)
    least = float(parts.min(initial=np.inf))
    if least > 1.0:
        return 1.0, np.zeros(len(point), dtype=bool)
    return max(least, 0.0), parts <= least
