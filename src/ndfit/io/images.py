"""Images in FITS files: what the command line and the demonstration share.

Flows in: a path. Flows out: open HDUs, and of an image HDU its WCS and unit; or an ImageError whose message says
what is wrong.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from astropy import units as u
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning
from astropy.wcs import WCS, InvalidSubimageSpecificationError, WcsError

from ndfit.errors import UnreadableFile
from ndfit.io.headers import check_file, check_headers, fault_of_file, wcs_within_limits
from ndfit.kinds import no_file
from ndfit.untrusted import read_unit, reading

__all__ = [
    "REAL",
    "ImageError",
    "check_image",
    "image_hdus",
    "mirror",
    "open_fits",
    "spectral_axis",
    "unit_called",
    "unit_of",
    "wcs_of",
    "without_axis",
]

REAL = "biuf"  # kinds of numpy dtypes that can be fitted

_MOST_COMPRESSED = 10_000  # times that an image may be larger than its file
_IMAGES = (fits.PrimaryHDU, fits.ImageHDU, fits.CompImageHDU)
_SMALL = 2**28  # bytes that any file may claim


class ImageError(UnreadableFile):
    """The input is not what can be fitted; the message is for the person who asked."""


@contextmanager
def open_fits(path: Path) -> Iterator[fits.HDUList]:
    """Open a FITS file; data that were read stay valid after it is closed.

    Raises
    ------
    UnreadableFile
        The file is missing or unreadable, also where that shows while it is open.
    """
    if not path.exists():
        raise ImageError(f"There is no file {path}.")
    if no_file(path):
        raise ImageError(f"{path} is {no_file(path)}, and a file is needed.")
    # Headers in the wild are repaired on reading, each with a warning of its own.
    with warnings.catch_warnings(), reading(path, "a FITS file", ImageError, fault_of_file):
        warnings.simplefilter("ignore", AstropyWarning)
        check_file(path)
        with fits.open(path) as hdus:
            check_headers(hdus)
            yield hdus


def image_hdus(hdus: fits.HDUList) -> list[Any]:
    """The HDUs that hold an image."""
    return [hdu for hdu in hdus if isinstance(hdu, _IMAGES) and len(hdu.shape) > 0]


def check_image(hdu: Any, path: Path) -> None:
    """Check that there is something in an image, before it is read.

    Raises
    ------
    ImageError
        An axis has no length, or the file is far too small for what it says that it holds.
    """
    name = hdu.name or "image"
    if 0 in hdu.shape:
        raise ImageError(f"{path}[{name}] is empty: its shape is {hdu.shape}.")
    claimed = math.prod(hdu.shape) * abs(int(hdu.header["BITPIX"])) // 8
    if claimed > max(_SMALL, _MOST_COMPRESSED * path.stat().st_size):
        raise ImageError(
            f"{path}[{name}] is damaged: it states the shape {hdu.shape}, and the file has {path.stat().st_size} bytes."
        )


def wcs_of(hdu: Any, hdus: fits.HDUList) -> WCS | None:
    """The WCS of an image HDU, None where the header has none that can be used."""
    if not wcs_within_limits(hdu.header):
        return None
    try:
        wcs = WCS(hdu.header, fobj=hdus)
        wcs.wcs.set()
        wcs.deepcopy()  # which fails where the header has parameters that wcslib cannot hold
    except Exception:  # wcslib and astropy raise many kinds for headers that make no sense
        return None
    return wcs if wcs.naxis == len(hdu.shape) else None


def spectral_axis(wcs: WCS | None) -> int | None:
    """Array axis of the spectral coordinate, None where the WCS has none."""
    if wcs is None or wcs.wcs.spec < 0:
        return None
    return mirror(wcs.naxis, wcs.wcs.spec)


def without_axis(wcs: WCS | None, axis: int) -> WCS | None:
    """The WCS less one array axis; None when that axis is coupled to others."""
    if wcs is None:
        return None
    try:
        reduced = wcs.dropaxis(mirror(wcs.naxis, axis))
        reduced.wcs.set()
    except (InvalidSubimageSpecificationError, WcsError, ValueError):
        return None
    return reduced


def unit_of(header: fits.Header) -> u.UnitBase | None:
    """The unit that BUNIT states, dimensionless where it states none; None where it is not understood."""
    return unit_called(str(header.get("BUNIT", "")).strip())


def unit_called(text: str) -> u.UnitBase | None:
    """The unit of a name, None where it is not understood, or is one of logarithms (mag, dex)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", u.UnitsWarning)  # spellings that the standard discourages
            unit = read_unit(text)
    except ValueError:
        return None
    return unit if isinstance(unit, u.UnitBase) else None


def mirror(n_axes: int, axis: int) -> int:
    """Array axis for a FITS axis, counted from 0, and the other way round."""
    return n_axes - 1 - axis
