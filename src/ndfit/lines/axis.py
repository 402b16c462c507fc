"""Where lines are on the axis that is fitted.

Flows in: rest wavelengths, the redshift, and what the coordinates are: wavelengths in vacuum or air, frequencies,
energies, wavenumbers, or velocities about a rest frequency or wavelength. Flows out: numbers in their unit.

A velocity is linear in the wavelength (optical convention) or in the frequency (radio), so that a line whose wavelength
is a fixed multiple of another's has a centre that is linear in the other's, in every kind of coordinates. Wavelengths
in air are those at which a line is observed: the refractive index at the redshifted wavelength counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from astropy import constants
from astropy import units as u

from ndfit.lines.air import to_air
from ndfit.lines.line import MEDIA, Band

__all__ = ["Axis"]

LIGHT = float(constants.c.to_value(u.km / u.s))

_VELOCITY = u.km / u.s
_CONVENTIONS = ("radio", "optical")


@dataclass(frozen=True)
class Axis:
    """The coordinates of a fit.

    Attributes
    ----------
    unit : of the coordinates
    redshift : of the lines, from -1 on
    medium : in which wavelengths are measured, of MEDIA
    at_rest : the coordinates have been taken to rest by the redshift
    rest, convention : rest frequency or wavelength, and 'radio' or 'optical', where the coordinates are velocities
    channel : width of a sample, where it is known
    """

    unit: Any
    redshift: float = 0.0
    medium: str = "vacuum"
    at_rest: bool = False
    rest: Any = None
    convention: str | None = None
    channel: float = 0.0

    def __post_init__(self) -> None:
        if not -1.0 < self.redshift < 1e4:
            raise ValueError(f"the redshift should be a number above -1, got {self.redshift}")
        if self.medium not in MEDIA:
            raise ValueError(f"the medium should be vacuum or air, got '{self.medium}'")
        if self.is_velocity:
            if self.convention not in _CONVENTIONS:
                raise ValueError(
                    "lines in velocity need the Doppler convention 'radio' or 'optical', in which velocities are "
                    f"linear in frequency or wavelength, got {self.convention!r}"
                )
            if self.rest is None or not u.Quantity(self.rest).unit.is_equivalent(u.AA, u.spectral()):
                raise ValueError(
                    "lines in velocity need the rest frequency or wavelength that the velocities are about"
                )
        elif not u.Unit(self.unit).is_equivalent(u.AA, u.spectral()):
            raise ValueError(f"lines lie at wavelengths, frequencies or velocities, and the unit is '{self.unit}'")
        if self.medium == "air" and not (self.is_wavelength or self.convention == "optical"):
            raise ValueError(f"only wavelengths can be in air, and the coordinates are in '{self.unit}'")

    @property
    def is_velocity(self) -> bool:
        """Whether coordinates are velocities."""
        return bool(u.Unit(self.unit).is_equivalent(_VELOCITY))

    @property
    def is_wavelength(self) -> bool:
        """Whether coordinates are wavelengths."""
        return bool(u.Unit(self.unit).is_equivalent(u.AA))

    @property
    def sign(self) -> float:
        """Of the change of the coordinate for a line that recedes."""
        return 1.0 if self.is_wavelength or self.is_velocity else -1.0

    def centre(self, wavelength: float) -> float:
        """The coordinate at which a line of a wavelength at rest in vacuum, Angstrom, is expected."""
        if self.is_velocity:
            return self._sense * self._light * (self._linear(wavelength) / self._reference - 1.0)
        return self._linear(wavelength)

    def relation(self, wavelength: float, other: float) -> tuple[float, float]:
        """Slope and offset: centre = slope * centre of the other + offset. Widths are in the ratio of the slope."""
        slope = self._linear(wavelength) / self._linear(other)
        return slope, self._sense * self._light * (slope - 1.0) if self.is_velocity else 0.0

    def span(self, wavelength: float, velocity: float) -> float:
        """The change of the coordinate for a velocity in km/s, positive."""
        if self.is_velocity:
            return velocity / LIGHT * self._light * self._linear(wavelength) / self._reference
        return velocity / LIGHT * self._linear(wavelength)

    def range_of(self, band: Band) -> tuple[float, float]:
        """A band at rest, in coordinates."""
        low, high = sorted((self.centre(band.low), self.centre(band.high)))
        return low, high

    def observed(self, band: Band) -> tuple[float, float]:
        """A band of the observer, in coordinates before these were taken to rest."""
        here = Axis(self.unit, 0.0, self.medium, False, self.rest, self.convention)
        return here.range_of(band)

    @property
    def _light(self) -> float:
        return float(constants.c.to_value(u.Unit(self.unit)))

    @property
    def _sense(self) -> float:
        return 1.0 if self.convention == "optical" else -1.0

    @property
    def _spectral(self) -> Any:
        """Unit of what lines are linear in."""
        if not self.is_velocity:
            return u.Unit(self.unit)
        return u.AA if self.convention == "optical" else u.Hz

    @property
    def _reference(self) -> float:
        return float(u.Quantity(self.rest).to_value(self._spectral, equivalencies=u.spectral()))

    def _linear(self, wavelength: float) -> float:
        seen = wavelength * (1.0 + self.redshift)
        if self.medium == "air":
            seen = float(to_air(seen))
        if self.at_rest:
            seen /= 1.0 + self.redshift
        return float(u.Quantity(seen, u.AA).to_value(self._spectral, equivalencies=u.spectral()))
