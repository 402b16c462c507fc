"""Whether a fit is at its minimum: the estimated distance to it (EDM), and the largest that counts as converged.

Flows in: what an engine knows where it stopped. Flows out: EDM, and the status that it allows. All engines go by it.

With residuals r, their Jacobian J and the gradient g = J^T r of the cost f = r^T r / 2, the model of the cost that a
Gauss-Newton step minimises says that f falls by

    D = g^T (J^T J)^-1 g / 2

from here to its minimum (F. James, M. Roos, Comput. Phys. Commun. 10 (1975) 343). EDM is D / s^2, with s^2 the variance
of the noise of a weighted residual. Chi-square in units of s^2 therefore falls by 2 EDM, and EDM <= 0.01 says that no
answer is improved by more than 0.02, and that no parameter is further than 0.15 of its standard error from the
minimum. Parameters that a bound holds are left out, and so are directions that J does not determine: the covariance is
singular there, which has its own flag.

The variance s^2 is 1 where weights are 1 / sigma, and chi-square over the degrees of freedom where nothing is known of
the noise. It has a floor, without which data without noise would never be fitted well enough: what rounding leaves of
the samples and of the parameters.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ndfit.arrays import FloatArray
from ndfit.status import Status, converged

__all__ = ["CONVERGED_EDM", "edm_of", "noise_variance", "status_with_certificate"]

CONVERGED_EDM = 0.01
"""The largest EDM with which a fit is called converged."""

# A weighted residual is known to this many roundings of all samples together: the gradient, a sum over them, is known
# to a few roundings of each, and no better.
_ROUNDINGS = 128 * np.finfo(float).eps
# Of the samples, at most: a parameter so large that it is rounded to more (an angle of 1e14) has left the problem.
_MOST_ROUNDING = 1e-6


def noise_variance(
    cost: ArrayLike,
    n_samples: ArrayLike,
    n_free: ArrayLike,
    data_power: ArrayLike,
    absolute: ArrayLike,
    param_power: ArrayLike = 0.0,
) -> FloatArray:
    """Variance of the noise of a weighted residual, in the units in which cost and power are given.

    Parameters
    ----------
    cost : array_like, shape (N,) or scalar
        Half the sum of squared weighted residuals (of a robust loss: half of what it makes of them).
    n_samples, n_free : array_like of int
        Samples used, and free parameters. Where there is no degree of freedom, it is counted as one.
    data_power : array_like
        Sum of squares of the weighted samples; where they are all zero, that of the residuals at the start.
    absolute : array_like of bool
        Weights are 1 / sigma. Then the variance is 1, or the mean power of the samples where that is less: samples
        include their noise, so that weights that make all of them vanish are not 1 / sigma.
    param_power : array_like, optional
        Sum over the free parameters of the squares of parameter times length of its column of J, for the rounding of
        the parameters (a date of 60000 days beside a width of minutes).

    Returns
    -------
    ndarray
        Shape (N,), or () for scalars.
    """
    n_samples, power, of_params = (np.asarray(each, dtype=float) for each in (n_samples, data_power, param_power))
    degrees = np.maximum(n_samples - np.asarray(n_free, dtype=float), 1.0)
    with np.errstate(over="ignore", invalid="ignore"):
        rounding = np.minimum(_ROUNDINGS**2 * (power + of_params), _MOST_ROUNDING**2 * power)
        known = np.minimum(1.0, np.where(power > 0.0, power / n_samples, 1.0))
        found = 2.0 * np.asarray(cost, dtype=float) / degrees
    return np.maximum(np.where(absolute, known, found), rounding)


def edm_of(distance: ArrayLike, variance: ArrayLike) -> FloatArray:
    """EDM, given D (see above) and the variance of the noise; 0 where there is no distance, whatever the variance.

    Examples
    --------
    >>> float(edm_of(0.5, 2.0))
    0.25
    """
    distance, variance = np.asarray(distance, dtype=float), np.asarray(variance, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(distance == 0.0, 0.0, distance / variance)


def status_with_certificate(status: NDArray[np.int16], edm: FloatArray) -> NDArray[np.int16]:
    """STALLED in place of a status that says converged where the EDM is too large for it.

    Parameters
    ----------
    status : ndarray of int16, shape (N,)
    edm : ndarray, shape (N,)
        NaN where nothing is known of the distance; the status stays there.
    """
    with np.errstate(invalid="ignore"):
        stalled = converged(status) & (edm > CONVERGED_EDM)
    return np.where(stalled, np.int16(Status.STALLED), status)
