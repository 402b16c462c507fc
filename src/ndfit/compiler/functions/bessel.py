"""Bessel functions J0 and J1: of lanes, branch-free.

Up to |x| = 8, minimax polynomials in x**2 (centred on 32) for J0(x) and J1(x) / x, absolute errors 1e-17 and 4e-19.
Beyond, Hankel's form (DLMF 10.17.3; W. J. Cody, W. Waite, "Software Manual for the Elementary Functions", 1980, for the
sine and cosine of x)

    Jn(x) = sqrt(2 / (pi x)) (Pn cos(u) - Qn sin(u)),   u = x - n pi/2 - pi/4,

with minimax polynomials in (8/x)**2 for Pn and Qn x / 8 (absolute errors below 1e-17). The sine and cosine of u are
sums of those of x.
"""

from __future__ import annotations

import math

from ndfit.compiler.functions.basic import copysign, function, operator, polynomial, polynomial_by_horner, root
from ndfit.compiler.functions.trigonometric import cos, sin
from ndfit.compiler.values import Lanes, choose, fma

_BORDER = 8.0

# J0(x) and J1(x) / x of x**2 / 32 - 1, whose terms cancel: J0(0) is 1 to the last digit
_J0_NEAR = polynomial_by_horner(
    (
        0.045829664859813754,
        0.9303012472958572,
        -0.6484692830871821,
        -0.8080888076696873,
        1.0383794611436883,
        -0.507468045847099,
        0.1459888485678554,
        -0.028472718610887047,
        0.004058078988108712,
        -0.0004435459224189237,
        3.847320005810073e-05,
        -2.71774923963802e-06,
        1.5955848853640188e-07,
        -7.91531241221853e-09,
        3.379462811823058e-10,
        -1.2435857268826517e-11,
    )
)

_J1_OVER_X_NEAR = polynomial_by_horner(
    (
        -0.05814382795599107,
        0.08105866038589796,
        0.15151665143806636,
        -0.2595948652859303,
        0.15858376432721838,
        -0.054745818212847186,
        0.012456814392263376,
        -0.0020290394945707423,
        0.0002494945813597245,
        -2.4045748659339113e-05,
        1.8684526037229154e-06,
        -1.1967081913411855e-07,
        6.431190175583501e-09,
        -2.943010762397826e-10,
        1.1658972848120728e-11,
        -4.005382339597616e-13,
    )
)

# Pn and Qn x / 8 of (8/x)**2
_P0 = polynomial(
    (
        1.0,
        -0.0010986328124989121,
        2.7380883627972867e-05,
        -2.18391803505786e-06,
        3.620213963780555e-07,
        -1.0231117879461899e-07,
        4.3451835180969735e-08,
        -2.4323815465084586e-08,
        1.5062848631764555e-08,
        -8.538367888298926e-09,
        3.7383251363044214e-09,
        -1.059374195270396e-09,
        1.4156675611029386e-10,
    )
)

_Q0 = polynomial(
    (
        -0.015624999999999997,
        0.00014305114745975398,
        -6.930786113129639e-06,
        8.238429473492183e-07,
        -1.8162729969285682e-07,
        6.401648540191787e-08,
        -3.235654788613196e-08,
        2.058552750425661e-08,
        -1.3856195629684691e-08,
        8.257420083701378e-09,
        -3.7246119111058996e-09,
        1.0751192216506364e-09,
        -1.4541196554700553e-10,
    )
)

_P1 = polynomial(
    (
        1.0,
        0.001831054687498849,
        -3.520399325094688e-05,
        2.580994236664942e-06,
        -4.102924184520264e-07,
        1.1308807230683907e-07,
        -4.725361880272353e-08,
        2.617611312070405e-08,
        -1.6108873140328638e-08,
        9.099231400803654e-09,
        -3.975955189997486e-09,
        1.1253779314670292e-09,
        -1.502737162565283e-10,
    )
)

_Q1 = polynomial(
    (
        0.046875,
        -0.0002002716064440628,
        8.470960816901247e-06,
        -9.505881860373192e-07,
        2.0299658214894221e-07,
        -7.012009568327933e-08,
        3.496724007688357e-08,
        -2.2053779515124922e-08,
        1.4767982118861517e-08,
        -8.775085868229909e-09,
        3.9514638450181525e-09,
        -1.1394394598549338e-09,
        1.5401016109588456e-10,
    )
)


@function
def _beyond_border(x: Lanes) -> Lanes:
    """x, or a number that keeps Hankel's form finite where it is not used."""
    return choose(x < _BORDER, _BORDER, x)


@operator
@function
def j0(x: Lanes) -> Lanes:
    """Bessel function of the first kind of order 0, absolute error 1e-15; NaN from |x| = 2**50."""
    a = abs(x)
    far = _beyond_border(a)
    z = _BORDER / far
    sine, cosine = sin(far), cos(far)
    wave = _P0(z * z) * (cosine + sine) - z * _Q0(z * z) * (sine - cosine)
    return choose(a < _BORDER, _J0_NEAR(fma(a, a / 32.0, -1.0)), wave / root(math.pi * far))


@operator
@function
def j1(x: Lanes) -> Lanes:
    """Bessel function of the first kind of order 1, absolute error 1e-15; NaN from |x| = 2**50."""
    a = abs(x)
    far = _beyond_border(a)
    z = _BORDER / far
    sine, cosine = sin(far), cos(far)
    wave = _P1(z * z) * (sine - cosine) + z * _Q1(z * z) * (sine + cosine)
    near = a * _J1_OVER_X_NEAR(fma(a, a / 32.0, -1.0))
    return copysign(1.0, x) * choose(a < _BORDER, near, wave / root(math.pi * far))
