"""From moments through a Gaussian window to a Gaussian, along one axis or two.

Flows in: moments of a peak, seen through a Gaussian window of variance v. Flows out: where it is, and its covariance.

For a Gaussian of covariance C, moments M obey M^-1 = C^-1 + 1/v, and the first moment is M C^-1 of the displacement
(adaptive moments; Bernstein & Jarvis, Astron. J. 123, 583, 2002). A function of a symmetric matrix of two rows is
(f(l1) + f(l2)) / 2 + (f(l1) - f(l2)) / (l1 - l2) (M - (l1 + l2) / 2), where l1 and l2 are its eigenvalues.

Symmetric matrices are the tuple of their lower triangles: (xx,), or (xx, xy, yy).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ndfit.arrays import FloatArray
from ndfit.pipeline.guess.formulas import clamped

__all__ = ["determinant", "distance_of", "inverse_of", "measured", "square"]

# Moments are believed within this factor of the window's variance.
_TRUSTED = 3.0


def measured(
    height: Any, mass: Any, first: Sequence[Any], second: Sequence[Any], variance: Any, of: Any
) -> tuple[list[Any], tuple[Any, ...]]:
    """Displacement from the middle of a window, and covariance.

    Parameters
    ----------
    height : whose sign the peak has; where the mass in the window has another one, that of the window is returned
    mass, first, second : sums over samples, of values, times coordinates from the middle, times products of these
    """
    good = mass * height > 0.0
    mass = of.where(good, mass, 1.0)
    first = [one / mass for one in first]
    pairs = [(j, k) for j in range(len(first)) for k in range(j + 1)]
    moments = [
        of.where(good, moment / mass - first[j] * first[k], 0.5 * variance if j == k else 0.0 * variance)
        for moment, (j, k) in zip(second, pairs, strict=True)
    ]
    covariance, reach = _through_window(moments, variance, of), of.sqrt(variance)
    moved = [one + more / variance for one, more in zip(first, _times(covariance, first), strict=True)]
    return [of.where(good, clamped(one, -reach, reach, of), 0.0) for one in moved], covariance


def _through_window(moments: Sequence[Any], variance: Any, of: Any) -> tuple[Any, ...]:
    """Covariance of a Gaussian from its moments through a window, kept near that of the window."""

    def true(moment: Any) -> Any:
        inside = (moment > 0.0) & (moment < variance)
        known = of.where(inside, moment, 0.5 * variance)
        wide = clamped(known * variance / (variance - known), variance / _TRUSTED, variance * _TRUSTED, of)
        return of.where(inside, wide, of.where(moment > 0.0, variance * _TRUSTED, variance / _TRUSTED))

    if len(moments) == 1:
        return (true(moments[0]),)
    xx, xy, yy = moments
    middle, half = 0.5 * (xx + yy), 0.5 * (xx - yy)
    radius = of.sqrt(half * half + xy * xy)
    one, other = true(middle + radius), true(middle - radius)
    mean, slope = 0.5 * (one + other), 0.5 * (one - other) / of.where(radius > 0.0, radius, 1.0)
    return mean + slope * half, slope * xy, mean - slope * half


def inverse_of(matrix: Sequence[Any]) -> tuple[Any, ...]:
    """The inverse of a symmetric matrix."""
    if len(matrix) == 1:
        return (1.0 / matrix[0],)
    xx, xy, yy = matrix
    determinant = xx * yy - xy * xy
    return yy / determinant, -xy / determinant, xx / determinant


def _times(matrix: Sequence[Any], vector: Sequence[Any]) -> tuple[Any, ...]:
    if len(matrix) == 1:
        return (matrix[0] * vector[0],)
    (xx, xy, yy), (x, y) = matrix, vector
    return xx * x + xy * y, xy * x + yy * y


def distance_of(precision: Sequence[Any], apart: Sequence[Any]) -> Any:
    """Squared distance in standard deviations."""
    turned = _times(precision, apart)
    return sum((one * other for one, other in zip(turned[1:], apart[1:], strict=True)), turned[0] * apart[0])


def square(matrix: Sequence[FloatArray] | FloatArray) -> FloatArray:
    """Symmetric matrices as arrays of shape (n, K, K)."""
    if len(matrix) == 1:
        return matrix[0][:, np.newaxis, np.newaxis]
    xx, xy, yy = matrix
    return np.stack([np.stack([xx, xy], axis=1), np.stack([xy, yy], axis=1)], axis=1)


def determinant(matrices: FloatArray) -> FloatArray:
    """Of matrices of shape (n, K, K), (n,)."""
    if matrices.shape[1] == 1:
        return matrices[:, 0, 0]
    return np.asarray(matrices[:, 0, 0] * matrices[:, 1, 1] - matrices[:, 0, 1] * matrices[:, 1, 0])
