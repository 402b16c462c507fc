"""gammainc, gammainc_grad_a, gammaincinv: float64 in, float64 out, branch-free.

P(a, x) = x**a exp(-x) / Gamma(a + 1) times, up to x = a + 4, the series sum_n x**n / ((a + 1) ... (a + n))
(DLMF 8.7.1, 8.11.4), all terms positive; beyond, 1 - Q with Legendre's continued fraction (DLMF 8.9.2) in its even part

    Q(a, x) = x**a exp(-x) / Gamma(a) / (x + 1 - a - 1 (1 - a) / (x + 3 - a - 2 (2 - a) / (x + 5 - a - ...))).

Both are evaluated from the tail inwards to a fixed depth, enough for a <= 100, as a fraction of numerator and
denominator: no division in a step. Each step carries the derivatives with respect to a of both by the chain rule; where
only the value is asked for, the compiler drops them.
"""

from __future__ import annotations

import math

from ndfit.graph.vmath.exponential import exp
from ndfit.graph.vmath.gamma import digamma, gammaln_of_positive
from ndfit.graph.vmath.intrinsics import fma, inline_here, select, unrolled, vectorised
from ndfit.graph.vmath.logarithm import log

_SERIES_DEPTH = 100
_FRACTION_DEPTH = 26
_LARGEST_A = 100.0
_SERIES_REACH = 4.0
_LARGEST_X = 1200.0  # P differs from 1 by less than the smallest number

# Numerator, denominator and their derivatives with respect to a.
Fraction = tuple[float, float, float, float]


@vectorised
def _series_step(fraction: Fraction, point: tuple[float, float], row: tuple[float]) -> Fraction:
    """1 + x / (a + k) * fraction."""
    inline_here()
    above, below, above_slope, below_slope = fraction
    a, x = point
    factor = a + row[0]
    new_below = factor * below
    new_below_slope = fma(factor, below_slope, below)
    return fma(x, above, new_below), new_below, fma(x, above_slope, new_below_slope), new_below_slope


@vectorised
def _fraction_step(fraction: Fraction, point: tuple[float, float], row: tuple[float]) -> Fraction:
    """(x + 2 k + 1 - a) - (k + 1) (k + 1 - a) / fraction."""
    inline_here()
    above, below, above_slope, below_slope = fraction
    a, x = point
    k = row[0]
    lead = (x - a) + (2.0 * k + 1.0)
    drop = (k + 1.0) * (k + 1.0 - a)
    new_above = fma(lead, above, -drop * below)
    new_slope = fma(lead, above_slope, -above) + fma(k + 1.0, below, -drop * below_slope)
    return new_above, above, new_slope, above_slope


_series = unrolled(_series_step, [(float(k),) for k in range(_SERIES_DEPTH, 0, -1)])
_fraction = unrolled(_fraction_step, [(float(k),) for k in range(_FRACTION_DEPTH, -1, -1)])


@vectorised
def _prefactor(a: float, x: float) -> float:
    """x**a exp(-x) / Gamma(a + 1)."""
    inline_here()
    return exp(fma(a, log(x), -x) - gammaln_of_positive(a + 1.0))


@vectorised
def _series_sum(a: float, x: float) -> tuple[float, float]:
    """P over the prefactor, and its slope in a at a constant prefactor; x <= a + 4."""
    inline_here()
    above, below, above_slope, below_slope = _series((1.0, 1.0, 0.0, 0.0), (a, x))
    total = above / below
    return total, (above_slope - total * below_slope) / below


@vectorised
def _fraction_sum(a: float, x: float) -> tuple[float, float]:
    """Q over (a times the prefactor), and its slope in a at a constant prefactor; x >= a + 4."""
    inline_here()
    above, below, above_slope, below_slope = _fraction((1.0, 1.0, 0.0, 0.0), (a, x))
    total = below / above
    return total, (below_slope - total * above_slope) / above


@vectorised
def _usable(a: float, x: float) -> bool:
    inline_here()
    return (a > 0.0) & (a <= _LARGEST_A) & (x >= 0.0)


@vectorised
def gammainc(a: float, x: float) -> float:
    """Regularised lower incomplete gamma function P(a, x); relative error 1e-13; NaN for a > 100."""
    inline_here()
    border = a + _SERIES_REACH
    near = x < border
    bounded = select(x > _LARGEST_X, _LARGEST_X, x)
    series, _ = _series_sum(a, select(near, bounded, border))
    fraction, _ = _fraction_sum(a, select(near, border, bounded))
    prefactor = _prefactor(a, bounded)
    value = select(near, prefactor * series, 1.0 - a * prefactor * fraction)
    return select(_usable(a, x), value, math.nan)


@vectorised
def gammainc_grad_a(a: float, x: float) -> float:
    """Derivative of P(a, x) with respect to a; relative error 1e-12; NaN for a > 100."""
    inline_here()
    border = a + _SERIES_REACH
    near = x < border
    bounded = select(x > _LARGEST_X, _LARGEST_X, x)
    series, series_slope = _series_sum(a, select(near, bounded, border))
    fraction, fraction_slope = _fraction_sum(a, select(near, border, bounded))
    prefactor = _prefactor(a, bounded)
    growth = log(bounded) - digamma(a + 1.0)
    below = prefactor * fma(growth, series, series_slope)
    beyond = -a * prefactor * fma(growth + 1.0 / a, fraction, fraction_slope)
    return select(_usable(a, x), select(x == 0.0, 0.0, select(near, below, beyond)), math.nan)
