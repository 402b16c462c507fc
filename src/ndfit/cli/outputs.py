"""What `ndfit fit` leaves.

Flows in: Settings, before the fit and after it a FitResult. Flows out: files that are whole or not there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from ndfit import FitResult
from ndfit.atomic import replacing
from ndfit.cli.bad_input import BadInput, FitFailed
from ndfit.cli.configuration import check_output
from ndfit.cli.messages import reason
from ndfit.cli.settings import Settings

__all__ = ["check_outputs", "write_outputs"]

_PICTURES = (".png", ".pdf", ".svg")
_DPI = 100


def check_outputs(settings: Settings) -> None:
    """Check that all that is asked for can be written.

    Raises
    ------
    BadInput
        A file exists, or its folder does not; two outputs have one name, or that of the data; or the picture is of no
        known kind.
    """
    paths = [path for path in (settings.out, settings.report, settings.plot) if path is not None]
    for number, path in enumerate(paths):
        check_output(path, settings.overwrite)
        places = [Path(os.path.realpath(each)) for each in (settings.cube, path, *paths[:number])]
        if places[0] == places[1]:
            raise BadInput(f"{path} holds the data that are fitted: choose another name for the output.")
        if places[1] in places[2:]:
            raise BadInput(f"Two outputs are to be written to {path}: choose another name for one of them.")
    if settings.plot is not None:
        if settings.plot.suffix.lower() not in _PICTURES:
            raise BadInput(f"--plot writes {', '.join(_PICTURES)}, and {settings.plot} is none of these.")
        if find_spec("matplotlib") is None:
            raise BadInput("--plot needs matplotlib: pip install 'ndfit[plot]'.")


def write_outputs(settings: Settings, result: FitResult) -> Iterator[Path]:
    """Write what is asked for, and say what is written.

    Raises
    ------
    FitFailed
        One cannot be written.
    """
    try:
        if settings.out is not None:
            result.to_fits(settings.out, source=settings.cube, overwrite=settings.overwrite)
            yield settings.out
        if settings.report is not None:
            result.report(settings.report, overwrite=settings.overwrite)
            yield settings.report
        if settings.plot is not None:
            _draw(settings.plot, result, settings.overwrite, believed=settings.detect is not None)
            yield settings.plot
    except OSError as error:
        raise FitFailed(f"The fits are made, and the output cannot be written: {reason(error).rstrip('.')}.") from error


def _draw(path: Path, result: FitResult, overwrite: bool, believed: bool) -> None:
    """Maps of the free parameters, of the first plane where there are several; a single fit is drawn as such.

    Parameters
    ----------
    believed : leave out positions whose numbers are not to be believed
    """
    where = result.good if believed and result.has_detection else None
    plane = (0,) * (len(result.shape) - 2)
    axes = (
        result.plot((*result.free_names, *result.derived), plane=plane, where=where)
        if result.shape
        else result.plot_fit()
    )
    with replacing(path, overwrite) as partial:
        axes.flat[0].figure.savefig(partial, format=path.suffix[1:].lower(), dpi=_DPI)
