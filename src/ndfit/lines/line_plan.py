"""What the model of a line set is made of.

Flows in: lines and an Axis. Flows out: Plan: classes of astropy with names, starting values, bounds and the texts of
ties, as numbers in the unit of the coordinates. The library makes a model of it, the command line an expression.

Centres of lines tied in velocity are in the ratio of their wavelengths, and so are widths of lines tied in width. A
ratio of fluxes is one of height times width. A factor that may lie between limits (`>1.4 Ha`) is a parameter: astropy
has bounds for parameters alone. It is the exponent `alpha` of a power law whose amplitude is fixed at zero, which adds
nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, sqrt
from typing import Any, NamedTuple

from ndfit.lines.axis import LIGHT, Axis
from ndfit.lines.line import Line, Relation
from ndfit.lines.monomial import Monomial

__all__ = ["PROFILES", "Limits", "Plan", "Term", "limits_of", "plan_of"]

_WIDEST = 50.0  # a factor of widths or fluxes that has no other limit
_CHANNELS = 1.5, 0.5  # widths at which lines start and end, where channels are wider than lines


class _Profile(NamedTuple):
    """Parameters of a class; the area is proportional to the amplitude times the first of the widths."""

    amplitude: str
    centre: str
    widths: tuple[str, ...]
    per_sigma: float


PROFILES: Mapping[str, _Profile] = {
    "Gaussian1D": _Profile("amplitude", "mean", ("stddev",), 1.0),
    "Lorentz1D": _Profile("amplitude", "x_0", ("fwhm",), 2.354820045),
    "Voigt1D": _Profile("amplitude_L", "x_0", ("fwhm_L", "fwhm_G"), 2.354820045),
}
"""Classes of lines."""


@dataclass(frozen=True)
class Limits:
    """Velocities in km/s: where widths (standard deviations) start, and between which they are, how far centres may go,
    and how much of the spectrum is fitted on either side of a line."""

    width: float
    min_width: float
    max_width: float
    max_velocity: float
    window: float


# Ionised gas of galaxies, the solar corona below 1000 Angstrom, and cold gas, whose lines are given as frequencies.
_GAS = Limits(100, 10, 1000, 1000, 3000)
_CORONA = Limits(25, 3, 300, 500, 1000)
_COLD = Limits(5, 0.05, 300, 500, 1500)
_EXTREME_ULTRAVIOLET = 1000.0  # Angstrom


def limits_of(line: Line) -> Limits:
    """What is usual for a line of its kind."""
    if line.rest.unit.is_equivalent("Hz"):
        return _COLD
    return _CORONA if line.wavelength < _EXTREME_ULTRAVIOLET else _GAS


@dataclass(frozen=True)
class Term:
    """A class of astropy, its name in the set, and starting values."""

    kind: str
    name: str
    values: Mapping[str, float]


@dataclass
class Plan:
    """Terms of a sum; names of parameters end with the number of their term."""

    terms: list[Term] = field(default_factory=list)
    fixed: list[str] = field(default_factory=list)
    bounds: dict[str, tuple[float | None, float | None]] = field(default_factory=dict)
    ties: dict[str, Monomial] = field(default_factory=dict)


def plan_of(lines: Sequence[Line], axis: Axis, profile: str, limits: Mapping[str, Limits]) -> Plan:
    """Plan the model.

    Parameters
    ----------
    lines : that tie to one another, without circles
    profile : of PROFILES
    limits : by the name of a line

    Raises
    ------
    ValueError
        A tie that cannot be meant in these coordinates.
    """
    return _Planner(lines, axis, PROFILES[profile], profile, limits).plan()


class _Planner:
    def __init__(
        self, lines: Sequence[Line], axis: Axis, profile: _Profile, kind: str, limits: Mapping[str, Limits]
    ) -> None:
        self.lines, self.axis, self.profile, self.kind, self.limits = lines, axis, profile, kind, limits
        self.place = {line.name: number for number, line in enumerate(lines)}
        self.done = Plan()
        self.factors: list[Term] = []
        self.made: dict[tuple[str, str], Monomial] = {}
        self.values: dict[str, float] = {}

    def plan(self) -> Plan:
        parts = (*((width, self._width) for width in self.profile.widths), (self.profile.centre, self._centre))
        for part, rule in (*parts, (self.profile.amplitude, self._amplitude)):
            for line in self.lines:
                self._resolve(line, part, rule)
        for number, line in enumerate(self.lines):
            names = (self.profile.amplitude, self.profile.centre, *self.profile.widths)
            self.done.terms.append(
                Term(self.kind, line.name, {name: self.values[f"{name}_{number}"] for name in names})
            )
        self.done.terms.extend(self.factors)
        return self.done

    def _resolve(self, line: Line, part: str, rule: Any) -> Monomial:
        """What a parameter is, in free parameters; the parameter itself where it is free."""
        if (line.name, part) not in self.made:
            name = f"{part}_{self.place[line.name]}"
            tie, start, bounds = rule(line, part)
            if tie is None:
                self.values[name] = start
                if bounds is not None:
                    self.done.bounds[name] = bounds
                self.made[line.name, part] = Monomial.of(name)
            else:
                self.values[name] = tie.value(self.values)
                self.done.ties[name] = self.made[line.name, part] = tie
        return self.made[line.name, part]

    def _other(self, relation: Relation) -> Line:
        return self.lines[self.place[relation.to]]

    def _width(self, line: Line, part: str) -> tuple[Monomial | None, float, Any]:
        relation, limits = line.width, self.limits[line.name]
        if relation is not None:
            other = self._other(relation)
            slope = abs(self.axis.relation(line.wavelength, other.wavelength)[0])
            factor = self._factor(relation, f"width of {line.name}", part)
            return self._resolve(other, part, self._width).scaled(slope) * factor, 0.0, None
        scale = self.profile.per_sigma
        start = max(self.axis.span(line.wavelength, limits.width), _CHANNELS[0] * self.axis.channel)
        least = max(self.axis.span(line.wavelength, limits.min_width), _CHANNELS[1] * self.axis.channel)
        most = max(self.axis.span(line.wavelength, limits.max_width), 2.0 * start)
        if len(self.profile.widths) > 1:  # a Voigt profile may lack either of its widths
            return None, 0.5 * scale * start, (0.0, scale * most)
        return None, scale * start, (scale * least, scale * most)

    def _centre(self, line: Line, part: str) -> tuple[Monomial | None, float, Any]:
        relation, centre = line.velocity, self.axis.centre(line.wavelength)
        if relation is None:
            reach = self.axis.span(line.wavelength, self.limits[line.name].max_velocity)
            return None, centre, (centre - reach, centre + reach)
        slope, offset = self.axis.relation(line.wavelength, self._other(relation).wavelength)
        base = self._resolve(self._other(relation), part, self._centre)
        if relation.fixed and relation.low == 1.0:
            return base.scaled(slope, offset), 0.0, None
        if not {relation.low, relation.high} & {1.0} or relation.low not in (0.0, 1.0) or self.axis.is_velocity:
            raise ValueError(
                f"the velocity of '{line.name}' is tied to that of '{relation.to}' by '{relation}': velocities can be "
                "equal (=), or in wavelengths and frequencies less (<) or greater (>), but have no factor"
            )
        return base.scaled(slope) * self._beside(line, relation), 0.0, None

    def _beside(self, line: Line, relation: Relation) -> Monomial:
        """One plus or minus a small fraction of the speed of light."""
        reach = 2.0 * self.limits[line.name].max_velocity / LIGHT
        upwards = (relation.low == 1.0) == (self.axis.sign > 0)
        limits = Relation(relation.to, 1.0, 1.0 + reach) if upwards else Relation(relation.to, 1.0 - reach, 1.0)
        return self._factor(limits, f"velocity of {line.name}", "", 0.1)

    def _amplitude(self, line: Line, part: str) -> tuple[Monomial | None, float, Any]:
        relation = line.flux
        if relation is None:
            return None, 1.0, None
        other, width = self._other(relation), self.profile.widths[0]
        widths = self.made[other.name, width] * self.made[line.name, width].inverse()
        amplitude = self._resolve(other, part, self._amplitude)
        return amplitude * widths * self._factor(relation, f"flux of {line.name}", part), 0.0, None

    def _factor(self, relation: Relation, what: str, part: str, share: float = 0.5) -> Monomial:
        """A number, or a parameter of its own where there are limits."""
        if relation.fixed:
            return Monomial(relation.low)
        low = relation.low or relation.high / _WIDEST
        high = low * _WIDEST if relation.high == inf else relation.high
        number = len(self.lines) + len(self.factors)
        start = sqrt(low * high) if share == 0.5 else low + share * (high - low)
        scale = abs(self.axis.centre(self.lines[0].wavelength)) or 1.0
        name = f"alpha_{number}"
        self.factors.append(Term("PowerLaw1D", what, {"amplitude": 0.0, "x_0": scale, "alpha": start}))
        self.done.fixed += [f"amplitude_{number}", f"x_0_{number}"]
        self.done.bounds[name] = (relation.low or (0.0 if part else low), high)
        self.values[name] = start
        return Monomial.of(name)


def windows_of(lines: Iterable[Line], limits: Mapping[str, Limits], axis: Axis) -> list[tuple[float, float]]:
    """The part of the axis around each line, and its side bands."""
    ranges = []
    for line in lines:
        centre, reach = axis.centre(line.wavelength), axis.span(line.wavelength, limits[line.name].window)
        ranges.append((centre - reach, centre + reach))
        ranges += [axis.range_of(band) for band in (line.blue, line.red) if band is not None]
    return ranges
