"""Which profiles can be guessed, and how a peak's height, centre and width become their parameters.

Flows in: a Peak in the coordinates of the fit, and the parameters as the caller started them. Flows out: parameters.

A peak is found as a Gaussian, of standard deviation sigma. For other profiles, the ratios of their full width at half
maximum to sigma and of their amplitude to its height are those that the search (`ndfit.pipeline.guess.search`) finds on
noise-free profiles: 2 sqrt(2 ln 2) = 2.355 for a Gaussian, 1.808 for a Lorentzian, and in between for Moffat's, whose
full width is 2 gamma sqrt(2^(1/alpha) - 1). A Voigt profile is started with equal widths, for which its full width is
1.6376 times either (Olivero & Longbothum, J. Quant. Spectrosc. Radiat. Transfer 17, 233, 1977).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from ndfit.arrays import FloatArray
from ndfit.pipeline.guess.moments import determinant

Ratio = Callable[[FloatArray], FloatArray]

__all__ = ["PROFILES", "Profile", "WorldPeak", "parameters_of"]

_GAUSSIAN = 2.355
_LORENTZIAN = 1.808


def _constant(value: float) -> Ratio:
    return partial(_always, value)


def _always(value: float, start: FloatArray) -> FloatArray:
    return np.full(len(start), value)


def _moffat(start: FloatArray) -> FloatArray:
    """Core width over sigma, given the exponent, which is the last parameter."""
    alpha = np.maximum(np.abs(start[:, -1]), 0.5)
    full_width = _GAUSSIAN - (_GAUSSIAN - _LORENTZIAN) * alpha**-1.05
    ratio: FloatArray = 0.5 * full_width / np.sqrt(np.exp2(1.0 / alpha) - 1.0)
    return ratio


@dataclass(frozen=True)
class Profile:
    """A class of models: roles of its parameters, by their place.

    Attributes
    ----------
    amplitude : of the parameter that the profile is proportional to
    centre : of K parameters
    widths : of one parameter, or of several that start equal, or of one an axis where there is an `angle`
    per_sigma : (n, parameters) as started -> width over sigma, (n,)
    per_height : amplitude over height
    angle : of the position angle, in radians
    """

    amplitude: int
    centre: tuple[int, ...]
    widths: tuple[int, ...]
    per_sigma: Ratio
    per_height: float = 1.0
    angle: int | None = None


PROFILES: Mapping[str, Profile] = {
    "Gaussian1D": Profile(0, (1,), (2,), _constant(1.0)),
    "Lorentz1D": Profile(0, (1,), (2,), _constant(_LORENTZIAN), 1.13),
    "Drude1D": Profile(0, (1,), (2,), _constant(_LORENTZIAN), 1.13),
    "Voigt1D": Profile(1, (0,), (2, 3), _constant(2.079 / 1.6376), 1.5),
    "Moffat1D": Profile(0, (1,), (2,), _moffat, 1.05),
    "RickerWavelet1D": Profile(0, (1,), (2,), _constant(2.28), 0.92),
    "Gaussian2D": Profile(0, (1, 2), (3, 4), _constant(1.0), angle=5),
    "Moffat2D": Profile(0, (1, 2), (3,), _moffat, 1.05),
    "Lorentz2D": Profile(0, (1, 2), (3,), _constant(_LORENTZIAN), 1.13),
    "AiryDisk2D": Profile(0, (1, 2), (3,), _constant(2.9)),
    "RickerWavelet2D": Profile(0, (1, 2), (3,), _constant(2.6), 0.92),
}
"""Name of the model's class -> Profile."""


@dataclass(frozen=True)
class WorldPeak:
    """n peaks in the coordinates of the fit: height (n,), centre (n, K), covariance (n, K, K)."""

    height: FloatArray
    centre: FloatArray
    covariance: FloatArray


def parameters_of(profile: Profile, peak: WorldPeak, start: FloatArray, turns: bool) -> FloatArray:
    """Parameters of a profile, shape (n, parameters of the profile).

    Parameters
    ----------
    start : parameters as started, which those that a peak says nothing of keep
    turns : whether the angle is free to follow the peak
    """
    values = start.copy()
    values[:, profile.amplitude] = peak.height * profile.per_height
    values[:, list(profile.centre)] = peak.centre
    per_sigma = profile.per_sigma(start)
    if profile.angle is None:
        n_axes = peak.covariance.shape[-1]
        sigma = determinant(peak.covariance) ** (0.5 / n_axes)
        values[:, list(profile.widths)] = (sigma * per_sigma)[:, np.newaxis]
        return values
    if turns:
        values[:, profile.angle] = _position_angle(peak.covariance)
    major, minor = _along(peak.covariance, values[:, profile.angle])
    values[:, profile.widths[0]], values[:, profile.widths[1]] = major * per_sigma, minor * per_sigma
    return values


def _position_angle(covariance: FloatArray) -> FloatArray:
    """Angle of the longest axis from the first coordinate, radians."""
    angle: FloatArray = 0.5 * np.arctan2(2 * covariance[:, 0, 1], covariance[:, 0, 0] - covariance[:, 1, 1])
    return angle


def _along(covariance: FloatArray, angle: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Standard deviations along and across a direction."""
    cos, sin = np.cos(angle), np.sin(angle)
    xx, xy, yy = covariance[:, 0, 0], covariance[:, 0, 1], covariance[:, 1, 1]
    along = cos**2 * xx + 2 * sin * cos * xy + sin**2 * yy
    across = sin**2 * xx - 2 * sin * cos * xy + cos**2 * yy
    return np.sqrt(np.maximum(along, 0.0)), np.sqrt(np.maximum(across, 0.0))
