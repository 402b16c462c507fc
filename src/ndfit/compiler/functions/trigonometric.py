"""sin, cos, tan and their inverses: of lanes, branch-free.

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

from ndfit.compiler.functions.basic import copysign, function, operator, polynomial, root
from ndfit.compiler.functions.exponential import ROUNDER
from ndfit.compiler.values import IntLanes, Lanes, choose, fma

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


@function
def _reduced(x: Lanes) -> tuple[IntLanes, Lanes, Lanes]:
    """(k, r, rest): x = k pi/2 + r + rest; of k only the last bits count, the rest is below the last digit of r."""
    rounded = fma(x, _TWO_OVER_PI, ROUNDER)
    k = rounded - ROUNDER
    coarse = fma(k, -_HALF_PI_1, x)
    fine = fma(k, -_HALF_PI_2, coarse)
    lost = fma(k, -_HALF_PI_2, coarse - fine)
    rest = fma(k, -_HALF_PI_3, lost)
    r = fine + rest
    return rounded.bits(), choose(abs(x) < _LARGEST_ARGUMENT, r, math.nan), (fine - r) + rest


@function
def _sin_near_zero(r: Lanes, rest: Lanes) -> Lanes:
    z = r * r
    return r + fma(r * z, _SIN_TAIL(z), fma(-0.5 * z, rest, rest))


@function
def _cos_near_zero(r: Lanes, rest: Lanes) -> Lanes:
    """1 - z/2 + ..., with what 1 - z/2 loses to rounding put back."""
    z = r * r
    head = 1.0 - 0.5 * z
    return head + fma(z * z, _COS_TAIL(z), fma(-r, rest, (1.0 - head) - 0.5 * z))


@function
def _with_sign_of(x: Lanes, quadrant: IntLanes) -> Lanes:
    """x, negated where the second to last bit of the quadrant is set."""
    return (x.bits() ^ ((quadrant << 62) & _SIGN_BIT)).as_floats()


@operator
@function
def sin(x: Lanes) -> Lanes:
    """Sine of radians, error below 1 ulp for |x| < 1e6; see the module for larger ones."""
    k, r, rest = _reduced(x)
    sine = choose((k & 1) == 0, _sin_near_zero(r, rest), _cos_near_zero(r, rest))
    return choose(x == 0.0, x, _with_sign_of(sine, k))


@operator
@function
def cos(x: Lanes) -> Lanes:
    """Cosine of radians, error below 1 ulp for |x| < 1e6; see the module for larger ones."""
    k, r, rest = _reduced(x)
    return _with_sign_of(choose((k & 1) == 0, _cos_near_zero(r, rest), _sin_near_zero(r, rest)), k + 1)


@operator
@function
def tan(x: Lanes) -> Lanes:
    """Tangent of radians, error below 3 ulp for |x| < 1e6; see the module for larger ones."""
    k, r, rest = _reduced(x)
    even = (k & 1) == 0
    sine = _sin_near_zero(r, rest)
    cosine = _cos_near_zero(r, rest)
    return choose(x == 0.0, x, choose(even, sine, -cosine) / choose(even, cosine, sine))


@operator
@function
def arctan2(y: Lanes, x: Lanes) -> Lanes:
    """Angle of the point (x, y) in (-pi, pi], in radians; error below 2 ulp."""
    a = abs(y)
    b = abs(x)
    both_infinite = (a == math.inf) & (b == math.inf)
    a = choose(both_infinite, 1.0, a)
    b = choose(both_infinite, 1.0, b)
    steep = a > b
    shrink = choose((a > 1e300) | (b > 1e300), 0.25, 1.0)
    short = choose(steep, b, a) * shrink
    long = choose(steep, a, b) * shrink
    long = choose(long == 0.0, 1.0, long)

    turned = short > _TAN_PI_OVER_8 * long
    t = choose(turned, short - long, short) / choose(turned, short + long, long)
    z = t * t
    tail = t * z * _ARCTAN_TAIL(z)

    # The angle is turn + sign * (t + tail), each turn a whole number of pi/4.
    turns = choose(turned, 1.0, 0.0)
    turns = choose(steep, 2.0 - turns, turns)
    backwards = x.bits() < 0
    turns = choose(backwards, 4.0 - turns, turns)
    t = choose(steep != backwards, -t, t)
    tail = choose(steep != backwards, -tail, tail)
    return copysign(turns * _PI_OVER_4 + (t + (tail + turns * _PI_OVER_4_LOW)), y)


@operator
@function
def arctan(x: Lanes) -> Lanes:
    """Inverse tangent in radians, error below 2 ulp."""
    return arctan2(x, 1.0)


@operator
@function
def arcsin(x: Lanes) -> Lanes:
    """Inverse sine in radians, error below 3 ulp; NaN beyond -1 and 1."""
    return arctan2(x, root((1.0 - x) * (1.0 + x)))


@operator
@function
def arccos(x: Lanes) -> Lanes:
    """Inverse cosine in radians, error below 3 ulp; NaN beyond -1 and 1."""
    return arctan2(root((1.0 - x) * (1.0 + x)), x)
