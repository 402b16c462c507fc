"""The components of a fitted model, and what can be said of each.

Flows in: FitProblem, and what is known of rest and instrument. Flows out: Measures by name, such as `flux_0`.

| quantity | of a component |
|---|---|
| flux, fwhm, centroid, area, axis_ratio | see `ndfit.derived.profile_formulas` |
| peak | the component at its centre |
| equivalent_width | minus flux over the continuum at the centre, which is the sum of the components that are no lines |
| velocity | of the centroid, by the Doppler convention; the centroid itself where coordinates are velocities |
| dispersion | FWHM / sqrt(8 ln 2), in km/s: c times it over the centroid, less the instrument's in quadrature |
| snr | flux, or else the peak, over its standard error |
| moment0, moment1, moment2 | integral, mean and variance of the component over the samples |

An equivalent width is positive where light is missing. `integral` is that of the whole model over the samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from astropy import constants as const
from astropy import units as u
from astropy.modeling import models as astropy_models

from ndfit.derived.profile_formulas import FORMULAS, SIGMAS_PER_FWHM
from ndfit.derived.propagation import Measure, Values
from ndfit.problem.types import FitProblem
from ndfit.result.fitted_model import reported_model
from ndfit.result.model_terms import Term, terms_of

__all__ = [
    "CONVENTIONS",
    "Component",
    "Setting",
    "components_in",
    "components_of",
    "in_coordinates",
    "integral",
    "plain_ratio",
]

CONVENTIONS: Mapping[str, Callable[[u.Quantity], Any]] = {
    "radio": u.doppler_radio,
    "optical": u.doppler_optical,
    "relativistic": u.doppler_relativistic,
}

_SPEED = u.km / u.s


@dataclass(frozen=True)
class Setting:
    """What is known beside the fit.

    Attributes
    ----------
    rest : rest wavelength, frequency or energy of every line, or by number or name of the component
    convention : key of CONVENTIONS; by default radio for frequencies, else optical
    instrumental_fwhm : that of the instrument, in the unit of the coordinate or as a speed, one or a map of shape B
    """

    rest: Any = None
    convention: str | None = None
    instrumental_fwhm: Any = None


@dataclass(frozen=True)
class Component:
    """One summand of the model.

    Attributes
    ----------
    ending : of the names of its parameters, such as `_0`; empty where it is the whole model
    """

    term: Term
    ending: str
    problem: FitProblem
    others: tuple[Term, ...] = field(default=())

    @property
    def kind(self) -> str:
        """Its class, where that is astropy's; empty where the name may stand for anything."""
        name = type(self.term.model).__name__
        return name if type(self.term.model) is getattr(astropy_models, name, None) else ""

    @property
    def is_line(self) -> bool:
        return self.kind in FORMULAS["centroid"]

    @property
    def labels(self) -> Iterator[str]:
        """What is put behind the name of a quantity: the ending, or the component's name where that can be typed."""
        yield self.ending
        name = f"_{self.term.model.name or ''}"
        if name not in ("_", self.ending) and name.isidentifier():
            yield name

    def measures(self, setting: Setting) -> Iterator[tuple[str, Measure]]:
        """Name of a quantity -> how it is found; what one lacks is told when it is made."""
        for name, rows in FORMULAS.items():
            if self.kind in rows:
                yield name, Measure(partial(self.formula, name), f"{name} of {self._title}")
        signal = "flux" if self.kind in FORMULAS["flux"] else "peak"
        if self.kind in FORMULAS["flux"] or self.is_line:
            of: Callable[[Values], Any] = partial(self.formula, signal) if signal == "flux" else self.peak
            yield "snr", Measure(of, f"{signal} of {self._title} over its error", over_error=True)
        if self.is_line:
            more: dict[str, tuple[Callable[[Values], Any], str]] = {
                "peak": (self.peak, "value at the centre"),
                "equivalent_width": (self.equivalent_width, "minus flux over the continuum at the centre"),
                "velocity": (partial(self.velocity, setting), "velocity of the centroid"),
                "dispersion": (partial(self.dispersion, setting), "standard deviation in km/s"),
                "moment0": (partial(self.moment, 0), "integral over the samples"),
                "moment1": (partial(self.moment, 1), "mean over the samples"),
                "moment2": (partial(self.moment, 2), "variance over the samples"),
            }
            for name, (measure, meaning) in more.items():
                yield name, Measure(measure, f"{meaning} of {self._title}")

    @property
    def _title(self) -> str:
        return f"{self.term.name}{self.ending.replace('_', ' ')}"

    def formula(self, quantity: str, values: Values) -> Any:
        """One of the table FORMULAS."""
        names, of = FORMULAS[quantity][self.kind]
        result = of(*(values[name + self.ending] for name in names))
        return result * self.term.sign if quantity == "flux" else result

    def numbers(self, term: Term, values: Values, where: Any) -> Any:
        """A summand at coordinates of shape B, in the unit of the fit."""
        known = [_plain(values[name]) for name in self.problem.params.names[term.where]]
        return term.sign * np.broadcast_to(term.model.evaluate(where, *known), np.shape(where))

    def peak(self, values: Values) -> Any:
        centre = _plain(self.formula("centroid", values))
        return self._in_data_unit(self.numbers(self.term, values, centre))

    def equivalent_width(self, values: Values) -> Any:
        if not self.others:
            raise ValueError(f"{self._title} has no equivalent width: the model has no continuum beside its lines")
        centre = _plain(self.formula("centroid", values))
        continuum = sum(self.numbers(term, values, centre) for term in self.others)
        return -self.formula("flux", values) / self._in_data_unit(continuum)

    def velocity(self, setting: Setting, values: Values) -> Any:
        centre = self.formula("centroid", values)
        if _is_speed(centre):
            return centre.to(_SPEED)
        rest = self._rest(setting, centre)
        convention = setting.convention or ("radio" if centre.unit.is_equivalent(u.Hz) else "optical")
        if centre.unit.is_equivalent(1 / u.m):  # the conventions know of frequencies, energies and wavelengths
            centre = centre.to(u.Hz, equivalencies=u.spectral())
        return centre.to(_SPEED, equivalencies=CONVENTIONS[convention](rest))

    def _rest(self, setting: Setting, centre: Any) -> u.Quantity:
        if not hasattr(centre, "unit"):
            raise ValueError("velocities need coordinates with a unit: give world with one")
        rest = setting.rest
        if isinstance(rest, Mapping):
            rest = next((rest[key] for key in self.rest_keys if key in rest), None)
        if rest is None:
            rest = _rest_of_wcs(self.problem.wcs)
        if rest is None:
            raise ValueError(
                f"the velocity of {self._title} needs its rest wavelength or frequency: give rest=, such as "
                "rest=6562.8 * u.AA, or {0: ..., 1: ...} with one for each component"
            )
        if not (hasattr(rest, "unit") and rest.unit.is_equivalent(centre.unit, u.spectral())):
            raise u.UnitConversionError(f"rest should be in a unit such as '{centre.unit}', got {rest}")
        return rest

    @property
    def rest_keys(self) -> tuple[Any, ...]:
        """Under which a mapping may hold what is known of it."""
        return int(self.ending[1:]) if self.ending else 0, self.term.model.name

    def dispersion(self, setting: Setting, values: Values) -> Any:
        centre, fwhm = self.formula("centroid", values), self.formula("fwhm", values)
        if not hasattr(centre, "unit"):
            raise ValueError("dispersions in km/s need coordinates with a unit: give world with one")
        own = _as_speed(fwhm, centre)
        if setting.instrumental_fwhm is not None:
            instrument = _as_speed(_instrumental(setting.instrumental_fwhm, fwhm, self.problem), centre)
            squared = own**2 - instrument**2
            own = np.sqrt(np.where(squared > 0.0, squared, np.nan))
        return own / SIGMAS_PER_FWHM

    def moment(self, order: int, values: Values) -> Any:
        centre = _plain(self.formula("centroid", values))
        sums = _sums(self.problem, lambda where: self.numbers(self.term, values, where), centre, order)
        unit = getattr(self.formula("centroid", values), "unit", None)
        if order == 0:
            return _with(self._in_data_unit(sums[0]), unit)
        mean = sums[1] / sums[0]
        if order == 1:
            return _with(centre + mean, unit)
        return _with(sums[2] / sums[0] - mean**2, None if unit is None else unit**2)

    def _in_data_unit(self, numbers: Any) -> Any:
        return _with(numbers, self.problem.data_unit)


def integral(components: tuple[Component, ...], values: Values) -> Any:
    """Of the whole model over the samples."""
    problem = components[0].problem
    zero = np.zeros(problem.axes.iterating_shape)

    def whole(where: Any) -> Any:
        return sum(each.numbers(each.term, values, where) for each in components)

    unit = next((getattr(each.formula("centroid", values), "unit", None) for each in components if each.is_line), None)
    return _with(_with(_sums(problem, whole, zero, 0)[0], problem.data_unit), unit)


def components_of(problem: FitProblem) -> tuple[Component, ...]:
    """The summands of the fitted model."""
    return components_in(reported_model(problem), problem.params.names, problem)


def components_in(model: Any, names: tuple[str, ...], problem: Any) -> tuple[Component, ...]:
    """The summands of a model with parameters of these names; without a problem, nothing can be evaluated."""
    plain = [Component(term, _ending(term, names), problem) for term in terms_of(model)]
    others = tuple(each.term for each in plain if not each.is_line)
    return tuple(Component(each.term, each.ending, problem, others) for each in plain)


def _ending(term: Term, names: tuple[str, ...]) -> str:
    """Of the names of its parameters; a table of values has none."""
    own = term.model.param_names
    return names[term.where.start].removeprefix(own[0]) if own else ""


def _sums(problem: FitProblem, of: Callable[[Any], Any], centre: Any, order: int) -> list[Any]:
    """Sums over the samples of the values, times powers of the distance from a centre, times the channels' widths."""
    samples = problem.samples
    if samples.data is None or samples.known or len(samples.coords) != 1:
        raise ValueError(
            "sums over the samples need the coordinates of one fitting axis: give the data of a result that was read "
            "from a file back"
        )
    along = np.moveaxis(np.asarray(samples.coords[0], dtype=float), samples.axes.fitting[0], 0)
    widths = np.abs(np.gradient(along, axis=0)) if len(along) > 1 else np.ones_like(along)
    total: list[Any] = [0.0] * (order + 1)
    for x, width in zip(along, widths, strict=True):
        share = of(np.broadcast_to(x, np.shape(centre))) * width
        total = [before + share * (x - centre) ** power for power, before in enumerate(total)]
    return total


def _rest_of_wcs(wcs: Any) -> Any:
    header = getattr(wcs, "wcs", None)
    if header is None:
        return None
    if header.restfrq:
        return u.Quantity(header.restfrq, u.Hz)
    return u.Quantity(header.restwav, u.m) if header.restwav else None


def _is_speed(value: Any) -> bool:
    return hasattr(value, "unit") and value.unit.is_equivalent(_SPEED)


def _as_speed(width: Any, centre: Any) -> Any:
    if _is_speed(width):
        return width.to(_SPEED)
    if not width.unit.is_equivalent(centre.unit):
        raise u.UnitConversionError(f"a width should be in a unit such as '{centre.unit}' or km/s, got '{width.unit}'")
    return (const.c * abs((width / centre).to_value(""))).to(_SPEED)


def _instrumental(width: Any, own: Any, problem: FitProblem) -> u.Quantity:
    """One or of shape B; plain numbers are in the unit of the coordinate."""
    known = width if hasattr(width, "unit") else u.Quantity(width, own.unit)
    if np.shape(known) not in ((), problem.axes.iterating_shape):
        raise ValueError(
            f"instrumental_fwhm should be one number, or a map of shape {problem.axes.iterating_shape}, got shape "
            f"{np.shape(known)}"
        )
    return known


def _plain(value: Any) -> Any:
    return np.asarray(getattr(value, "value", value), dtype=float)


def _with(numbers: Any, unit: Any) -> Any:
    return numbers if unit is None else numbers * unit


def in_coordinates(width: Any, centre: Any) -> Any:
    """A width in the unit of a centre, of which it may be a speed; plain numbers are in that unit already.

    Raises
    ------
    astropy.units.UnitConversionError
        It is in another unit.
    """
    unit = getattr(centre, "unit", None)
    if not hasattr(width, "unit"):
        return np.asarray(width, dtype=float) if unit is None else u.Quantity(width, unit)
    if unit is None:
        raise u.UnitConversionError(f"the width is in '{width.unit}', and the coordinates have no unit")
    if _is_speed(width) and not _is_speed(centre):
        return abs(centre) * (width / const.c).to_value("")
    return width.to(unit)


def plain_ratio(one: Any, other: Any) -> Any:
    """One over the other, as plain numbers."""
    ratio = one / other
    return ratio.to_value("") if hasattr(ratio, "unit") else ratio
