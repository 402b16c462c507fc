"""Known inputs of the model, and the instrument with its arrays.

Flows in: a Source, and what was typed for `--input` and `--instrument`. Flows out: Known, whose methods give what
`ndfit.fit` takes for `inputs` and `instrument`, of the part of the data that is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import matmul
from typing import Any

import numpy as np
from astropy import constants
from astropy import units as u

from ndfit.cli.bad_input import BadInput, PointedError, suggestion
from ndfit.cli.cut import Cut
from ndfit.cli.instrument_text import InstrumentText, Named, Step, parse_instrument
from ndfit.cli.messages import message_of
from ndfit.cli.quantities import Amount
from ndfit.cli.source import Plane, Source, amount_or_plane, on_data_axes
from ndfit.cli.world import World
from ndfit.problem.axes import Axes
from ndfit.problem.instrument import Instrument
from ndfit.problem.placement import is_width_in_velocity

__all__ = ["Known", "KnownOptions", "Place", "inputs_of", "instrument_of", "read_known"]

# Arguments whose unit is that of the coordinate; those that have a value a sample or a position; and how many axes of
# their own others have.
_OF_COORDINATE = frozenset({"sigma", "fwhm", "period", "edges"})
_ON_DATA = frozenset({"sigma", "fwhm", "resolving_power", "period"})
_OWN_AXES = {"edges": 1, "diagonals": 2}
# Full widths at half maximum in what is given.
_IN_SIGMA = {"sigma": float(np.sqrt(8.0 * np.log(2.0))), "fwhm": 1.0}
# What changes with the coordinates, and means something else where these are taken to rest.
_OBSERVED = frozenset({"sigma", "fwhm", "edges"})


@dataclass(frozen=True)
class KnownOptions:
    """What was typed: one `name=array` an entry, and the instrument."""

    inputs: tuple[str, ...] = ()
    instrument: str | None = None


@dataclass(frozen=True)
class Known:
    """What is known beside the data.

    Attributes
    ----------
    texts : number or name of an array, by the name that `--input` gives it
    model_inputs : names
    of_model : those of them that are given
    instrument : as typed, None where there is none
    arrays : what the texts stand for, once it is opened
    """

    texts: Mapping[str, str]
    model_inputs: tuple[str, ...]
    of_model: frozenset[str]
    instrument: InstrumentText | None
    arrays: Mapping[str, Amount | Plane] = field(default_factory=dict)

    @property
    def of_axes(self) -> tuple[str, ...]:
        """Inputs of the model that are coordinates of fitting axes."""
        return tuple(name for name in self.model_inputs if name not in self.of_model)

    def opened(self, source: Source) -> Known:
        """The same with each of them as a number or an array.

        Raises
        ------
        BadInput
            One is neither.
        """
        return replace(self, arrays={name: amount_or_plane(text, source) for name, text in self.texts.items()})

    def units(self, of_axes: Sequence[u.UnitBase | None]) -> tuple[u.UnitBase | None, ...]:
        """Unit of each input of the model, given those of the coordinates."""
        left = iter(of_axes)
        return tuple(self.arrays[name].unit if name in self.of_model else next(left) for name in self.model_inputs)


def read_known(options: KnownOptions, model_inputs: Sequence[str]) -> Known:
    """Read `--input` and `--instrument`.

    Raises
    ------
    BadInput
        A text that cannot be read, or a name that nothing is called, or that is not given.
    """
    instrument = None if options.instrument is None else parse_instrument(options.instrument)
    asked = () if instrument is None else tuple(instrument.arrays)
    names = {*model_inputs, *(each.name for each in asked)}
    texts: dict[str, str] = {}
    for entry in options.inputs:
        name, equals, text = (part.strip() for part in entry.partition("="))
        if not (equals and text):
            raise PointedError("--input expects name=array or name=number.", entry, len(entry))
        if name in texts:
            raise BadInput(f"--input is given '{name}' twice.")
        if name not in names:
            raise PointedError(
                f"No input of the model and no array of --instrument is called '{name}'. {suggestion(name, names)}",
                entry,
                0,
            )
        texts[name] = text
    for each in asked:
        if each.name not in texts:
            assert options.instrument is not None
            raise PointedError(
                f"'{each.name}' is not known: give it by --input {each.name}=ARRAY.", options.instrument, each.position
            )
    of_model = frozenset(texts) & frozenset(model_inputs)
    if len(of_model) == len(model_inputs):
        raise BadInput(
            f"--input gives every input of the model ({', '.join(model_inputs)}): none is left to fit along."
        )
    return Known(texts, tuple(model_inputs), of_model, instrument)


@dataclass(frozen=True)
class Place:
    """What is needed to put numbers and arrays where they belong.

    Attributes
    ----------
    plain : numbers are handed over without units, in the units of the fit
    """

    source: Source
    world: World
    cut: Cut
    plain: bool

    @property
    def axes(self) -> Axes:
        return Axes(self.source.data.shape, self.source.fitting)

    def on_data(self, given: Amount | Plane, name: str) -> Any:
        """A number, or what is kept of an array on the data's axes."""
        if isinstance(given, Amount):
            return given.value
        return self.cut.apply(on_data_axes(given, self.axes, name))

    def positions_kept(self, values: Any, own_axes: int) -> Any:
        """What is kept of an array with axes of its own behind those of the positions, if it has these."""
        if values.ndim <= own_axes:
            return values
        return values[tuple(self.cut.slices[axis] for axis in self.axes.iterating)]


def inputs_of(known: Known, place: Place) -> dict[str, Any] | None:
    """The argument `inputs` of `ndfit.fit`."""
    given = {
        name: _with_unit(place.on_data(known.arrays[name], f"--input {name}"), known.arrays[name].unit, place.plain)
        for name in known.of_model
    }
    return given or None


def instrument_of(known: Known, place: Place, at_rest: bool) -> Instrument | None:
    """The argument `instrument` of `ndfit.fit`.

    Parameters
    ----------
    at_rest : the coordinates are taken to rest, and widths that are observed are none of theirs

    Raises
    ------
    BadInput
        An argument that is missing or cannot be meant.
    """
    if known.instrument is None:
        return None
    steps = [_made(step, known, place, at_rest) for step in known.instrument.steps]
    try:
        return reduce(matmul, steps)
    except ValueError as error:
        raise BadInput(f"--instrument: {message_of(error)}") from error


def _made(step: Step, known: Known, place: Place, at_rest: bool) -> Instrument:
    velocities = {name for name, value in step.arguments.items() if _is_velocity(name, value, known, place)}
    observed = _OBSERVED & set(step.arguments) - velocities
    if at_rest and observed:
        raise BadInput(
            f"With --redshift the coordinates are at rest, and {min(observed)} of {step.method} is observed: give "
            "resolving_power, a velocity, a matrix, or bins without edges."
        )
    arguments = dict(
        _resolving_power(name, value, known, place)
        if name in velocities
        else (name, _argument(name, value, known, place))
        for name, value in step.arguments.items()
    )
    try:
        instrument: Instrument = getattr(Instrument, step.method)(**arguments)
    except (TypeError, ValueError) as error:
        raise BadInput(f"{step.method} of --instrument: {message_of(error)}") from error
    return instrument


def _is_velocity(name: str, value: Any, known: Known, place: Place) -> bool:
    """Whether a width is a velocity, along a wavelength or its like."""
    if name not in _IN_SIGMA or isinstance(value, (bool, tuple)):
        return False
    return is_width_in_velocity(_given(value, known).unit, place.world.units[0])


def _resolving_power(name: str, value: Any, known: Known, place: Place) -> tuple[str, Any]:
    """The argument that such a width stands for."""
    given = _given(value, known)
    fwhm = place.on_data(given, name) * _IN_SIGMA[name]
    return "resolving_power", constants.c.to_value(given.unit) / fwhm


def _given(value: Any, known: Known) -> Amount | Plane:
    return known.arrays[value.name] if isinstance(value, Named) else value


def _argument(name: str, value: Any, known: Known, place: Place) -> Any:
    if isinstance(value, tuple):
        return tuple(_argument(name, each, known, place) for each in value)
    if isinstance(value, bool):
        return value
    given = _given(value, known)
    if name in _ON_DATA:
        numbers = place.on_data(given, name)
    elif isinstance(given, Amount):
        numbers = int(given.value) if float(given.value).is_integer() else given.value
    else:
        numbers = place.positions_kept(given.values, _OWN_AXES.get(name, given.values.ndim))
    if name not in _OF_COORDINATE:
        if given.unit not in (None, u.one):
            raise BadInput(f"{name} of the instrument is in '{given.unit}', and plain numbers are expected there.")
        return numbers
    unit = place.world.units[0]
    if given.unit is not None and place.plain:
        return np.asarray(numbers) * Amount(1.0, given.unit).to(unit, f"{name} of the instrument")
    return _with_unit(numbers, given.unit or unit, place.plain)


def _with_unit(numbers: Any, unit: u.UnitBase | None, plain: bool) -> Any:
    return numbers if unit is None or plain else u.Quantity(numbers, unit)
