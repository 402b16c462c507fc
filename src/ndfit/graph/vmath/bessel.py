"""Bessel functions J0 and J1: float64 in, float64 out, branch-free.

Up to |x| = 8, minimax polynomials in x**2 (centred on 32) for J0(x) and J1(x) / x, absolute errors 1e-17 and 4e-19.
Beyond, Hankel's form (DLMF 10.17.3; W. J. Cody, W. Waite, "Software Manual for the Elementary Functions", 1980, for the
sine and cosine of x)

    Jn(x) = sqrt(2 / (pi x)) (Pn cos(u) - Qn sin(u)),   u = x - n pi/2 - pi/4,

with minimax polynomials in (8/x)**2 for Pn and Qn x / 8 (absolute errors below 1.1e-15, times sqrt(2 / (pi x))). The
sine and cosine of u are sums of those of x.
"""

from __future__ import annotations

import math

from ndfit.graph.vmath.intrinsics import compiled, fma, inline_here, polynomial, select
from ndfit.graph.vmath.trigonometric import cos, sin

_BORDER = 8.0

# J0(x) and J1(x) / x of x**2 / 32 - 1
_J0_NEAR = polynomial(
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

_J1_OVER_X_NEAR = polynomial(
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
        -2.4045748659339093e-05,
        1.8684526037229287e-06,
        -1.1967081913414976e-07,
        6.431190175573101e-09,
        -2.943010762173826e-10,
        1.1658972851320728e-11,
        -4.005382403597616e-13,
    )
)

# Pn and Qn x / 8 of (8/x)**2
_P0 = polynomial(
    (
        0.9999999999999991,
        -0.0010986328125001104,
        2.7380887203267828e-05,
        -2.1840187707840254e-06,
        3.631961964592813e-07,
        -1.0978671521962314e-07,
        7.24923991405348e-08,
        -9.702553162202165e-08,
        1.3487903261057863e-07,
        -1.3781591719636014e-07,
        9.164880086204669e-08,
        -3.524619958650248e-08,
        5.938333610407417e-09,
    )
)

_Q0 = polynomial(
    (
        -0.015624999999999785,
        0.00014305114746096498,
        -6.930787059119318e-06,
        8.238691350753027e-07,
        -1.8193054202985616e-07,
        6.59379660222424e-08,
        -3.979912418573046e-08,
        3.9176293426440865e-08,
        -4.4440526679930336e-08,
        4.120875855468215e-08,
        -2.6104404618191412e-08,
        9.769027922571954e-09,
        -1.6182066560159445e-09,
    )
)

_P1 = polynomial(
    (
        1.000000000000001,
        0.001831054687500142,
        -3.520399783655824e-05,
        2.5811235654769752e-06,
        -4.118012659893794e-07,
        1.2269144790073394e-07,
        -8.45662808482661e-08,
        1.1959799034675853e-07,
        -1.700878581177214e-07,
        1.7525053070857014e-07,
        -1.1696869142852139e-07,
        4.5068794066722604e-08,
        -7.601757846989464e-09,
    )
)

_Q1 = polynomial(
    (
        0.046874999999999736,
        -0.0002002716064453462,
        8.47096196423913e-06,
        -9.506200444653431e-07,
        2.0336594740614003e-07,
        -7.246229947557637e-08,
        4.404414121501072e-08,
        -4.47358721209805e-08,
        5.209487744650573e-08,
        -4.900129376185526e-08,
        3.127819639787586e-08,
        -1.1757102153732058e-08,
        1.952995762014142e-09,
    )
)


@compiled
def _beyond_border(x: float) -> float:
    """x, or a number that keeps Hankel's form finite where it is not used."""
    inline_here()
    return select(x < _BORDER, _BORDER, x)


@compiled
def j0(x: float) -> float:
    """Bessel function of the first kind of order 0, absolute error 1e-15; NaN from |x| = 2**50."""
    inline_here()
    a = math.fabs(x)
    far = _beyond_border(a)
    z = _BORDER / far
    sine, cosine = sin(far), cos(far)
    wave = _P0(z * z) * (cosine + sine) - z * _Q0(z * z) * (sine - cosine)
    return select(a < _BORDER, _J0_NEAR(fma(a, a / 32.0, -1.0)), wave / math.sqrt(math.pi * far))


@compiled
def j1(x: float) -> float:
    """Bessel function of the first kind of order 1, absolute error 1e-15; NaN from |x| = 2**50."""
    inline_here()
    a = math.fabs(x)
    far = _beyond_border(a)
    z = _BORDER / far
    sine, cosine = sin(far), cos(far)
    wave = _P1(z * z) * (sine - cosine) + z * _Q1(z * z) * (sine + cosine)
    near = a * _J1_OVER_X_NEAR(fma(a, a / 32.0, -1.0))
    return math.copysign(1.0, x) * select(a < _BORDER, near, wave / math.sqrt(math.pi * far))
