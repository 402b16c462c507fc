"""Which classes of the catalogue have a place and a width, and their full width at half maximum (FWHM).

A Voigt profile's is 0.5346 L + sqrt(0.2166 L^2 + G^2), of its Lorentzian and Gaussian parts, to 0.02 % (J. J. Olivero &
R. L. Longbothum, J. Quant. Spectrosc. Radiat. Transfer 17 (1977) 233); those of the other profiles follow from
their formulae. For boxes, disks and Sersic profiles it is the width, the diameter, and twice the effective radius.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from ndfit.arrays import FloatArray

__all__ = ["PER_SIGMA", "SHAPES", "Shape"]

PER_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))
"""FWHM of a Gaussian over its standard deviation."""

Parameters = Sequence[FloatArray]
Widths = Callable[[Parameters], tuple[FloatArray, ...]]


@dataclass(frozen=True)
class Shape:
    """Roles of the parameters of a class, by their place.

    Attributes
    ----------
    centre : of the parameters that say where it is, one an input
    widths : of the parameters that its width comes from
    fwhm : parameters -> FWHM, one, or two where there is an `angle`: along and across it
    angle : of the position angle, in radians
    is_profile : has a shape that samples can miss: a line, or the image of a point
    """

    centre: tuple[int, ...]
    widths: tuple[int, ...]
    fwhm: Widths
    angle: int | None = None
    is_profile: bool = True


def _times(factor: float, *places: int) -> Widths:
    return partial(_each_times, factor, places)


def _each_times(factor: float, places: tuple[int, ...], values: Parameters) -> tuple[FloatArray, ...]:
    return tuple(factor * np.abs(values[place]) for place in places)


def _voigt(values: Parameters) -> tuple[FloatArray, ...]:
    lorentz, gauss = np.abs(values[2]), np.abs(values[3])
    return (0.5346 * lorentz + np.sqrt(0.2166 * lorentz**2 + gauss**2),)


def _moffat(values: Parameters) -> tuple[FloatArray, ...]:
    """The exponent is the last parameter; where it is not positive, there is no width."""
    gamma, alpha = np.abs(values[-2]), values[-1]
    return (2.0 * gamma * np.sqrt(np.exp2(1.0 / np.where(alpha > 0.0, alpha, np.nan)) - 1.0),)


def _sersic(values: Parameters) -> tuple[FloatArray, ...]:
    along = 2.0 * np.abs(values[1])
    return along, along * np.abs(1.0 - values[5])


SHAPES: Mapping[str, Shape] = {
    "Gaussian1D": Shape((1,), (2,), _times(PER_SIGMA, 2)),
    "Lorentz1D": Shape((1,), (2,), _times(1.0, 2)),
    "Drude1D": Shape((1,), (2,), _times(1.0, 2)),
    "Voigt1D": Shape((0,), (2, 3), _voigt),
    "Moffat1D": Shape((1,), (2,), _moffat),
    "RickerWavelet1D": Shape((1,), (2,), _times(1.2519, 2)),
    "Box1D": Shape((1,), (2,), _times(1.0, 2), is_profile=False),
    "Trapezoid1D": Shape((1,), (2,), _times(1.0, 2), is_profile=False),
    "Gaussian2D": Shape((1, 2), (3, 4), _times(PER_SIGMA, 3, 4), angle=5),
    "Lorentz2D": Shape((1, 2), (3,), _times(1.0, 3)),
    "Moffat2D": Shape((1, 2), (3,), _moffat),
    "AiryDisk2D": Shape((1, 2), (3,), _times(0.84367, 3)),
    "RickerWavelet2D": Shape((1, 2), (3,), _times(1.5873, 3)),
    "Sersic2D": Shape((3, 4), (1,), _sersic, angle=6, is_profile=False),
    "GeneralSersic2D": Shape((3, 4), (1,), _sersic, angle=6, is_profile=False),
    "Box2D": Shape((1, 2), (3, 4), _times(1.0, 3, 4), is_profile=False),
    "Disk2D": Shape((1, 2), (3,), _times(2.0, 3), is_profile=False),
    "TrapezoidDisk2D": Shape((1, 2), (3,), _times(2.0, 3), is_profile=False),
    "Ellipse2D": Shape((1, 2), (3, 4), _times(2.0, 3, 4), angle=5, is_profile=False),
    "Ring2D": Shape((1, 2), (3, 4), _times(2.0, 3), is_profile=False),
}
"""Name of a class -> Shape."""
