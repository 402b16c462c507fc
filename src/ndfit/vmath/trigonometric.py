"""sin, cos, tan and their inverses: float64 in, float64 out, branch-free.

x = k pi/2 + r by three parts of pi/2, the first two of 33 bits so that their products with |k| < 2**20 are exact
(W. J. Cody, W. Waite, "Software Manual for the Elementary Functions", 1980); minimax polynomials for sin(r) and cos(r)
on |r| <= pi/4 (relative errors 4e-18 and 5e-20), of which k selects one. What the rounding of r loses is carried along.
Beyond |x| = 1.6e6 the error grows to that of a change of x in its last digit; from |x| = 2**50 on the result is NaN.

arctan2 takes the angle below 45 degrees of the sides sorted by size, turns it by 45 degrees where the tangent exceeds
tan(pi/8), and evaluates a minimax polynomial on [-tan(pi/8), tan(pi/8)] (relative error 1.3e-18): one division. The
other inverse functions are arctan2 of the sides of the triangle.
"""

from __future__ import annotations

import math

from ndfit.vmath.exponential import ROUNDER
from ndfit.vmath.intrinsics import compiled, fma, from_bits, inline_here, polynomial, select, to_bits

_TWO_OVER_PI = 0.6366197723675814
_HALF_PI_1 = 1.5707963267341256
_HALF_PI_2 = 6.077100506303966e-11
_HALF_PI_3 = 2.0222662487959506e-21
_LARGEST_ARGUMENT = 2.0**50
_SIGN_BIT = -(1 << 63)

_PI_OVER_4 = 0.7853981633974483
_PI_OVER_4_LOW = 3.061616997868383e-17
_TAN_PI_OVER_8 = 0.41421356237309503

# (sin(r) / r - 1) / z, (cos(r) - 1 + z/2) / z**2 and (arctan(t) / t - 1) / z, of z = r**2 or t**2
_SIN_TAIL = polynomial(
    (
        -0.16666666666666632,
        0.00833333333332233,
        -0.00019841269829735022,
        2.7557313664855635e-06,
        -2.505075361065361e-08,
        1.589652029048109e-10,
    )
)
_COS_TAIL = polynomial(
    (
        0.0416666666666666,
        -0.0013888888888873997,
        2.480158728939729e-05,
        -2.7557314326515836e-07,
        2.08757196072874e-09,
        -1.1359450598562098e-11,
    )
)
_ARCTAN_TAIL = polynomial(
    (
        -0.333333333333332,
        0.1999999999995366,
        -0.14285714280203834,
        0.11111110783807954,
        -0.09090897766945567,
        0.07692060360051049,
        -0.06663105441042703,
        0.05847897312317668,
        -0.05039330557504952,
        0.03806494970381986,
        -0.017907339484957475,
    )
)


@compiled
def _reduced(x: float) -> tuple[int, float, float]:
    """(k, r, rest): x = k pi/2 + r + rest; of k only the last bits count, the rest is below the last digit of r."""
    inline_here()
    rounded = fma(x, _TWO_OVER_PI, ROUNDER)
    k = rounded - ROUNDER
    coarse = fma(k, -_HALF_PI_1, x)
    fine = fma(k, -_HALF_PI_2, coarse)
    lost = fma(k, -_HALF_PI_2, coarse - fine)
    rest = fma(k, -_HALF_PI_3, lost)
    r = fine + rest
    return to_bits(rounded), select(math.fabs(x) < _LARGEST_ARGUMENT, r, math.nan), (fine - r) + rest


@compiled
def _sin_near_zero(r: float, rest: float) -> float:
    inline_here()
    z = r * r
    return r + fma(r * z, _SIN_TAIL(z), fma(-0.5 * z, rest, rest))


@compiled
def _cos_near_zero(r: float, rest: float) -> float:
    """1 - z/2 + ..., with what 1 - z/2 loses to rounding put back."""
    inline_here()
    z = r * r
    head = 1.0 - 0.5 * z
    return head + fma(z * z, _COS_TAIL(z), fma(-r, rest, (1.0 - head) - 0.5 * z))


@compiled
def _with_sign_of(x: float, quadrant: int) -> float:
    """x, negated where the second to last bit of the quadrant is set."""
    inline_here()
    return from_bits(to_bits(x) ^ ((quadrant << 62) & _SIGN_BIT))


@compiled
def sin(x: float) -> float:
    """Sine of radians, error below 1 ulp for |x| < 1e6; see the module for larger ones."""
    inline_here()
    k, r, rest = _reduced(x)
    sine = select((k & 1) == 0, _sin_near_zero(r, rest), _cos_near_zero(r, rest))
    return select(x == 0.0, x, _with_sign_of(sine, k))


@compiled
def cos(x: float) -> float:
    """Cosine of radians, error below 1 ulp for |x| < 1e6; see the module for larger ones."""
    inline_here()
    k, r, rest = _reduced(x)
    return _with_sign_of(select((k & 1) == 0, _cos_near_zero(r, rest), _sin_near_zero(r, rest)), k + 1)


@compiled
def tan(x: float) -> float:
    """Tangent of radians, error below 3 ulp for |x| < 1e6; see the module for larger ones."""
    inline_here()
    k, r, rest = _reduced(x)
    even = (k & 1) == 0
    sine = _sin_near_zero(r, rest)
    cosine = _cos_near_zero(r, rest)
    return select(x == 0.0, x, select(even, sine, -cosine) / select(even, cosine, sine))


@compiled
def arctan2(y: float, x: float) -> float:
    """Angle of the point (x, y) in (-pi, pi], in radians; error below 2 ulp."""
    inline_here()
    a = math.fabs(y)
    b = math.fabs(x)
    both_infinite = (a == math.inf) & (b == math.inf)
    a = select(both_infinite, 1.0, a)
    b = select(both_infinite, 1.0, b)
    steep = a > b
    shrink = select((a > 1e300) | (b > 1e300), 0.25, 1.0)
    short = select(steep, b, a) * shrink
    long = select(steep, a, b) * shrink
    long = select(long == 0.0, 1.0, long)

    turned = short > _TAN_PI_OVER_8 * long
    t = select(turned, short - long, short) / select(turned, short + long, long)
    z = t * t
    tail = t * z * _ARCTAN_TAIL(z)

    # The angle is turn + sign * (t + tail), each turn a whole number of pi/4.
    turns = select(turned, 1.0, 0.0)
    turns = select(steep, 2.0 - turns, turns)
    backwards = to_bits(x) < 0
    turns = select(backwards, 4.0 - turns, turns)
    t = select(steep != backwards, -t, t)
    tail = select(steep != backwards, -tail, tail)
    return math.copysign(turns * _PI_OVER_4 + (t + (tail + turns * _PI_OVER_4_LOW)), y)


@compiled
def arctan(x: float) -> float:
    """Inverse tangent in radians, error below 2 ulp."""
    inline_here()
    return arctan2(x, 1.0)


@compiled
def arcsin(x: float) -> float:
    """Inverse sine in radians, error below 3 ulp; NaN beyond -1 and 1."""
    inline_here()
    return arctan2(x, math.sqrt((1.0 - x) * (1.0 + x)))


@compiled
def arccos(x: float) -> float:
    """Inverse cosine in radians, error below 3 ulp; NaN beyond -1 and 1."""
    inline_here()
    return arctan2(math.sqrt((1.0 - x) * (1.0 + x)), x)
