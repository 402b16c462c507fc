"""The options of `ndfit fit`, one row each.

Flows in: a function. Flows out: the same with the options declared, for click.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ndfit.cli.configuration import load_into
from ndfit.cli.world import CONVENTIONS
from ndfit.engine.select import ENGINES

__all__ = ["fit_options"]

_FILE = click.Path(path_type=Path, dir_okay=False)

_OPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("--model", {"required": True, "help": "Model, such as 'Gaussian1D + Const1D'."}),
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
    ("--missing", {"type": float, "help": "Value of the data that marks samples to ignore; NaN always does."}),
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
    ("--window", {"help": "Range of the coordinate to fit: 4:6km/s; in pixels: 10:40pix."}),
    ("--region", {"help": "Positions to fit, in pixels from 0, in numpy's order, end excluded: 25:75,35:85."}),
    ("--start", {"multiple": True, "help": "Starting value: mean=4km/s."}),
    ("--bounds", {"multiple": True, "help": "Bounds: mean=3:6km/s, amplitude=0:."}),
    ("--fixed", {"multiple": True, "help": "Parameter to keep: theta, or theta=30deg."}),
    ("--tied", {"multiple": True, "help": "Tie: stddev_1=stddev_0, mean_1='mean_0 + 20km/s'."}),
    (
        "--guess",
        {
            "type": click.Choice(["also", "auto", "none"]),
            "help": "Estimate starting values at each position: also, beside those given, and keep the better fit "
            "(the default); auto, in their place; none, not at all.",
        },
    ),
    (
        "--refine",
        {
            "type": click.Choice(["neighbours", "none"]),
            "default": "none",
            "show_default": True,
            "help": "Fit again from the neighbours' solutions what stands out.",
        },
    ),
    ("--starts", {"type": click.IntRange(1), "default": 1, "show_default": True, "help": "Starting points to try."}),
    ("--seed", {"type": click.IntRange(0), "default": 0, "show_default": True, "help": "Of all random numbers."}),
    (
        "--loss",
        {
            "type": click.Choice(["linear", "huber", "soft_l1", "cauchy", "arctan"]),
            "default": "linear",
            "show_default": True,
            "help": "What a squared residual counts.",
        },
    ),
    (
        "--f-scale",
        {
            "type": float,
            "default": 1.0,
            "show_default": True,
            "help": "Weighted residual from which on the loss counts less than the square.",
        },
    ),
    (
        "--statistic",
        {
            "type": click.Choice(["chi2", "cash"]),
            "default": "chi2",
            "show_default": True,
            "help": "cash takes the data for counts and maximises their Poisson likelihood.",
        },
    ),
    ("--clip", {"type": float, "help": "Leave out samples further off than this many standard deviations."}),
    (
        "--bootstrap",
        {
            "type": click.IntRange(0),
            "default": 0,
            "show_default": True,
            "help": "Fits of drawn data at each position, from which the errors come.",
        },
    ),
    ("--scale-errors", {"is_flag": True, "help": "Scale errors by the root of the reduced chi-square."}),
    ("--max-evaluations", {"type": click.IntRange(1), "help": "Of the model, at each position."}),
    ("--engine", {"type": click.Choice(ENGINES), "default": "auto", "show_default": True, "help": "See ndfit models."}),
    ("--workers", {"type": click.IntRange(1), "help": "Threads or processes; by default one a core."}),
    (
        "--checkpoint",
        {
            "type": click.Path(path_type=Path, file_okay=False),
            "help": "Folder that keeps what is done: `ndfit resume FOLDER` goes on from there.",
        },
    ),
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


def fit_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Declare the options, in the order of the table."""
    for name, attributes in reversed(_OPTIONS):
        command = click.option(name, **attributes)(command)
    return command
