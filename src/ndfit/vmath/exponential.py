"""exp, expm1, sinh, cosh, tanh: float64 in, float64 out, branch-free.

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

from ndfit.vmath.intrinsics import compiled, fma, from_bits, inline_here, polynomial, select, to_bits

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


@compiled
def power_of_two(k: float) -> float:
    """2**k for an integer-valued k in [-1022, 1023]."""
    inline_here()
    return from_bits(to_bits(k + (ROUNDER + _EXPONENT_BIAS)) << 52)


@compiled
def scale_by_power_of_two(x: float, k: float) -> float:
    """x * 2**k for an integer-valued k in [-2000, 2000], rounded once where the result is subnormal."""
    inline_here()
    half = (k * 0.5 + ROUNDER) - ROUNDER
    return x * power_of_two(half) * power_of_two(k - half)


@compiled
def clamp(x: float, low: float, high: float) -> float:
    """x brought into [low, high]; NaN stays NaN."""
    inline_here()
    bounded = select(x > high, high, x)
    return select(bounded < low, low, bounded)


@compiled
def exp_minus_one_near_zero(r: float) -> float:
    """exp(r) - 1 for |r| <= 0.35."""
    inline_here()
    return fma(r * r, _EXP_TAIL(r), r)


@compiled
def exp_of_sum(x: float, correction: float) -> float:
    """exp(x + correction) for a correction too small to change x: the error of a rounded x does not grow with x."""
    inline_here()
    bounded = clamp(x, -800.0, 800.0)
    k = fma(bounded, LOG2_E, ROUNDER) - ROUNDER
    r = fma(k, -LN2_LOW, fma(k, -LN2_HIGH, bounded)) + correction
    return scale_by_power_of_two(1.0 + exp_minus_one_near_zero(r), k)


@compiled
def exp(x: float) -> float:
    """e**x, error below 1 ulp; subnormal results and overflow to infinity included."""
    inline_here()
    bounded = clamp(x, -800.0, 800.0)
    k = fma(bounded, LOG2_E, ROUNDER) - ROUNDER
    r = fma(k, -LN2_LOW, fma(k, -LN2_HIGH, bounded))
    return scale_by_power_of_two(1.0 + exp_minus_one_near_zero(r), k)


@compiled
def _quarter_expm1(x: float) -> float:
    """(e**x - 1) / 4, infinite from x = 711."""
    inline_here()
    bounded = clamp(x, -50.0, 711.0)
    k = fma(bounded, LOG2_E, ROUNDER) - ROUNDER
    r = fma(k, -LN2_LOW, fma(k, -LN2_HIGH, bounded))
    scale = power_of_two(k - 2.0)
    return select(x >= 711.0, math.inf, fma(scale, exp_minus_one_near_zero(r), scale - 0.25))


@compiled
def expm1(x: float) -> float:
    """e**x - 1, accurate for small x too; error below 2 ulp."""
    inline_here()
    return math.copysign(4.0 * _quarter_expm1(x), x)


@compiled
def sinh(x: float) -> float:
    """Hyperbolic sine, error below 3 ulp."""
    inline_here()
    q = _quarter_expm1(math.fabs(x))
    return math.copysign(2.0 * (q + select(q > 1e10, 0.25, q / fma(4.0, q, 1.0))), x)


@compiled
def cosh(x: float) -> float:
    """Hyperbolic cosine, error below 3 ulp."""
    inline_here()
    quarter_exp = _quarter_expm1(math.fabs(x)) + 0.25
    return 2.0 * quarter_exp + 0.125 / quarter_exp


@compiled
def tanh(x: float) -> float:
    """Hyperbolic tangent, error below 3 ulp."""
    inline_here()
    q = _quarter_expm1(2.0 * select(math.fabs(x) > 22.0, 22.0, math.fabs(x)))
    return math.copysign(q / (q + 0.5), x)
