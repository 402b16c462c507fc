"""Values and derivatives of the profiles, for many fits at once.

Flows in: coordinates (M, n) or (M, 1) and the parameters of a profile, (n,) each. Flows out: values (M, n), and their
derivatives by each parameter in the model's order.

The definitions are astropy's. A Voigt profile is the real part of the Faddeeva function w(z), whose derivative is
-2 z w + 2i / sqrt(pi) (Abramowitz & Stegun, Handbook of Mathematical Functions, 7.1.20).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from ndfit.engine.guess.curves import CURVES, curve_rows
from ndfit.problem.types import FloatArray

__all__ = ["OF_SCIPY", "SHAPES", "Shape"]

Coords = tuple[FloatArray, ...]
Rows = tuple[FloatArray, list[FloatArray]]
Shape = Callable[[Coords, Sequence[FloatArray]], Rows]

_ROOT_LN2 = np.sqrt(np.log(2.0))
_ROOT_PI = np.sqrt(np.pi)
_FIRST_ZERO = 3.8317059702075125  # of the Bessel function J1
_TINY = 1e-12


def _gaussian(coords: Coords, parameters: Sequence[FloatArray]) -> Rows:
    amplitude, mean, stddev = parameters
    apart = (coords[0] - mean) / stddev
    profile = np.exp(-0.5 * apart * apart)
    value = amplitude * profile
    slope = value * (apart / stddev)
    return value, [profile, slope, slope * apart]


def _lorentzian(coords: Coords, parameters: Sequence[FloatArray]) -> Rows:
    amplitude, centre, fwhm = parameters
    apart = (coords[0] - centre) * (2.0 / fwhm)
    profile = 1.0 / (1.0 + apart * apart)
    value = amplitude * profile
    slope = (2.0 / fwhm) * value * profile * apart
    return value, [profile, 2.0 * slope, slope * apart]


def _drude(coords: Coords, parameters: Sequence[FloatArray]) -> Rows:
    amplitude, centre, fwhm = parameters
    ratio = coords[0] / centre
    apart = (ratio - 1.0 / ratio) * (centre / fwhm)
    profile = 1.0 / (1.0 + apart * apart)
    value = amplitude * profile
    slope = 2.0 * value * profile * apart
    return value, [profile, slope * (2.0 / (ratio * fwhm)), slope * apart / fwhm]


def _voigt(coords: Coords, parameters: Sequence[FloatArray]) -> Rows:
    from scipy.special import wofz

    centre, amplitude, lorentzian, gaussian = parameters
    scale = _ROOT_LN2 / gaussian
    z = scale * (2.0 * (coords[0] - centre) + 1j * lorentzian)
    w = wofz(z)
    height = _ROOT_PI * scale * lorentzian
    profile = height * w.real
    change = amplitude * height * (2j / _ROOT_PI - 2.0 * z * w)
    value = amplitude * profile
    return value, [
        -2.0 * scale * change.real,
        profile,
        value / lorentzian - scale * change.imag,
        -(value + (change * z).real) / gaussian,
    ]


def _moffat(coords: Coords, parameters: Sequence[FloatArray]) -> Rows:
    amplitude, *centre, gamma, alpha = parameters
    apart = [axis - middle for axis, middle in zip(coords, centre, strict=True)]
    distance = sum(one * one for one in apart) / gamma**2
    profile = (1.0 + distance) ** -alpha
    value = amplitude * profile
    slope = 2.0 * alpha * value / (1.0 + distance)
    by_centre = [slope * one / gamma**2 for one in apart]
    return value, [profile, *by_centre, slope * distance / gamma, -value * np.log1p(distance)]


def _ricker(coords: Coords, parameters: Sequence[FloatArray]) -> Rows:
    amplitude, centre, sigma = parameters
    apart = (coords[0] - centre) / sigma
    square = apart * apart
    bell = np.exp(-0.5 * square)
    profile = (1.0 - square) * bell
    slope = (amplitude / sigma) * (3.0 - square) * bell * apart
    return amplitude * profile, [profile, slope, slope * apart]


def _gaussian_2d(coords: Coords, parameters: Sequence[FloatArray]) -> Rows:
    amplitude, x_mean, y_mean, x_stddev, y_stddev, theta = parameters
    cos, sin = np.cos(theta), np.sin(theta)
    x, y = coords[0] - x_mean, coords[1] - y_mean
    along, across = (cos * x + sin * y) / x_stddev, (cos * y - sin * x) / y_stddev
    profile = np.exp(-0.5 * (along * along + across * across))
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


def _radial(coords: Coords, centre: Sequence[FloatArray], width: FloatArray) -> tuple[FloatArray, list[FloatArray]]:
    """Distance in widths, squared, and its derivatives by both coordinates of the centre and by the width."""
    apart = [(axis - middle) / width for axis, middle in zip(coords, centre, strict=True)]
    square = apart[0] * apart[0] + apart[1] * apart[1]
    return square, [*(-2.0 * one / width for one in apart), -2.0 * square / width]


def _by_radius(
    coords: Coords, parameters: Sequence[FloatArray], profile_of: Callable[[FloatArray], tuple[FloatArray, FloatArray]]
) -> Rows:
    """A profile of the squared distance in widths alone; `profile_of` gives it and its derivative by that square."""
    amplitude, *centre, width = parameters
    square, changes = _radial(coords, centre, width)
    profile, slope = profile_of(square)
    return amplitude * profile, [profile, *(amplitude * slope * change for change in changes)]


def _lorentzian_of(square: FloatArray) -> tuple[FloatArray, FloatArray]:
    profile = 1.0 / (1.0 + 4.0 * square)
    return profile, -4.0 * profile * profile


def _ricker_of(square: FloatArray) -> tuple[FloatArray, FloatArray]:
    bell = np.exp(-0.5 * square)
    return (1.0 - 0.5 * square) * bell, (0.25 * square - 1.0) * bell


def _airy_of(square: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(2 J1(z) / z)^2 with z = 3.8317 r, where J1 is zero first; its derivative has J2."""
    from scipy.special import j1, jv

    z = _FIRST_ZERO * np.sqrt(np.maximum(square, _TINY))
    ratio = 2.0 * j1(z) / z
    return ratio * ratio, -2.0 * ratio * jv(2, z) / z * _FIRST_ZERO**2 / z


SHAPES: Mapping[str, Shape] = {
    "Gaussian1D": _gaussian,
    "Lorentz1D": _lorentzian,
    "Drude1D": _drude,
    "Voigt1D": _voigt,
    "Moffat1D": _moffat,
    "RickerWavelet1D": _ricker,
    "Gaussian2D": _gaussian_2d,
    "Moffat2D": _moffat,
    "Lorentz2D": partial(_by_radius, profile_of=_lorentzian_of),
    "AiryDisk2D": partial(_by_radius, profile_of=_airy_of),
    "RickerWavelet2D": partial(_by_radius, profile_of=_ricker_of),
    **{kind: partial(curve_rows, kind) for kind in CURVES},
}
"""Name of the model's class -> values and derivatives."""

OF_SCIPY = frozenset({"Voigt1D", "AiryDisk2D"})
"""Those that take scipy's functions, which are imported late."""
