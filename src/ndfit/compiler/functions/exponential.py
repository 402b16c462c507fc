"""exp, expm1, sinh, cosh, tanh: of lanes, branch-free.

With k = round(x / ln 2) and r = x - k ln 2, where ln 2 is held in two parts so that k times the first is exact
(W. J. Cody, W. Waite, "Software Manual for the Elementary Functions", 1980), exp(x) = 2**k exp(r). On |r| <= ln(2)/2 a
minimax polynomial for (exp(r) - 1 - r) / r**2 (relative error of exp(r) 4e-18) leaves the rounding of the last sum.
In exp, 2**k is applied as two powers of half the exponent, so that results go gradually to zero and to infinity.

The hyperbolic functions derive from q = (exp(|x|) - 1) / 4, which keeps its relative accuracy at small x and does not
overflow before they do: sinh = 2 (q + q / (4 q + 1)), cosh = 2 (q + 1/4) + 1 / (8 (q + 1/4)), and, with q taken at
2 |x|, tanh = q / (q + 1/2).
"""

from __future__ import annotations

import math

from ndfit.compiler.functions.basic import copysign, function, operator, polynomial
from ndfit.compiler.values import Lanes, choose, fma

LOG2_E = 1.4426950408889634
LN2_HIGH = 0.6931471805592082  # 40 bits: exact times any exponent
LN2_LOW = 7.371002565167799e-13

# Adding it to |x| < 2**51 rounds x to an integer, which the low bits of the sum then hold.
ROUNDER = 1.5 * 2.0**52
_EXPONENT_BIAS = 1023.0

# (exp(r) - 1 - r) / r**2 for |r| <= ln(2)/2
_EXP_TAIL = polynomial(
    (
        0.5000000000000011,
        0.1666666666666641,
        0.04166666666653039,
        0.008333333333496194,
        0.001388888894358296,
        0.00019841269502971057,
        2.4801493135998638e-05,
        2.7557589400622235e-06,
        2.763023837417672e-07,
        2.499916971291272e-08,
    )
)


@function
def power_of_two(k: Lanes) -> Lanes:
    """2**k for an integer-valued k in [-1022, 1023]."""
    return ((k + (ROUNDER + _EXPONENT_BIAS)).bits() << 52).as_floats()


@function
def scale_by_power_of_two(x: Lanes, k: Lanes) -> Lanes:
    """x * 2**k for an integer-valued k in [-2000, 2000], rounded once where the result is subnormal."""
    half = (k * 0.5 + ROUNDER) - ROUNDER
    return x * power_of_two(half) * power_of_two(k - half)


@function
def clamp(x: Lanes, low: Lanes, high: Lanes) -> Lanes:
    """x brought into [low, high]; NaN stays NaN."""
    bounded = choose(x > high, high, x)
    return choose(bounded < low, low, bounded)


@function
def exp_minus_one_near_zero(r: Lanes) -> Lanes:
    """exp(r) - 1 for |r| <= 0.35."""
    return fma(r * r, _EXP_TAIL(r), r)


@function
def exp_of_sum(x: Lanes, correction: Lanes) -> Lanes:
    """exp(x + correction) for a correction too small to change x: the error of a rounded x does not grow with x."""
    bounded = clamp(x, -800.0, 800.0)
    k = fma(bounded, LOG2_E, ROUNDER) - ROUNDER
    r = fma(k, -LN2_LOW, fma(k, -LN2_HIGH, bounded)) + correction
    return scale_by_power_of_two(1.0 + exp_minus_one_near_zero(r), k)


@operator
@function
def exp(x: Lanes) -> Lanes:
    """e**x, error below 1 ulp; subnormal results and overflow to infinity included."""
    bounded = clamp(x, -800.0, 800.0)
    k = fma(bounded, LOG2_E, ROUNDER) - ROUNDER
    r = fma(k, -LN2_LOW, fma(k, -LN2_HIGH, bounded))
    return scale_by_power_of_two(1.0 + exp_minus_one_near_zero(r), k)


@function
def _quarter_expm1(x: Lanes) -> Lanes:
    """(e**x - 1) / 4, infinite from x = 711."""
    bounded = clamp(x, -50.0, 711.0)
    k = fma(bounded, LOG2_E, ROUNDER) - ROUNDER
    r = fma(k, -LN2_LOW, fma(k, -LN2_HIGH, bounded))
    scale = power_of_two(k - 2.0)
    return choose(x >= 711.0, math.inf, fma(scale, exp_minus_one_near_zero(r), scale - 0.25))


@operator
@function
def expm1(x: Lanes) -> Lanes:
    """e**x - 1, accurate for small x too; error below 2 ulp."""
    return copysign(4.0 * _quarter_expm1(x), x)


@operator
@function
def sinh(x: Lanes) -> Lanes:
    """Hyperbolic sine, error below 3 ulp."""
    q = _quarter_expm1(abs(x))
    return copysign(2.0 * (q + choose(q > 1e10, 0.25, q / fma(4.0, q, 1.0))), x)


@operator
@function
def cosh(x: Lanes) -> Lanes:
    """Hyperbolic cosine, error below 3 ulp."""
    quarter_exp = _quarter_expm1(abs(x)) + 0.25
    return 2.0 * quarter_exp + 0.125 / quarter_exp


@operator
@function
def tanh(x: Lanes) -> Lanes:
    """Hyperbolic tangent, error below 3 ulp."""
    q = _quarter_expm1(2.0 * choose(abs(x) > 22.0, 22.0, abs(x)))
    return copysign(q / (q + 0.5), x)
