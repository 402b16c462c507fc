"""Values and derivatives of the lines, for many fits at once.

Flows in: coordinates and the parameters of a profile, as arrays or as values of the compiled language, and functions
of either. Flows out: values, and their derivatives by each parameter in the model's order.

The definitions are astropy's. A Voigt profile is the real part of the Faddeeva function w(z), whose derivative is
-2 z w + 2i / sqrt(pi) (Abramowitz & Stegun, Handbook of Mathematical Functions, 7.1.20).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ndfit.pipeline.guess.formulas import larger

__all__ = ["LINES", "Line"]

Rows = tuple[Any, list[Any]]
Line = Callable[[Sequence[Any], Sequence[Any], Any], Rows]

_ROOT_LN2 = np.sqrt(np.log(2.0))
_ROOT_PI = np.sqrt(np.pi)
_FIRST_ZERO = 3.8317059702075125  # of the Bessel function J1
_TINY = 1e-12
# Below this, J2(z) is z^2 / 8 to more digits than a difference of J1 and J0 has.
_SMALL = 1e-3


def _gaussian(coords: Sequence[Any], parameters: Sequence[Any], of: Any) -> Rows:
    amplitude, mean, stddev = parameters
    apart = (coords[0] - mean) / stddev
    profile = of.exp(-0.5 * apart * apart)
    value = amplitude * profile
    slope = value * (apart / stddev)
    return value, [profile, slope, slope * apart]


def _lorentzian(coords: Sequence[Any], parameters: Sequence[Any], of: Any) -> Rows:
    amplitude, centre, fwhm = parameters
    apart = (coords[0] - centre) * (2.0 / fwhm)
    profile = 1.0 / (1.0 + apart * apart)
    value = amplitude * profile
    slope = (2.0 / fwhm) * value * profile * apart
    return value, [profile, 2.0 * slope, slope * apart]


def _drude(coords: Sequence[Any], parameters: Sequence[Any], of: Any) -> Rows:
    amplitude, centre, fwhm = parameters
    ratio = coords[0] / centre
    apart = (ratio - 1.0 / ratio) * (centre / fwhm)
    profile = 1.0 / (1.0 + apart * apart)
    value = amplitude * profile
    slope = 2.0 * value * profile * apart
    return value, [profile, slope * (2.0 / (ratio * fwhm)), slope * apart / fwhm]


def _voigt(coords: Sequence[Any], parameters: Sequence[Any], of: Any) -> Rows:
    centre, amplitude, lorentzian, gaussian = parameters
    scale = _ROOT_LN2 / gaussian
    x, y = scale * (2.0 * (coords[0] - centre)), scale * lorentzian
    real, imag = of.faddeeva_real(x, y), of.faddeeva_imag(x, y)
    height = _ROOT_PI * y
    profile, value = height * real, amplitude * height * real
    factor = 2.0 * amplitude * height
    change, other_change = factor * (y * imag - x * real), factor * (1.0 / _ROOT_PI - (x * imag + y * real))
    return value, [
        -2.0 * scale * change,
        profile,
        value / lorentzian - scale * other_change,
        -(value + (change * x - other_change * y)) / gaussian,
    ]


def _moffat(coords: Sequence[Any], parameters: Sequence[Any], of: Any) -> Rows:
    amplitude, *centre, gamma, alpha = parameters
    apart = [axis - middle for axis, middle in zip(coords, centre, strict=True)]
    square = sum((one * one for one in apart[1:]), apart[0] * apart[0])
    distance = square / (gamma * gamma)
    profile = of.power(1.0 + distance, -alpha)
    value = amplitude * profile
    slope = 2.0 * alpha * value / (1.0 + distance)
    by_centre = [slope * one / (gamma * gamma) for one in apart]
    return value, [profile, *by_centre, slope * distance / gamma, -value * of.log1p(distance)]


def _ricker(coords: Sequence[Any], parameters: Sequence[Any], of: Any) -> Rows:
    amplitude, centre, sigma = parameters
    apart = (coords[0] - centre) / sigma
    square = apart * apart
    bell = of.exp(-0.5 * square)
    profile = (1.0 - square) * bell
    slope = (amplitude / sigma) * (3.0 - square) * bell * apart
    return amplitude * profile, [profile, slope, slope * apart]


def _gaussian_2d(coords: Sequence[Any], parameters: Sequence[Any], of: Any) -> Rows:
    amplitude, x_mean, y_mean, x_stddev, y_stddev, theta = parameters
    cos, sin = of.cos(theta), of.sin(theta)
    x, y = coords[0] - x_mean, coords[1] - y_mean
    along, across = (cos * x + sin * y) / x_stddev, (cos * y - sin * x) / y_stddev
    profile = of.exp(-0.5 * (along * along + across * across))
    value = amplitude * profile
    by_along, by_across = value * along, value * across
    return value, [
        profile,
        by_along * (cos / x_stddev) - by_across * (sin / y_stddev),
        by_along * (sin / x_stddev) + by_across * (cos / y_stddev),
        by_along * along / x_stddev,
        by_across * across / y_stddev,
        by_across * along * (x_stddev / y_stddev) - by_along * across * (y_stddev / x_stddev),
    ]


def _radial(coords: Sequence[Any], centre: Sequence[Any], width: Any) -> Rows:
    """Distance in widths, squared, and its derivatives by both coordinates of the centre and by the width."""
    apart = [(axis - middle) / width for axis, middle in zip(coords, centre, strict=True)]
    square = apart[0] * apart[0] + apart[1] * apart[1]
    return square, [*(-2.0 * one / width for one in apart), -2.0 * square / width]


def _by_radius(
    profile_of: Callable[[Any, Any], tuple[Any, Any]],
    coords: Sequence[Any],
    parameters: Sequence[Any],
    of: Any,
) -> Rows:
    """A profile of the squared distance in widths alone; `profile_of` gives it and its derivative by that square."""
    amplitude, *centre, width = parameters
    square, changes = _radial(coords, centre, width)
    profile, slope = profile_of(square, of)
    return amplitude * profile, [profile, *(amplitude * slope * change for change in changes)]


def _lorentzian_of(square: Any, of: Any) -> tuple[Any, Any]:
    profile = 1.0 / (1.0 + 4.0 * square)
    return profile, -4.0 * profile * profile


def _ricker_of(square: Any, of: Any) -> tuple[Any, Any]:
    bell = of.exp(-0.5 * square)
    return (1.0 - 0.5 * square) * bell, (0.25 * square - 1.0) * bell


def _airy_of(square: Any, of: Any) -> tuple[Any, Any]:
    """(2 J1(z) / z)^2 with z = 3.8317 r, where J1 is zero first; its derivative has J2."""
    z = _FIRST_ZERO * of.sqrt(larger(square, _TINY + 0.0 * square, of))
    first = of.j1(z)
    ratio = 2.0 * first / z
    second = of.where(z > _SMALL, 2.0 * first / z - of.j0(z), 0.125 * z * z)
    return ratio * ratio, -2.0 * ratio * second / z * _FIRST_ZERO**2 / z


LINES: Mapping[str, Line] = {
    "Gaussian1D": _gaussian,
    "Lorentz1D": _lorentzian,
    "Drude1D": _drude,
    "Voigt1D": _voigt,
    "Moffat1D": _moffat,
    "RickerWavelet1D": _ricker,
    "Gaussian2D": _gaussian_2d,
    "Moffat2D": _moffat,
    "Lorentz2D": partial(_by_radius, _lorentzian_of),
    "AiryDisk2D": partial(_by_radius, _airy_of),
    "RickerWavelet2D": partial(_by_radius, _ricker_of),
}
"""Name of the model's class -> values and derivatives."""
