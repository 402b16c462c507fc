"""Special functions as numpy evaluates them: arrays in, arrays out.

They are what the operator table calls when a graph is interpreted or a constant is folded. scipy is imported on first
use, so that models without special functions never pay for it.

`gammainc_grad_a` has no counterpart in scipy. It differentiates, term by term, the series (DLMF 8.7.1)

    P(a, x) = x^a exp(-x) / Gamma(a + 1) * sum_k t_k,    t_k = x^k / ((a + 1) (a + 2) ... (a + k))

    dP/da = (log x - psi(a + 1)) P(a, x) - x^a exp(-x) / Gamma(a + 1) * sum_k t_k * sum_{j<=k} 1 / (a + j)

whose terms are all of one sign; it converges for every x, in about x + 10 sqrt(x) terms. Beyond a = 500 these are too
many, and the derivative is a difference of fourth order, over steps that are short beside sqrt(a), where P changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["ScipySpecial", "faddeeva_imag", "faddeeva_real", "gammainc_grad_a", "interp", "interp_slope"]

_MOST_TERMS = 10_000
_MOST_BY_SERIES, _STEP = 500.0, 3e-3


@dataclass(frozen=True)
class ScipySpecial:
    """The function of that name in `scipy.special`, imported when it is first called."""

    name: str

    def __call__(self, *args: ArrayLike) -> Any:
        from scipy import special

        return getattr(special, self.name)(*args)


def faddeeva_real(x: ArrayLike, y: ArrayLike) -> Any:
    """Real part of w(x + iy) = exp(-z^2) erfc(-iz)."""
    return ScipySpecial("wofz")(np.asarray(x) + 1j * np.asarray(y)).real


def faddeeva_imag(x: ArrayLike, y: ArrayLike) -> Any:
    """Imaginary part of w(x + iy) = exp(-z^2) erfc(-iz)."""
    return ScipySpecial("wofz")(np.asarray(x) + 1j * np.asarray(y)).imag


def gammainc_grad_a(a: ArrayLike, x: ArrayLike) -> NDArray[np.float64]:
    """Derivative of the regularised lower incomplete gamma function P(a, x) with respect to a; see the module."""
    a, x = np.broadcast_arrays(np.asarray(a, dtype=float), np.asarray(x, dtype=float))
    usable = (a > 0) & (x > 0) & np.isfinite(a) & np.isfinite(x)
    by_series = usable & (a <= _MOST_BY_SERIES)
    gradient = _by_series(np.where(by_series, a, 1.0), np.where(by_series, x, 1.0))
    if np.any(usable & ~by_series):
        gradient = np.where(by_series, gradient, _by_differences(np.where(usable, a, 1.0), np.where(usable, x, 1.0)))
    return np.where(usable, gradient, np.where(x == 0, 0.0, np.nan))


def _by_differences(a: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    step = _STEP * np.sqrt(a)
    far_below, below, above, far_above = (ScipySpecial("gammainc")(a + k * step, x) for k in (-2, -1, 1, 2))
    return np.asarray((far_below - 8.0 * below + 8.0 * above - far_above) / (12.0 * step))


def _by_series(a: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    term, harmonic = np.ones_like(x), np.zeros_like(x)
    total, slope = term.copy(), harmonic.copy()
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        for k in range(1, _MOST_TERMS):
            term = term * x / (a + k)
            harmonic = harmonic + 1.0 / (a + k)
            total += term
            slope += term * harmonic
            if np.all(term * harmonic <= 1e-17 * slope):
                break
        scale = np.exp(a * np.log(x) - x - ScipySpecial("gammaln")(a + 1.0))
        gradient = scale * ((np.log(x) - ScipySpecial("digamma")(a + 1.0)) * total - slope)
    # Where the sums overflow, P is 1 to more digits than there are.
    return np.where(np.isfinite(slope), gradient, 0.0)


def interp(x: ArrayLike, points: tuple[float, ...], values: tuple[float, ...]) -> Any:
    """Straight lines between (points, values), the end values beyond them."""
    return np.interp(np.asarray(x, dtype=float), points, values)


def interp_slope(x: ArrayLike, points: tuple[float, ...], values: tuple[float, ...]) -> NDArray[np.float64]:
    """Slope of `interp`: of the segment on the right at a point, 0 beyond the ends."""
    x, knots = np.asarray(x, dtype=float), np.asarray(points)
    slopes = np.concatenate([[0.0], np.diff(values) / np.diff(knots), [0.0]])
    return np.where(np.isnan(x), np.nan, slopes[np.searchsorted(knots, x, side="right")])
