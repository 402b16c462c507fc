"""power and cbrt: of lanes, branch-free.

x**y = 2**(y log2 x) needs log2 x to some 65 bits. With |x| = 2**k m and f = m - 1, s = f / (2 + f) is split in 26
leading bits and a rest computed from the exact remainder of the division; log2 m = (2 / ln 2) s (1 + s**2/3 + R), R
of order s**4 by a minimax polynomial, is a chain of products of such split numbers (exact where the leading parts
meet), as is the product with y. Splitting numbers for exact products: T. J. Dekker, Numer. Math. 18, 224 (1971). The
special values are C99's (annex F.9.4.4), which are numpy's.

cbrt: an initial polynomial on m, then one step of Halley's third-order iteration.
"""

from __future__ import annotations

import math

from ndfit.compiler.functions.basic import copysign, floor, function, leading_bits, operator, polynomial
from ndfit.compiler.functions.exponential import (
    LN2_HIGH,
    LN2_LOW,
    ROUNDER,
    clamp,
    exp_minus_one_near_zero,
    scale_by_power_of_two,
)
from ndfit.compiler.functions.logarithm import exponent, mantissa
from ndfit.compiler.values import Lanes, choose, fma

_LN2 = LN2_HIGH + LN2_LOW
_CBRT_2 = 1.2599210498948732
_CBRT_HALF = 0.7937005259840998

# 2 / (3 ln 2), its leading 26 bits and its rest.
_SCALE = 0.9617966939259756
_SCALE_HIGH = 0.9617966860532761
_SCALE_LOW = 7.872699542894897e-09

# (3 atanh(s) / s - 3 - z) / z**2 of z = s**2; relative error of atanh(s) 7e-23.
_ATANH_TAIL = polynomial(
    (
        0.5999999999999996,
        0.42857142857167835,
        0.33333333326264536,
        0.272727283104052,
        0.23076834969611995,
        0.20004489101871983,
        0.17511964150583506,
        0.179857174231264,
    )
)

# The cube root on [sqrt(1/2), sqrt(2)], relative error 1.3e-6.
_CBRT_START = polynomial(
    (
        0.4216898350475982,
        1.0560146579596308,
        -0.8360687353249288,
        0.5109646851318338,
        -0.17955621846910605,
        0.026954788881218626,
    )
)


@function
def _log2_in_two_parts(x: Lanes) -> tuple[Lanes, Lanes]:
    """log2(x) for a finite x > 0 as a number of 26 bits and a rest."""
    k = exponent(x)
    m = mantissa(x)
    f = m - 1.0
    denominator_high = leading_bits(m + 1.0)
    denominator_low = m - (denominator_high - 1.0)
    reciprocal = 1.0 / (m + 1.0)
    s_high = leading_bits(f * reciprocal)
    s_low = ((f - s_high * denominator_high) - s_high * denominator_low) * reciprocal
    s = s_high + s_low

    z_high = s_high * s_high
    z = s * s
    rest = fma(z * z, _ATANH_TAIL(z), s_low * (s_high + s))
    series_high = leading_bits(3.0 + z_high + rest)
    series_low = rest - ((series_high - 3.0) - z_high)

    leading = s_high * series_high
    trailing = s_low * series_high + series_low * s
    product_high = leading_bits(leading + trailing)
    product_low = trailing - (product_high - leading)

    scaled_high = _SCALE_HIGH * product_high
    scaled_low = _SCALE_LOW * product_high + product_low * _SCALE
    high = leading_bits(scaled_high + scaled_low + k)
    return high, scaled_low - ((high - k) - scaled_high)


@function
def _positive_power(x: Lanes, y: Lanes) -> Lanes:
    """x**y for a finite x > 0."""
    log_high, log_low = _log2_in_two_parts(x)
    bounded_y = clamp(y, -1e290, 1e290)
    y_high = leading_bits(bounded_y)
    high = y_high * log_high
    low = (bounded_y - y_high) * log_high + bounded_y * log_low
    total = high + low
    within = abs(total) < 1100.0
    k = (clamp(total, -1100.0, 1100.0) + ROUNDER) - ROUNDER
    r = choose(within, ((high - k) + low) * _LN2, total * 0.0)
    return scale_by_power_of_two(1.0 + exp_minus_one_near_zero(r), k)


@operator
@function
def power(x: Lanes, y: Lanes) -> Lanes:
    """x**y with numpy's special values; error below 2 ulp."""
    magnitude = abs(x)
    result = _positive_power(magnitude, y)
    result = choose(magnitude == 0.0, choose(y > 0.0, 0.0, math.inf), result)
    result = choose(magnitude == math.inf, choose(y > 0.0, math.inf, 0.0), result)
    result = choose((x != x) | (y != y), x + y, result)

    y_is_integer = floor(y) == y
    y_is_odd = y_is_integer & (floor(0.5 * y) != 0.5 * y)
    result = choose((x < 0.0) & (magnitude < math.inf) & ~y_is_integer, math.nan, result)
    result = choose(y_is_odd, copysign(result, x), result)
    return choose((y == 0.0) | (x == 1.0), 1.0, result)


@operator
@function
def cbrt(x: Lanes) -> Lanes:
    """Cube root, error below 2 ulp."""
    a = abs(x)
    k = exponent(a)
    third = (k * (1.0 / 3.0) + ROUNDER) - ROUNDER
    left = k - 3.0 * third
    m = mantissa(a)
    start = _CBRT_START(m) * choose(left > 0.0, _CBRT_2, choose(left < 0.0, _CBRT_HALF, 1.0))
    target = m * choose(left > 0.0, 2.0, choose(left < 0.0, 0.5, 1.0))
    cube = start * start * start
    root = start + start * (target - cube) / (2.0 * cube + target)
    regular = (a > 0.0) & (a < math.inf)
    return copysign(choose(regular, scale_by_power_of_two(root, third), a), x)
