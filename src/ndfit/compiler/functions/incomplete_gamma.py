"""gammainc, gammainc_grad_a, gammaincinv: of lanes, branch-free.

P(a, x) = x**a exp(-x) / Gamma(a + 1) times, up to x = a + 4, the series sum_n x**n / ((a + 1) ... (a + n))
(DLMF 8.7.1, 8.11.4), all terms positive; beyond, 1 - Q with Legendre's continued fraction (DLMF 8.9.2) in its even part

    Q(a, x) = x**a exp(-x) / Gamma(a) / (x + 1 - a - 1 (1 - a) / (x + 3 - a - 2 (2 - a) / (x + 5 - a - ...))).

Both are evaluated from the tail inwards to a fixed depth, enough for a <= 100, as a fraction of numerator and
denominator: no division in a step. Each step carries the derivatives with respect to a of both by the chain rule; where
only the value is asked for, the compiler drops them.

gammaincinv solves log P = log p, or log Q = log(1 - p) in the upper half, for u = log x, in which both are concave and
nearly straight, by three of Halley's third-order steps. They start from the Wilson-Hilferty normal approximation of x
(Abramowitz & Stegun 26.4.17, with 26.2.22 for the normal quantile) or, for small x, from two terms of the inverted
series.
"""

from __future__ import annotations

import math

from ndfit.compiler.flow import subroutine
from ndfit.compiler.functions.basic import function, operator, root, unrolled
from ndfit.compiler.functions.exponential import clamp, exp
from ndfit.compiler.functions.gamma import digamma, gammaln_of_positive
from ndfit.compiler.functions.logarithm import log
from ndfit.compiler.values import Lanes, Mask, choose, fma

_SERIES_DEPTH = 110
_FRACTION_DEPTH = 36
_LARGEST_A = 100.0
_SERIES_REACH = 4.0
_LARGEST_X = 1200.0  # P differs from 1 by less than the smallest number

# Numerator, denominator and their derivatives with respect to a.
Fraction = tuple[Lanes, Lanes, Lanes, Lanes]


@function
def _series_step(fraction: Fraction, point: tuple[Lanes, Lanes], row: tuple[Lanes]) -> Fraction:
    """1 + x / (a + k) * fraction."""
    above, below, above_slope, below_slope = fraction
    a, x = point
    factor = a + row[0]
    new_below = factor * below
    new_below_slope = fma(factor, below_slope, below)
    return fma(x, above, new_below), new_below, fma(x, above_slope, new_below_slope), new_below_slope


@function
def _fraction_step(fraction: Fraction, point: tuple[Lanes, Lanes], row: tuple[Lanes]) -> Fraction:
    """(x + 2 k + 1 - a) - (k + 1) (k + 1 - a) / fraction."""
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


@function
def _prefactor(a: Lanes, x: Lanes) -> Lanes:
    """x**a exp(-x) / Gamma(a + 1)."""
    return exp(fma(a, log(x), -x) - gammaln_of_positive(a + 1.0))


@function
def _series_sum(a: Lanes, x: Lanes) -> tuple[Lanes, Lanes]:
    """P over the prefactor, and its slope in a at a constant prefactor; x <= a + 4."""
    above, below, above_slope, below_slope = _series((1.0, 1.0, 0.0, 0.0), (a, x))
    total = above / below
    return total, (above_slope - total * below_slope) / below


@function
def _fraction_sum(a: Lanes, x: Lanes) -> tuple[Lanes, Lanes]:
    """Q over (a times the prefactor), and its slope in a at a constant prefactor; x >= a + 4."""
    above, below, above_slope, below_slope = _fraction((1.0, 1.0, 0.0, 0.0), (a, x))
    total = below / above
    return total, (below_slope - total * above_slope) / above


@function
def _usable(a: Lanes, x: Lanes) -> Mask:
    return (a > 0.0) & (a <= _LARGEST_A) & (x >= 0.0)


@function
def _tails(a: Lanes, x: Lanes) -> tuple[Lanes, Lanes, Lanes]:
    """P, Q and the prefactor."""
    border = a + _SERIES_REACH
    near = x < border
    bounded = choose(x > _LARGEST_X, _LARGEST_X, x)
    prefactor = _prefactor(a, bounded)
    series, _ = _series_sum(a, choose(near, bounded, border))
    fraction, _ = _fraction_sum(a, choose(near, border, bounded))
    lower = prefactor * series
    upper = a * prefactor * fraction
    return choose(near, lower, 1.0 - upper), choose(near, 1.0 - lower, upper), prefactor


@operator
@function
@subroutine(Lanes)
def gammainc(a: Lanes, x: Lanes) -> Lanes:
    """Regularised lower incomplete gamma function P(a, x); relative error 1e-13; NaN for a > 100."""
    lower, _, _ = _tails(a, x)
    return choose(_usable(a, x), lower, math.nan)


@operator
@function
@subroutine(Lanes)
def gammainc_grad_a(a: Lanes, x: Lanes) -> Lanes:
    """Derivative of P(a, x) with respect to a; relative error 1e-12; NaN for a > 100."""
    border = a + _SERIES_REACH
    near = x < border
    bounded = choose(x > _LARGEST_X, _LARGEST_X, x)
    series, series_slope = _series_sum(a, choose(near, bounded, border))
    fraction, fraction_slope = _fraction_sum(a, choose(near, border, bounded))
    prefactor = _prefactor(a, bounded)
    growth = log(bounded) - digamma(a + 1.0)
    below = prefactor * fma(growth, series, series_slope)
    beyond = -a * prefactor * fma(growth + 1.0 / a, fraction, fraction_slope)
    return choose(_usable(a, x), choose(x == 0.0, 0.0, choose(near, below, beyond)), math.nan)


@function
def _normal_quantile(p: Lanes) -> Lanes:
    """To 3e-3."""
    t = root(-2.0 * log(choose(p < 0.5, p, 1.0 - p)))
    magnitude = t - (2.30753 + 0.27061 * t) / (1.0 + t * (0.99229 + t * 0.04481))
    return choose(p < 0.5, -magnitude, magnitude)


@function
def _quantile_start(a: Lanes, p: Lanes) -> Lanes:
    """The solution of P(a, x) = p to a factor of 3 or better."""
    variance = 1.0 / (9.0 * a)
    cube_root = 1.0 - variance + _normal_quantile(p) * root(variance)
    wilson_hilferty = a * choose(cube_root > 0.2, cube_root * cube_root * cube_root, 0.008)
    leading = exp((log(p) + gammaln_of_positive(a + 1.0)) / a)
    return choose(leading < 0.25 * (a + 1.0), leading + leading * leading / (a + 1.0), wilson_hilferty)


@function
def _halley_step(a: Lanes, p: Lanes, x: Lanes) -> Lanes:
    lower, upper, prefactor = _tails(a, x)
    left = p <= 0.5
    slope = a * prefactor / choose(left, lower, -upper)
    newton = log(choose(left, lower / p, upper / (1.0 - p))) / slope
    bend = clamp(0.5 * newton * (a - x - slope), -0.5, 0.5)
    return x * exp(clamp(newton / (bend - 1.0), -1.5, 1.5))


@operator
@function
@subroutine(Lanes)
def gammaincinv(a: Lanes, p: Lanes) -> Lanes:
    """x that solves P(a, x) = p, for p in [0, 1]; relative error 1e-12; NaN for a > 100."""
    start = _quantile_start(a, p)
    x = _halley_step(a, p, _halley_step(a, p, _halley_step(a, p, start)))
    x = choose(start == 0.0, 0.0, x)
    x = choose(p == 0.0, 0.0, choose(p == 1.0, math.inf, x))
    return choose(_usable(a, p) & (p <= 1.0), x, math.nan)
