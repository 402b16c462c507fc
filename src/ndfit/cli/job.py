"""A fit with every input checked.

Flows in: Settings. Flows out: Job, which knows what `ndfit.fit` will be given, and makes the fits.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from astropy import units as u

import ndfit
from ndfit.call_types import GuessKind
from ndfit.cli.bad_input import BadInput, FitFailed
from ndfit.cli.calibration import open_calibration
from ndfit.cli.cut import Cut, cut_out
from ndfit.cli.derived import read_asked
from ndfit.cli.expression import parse_expression
from ndfit.cli.gathered import Samples, gather
from ndfit.cli.known_inputs import read_known
from ndfit.cli.line_options import open_lines
from ndfit.cli.lines_command import can_guess
from ndfit.cli.messages import message_of, with_option_names
from ndfit.cli.missing import near_missing
from ndfit.cli.parameters import Prepared, parameter_units, prepare
from ndfit.cli.put_lines import Asked, put_lines
from ndfit.cli.quantities import parse_unit
from ndfit.cli.settings import Settings
from ndfit.cli.source import Source, open_source
from ndfit.cli.terminal import say
from ndfit.cli.world import World, open_world
from ndfit.errors import AllFitsFailed, FitWarning, LoadError, WorkersLost
from ndfit.problem.axes import Axes
from ndfit.run.workers import using_workers

__all__ = ["Job", "prepare_job", "tell"]

_UNGUESSED = "No starting values are given, and none can be guessed for this model: it starts from astropy's defaults."


@dataclass(frozen=True)
class Job:
    """What is to be fitted, and how.

    Attributes
    ----------
    settings : as typed
    prepared : the model
    fitting : axes of the data in the order of the model's inputs
    inputs : the arguments of `ndfit.fit` and `ndfit.read` that describe the data
    guess : of `ndfit.fit`
    asked : quantities to derive, by name
    headline : the data in one line
    notes : what had to be assumed
    """

    settings: Settings
    prepared: Prepared
    fitting: tuple[int, ...]
    inputs: Mapping[str, Any]
    guess: GuessKind | None
    asked: Mapping[str, str]
    headline: str
    notes: tuple[str, ...]

    def run(self) -> ndfit.FitResult:
        """Make the fits.

        Raises
        ------
        BadInput
            `ndfit.fit` refuses its input.
        FitFailed
            No position has a result, data cannot be read, workers are lost, or a checkpoint cannot be written.
        """
        settings = self.settings
        with _telling(), using_workers(settings.workers):
            try:
                result = ndfit.fit(
                    self.prepared.model,
                    fitting_axes=self.fitting,
                    bounds=self.prepared.bounds,
                    guess=self.guess,
                    progress=False if settings.quiet else None,
                    **settings.keywords,
                    **self.inputs,
                )
            except (AllFitsFailed, LoadError, WorkersLost, OSError) as error:
                raise FitFailed(message_of(error)) from error
            except (TypeError, ValueError, u.UnitsError) as error:
                raise BadInput(message_of(error)) from error
        return result


def prepare_job(settings: Settings) -> Job:
    """Check everything that was typed, and open the data.

    Raises
    ------
    BadInput
        One sentence that says what was expected, what arrived, and what to do.
    """
    line_set = open_lines(settings.lines, settings.model)
    typed = None if settings.model is None else parse_expression(settings.model)
    known = read_known(settings.known, ("x",) if typed is None else typed.build().inputs)
    source = open_source(
        settings.cube,
        settings.hdu,
        settings.axes,
        len(known.of_axes),
        with_wcs=not (settings.pixels or settings.coordinates.hdu),
    )
    world = open_world(source, settings.coordinates)
    calibration = None if settings.calibration is None else open_calibration(source, settings.calibration)
    data_unit = source.unit if calibration is None else calibration.unit_of(source.unit)
    if settings.data_unit is not None:
        data_unit = parse_unit(settings.data_unit)
    known = known.opened(source)
    axes, has_instrument = Axes(source.data.shape, source.fitting), known.instrument is not None
    asked = (
        put_lines(line_set, settings, source, world)
        if typed is None
        else Asked(typed, settings.constraints, settings.window)
    )
    cut = cut_out(axes, world, asked.window, settings.region, whole=has_instrument, left_out=asked.left_out)
    units = parameter_units(asked.expression, known.units(world.units), data_unit)
    plain = not any(units.values()) and (data_unit is not None or any(world.units))
    prepared = prepare(asked.expression, asked.constraints, units, cut.spans(world))
    samples = gather(
        source, world, cut, settings, known=known, data_unit=data_unit, calibration=calibration, plain=plain
    )
    equivalencies = None
    if world.equivalencies and not plain:
        equivalencies = {known.of_axes[0]: list(world.equivalencies)}
    guess, notes = _guess(settings, prepared)
    return Job(
        settings,
        prepared,
        source.fitting,
        vars(samples) | {"equivalencies": equivalencies},
        guess,
        read_asked(settings.derive, prepared.model),
        _headline(source, world, samples, data_unit),
        notes=(
            *source.notes,
            *_near(settings, source, cut),
            *asked.notes,
            *notes,
            *((_plain_note(world, data_unit),) if plain else ()),
        ),
    )


def _near(settings: Settings, source: Source, cut: Cut) -> tuple[str, ...]:
    note = "" if settings.missing is None else near_missing(cut.apply(source.data), settings.missing)
    return (note,) if note else ()


def _headline(source: Source, world: World, samples: Samples, data_unit: u.UnitBase | None) -> str:
    axes = Axes(samples.data.shape, source.fitting)
    unstated = "pixels" if world.given is None else "plain numbers"
    return (
        f"{source.path.name}[{source.hdu}]: {axes.shape} {data_unit or 'without a unit'}, {axes.n_fits} position"
        f"{'' if axes.n_fits == 1 else 's'} with {axes.n_samples} samples along axis "
        f"{', '.join(map(str, source.fitting))}, in {' x '.join(str(unit or unstated) for unit in world.units)}"
    )


def _plain_note(world: World, data_unit: u.UnitBase | None) -> str:
    coordinates = " x ".join(str(unit or "pixels") for unit in world.units)
    return (
        "The units of this model's parameters do not follow from those of the data, so that numbers are plain: "
        f"coordinates in {coordinates}, data in {data_unit or 'their own unit'}."
    )


def tell(notes: Iterable[str]) -> None:
    """Notes on standard error."""
    for note in notes:
        say(f"Note: {note}", err=True)


@contextmanager
def _telling() -> Iterator[None]:
    """Tell what ndfit warns of at once, with the names of options; others' warnings are for programmers."""

    def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        if issubclass(category, FitWarning):
            tell([with_option_names(str(message))])

    with warnings.catch_warnings():
        warnings.simplefilter("always", FitWarning)
        warnings.showwarning = show
        yield


def _guess(settings: Settings, prepared: Prepared) -> tuple[GuessKind | None, tuple[str, ...]]:
    """How to guess, and what to say of it."""
    if settings.guess is not None:
        known: dict[str, GuessKind | None] = {"also": "also", "auto": "auto"}
        return known.get(settings.guess), ()
    notes = () if prepared.has_start or can_guess(prepared.model) else (_UNGUESSED,)
    if settings.guess_as_before:
        return (None if prepared.has_start or notes else "auto"), notes
    return "also", notes
