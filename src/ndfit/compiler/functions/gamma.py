"""gammaln and digamma: of lanes, branch-free.

Large arguments take Stirling's and the corresponding digamma series (DLMF 5.11.1-2) with minimax polynomials in 1/x**2
in place of the divergent tails: from x = 2.5 and from x = 2, absolute errors 5e-18 and 1e-17. Smaller ones are brought
by the recurrence (DLMF 5.5.1-2) to an interval where the function is its zeros times a minimax polynomial, so that the
relative accuracy survives near them: gammaln on [1.5, 2.5], digamma on [1, 2], whose zero is held in two parts.
Negative ones are reflected (DLMF 5.5.3-4).
"""

from __future__ import annotations

import math

from ndfit.compiler.functions.basic import function, operator, polynomial
from ndfit.compiler.functions.exponential import ROUNDER
from ndfit.compiler.functions.logarithm import log
from ndfit.compiler.functions.trigonometric import sin, tan
from ndfit.compiler.values import Lanes, choose, fma

_HALF_LOG_2PI = 0.9189385332046727
_DIGAMMA_ZERO = 1.4616321449683622
_DIGAMMA_ZERO_LOW = 9.549995429965697e-17

# gammaln(2 + t) / (t (1 + t)) on [-0.5, 0.5]
_GAMMALN_NEAR_TWO = polynomial(
    (
        0.42278433509846713,
        -0.10031730167435393,
        0.03296500062115355,
        -0.012384192193367418,
        0.004998641164938298,
        -0.0021081308342263154,
        0.000915376912414857,
        -0.00040570738890178073,
        0.00018255283987038412,
        -8.309527431458265e-05,
        3.8166593281739586e-05,
        -1.7660185751254964e-05,
        8.237536581200204e-06,
        -3.856350158717328e-06,
        1.74890636305732e-06,
        -8.208133315965341e-07,
        5.238046976261431e-07,
        -2.5263046738837176e-07,
    )
)

# x (gammaln(x) - (x - 1/2) log(x) + x - log(2 pi) / 2), of 1/x**2
_STIRLING_TAIL = polynomial(
    (
        0.08333333333333333,
        -0.0027777777777516673,
        0.0007936507837299685,
        -0.0005952366035972261,
        0.0008416327732722032,
        -0.0019118433459542582,
        0.006228391711782773,
        -0.025421183043001505,
        0.10895015235181099,
        -0.4106493265684051,
        1.1663233480616833,
        -2.114242340599431,
        1.7930011383330107,
    )
)

# digamma(3/2 + t) / (3/2 + t - zero) on [-0.5, 0.5]
_DIGAMMA_MIDDLE = polynomial(
    (
        0.951055876031833,
        -0.4236274212814606,
        0.24054248424077396,
        -0.1484049230538902,
        0.09498872445497698,
        -0.061922133274686736,
        0.04076083381058028,
        -0.02697579669155929,
        0.01790725248749539,
        -0.01190821941376159,
        0.007926943926525005,
        -0.005279946320085423,
        0.003519012964753395,
        -0.0023454203420710134,
        0.0015565947275038964,
        -0.0010368440321966513,
        0.0007234527730745111,
        -0.00048472542147092113,
        0.00022699525281569475,
        -0.00014698460574305903,
        0.0002598754836425993,
        -0.00017655898958521358,
    )
)

# x**2 (log(x) - 1/(2 x) - digamma(x)), of 1/x**2
_DIGAMMA_TAIL = polynomial(
    (
        0.0833333333333333,
        -0.008333333333236981,
        0.003968253927161305,
        -0.004166659681598849,
        0.007575124775632784,
        -0.021057318678960043,
        0.08198138158792727,
        -0.40574756651679866,
        2.249389890888907,
        -12.25601413227623,
        59.204216174775475,
        -235.93912912959354,
        734.574785666703,
        -1694.9512866311816,
        2705.6835585422523,
        -2655.1946556110265,
        1203.3571492631224,
    )
)


@function
def gammaln_of_positive(x: Lanes) -> Lanes:
    """log(gamma(x)) for x >= 0."""
    tiny = x < 0.5
    small = x < 1.5
    low = x < 2.5
    t = choose(tiny, x, choose(small, x - 1.0, x - 2.0))
    raised_by = choose(tiny, x * (x + 1.0), choose(small, x, 1.0))
    logarithm = log(choose(low, raised_by, x))
    bounded = choose(low, 2.5, x)
    inverse = 1.0 / bounded
    stirling = (_HALF_LOG_2PI - 0.5) + inverse * _STIRLING_TAIL(inverse * inverse)
    return choose(low, t * (1.0 + t) * _GAMMALN_NEAR_TWO(t) - logarithm, fma(x - 0.5, logarithm - 1.0, stirling))


@function
def _distance_to_integer(x: Lanes) -> Lanes:
    return x - ((x + ROUNDER) - ROUNDER)


@operator
@function
def gammaln(x: Lanes) -> Lanes:
    """log(abs(gamma(x))), infinite at 0, -1, -2, ...; relative error about 1e-15 for x > 0."""
    a = abs(x)
    direct = gammaln_of_positive(a)
    reflected = log(math.pi / abs(a * sin(math.pi * _distance_to_integer(a)))) - direct
    return choose(x < 0.0, reflected, direct)


@operator
@function
def digamma(x: Lanes) -> Lanes:
    """Logarithmic derivative of the gamma function; relative error about 1e-15 for x > 0."""
    a = choose(x < 0.0, 1.0 - x, x)
    below_one = a < 1.0
    raised = choose(below_one, a + 1.0, a)
    t = choose(raised > 2.0, 2.0, raised)
    from_zero = (t - _DIGAMMA_ZERO) - _DIGAMMA_ZERO_LOW
    middle = fma(from_zero, _DIGAMMA_MIDDLE(t - 1.5), -choose(below_one, 1.0 / a, 0.0))

    bounded = choose(a < 2.0, 2.0, a)
    inverse = 1.0 / bounded
    square = inverse * inverse
    far = log(bounded) - fma(square, _DIGAMMA_TAIL(square), 0.5 * inverse)
    value = choose(a < 2.0, middle, far)
    return choose(x < 0.0, value - math.pi / tan(math.pi * _distance_to_integer(x)), value)
