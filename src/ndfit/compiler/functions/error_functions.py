"""erf and erfc: of lanes, branch-free.

Up to |x| = 1, erf(x) = x P(x**2), P minimax (absolute error 7e-18). Further out erfc(x) = exp(-x**2) R(t) / (1 + 2 x),
t = (x - 3.75) / (x + 3.75), where one polynomial R, minimax with relative error 1.3e-18, serves 0.45 <= x < infinity
(the mapping of M. M. Shepherd, J. G. Laframboise, Math. Comp. 36, 249 (1981)). x**2 is formed exactly, as the square of
x's leading bits and a rest, since its rounding error would grow with x in the exponential.
"""

from __future__ import annotations

from ndfit.compiler.functions.basic import copysign, function, leading_bits, operator, polynomial
from ndfit.compiler.functions.exponential import exp_of_sum
from ndfit.compiler.values import Lanes, choose

_MAPPING_CENTRE = 3.75

# erf(x) / x of x**2, for |x| <= 1
_ERF_NEAR_ZERO = polynomial(
    (
        1.1283791670955126,
        -0.3761263890318355,
        0.11283791670945253,
        -0.02686617064327622,
        0.005223977607423462,
        -0.000854832598969649,
        0.00012055295320487267,
        -1.4924744663215014e-05,
        1.6447517676525378e-06,
        -1.6209175902299598e-07,
        1.3722976228128113e-08,
        -7.801188808364901e-10,
    )
)

# (1 + 2 x) exp(x**2) erfc(x) of t
_SCALED_ERFC = polynomial(
    (
        1.2375126308378275,
        -0.14024059858554705,
        0.0035854154854633702,
        0.08227673849015596,
        -0.10880393014168813,
        0.09230432116000688,
        -0.05869339859098611,
        0.02836227742498109,
        -0.009746579542781221,
        0.001755625797174574,
        0.0002937135664023442,
        -0.00029015375809672876,
        5.164949144683299e-05,
        2.2383013392499728e-05,
        -1.144509518378275e-05,
        -9.70442274699485e-07,
        1.75293972458264e-06,
        -6.248062430146346e-08,
        -2.59348450330623e-07,
        2.8924246862816662e-08,
        3.808621408938943e-08,
        -7.257158917459491e-09,
        -4.146845240930248e-09,
        1.2681124173963412e-09,
    )
)


@function
def _erf_near_zero(x: Lanes) -> Lanes:
    """erf(x) for |x| <= 1."""
    return x * _ERF_NEAR_ZERO(x * x)


@function
def _erfc_far(x: Lanes) -> Lanes:
    """erfc(x) for x >= 0.45."""
    bounded = choose(x > 30.0, 30.0, x)
    high = leading_bits(bounded)
    t = (bounded - _MAPPING_CENTRE) / (bounded + _MAPPING_CENTRE)
    gaussian = exp_of_sum(-high * high, (high - bounded) * (high + bounded))
    return gaussian * (_SCALED_ERFC(t) / (1.0 + 2.0 * bounded))


@operator
@function
def erf(x: Lanes) -> Lanes:
    """Error function, error below 3 ulp."""
    a = abs(x)
    return choose(a < 1.0, _erf_near_zero(x), copysign(1.0 - _erfc_far(a), x))


@operator
@function
def erfc(x: Lanes) -> Lanes:
    """Complementary error function, relative error about 1e-15 down to the smallest normal result."""
    far = _erfc_far(abs(x))
    return choose(abs(x) < 0.5, 1.0 - _erf_near_zero(x), choose(x < 0.0, 2.0 - far, far))
