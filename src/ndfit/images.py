"""Images in FITS files: what the command line and the demonstration share.

Flows in: a path. Flows out: open HDUs, and of an image HDU its WCS and unit; or an ImageError that says in one sentence
what is wrong.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from astropy import units as u
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning
from astropy.wcs import WCS, InvalidSubimageSpecificationError, WcsError

__all__ = [
    "REAL",
    "ImageError",
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


class ImageError(Exception):
    """The input is not what can be fitted; the message is one sentence for the person who asked."""


@contextmanager
def open_fits(path: Path) -> Iterator[fits.HDUList]:
    """Open a FITS file; data that were read stay valid after it is closed.

    Raises
    ------
    ImageError
        The file is missing or unreadable, also where that shows while it is open.
    """
    if not path.exists():
        raise ImageError(f"There is no file {path}.")
    # Headers in the wild are repaired on reading, each with a warning of its own.
    with warnings.catch_warnings(), _readable(path):
        warnings.simplefilter("ignore", AstropyWarning)
        with fits.open(path) as hdus:
            yield hdus


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, TypeError, fits.VerifyError) as error:
        reason = str(error).strip().splitlines()[0].partition(". ")[0].rstrip(".")  # astropy adds advice on its calls
        raise ImageError(f"{path} cannot be read as a FITS file: {reason}.") from error


def image_hdus(hdus: fits.HDUList) -> list[Any]:
    """The HDUs that hold an image."""
    return [hdu for hdu in hdus if hdu.is_image and hdu.header["NAXIS"] > 0]


def wcs_of(hdu: Any, hdus: fits.HDUList) -> WCS | None:
    """The WCS of an image HDU, None where the header has none that can be used."""
    try:
        wcs = WCS(hdu.header, fobj=hdus)
        wcs.wcs.set()
    except (WcsError, ValueError, MemoryError):  # wcslib reports some bad headers as lack of memory
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
    """The unit of a name, None where it is not understood."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", u.UnitsWarning)  # spellings that the standard discourages
            return u.Unit(text)
    except ValueError:
        return None


def mirror(n_axes: int, axis: int) -> int:
    """Array axis for a FITS axis, counted from 0, and the other way round."""
    return n_axes - 1 - axis
