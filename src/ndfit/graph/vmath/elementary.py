"""Exponentials: float64 in, float64 out, branch-free.

``exp``: with k = round(x / ln 2) and r = x - k ln 2, where ln 2 is held in two parts so that k times the first is exact
(W. J. Cody, W. Waite, "Software Manual for the Elementary Functions", 1980), exp(x) = 2**k exp(r). On |r| <= ln(2)/2 a
minimax polynomial for (exp(r) - 1 - r) / r**2 (relative error of exp(r) 4e-18) leaves the rounding of the last sum.
2**k is applied as two powers of half the exponent, so that results go gradually to zero and to infinity.
"""

from __future__ import annotations

from ndfit.graph.vmath.intrinsics import fma, from_bits, inline_here, polynomial, select, to_bits, vectorised

LOG2_E = 1.4426950408889634
LN2_HIGH = 0.6931471805592082  # 40 bits: exact times any exponent
LN2_LOW = 7.371002565167799e-13

# Adding it to |x| < 2**51 rounds x to an integer, which the low bits of the sum then hold.
ROUNDER = 1.5 * 2.0**52
_EXPONENT_BIAS = 1023.0

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


@vectorised
def power_of_two(k: float) -> float:
    """2**k for an integer-valued k in [-1022, 1023]."""
    inline_here()
    return from_bits(to_bits(k + (ROUNDER + _EXPONENT_BIAS)) << 52)


@vectorised
def scale_by_power_of_two(x: float, k: float) -> float:
    """x * 2**k for an integer-valued k in [-2000, 2000], rounded once where the result is subnormal."""
    inline_here()
    half = (k * 0.5 + ROUNDER) - ROUNDER
    return x * power_of_two(half) * power_of_two(k - half)


@vectorised
def exp(x: float) -> float:
    """e**x, error below 1 ulp; subnormal results and overflow to infinity included."""
    inline_here()
    bounded = select(x > 800.0, 800.0, x)
    bounded = select(bounded < -800.0, -800.0, bounded)
    k = fma(bounded, LOG2_E, ROUNDER) - ROUNDER
    r = fma(k, -LN2_LOW, fma(k, -LN2_HIGH, bounded))
    return scale_by_power_of_two(1.0 + fma(r * r, _EXP_TAIL(r), r), k)
