"""`ndfit fit`: a cube in, a FITS file and a report out.

Flows in: the options. Flows out: files, a summary on standard output, notes on standard error. Everything that was
typed is checked before the first fit.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ndfit import FitResult
from ndfit.cli.bad_input import INTERRUPTED, FitFailed
from ndfit.cli.command_options import SectionedCommand, fit_options
from ndfit.cli.configuration import check_output, keep_beside, means_what_it_meant, save
from ndfit.cli.derived import derived
from ndfit.cli.job import prepare_job, tell
from ndfit.cli.messages import message_of, with_option_names
from ndfit.cli.outputs import check_outputs, write_outputs
from ndfit.cli.settings import Settings
from ndfit.cli.terminal import say

__all__ = ["fit"]

_NOTHING = "Nothing is written: give --out, --report or --plot."


@click.command(cls=SectionedCommand)
@click.argument("cube", type=click.Path(path_type=Path))
@fit_options
@click.pass_context
def fit(context: click.Context, /, save_config: Path | None, **values: Any) -> None:
    """Fit a model at every position of CUBE, a FITS or HDF5 file."""
    settings = Settings.of(values | {"guess_as_before": means_what_it_meant(context)})
    check_outputs(settings)
    check_output(save_config, settings.overwrite)
    job = prepare_job(settings)
    if save_config is not None:
        save(save_config, context, settings.overwrite)
    keep_beside(settings.keywords.get("checkpoint"), context)
    if not settings.quiet:
        say(job.headline)
        tell(job.notes)
    began = time.perf_counter()
    try:
        result = job.run()
        seconds = time.perf_counter() - began
        result, missing = _with_more(result, job.asked, settings.detect)
        outputs = list(write_outputs(settings, result))
    except KeyboardInterrupt:
        say(f"Interrupted: {_what_is_left(settings)}", err=True)
        context.exit(INTERRUPTED)
    if not settings.quiet:
        say(with_option_names(result.summary()))
        say(f"Fitted in {seconds:.1f} s.")
        say("\n".join(f"Written: {path}" for path in outputs) or _NOTHING)
    if missing:
        raise FitFailed(f"The fits are made, and what was asked of them is left out: {missing}")


def _with_more(result: FitResult, asked: Mapping[str, str], rate: float | None) -> tuple[FitResult, str]:
    """The result with quantities and detections, or without and why; fits that are made are never lost to these."""
    try:
        more = derived(result, dict(asked))
        return more if rate is None else more.detect(rate), ""
    except (TypeError, ValueError) as error:
        return result, message_of(error)


def _what_is_left(settings: Settings) -> str:
    folder = settings.keywords.get("checkpoint")
    if folder is None:
        return "nothing is written; with --checkpoint FOLDER, a run goes on where it stopped."
    return f"what is done is in {folder}; `ndfit resume {folder}`, or the same line again, goes on from there."
