"""The formats that results are written in: one row each.

Flows in: nothing. Flows out: FORMATS, read by `FitResult.write` and `ndfit.read`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ndfit.io.fits import is_fits, read_fits, write_fits
from ndfit.io.layers import Contents
from ndfit.io.store import is_zarr, read_zarr, write_zarr
from ndfit.problem.types import FitProblem

__all__ = ["FORMATS", "Format", "format_of"]


class Format(NamedTuple):
    """How one format is named, known and used.

    Attributes
    ----------
    title : for messages
    endings : of the names of its files
    write : (path, contents, cubes, problem, overwrite), inside `ndfit.atomic.replacing`
    recognises : whether what stands at a path is one, from its content
    read : what was written, without running code
    """

    title: str
    endings: tuple[str, ...]
    write: Callable[[Path, Contents, Mapping[str, Any], FitProblem, bool], None]
    recognises: Callable[[Path], bool]
    read: Callable[[Path], Contents]


FORMATS: Mapping[str, Format] = {
    "fits": Format("a FITS file", (".fits", ".fit", ".fits.gz"), write_fits, is_fits, read_fits),
    "zarr": Format("a zarr store", (".zarr",), write_zarr, is_zarr, read_zarr),
}
"""Every format, by name."""


def format_of(path: Path, name: str | None = None) -> Format:
    """The format of that name; without one, the format that the ending of the path stands for.

    Raises
    ------
    ValueError
        There is no such format.
    """
    if name is None:
        found = [row for row in FORMATS.values() if path.name.lower().endswith(row.endings)]
    else:
        found = [row for known, row in FORMATS.items() if known == name]
    if not found:
        known = ", ".join(f"{name!r} ({row.endings[0]})" for name, row in FORMATS.items())
        asked = f"the name {path.name}" if name is None else f"format={name!r}"
        raise ValueError(f"{asked} stands for no format of results: expected one of {known}")
    return found[0]
