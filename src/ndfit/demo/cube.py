"""The cube that the demonstration fits.

Flows in: a FITS file, or the data and header of the synthetic cube. Flows out: Cube (frozen), with its spectral axis
found and its degenerate axes gone; or a CubeError that says in one sentence what is wrong.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning
from astropy.wcs import WCS, InvalidSubimageSpecificationError, WcsError
from numpy.typing import NDArray

__all__ = ["Cube", "CubeError", "read_cube"]

MIN_CHANNELS = 4


class CubeError(Exception):
    """The input is not a cube that can be fitted; the message is one sentence for the person who asked."""


@dataclass(frozen=True)
class Cube:
    """A spectral cube of three axes, one of them spectral.

    Attributes
    ----------
    name : what to call it in the output.
    data : three axes, any real dtype, NaN where there is no measurement.
    unit : unit of the data.
    wcs : three-dimensional WCS with a spectral axis, or None when the fit is made in pixels.
    sky : two-dimensional WCS of the other axes, or None when there is none of its own.
    axis : the spectral axis of `data`.
    notes : what had to be assumed on the way.
    """

    name: str
    data: NDArray[Any]
    unit: u.UnitBase
    wcs: WCS | None
    sky: WCS | None
    axis: int
    notes: tuple[str, ...] = ()

    @property
    def spectra(self) -> NDArray[Any]:
        """The data with the spectral axis first."""
        return np.moveaxis(self.data, self.axis, 0)

    @property
    def spectral_unit(self) -> u.UnitBase:
        return u.pix if self.wcs is None else u.Unit(self.wcs.world_axis_units[_mirror(3, self.axis)])

    @property
    def spectral_values(self) -> NDArray[np.float64]:
        """Spectral coordinates at the centre of the field, in `spectral_unit`."""
        channels = np.arange(self.data.shape[self.axis])
        if self.wcs is None:
            return channels.astype(float)
        position = [np.full(channels.size, length // 2) for length in self.data.shape]
        position[self.axis] = channels
        return np.asarray(self.wcs.array_index_to_world_values(*position)[_mirror(3, self.axis)])


def read_cube(path: Path) -> Cube:
    """Read the first image of a FITS file that is a cube.

    Raises
    ------
    CubeError
        The file is missing or unreadable, has no image with three axes, or has nothing in it to fit.
    """
    if not path.exists():
        raise CubeError(f"There is no file {path}.")
    with warnings.catch_warnings(), _readable(path):
        # Headers in the wild are repaired on reading, each with a warning of its own.
        warnings.simplefilter("ignore", AstropyWarning)
        with fits.open(path) as hdus:
            return _as_cube(_first_cube(hdus, path), hdus, path)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, TypeError, fits.VerifyError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise CubeError(f"{path} cannot be read as a FITS file: {reason}.") from error


def _first_cube(hdus: fits.HDUList, path: Path) -> Any:
    images = [hdu for hdu in hdus if hdu.is_image and hdu.header["NAXIS"] > 0]
    for hdu in images:
        if len(hdu.shape) >= 3 and sum(length > 1 for length in hdu.shape) <= 3:
            return hdu
    found = ", ".join(f"{hdu.name or 'image'} {hdu.shape}" for hdu in images) or "no image at all"
    raise CubeError(f"{path} is not a cube: it needs an image with three axes (others of length 1), and has {found}.")


def _as_cube(hdu: Any, hdus: fits.HDUList, path: Path) -> Cube:
    notes: list[str] = []
    data, wcs = hdu.data, _wcs_of(hdu, hdus)
    spectral = _spectral_axis(wcs)
    for axis in _surplus_axes(data.shape, spectral):
        data = np.take(data, 0, axis=axis)
        wcs = _without(wcs, axis)
    spectral = _spectral_axis(wcs)
    if spectral is None:
        notes.append("The header names no spectral axis: the first array axis is fitted, in pixels.")
    axis = 0 if spectral is None else spectral
    if data.shape[axis] < MIN_CHANNELS:
        raise CubeError(
            f"{path} has {data.shape[axis]} spectral channels, and a line fit needs at least {MIN_CHANNELS}."
        )
    if not any(np.isfinite(plane).any() for plane in data):
        raise CubeError(f"{path} has no finite sample in it.")
    return Cube(
        name=path.name,
        data=data,
        unit=_unit_of(hdu.header, notes),
        wcs=None if spectral is None else wcs,
        sky=_without(wcs, axis),
        axis=axis,
        notes=tuple(notes),
    )


def _wcs_of(hdu: Any, hdus: fits.HDUList) -> WCS | None:
    try:
        wcs = WCS(hdu.header, fobj=hdus)
        wcs.wcs.set()
    except (WcsError, ValueError, MemoryError):  # wcslib reports some bad headers as lack of memory
        return None
    return wcs if wcs.naxis == len(hdu.shape) else None


def _spectral_axis(wcs: WCS | None) -> int | None:
    if wcs is None or wcs.wcs.spec < 0:
        return None
    return _mirror(wcs.naxis, wcs.wcs.spec)


def _surplus_axes(shape: tuple[int, ...], spectral: int | None) -> list[int]:
    """Axes of length 1 beyond three, the last one first, so that dropping one leaves the others' numbers alone."""
    degenerate = [axis for axis, length in enumerate(shape) if length == 1 and axis != spectral]
    return sorted(degenerate[: len(shape) - 3], reverse=True)


def _without(wcs: WCS | None, axis: int) -> WCS | None:
    """The WCS less one array axis; None when that axis is coupled to others."""
    if wcs is None:
        return None
    try:
        reduced = wcs.dropaxis(_mirror(wcs.naxis, axis))
        reduced.wcs.set()
    except (InvalidSubimageSpecificationError, WcsError, ValueError):
        return None
    return reduced


def _unit_of(header: fits.Header, notes: list[str]) -> u.UnitBase:
    text = str(header.get("BUNIT", "")).strip()
    try:
        return u.Unit(text)
    except ValueError:
        notes.append(f"The data unit {text!r} is not understood: the amplitude is left without a unit.")
        return u.dimensionless_unscaled


def _mirror(n_axes: int, axis: int) -> int:
    """Array axis for a FITS axis, and the other way round."""
    return n_axes - 1 - axis
