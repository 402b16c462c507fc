"""The options of `ndfit fit`, one row each.

Flows in: a function. Flows out: the same with the options declared, for click.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any

import click

from ndfit.cli.configuration import load_into
from ndfit.cli.messages import choice_text
from ndfit.cli.world import CONVENTIONS
from ndfit.engines.select import engine_names
from ndfit.lines.line import MEDIA
from ndfit.lines.line_plan import PROFILES
from ndfit.options import Choice, Errors, Execution, Name, Objective, Path, Starts, Whole, options_of

__all__ = ["SectionedCommand", "fit_options"]

_FILE = click.Path(path_type=FilePath, dir_okay=False)

Row = tuple[str, dict[str, Any]]


def _of_group(group: Any) -> Iterator[Row]:
    """Those of `ndfit.fit` that are on the command line, each by its own description."""
    for each, option in options_of(group):
        if option.on_command_line:
            shown = {"show_default": choice_text(each.default)} if each.default is not None else {}
            yield f"--{each.name.replace('_', '-')}", {"type": _type_of(option.check), "help": option.about, **shown}


def _type_of(check: Any) -> Any:
    """What click checks and shows of an option."""
    match check:
        case Choice(values):
            return click.Choice([choice_text(value) for value in values])
        case Name():
            return click.Choice(engine_names())
        case Whole(least=least):
            return click.IntRange(least)
        case Path():
            return click.Path(path_type=FilePath, file_okay=False)
        case _:
            return float


_OPTIONS: tuple[Row, ...] = (
    ("--model", {"help": "Model, such as 'Gaussian1D + Const1D'; or give --lines or --line-set."}),
    ("--lines", {"help": "Spectral lines in place of a model: 'Ha,[NII]', or 'mine=6302.05Angstrom'."}),
    ("--line-set", {"type": _FILE, "help": "File with lines, in place of a model: TOML, YAML, or MaNGA's .par."}),
    ("--continuum", {"help": "Under lines: degree of a polynomial, a model, or none; by default 0."}),
    ("--profile", {"type": click.Choice(list(PROFILES)), "help": "Of lines; by default Gaussian1D."}),
    ("--medium", {"type": click.Choice(list(MEDIA)), "help": "Of the wavelengths; by default what the header says."}),
    ("--hdu", {"help": "Array to fit: EXTNAME or number of an image; HDU/COLUMN of a table; path of an HDF5 dataset."}),
    ("--axes", {"help": "Axes to fit along, as numpy counts them: 0, or -1,-2; by default the spectral axis."}),
    ("--world", {"help": "Array with the coordinate of the fitting axis, in place of the WCS."}),
    ("--world-unit", {"help": "Unit to fit and report coordinates in; by default the header's."}),
    ("--rest", {"help": "Rest frequency or wavelength, for velocities; by default the header's."}),
    ("--convention", {"type": click.Choice(list(CONVENTIONS)), "help": "Doppler convention, for velocities."}),
    ("--shift", {"help": "Number or array; it is subtracted from the coordinates."}),
    ("--redshift", {"help": "Number or array; wavelengths are divided by one plus it, frequencies multiplied."}),
    ("--pixels", {"is_flag": True, "help": "Fit in pixels, whatever the WCS says."}),
    ("--data-unit", {"help": "Unit of the data that are fitted, in place of what the file states."}),
    ("--calibration", {"help": "Number or array; the data and their uncertainty are multiplied by it."}),
    ("--mask", {"help": "Array in which anything but 0 marks samples to ignore."}),
    (
        "--missing",
        {"help": "Value or range of the data that marks samples to ignore: -200, or :-199; NaN always does."},
    ),
    ("--std", {"help": "Array with the standard deviation of the data."}),
    ("--variance", {"help": "Array with their variance."}),
    ("--ivar", {"help": "Array with their inverse variance."}),
    (
        "--read-noise",
        {
            "type": click.FloatRange(0),
            "help": "The data are counts: their variance is their number, 1 at least, and the square of this.",
        },
    ),
    ("--uncertainty-unit", {"help": "Unit of the uncertainty, in place of what its array states."}),
    (
        "--input",
        {"multiple": True, "help": "Array or number for another input of the model, or for --instrument: sres=SRES."},
    ),
    ("--instrument", {"help": "What the data were taken with: 'bins @ gaussian(resolving_power=sres)'."}),
    ("--window", {"help": "Range of the coordinate to fit: 4:6km/s; in pixels: 10:40pix."}),
    ("--region", {"help": "Positions to fit, in pixels from 0, in numpy's order, end excluded: 25:75,35:85."}),
    ("--start", {"multiple": True, "help": "Starting value: mean=4km/s."}),
    ("--bounds", {"multiple": True, "help": "Bounds: mean=3:6km/s, amplitude=0:."}),
    ("--fixed", {"multiple": True, "help": "Parameter to keep: theta, or theta=30deg."}),
    ("--tied", {"multiple": True, "help": "Tie: stddev_1=stddev_0, mean_1='mean_0 + 20km/s'."}),
    *_of_group(Starts),
    *_of_group(Objective),
    *_of_group(Errors),
    ("--scale-errors", {"is_flag": True, "help": "Scale errors by the root of the reduced chi-square."}),
    ("--max-evaluations", {"type": click.IntRange(1), "help": "Of the model, at each position."}),
    (
        "--derive",
        {"multiple": True, "help": "Quantity that follows from the parameters: flux_0, flux, 'ratio=flux_1 / flux_0'."},
    ),
    (
        "--detect",
        {
            "type": click.FloatRange(0.0, 1.0, min_open=True, max_open=True),
            "metavar": "RATE",
            "help": "Find where lines are more than noise, with this share of false alarms, such as 0.01.",
        },
    ),
    *_of_group(Execution),
    ("--workers", {"type": click.IntRange(1), "help": "Threads or processes; by default one a core."}),
    ("--out", {"type": _FILE, "help": "FITS file of the results."}),
    ("--report", {"type": _FILE, "help": "Page of the results, HTML."}),
    ("--plot", {"type": _FILE, "help": "Picture of the maps of the free parameters: PNG, PDF or SVG."}),
    ("--overwrite", {"is_flag": True, "help": "Replace outputs that exist."}),
    ("--quiet", {"is_flag": True, "help": "Say nothing but what goes wrong."}),
    (
        "--config",
        {
            "type": _FILE,
            "is_eager": True,
            "expose_value": False,
            "callback": load_into,
            "help": "TOML file with options; those of the command line come first.",
        },
    ),
    ("--save-config", {"type": _FILE, "help": "Write the options given to a TOML file."}),
)


# The option that each section of the help begins with, and what it is about.
_SECTIONS: Mapping[str, str] = {
    "--model": "Model, and where it is fitted",
    "--world": "Coordinates",
    "--data-unit": "Data",
    "--std": "Uncertainty of the data",
    "--input": "Instrument, and part of the data",
    "--start": "Parameters",
    "--guess": "Starts and what is minimised",
    "--derive": "What follows from the parameters",
    "--engine": "Run",
    "--out": "Output",
}


class SectionedCommand(click.Command):
    """A command whose help has its options in sections."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        title = ""
        for parameter in self.get_params(ctx):
            title = next((_SECTIONS[name] for name in parameter.opts if name in _SECTIONS), title)
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                sections.setdefault(title, []).append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)


def fit_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Declare the options, in the order of the table."""
    for name, attributes in reversed(_OPTIONS):
        command = click.option(name, **attributes)(command)
    return command
