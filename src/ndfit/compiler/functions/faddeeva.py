"""The Faddeeva function w(x + iy) = exp(-z**2) erfc(-iz): float64 in, real or imaginary part out, branch-free.

For y > 0, w(z) = (i/pi) times the integral of exp(-t**2) / (z - t) over the real line (DLMF 7.7.2). The trapezoidal
rule with step h and nodes t, plus the residue that it leaves out where the pole z is nearer than pi/h to the axis,

    w(z) ~ (2 i h z / pi) sum_t exp(-t**2) / (z**2 - t**2)  +  2 exp(-z**2) / (1 + s exp(-2 pi i z / h)),

is accurate to the last digits with 12 nodes and h = sqrt(pi/12) (M. Al Azah, S. N. Chandler-Wilde, SIAM J. Numer. Anal.
59, 2346 (2021), after F. Matta, A. Reichel, Math. Comp. 25, 339 (1971) and D. B. Hunter, T. Regan, ibid. 26, 539
(1972)). The nodes are whole (s = -1) or half-odd (s = 1) multiples of h, whichever keep away from x.

Parts are formed apart, so that the small one keeps its relative accuracy (the Lorentzian wing of a Voigt profile with
little damping is a real part far smaller than the imaginary one). With D = |z**2 - t**2|**2,

    Re sum: (2 h y / pi) sum exp(-t**2) (x**2 + y**2 + t**2) / D,   all terms positive
    Im sum: (2 h x / pi) sum exp(-t**2) (x**2 + y**2 - t**2) / D.

Far out (|z|**2 > 1e17) the sum, which would overflow, gives way to i / (sqrt(pi) z). Below the real axis
w(z) = 2 exp(-z**2) - w(-z) (DLMF 7.4.3).
"""

from __future__ import annotations

import math

from ndfit.compiler.functions.basic import copysign, function, operator, unrolled
from ndfit.compiler.functions.exponential import ROUNDER, exp
from ndfit.compiler.functions.trigonometric import cos, sin
from ndfit.compiler.values import Lanes, Mask, choose, fma

_COUNT = 12
_STEP = math.sqrt(math.pi / _COUNT)
_PER_STEP = 1.0 / _STEP
_TWO_PI_PER_STEP = 2.0 * math.pi / _STEP
_SUM_SCALE = 2.0 * _STEP / math.pi
_POLE_BEYOND_REACH = math.pi / _STEP
_FAR = 1e17
_ONE_OVER_SQRT_PI = 0.5641895835477563
_TWO_PI = 2.0 * math.pi


def _nodes(k: int) -> tuple[float, float, float, float]:
    """The k-th whole and half-odd node and their weights. The node at zero counts half: the others stand for pairs."""
    whole, half_odd = k * _STEP, (k + 0.5) * _STEP
    return whole, half_odd, math.exp(-(whole**2)) if k else 0.5, math.exp(-(half_odd**2))


@function
def _term(
    point: tuple[Mask, Lanes, Lanes],
    whole_node: Lanes,
    half_odd_node: Lanes,
    whole_weight: Lanes,
    half_odd_weight: Lanes,
) -> tuple[Lanes, Lanes, Lanes]:
    """Numerators of the real and the imaginary sum, and their denominator."""
    use_whole, x, y = point
    t = choose(use_whole, whole_node, half_odd_node)
    weight = choose(use_whole, whole_weight, half_odd_weight)
    y_square = y * y
    radius_square = fma(x, x, y_square)
    denominator = fma(x - t, x - t, y_square) * fma(x + t, x + t, y_square)
    return weight * fma(t, t, radius_square), weight * fma(t, -t, radius_square), denominator


@function
def _add_two_terms(
    sums: tuple[Lanes, Lanes], point: tuple[Mask, Lanes, Lanes], nodes: tuple[Lanes, ...]
) -> tuple[Lanes, Lanes]:
    """Both sums with two terms more, brought to a common denominator to save a division."""
    real_1, imag_1, below_1 = _term(point, nodes[0], nodes[1], nodes[2], nodes[3])
    real_2, imag_2, below_2 = _term(point, nodes[4], nodes[5], nodes[6], nodes[7])
    scale = 1.0 / (below_1 * below_2)
    real = fma(real_1, below_2, real_2 * below_1)
    imag = fma(imag_1, below_2, imag_2 * below_1)
    return fma(real, scale, sums[0]), fma(imag, scale, sums[1])


_trapezoidal_sums = unrolled(_add_two_terms, [_nodes(k) + _nodes(k + 1) for k in range(0, _COUNT, 2)])


@function
def _twice_gaussian(x: Lanes, y: Lanes) -> tuple[Lanes, Lanes]:
    """2 exp(-z**2), for x, y >= 0; where it vanishes its phase, out of reach of sin and cos, does not matter."""
    scale = 2.0 * exp((y - x) * (y + x))
    phase = choose(2.0 * x * y > 1e15, 1e15, 2.0 * x * y)
    return scale * cos(phase), -scale * sin(phase)


@function
def _upper_right(x: Lanes, y: Lanes) -> tuple[Lanes, Lanes]:
    """w(x + iy) for x, y >= 0."""
    steps = fma(x, _PER_STEP, ROUNDER) - ROUNDER
    offset = fma(x, _PER_STEP, -steps)
    whole = abs(offset) > 0.25
    real_sum, imag_sum = _trapezoidal_sums((0.0, 0.0), (whole, x, y))

    sign = choose(whole, -1.0, 1.0)
    growth = exp(_TWO_PI_PER_STEP * y)
    turned = sign * growth * cos(_TWO_PI * offset)
    below = 1.0 + 2.0 * turned + growth * growth
    residue_real = (1.0 + turned) / below
    residue_imag = sign * growth * sin(_TWO_PI * offset) / below
    gauss_real, gauss_imag = _twice_gaussian(x, y)
    within_reach = y < _POLE_BEYOND_REACH
    real = _SUM_SCALE * y * real_sum + choose(within_reach, gauss_real * residue_real - gauss_imag * residue_imag, 0.0)
    imag = _SUM_SCALE * x * imag_sum + choose(within_reach, gauss_real * residue_imag + gauss_imag * residue_real, 0.0)

    radius_square = fma(x, x, y * y)
    far = radius_square > _FAR
    return (
        choose(far, _ONE_OVER_SQRT_PI * (y / radius_square), real),
        choose(far, _ONE_OVER_SQRT_PI * (x / radius_square), imag),
    )


@operator
@function
def faddeeva_real(x: Lanes, y: Lanes) -> Lanes:
    """Real part of w(x + iy): the Voigt profile, up to scale; relative error 1e-14 for y >= 0."""
    real, _ = _upper_right(abs(x), abs(y))
    gauss_real, _ = _twice_gaussian(abs(x), abs(y))
    return choose(y < 0.0, gauss_real - real, real)


@operator
@function
def faddeeva_imag(x: Lanes, y: Lanes) -> Lanes:
    """Imaginary part of w(x + iy); relative error 1e-14 for y >= 0."""
    _, imag = _upper_right(abs(x), abs(y))
    _, gauss_imag = _twice_gaussian(abs(x), abs(y))
    return copysign(1.0, x) * choose(y < 0.0, imag - gauss_imag, imag)
