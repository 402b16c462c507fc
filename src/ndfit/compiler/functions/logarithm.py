"""log, log2, log10, log1p and the inverse hyperbolic functions: of lanes, branch-free.

x = 2**k m with m in [sqrt(1/2), sqrt(2)), by its bits. With f = m - 1 and s = f / (2 + f), log(m) = 2 atanh(s)
= f - (f**2/2 - s (f**2/2 + R)), where R = 2 s**2 (1/3 + s**2/5 + ...) is a minimax polynomial in s**2 (relative error
of log(m) 1e-18): the arrangement of W. J. Cody and W. Waite ("Software Manual for the Elementary Functions", 1980), in
which f, the largest term, is exact. k ln 2 is added in two parts, the first exact.

log1p(x) takes u = 1 + x and adds what that sum lost, divided by u. The inverse hyperbolic functions are log1p of
arguments without cancellation (Abramowitz & Stegun 4.6.20-22).
"""

from __future__ import annotations

import math

from ndfit.compiler.functions.basic import copysign, function, operator, polynomial, root
from ndfit.compiler.functions.exponential import LN2_HIGH, LN2_LOW
from ndfit.compiler.values import Lanes, choose, fma

_LOG2_E = 1.4426950408889634
_LOG10_E = 0.4342944819032518
_LOG10_2_HIGH = 0.30102999566361177  # 40 bits
_LOG10_2_LOW = 3.694239077158931e-13
_LN2 = 0.6931471805599453

_SMALLEST_NORMAL = 2.0**-1022
_BITS_OF_SQRT_HALF = 0x3FE6A09E667F3BCD
_BITS_OF_ONE = 0x3FF0000000000000
_FRACTION_MASK = 0x000FFFFFFFFFFFFF
_BITS_OF_2_52 = 0x4330000000000000

# (atanh(s) / s - 1) / z of z = s**2
_LOG_TAIL = polynomial(
    (
        0.33333333333333676,
        0.19999999999705936,
        0.14285714371550945,
        0.11111099245172808,
        0.09091784563831133,
        0.07656957660287117,
        0.0739871085811583,
    )
)


@function
def _lifted(x: Lanes) -> Lanes:
    """x, times 2**54 where it is subnormal."""
    return choose(x < _SMALLEST_NORMAL, x * 2.0**54, x)


@function
def exponent(x: Lanes) -> Lanes:
    """k of x = 2**k m, m in [sqrt(1/2), sqrt(2)), for a finite x > 0."""
    shifted = _lifted(x).bits() + (_BITS_OF_ONE - _BITS_OF_SQRT_HALF)
    biased = (((shifted >> 52) & 0xFFF) | _BITS_OF_2_52).as_floats() - 2.0**52
    return biased - choose(x < _SMALLEST_NORMAL, 1023.0 + 54.0, 1023.0)


@function
def mantissa(x: Lanes) -> Lanes:
    """m of x = 2**k m, m in [sqrt(1/2), sqrt(2)), for a finite x > 0."""
    shifted = _lifted(x).bits() + (_BITS_OF_ONE - _BITS_OF_SQRT_HALF)
    return ((shifted & _FRACTION_MASK) + _BITS_OF_SQRT_HALF).as_floats()


@function
def _log_of_mantissa(m: Lanes, correction: Lanes) -> Lanes:
    """log(m) + correction, for a correction much smaller than log(m)."""
    f = m - 1.0
    half_square = 0.5 * f * f
    s = f / (2.0 + f)
    z = s * s
    return f - (half_square - fma(s, half_square + 2.0 * z * _LOG_TAIL(z), correction))


@function
def _outside_domain(x: Lanes, result: Lanes) -> Lanes:
    """The logarithm's result with the values at zero, infinity, NaN and negative x put in."""
    finite = choose(x < math.inf, result, x)
    return choose(x > 0.0, finite, choose(x == 0.0, -math.inf, math.nan))


@operator
@function
def log(x: Lanes) -> Lanes:
    """Natural logarithm, error below 1 ulp."""
    k = exponent(x)
    return _outside_domain(x, fma(k, LN2_HIGH, _log_of_mantissa(mantissa(x), k * LN2_LOW)))


@operator
@function
def log2(x: Lanes) -> Lanes:
    """Binary logarithm, exact for powers of two; error below 3 ulp."""
    return _outside_domain(x, fma(_log_of_mantissa(mantissa(x), 0.0), _LOG2_E, exponent(x)))


@operator
@function
def log10(x: Lanes) -> Lanes:
    """Decimal logarithm, error below 3 ulp."""
    k = exponent(x)
    tail = fma(_log_of_mantissa(mantissa(x), 0.0), _LOG10_E, k * _LOG10_2_LOW)
    return _outside_domain(x, fma(k, _LOG10_2_HIGH, tail))


@operator
@function
def log1p(x: Lanes) -> Lanes:
    """log(1 + x), accurate for small x too; error below 2 ulp."""
    u = 1.0 + x
    lost = choose(x > 1.0, 1.0 - (u - x), x - (u - 1.0)) / u
    k = exponent(u)
    result = fma(k, LN2_HIGH, _log_of_mantissa(mantissa(u), fma(k, LN2_LOW, lost)))
    return choose(x == 0.0, x, _outside_domain(u, result))


@operator
@function
def arcsinh(x: Lanes) -> Lanes:
    """Inverse hyperbolic sine, error below 4 ulp."""
    a = abs(x)
    huge = a > 1e100
    argument = choose(huge, a, a + a * a / (1.0 + root(fma(a, a, 1.0))))
    return copysign(log1p(argument) + choose(huge, _LN2, 0.0), x)


@operator
@function
def arccosh(x: Lanes) -> Lanes:
    """Inverse hyperbolic cosine, error below 4 ulp; NaN below 1."""
    t = x - 1.0
    huge = x > 1e100
    argument = choose(huge, x, t + root(t * (t + 2.0)))
    return choose(x < 1.0, math.nan, log1p(argument) + choose(huge, _LN2, 0.0))


@operator
@function
def arctanh(x: Lanes) -> Lanes:
    """Inverse hyperbolic tangent, error below 4 ulp; NaN beyond -1 and 1."""
    a = abs(x)
    return copysign(0.5 * log1p(2.0 * a / (1.0 - a)), x)
