"""A fit with every input checked.

Flows in: Settings. Flows out: Job, which knows what `ndfit.fit` will be given, makes the fits and writes the outputs.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from astropy import units as u
from astropy.utils.exceptions import AstropyWarning

import ndfit
from ndfit.cli.cut import cut_out
from ndfit.cli.errors import BadInput, FitFailed
from ndfit.cli.expression import parse_expression
from ndfit.cli.parameters import Prepared, parameter_units, prepare
from ndfit.cli.quantities import parse_unit
from ndfit.cli.samples import Samples, gather
from ndfit.cli.settings import Settings
from ndfit.cli.source import Source, open_source
from ndfit.cli.world import World, open_world
from ndfit.engine.guess.terms import parse_terms
from ndfit.errors import AllFitsFailed, FitWarning
from ndfit.problem.types import Axes
from ndfit.run.workers import using_workers

__all__ = ["Job", "prepare_job", "tell"]

_UNGUESSED = "No starting values are given, and none can be guessed for this model: it starts from astropy's defaults."


@dataclass(frozen=True)
class Job:
    """What is to be fitted, and how.

    Attributes
    ----------
    settings : as typed
    source : the image
    world : its coordinates
    prepared : the model
    samples : what is fitted of the image, and what comes with it
    guess : of `ndfit.fit`
    notes : what had to be assumed
    """

    settings: Settings
    source: Source
    world: World
    prepared: Prepared
    samples: Samples
    guess: str | None
    notes: tuple[str, ...]

    def describe(self) -> str:
        """The data in one line."""
        samples, source = self.samples, self.source
        axes = Axes(samples.data.shape, source.fitting)
        plain = "pixels" if self.world.given is None else "plain numbers"
        return (
            f"{source.path.name}[{source.hdu}]: {samples.data.shape} {samples.data_unit or 'without a unit'}, "
            f"{axes.n_fits} positions with {axes.n_samples} samples along axis {', '.join(map(str, source.fitting))}, "
            f"in {' x '.join(str(unit or plain) for unit in self.world.units)}"
        )

    @property
    def inputs(self) -> Mapping[str, Any]:
        """The arguments of `ndfit.fit` and `ndfit.read` that describe the data."""
        equivalencies = list(self.world.equivalencies)
        names = self.prepared.model.inputs
        return vars(self.samples) | {"equivalencies": {names[0]: equivalencies} if equivalencies else None}

    def run(self) -> ndfit.FitResult:
        """Make the fits.

        Raises
        ------
        BadInput
            `ndfit.fit` refuses its input.
        FitFailed
            No position has a result.
        """
        settings = self.settings
        limit = {} if settings.max_evaluations is None else {"maxiter": settings.max_evaluations}
        with warnings.catch_warnings(record=True) as caught, using_workers(settings.workers):
            warnings.simplefilter("ignore", AstropyWarning)
            warnings.simplefilter("always", FitWarning)
            try:
                result = ndfit.fit(
                    self.prepared.model,
                    fitting_axes=self.source.fitting,
                    bounds=self.prepared.bounds,
                    fitter_kwargs=limit,
                    guess=self.guess,
                    starts=settings.starts,
                    seed=settings.seed,
                    refine=None if settings.refine == "none" else settings.refine,
                    engine=settings.engine,
                    progress=False if settings.quiet else None,
                    **self.inputs,
                )
            except AllFitsFailed as error:
                raise FitFailed(_sentence(error)) from error
            except (TypeError, ValueError, u.UnitsError) as error:
                raise BadInput(_sentence(error)) from error
        tell(str(warning.message) for warning in caught)
        return result

    def write(self, result: ndfit.FitResult) -> Iterator[Path]:
        """Write the outputs that are asked for.

        Raises
        ------
        FitFailed
            One cannot be written.
        """
        settings = self.settings
        try:
            if settings.out is not None:
                result.to_fits(settings.out, source=settings.cube, overwrite=settings.overwrite)
                yield settings.out
            if settings.report is not None:
                result.report(settings.report, overwrite=settings.overwrite)
                yield settings.report
        except OSError as error:
            raise FitFailed(f"The fits are made, and the output cannot be written: {error}.") from error


def prepare_job(settings: Settings) -> Job:
    """Check everything that was typed, and open the data.

    Raises
    ------
    BadInput
        One sentence that says what was expected, what arrived, and what to do.
    """
    expression = parse_expression(settings.model)
    n_inputs = expression.build().n_inputs
    source = open_source(settings.cube, settings.hdu, settings.axes, n_inputs, settings.pixels)
    world = open_world(source, settings.coordinates)
    data_unit = source.unit if settings.data_unit is None else parse_unit(settings.data_unit)
    prepared = prepare(expression, settings.constraints, parameter_units(expression, world.units, data_unit))
    samples = gather(
        source,
        world,
        cut_out(Axes(source.data.shape, source.fitting), world, settings.window, settings.region),
        data_unit=data_unit,
        mask=settings.mask,
        missing=settings.missing,
        uncertainties=settings.uncertainties,
    )
    guess, notes = _guess(settings, prepared)
    return Job(settings, source, world, prepared, samples, guess, (*source.notes, *notes))


def tell(notes: Iterable[str]) -> None:
    """Notes on standard error."""
    for note in notes:
        click.echo(f"Note: {note}", err=True)


def _guess(settings: Settings, prepared: Prepared) -> tuple[str | None, tuple[str, ...]]:
    """Whether to guess: as asked for, else where no starting value is given and the model can be guessed for."""
    if settings.guess is not None:
        return (None if settings.guess == "none" else settings.guess), ()
    if prepared.has_start:
        return None, ()
    try:
        parse_terms(prepared.model)
    except ValueError:
        return None, (_UNGUESSED,)
    return "auto", ()


def _sentence(error: Exception) -> str:
    text = str(error).rstrip(".")
    return f"{text[:1].upper()}{text[1:]}."
