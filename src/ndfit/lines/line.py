"""A line, and what ties it to others.

Flows in: names, rest wavelengths, texts such as `=0.34 [OIII] 5007`. Flows out: Line, Relation and Band, frozen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import inf, isfinite
from typing import Any

from astropy import units as u

from ndfit.lines.air import to_vacuum
from ndfit.untrusted import printable, read_unit, shortened

__all__ = ["FREE", "MEDIA", "Band", "Line", "Relation", "quantity_of", "read_band", "read_relation", "read_rest"]

MEDIA = ("vacuum", "air")
FREE = "free"
_LONGEST_NAME = 60

_NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_QUANTITY = re.compile(rf"\s*([-+]?{_NUMBER})\s*([^\d\s+-].*)\Z")
_BAND = re.compile(rf"\s*({_NUMBER})\s*:\s*({_NUMBER})\s*([^\d\s:].*)\Z")
_RELATION = re.compile(rf"\s*(?:([=<>])({_NUMBER})?\s+|({_NUMBER}):({_NUMBER})\s+)?(\S.*?)\s*\Z")


@dataclass(frozen=True)
class Relation:
    """A quantity of a line is that of another line times a factor.

    Attributes
    ----------
    to : name of the other line
    low, high : least and greatest factor; the same where it is fixed
    """

    to: str
    low: float = 1.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if not (0.0 <= self.low <= self.high and self.high > 0.0 and isfinite(self.low)):
            raise ValueError(f"a factor from {self.low:g} to {self.high:g} is none that two lines can have")

    @property
    def fixed(self) -> bool:
        """Whether there is one factor."""
        return self.low == self.high

    def __str__(self) -> str:
        if self.fixed:
            return f"={'' if self.low == 1.0 else repr(self.low)} {self.to}"
        if self.high == inf:
            return f">{self.low!r} {self.to}"
        return f"<{self.high!r} {self.to}" if self.low == 0.0 else f"{self.low!r}:{self.high!r} {self.to}"


@dataclass(frozen=True)
class Band:
    """A range of wavelengths in vacuum, Angstrom."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0.0 < self.low < self.high < inf:
            raise ValueError(f"a band should run from a wavelength to a larger one, got {self.low:g} to {self.high:g}")


@dataclass(frozen=True)
class Line:
    """A spectral line.

    Attributes
    ----------
    name : any text without control characters
    rest : wavelength in vacuum or frequency, at rest
    velocity, width, flux : tie to another line; None where the line has its own
    blue, red : side bands of the continuum, at rest
    """

    name: str
    rest: u.Quantity
    velocity: Relation | None = None
    width: Relation | None = None
    flux: Relation | None = None
    blue: Band | None = None
    red: Band | None = None

    def __post_init__(self) -> None:
        if not self.name.strip() or not self.name.isprintable() or len(self.name) > _LONGEST_NAME:
            raise ValueError(
                f"the name of a line should be text of 1 to {_LONGEST_NAME} characters that print, got "
                f"'{printable(shortened(self.name))}'"
            )
        if not self.rest.isscalar or not (self.rest.value > 0.0 and 0.0 < self.wavelength < inf):
            raise ValueError(f"the rest wavelength of '{self.name}' should be a positive number, got {self.rest}")

    @property
    def wavelength(self) -> float:
        """At rest in vacuum, Angstrom."""
        return float(self.rest.to_value(u.AA, equivalencies=u.spectral()))


def quantity_of(text: Any, what: str) -> u.Quantity:
    """A number with a unit.

    Raises
    ------
    ValueError
    """
    match = _QUANTITY.match(text) if isinstance(text, str) and len(text) < 200 else None
    if match is None:
        raise ValueError(f"{what} should be a number with a unit, such as '6564.61 Angstrom', got {_shown(text)}")
    return u.Quantity(float(match[1]), read_unit(match[2].strip()))


def read_rest(text: Any, medium: str, what: str) -> u.Quantity:
    """A rest wavelength or frequency; wavelengths are converted to vacuum.

    Raises
    ------
    ValueError
    """
    rest = quantity_of(text, what)
    if not rest.unit.is_equivalent(u.AA, u.spectral()):
        raise ValueError(f"{what} should be a wavelength or a frequency, got '{rest}'")
    if medium == "vacuum" or not rest.unit.is_equivalent(u.AA):
        return rest
    return u.Quantity(float(to_vacuum(rest.to_value(u.AA))), u.AA)


def read_band(text: Any, medium: str, what: str) -> Band:
    """Text such as `6483:6513 Angstrom`.

    Raises
    ------
    ValueError
    """
    match = _BAND.match(text) if isinstance(text, str) and len(text) < 200 else None
    if match is None:
        raise ValueError(f"{what} should be a range with a unit, such as '6483:6513 Angstrom', got {_shown(text)}")
    ends = (read_rest(f"{end} {match[3]}", medium, what) for end in (match[1], match[2]))
    low, high = sorted(float(end.to_value(u.AA, equivalencies=u.spectral())) for end in ends)
    return Band(low, high)


def read_relation(text: Any, what: str) -> Relation | None:
    """Text such as `Ha`, `= Ha`, `=0.34 [OIII] 5007`, `>1.4 Ha`, `0.4:1.5 [SII] 6731` or `free`.

    Raises
    ------
    ValueError
    """
    match = _RELATION.match(text) if isinstance(text, str) and len(text) < 200 else None
    if match is None:
        raise ValueError(f"{what} should be the name of a line, or such as '=0.34 [OIII] 5007', got {_shown(text)}")
    sign, number, low, high, name = match.groups()
    if sign is None and low is None and name == FREE:
        return None
    if low is not None:
        return Relation(name, float(low), float(high))
    factor = 1.0 if number is None else float(number)
    limits = {"<": (0.0, factor), ">": (factor, inf)}.get(sign or "=", (factor, factor))
    return Relation(name, *limits)


def _shown(value: Any) -> str:
    return f"'{printable(shortened(str(value)))}'"
