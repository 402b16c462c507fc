"""gammaln and digamma: float64 in, float64 out, branch-free.

Large arguments take Stirling's and the corresponding digamma series (DLMF 5.11.1-2) with minimax polynomials in 1/x**2
in place of the divergent tails: from x = 2.5, absolute error 5e-18, and from x = 2, 1e-17. Smaller ones are brought by
the recurrence (DLMF 5.5.1-2) to an interval where the function is its zeros times a minimax polynomial, so that the
relative accuracy survives near them: gammaln on [1.5, 2.5], digamma on [1, 2], whose zero is held in two parts.
Negative ones are reflected (DLMF 5.5.3-4).
"""

from __future__ import annotations

import math

from ndfit.graph.vmath.exponential import ROUNDER
from ndfit.graph.vmath.intrinsics import compiled, fma, inline_here, polynomial, select
from ndfit.graph.vmath.logarithm import log
from ndfit.graph.vmath.trigonometric import sin, tan

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
        0.0049986411649383085,
        -0.002108130834226318,
        0.0009153769124146001,
        -0.0004057073889017193,
        0.0001825528398738112,
        -8.309527431540225e-05,
        3.816659325580656e-05,
        -1.7660185745051352e-05,
        8.2375366929553e-06,
        -3.8563501854570624e-06,
        1.748906107530605e-06,
        -8.208132704444585e-07,
        5.238049381931916e-07,
        -2.5263052497021785e-07,
    )
)

# x (gammaln(x) - (x - 1/2) log(x) + x - log(2 pi) / 2), of 1/x**2
_STIRLING_TAIL = polynomial(
    (
        0.08333333333333333,
        -0.0027777777777516673,
        0.0007936507837299685,
        -0.0005952366035972293,
        0.0008416327732723705,
        -0.0019118433459595283,
        0.006228391711890983,
        -0.02542118304449166,
        0.10895015236568453,
        -0.41064932665457127,
        1.166323348403664,
        -2.1142423413838207,
        1.793001139123932,
    )
)

# digamma(3/2 + t) / (3/2 + t - zero) on [-0.5, 0.5]
_DIGAMMA_MIDDLE = polynomial(
    (
        0.951055876031833,
        -0.4236274212814606,
        0.24054248424077396,
        -0.1484049230538902,
        0.09498872445497708,
        -0.06192213327468678,
        0.04076083381057618,
        -0.026975796691557436,
        0.01790725248758472,
        -0.011908219413802051,
        0.007926943925353848,
        -0.0052799463195547115,
        0.0035190129743752053,
        -0.0023454203464332115,
        0.001556594677597269,
        -0.0010368440095612278,
        0.0007234529317614695,
        -0.0004847254934710821,
        0.0002269949704502483,
        -0.00014698447758416166,
        0.00025987569895370244,
        -0.0001765590873391525,
    )
)

# x**2 (log(x) - 1/(2 x) - digamma(x)), of 1/x**2
_DIGAMMA_TAIL = polynomial(
    (
        0.0833333333333333,
        -0.008333333333236981,
        0.003968253927161305,
        -0.004166659681598864,
        0.007575124775633652,
        -0.02105731867899282,
        0.08198138158876245,
        -0.4057475665317758,
        2.2493898910831303,
        -12.256014134126907,
        59.204216187818,
        -235.9391291973949,
        734.5747859232272,
        -1694.9512873176868,
        2705.6835597732943,
        -2655.19465693759,
        1203.3571499123711,
    )
)


@compiled
def gammaln_of_positive(x: float) -> float:
    """log(gamma(x)) for x >= 0."""
    inline_here()
    tiny = x < 0.5
    small = x < 1.5
    low = x < 2.5
    t = select(tiny, x, select(small, x - 1.0, x - 2.0))
    raised_by = select(tiny, x * (x + 1.0), select(small, x, 1.0))
    logarithm = log(select(low, raised_by, x))
    bounded = select(low, 2.5, x)
    inverse = 1.0 / bounded
    stirling = (_HALF_LOG_2PI - 0.5) + inverse * _STIRLING_TAIL(inverse * inverse)
    return select(low, t * (1.0 + t) * _GAMMALN_NEAR_TWO(t) - logarithm, fma(x - 0.5, logarithm - 1.0, stirling))


@compiled
def _distance_to_integer(x: float) -> float:
    inline_here()
    return x - ((x + ROUNDER) - ROUNDER)


@compiled
def gammaln(x: float) -> float:
    """log(abs(gamma(x))), infinite at 0, -1, -2, ...; relative error about 1e-15 for x > 0."""
    inline_here()
    a = math.fabs(x)
    direct = gammaln_of_positive(a)
    reflected = log(math.pi / math.fabs(a * sin(math.pi * _distance_to_integer(a)))) - direct
    return select(x < 0.0, reflected, direct)


@compiled
def digamma(x: float) -> float:
    """Logarithmic derivative of the gamma function; relative error about 1e-15 for x > 0."""
    inline_here()
    a = select(x < 0.0, 1.0 - x, x)
    below_one = a < 1.0
    raised = select(below_one, a + 1.0, a)
    t = select(raised > 2.0, 2.0, raised)
    middle = ((t - _DIGAMMA_ZERO) - _DIGAMMA_ZERO_LOW) * _DIGAMMA_MIDDLE(t - 1.5)
    middle = middle - select(below_one, 1.0 / a, 0.0)

    bounded = select(a < 2.0, 2.0, a)
    inverse = 1.0 / bounded
    square = inverse * inverse
    far = log(bounded) - fma(square, _DIGAMMA_TAIL(square), 0.5 * inverse)
    value = select(a < 2.0, middle, far)
    return select(x < 0.0, value - math.pi / tan(math.pi * _distance_to_integer(x)), value)
