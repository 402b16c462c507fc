"""The cube that the demonstration fits.

Flows in: a FITS file, or the data and header of the synthetic cube. Flows out: Cube (frozen), with its spectral axis
found and its degenerate axes gone; or an ImageError whose message says what is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray

from ndfit.io.images import (
    ImageError,
    check_image,
    image_hdus,
    mirror,
    open_fits,
    spectral_axis,
    unit_of,
    wcs_of,
    without_axis,
)

__all__ = ["Cube", "read_cube"]

MIN_CHANNELS = 4


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
        return u.pix if self.wcs is None else u.Unit(self.wcs.world_axis_units[mirror(3, self.axis)])

    @property
    def spectral_values(self) -> NDArray[np.float64]:
        """Spectral coordinates at the centre of the field, in `spectral_unit`."""
        channels = np.arange(self.data.shape[self.axis])
        if self.wcs is None:
            return channels.astype(float)
        position = [np.full(channels.size, length // 2) for length in self.data.shape]
        position[self.axis] = channels
        return np.asarray(self.wcs.array_index_to_world_values(*position)[mirror(3, self.axis)])


def read_cube(path: Path) -> Cube:
    """Read the first image of a FITS file that is a cube.

    Raises
    ------
    ImageError
        The file is missing or unreadable, has no image with three axes, or has nothing in it to fit.
    """
    with open_fits(path) as hdus:
        return _as_cube(_first_cube(hdus, path), hdus, path)


def _first_cube(hdus: fits.HDUList, path: Path) -> Any:
    images = image_hdus(hdus)
    for hdu in images:
        if len(hdu.shape) >= 3 and sum(length > 1 for length in hdu.shape) <= 3:
            check_image(hdu, path)
            return hdu
    found = ", ".join(f"{hdu.name or 'image'} {hdu.shape}" for hdu in images) or "no image at all"
    raise ImageError(f"{path} is not a cube: it needs an image with three axes (others of length 1), and has {found}.")


def _as_cube(hdu: Any, hdus: fits.HDUList, path: Path) -> Cube:
    notes: list[str] = []
    data, wcs = hdu.data, wcs_of(hdu, hdus)
    spectral = spectral_axis(wcs)
    for axis in _surplus_axes(data.shape, spectral):
        data = np.take(data, 0, axis=axis)
        wcs = without_axis(wcs, axis)
    spectral = spectral_axis(wcs)
    if spectral is None:
        notes.append("The header names no spectral axis: the first array axis is fitted, in pixels.")
    axis = 0 if spectral is None else spectral
    if data.shape[axis] < MIN_CHANNELS:
        raise ImageError(
            f"{path} has {data.shape[axis]} spectral channels, and a line fit needs at least {MIN_CHANNELS}."
        )
    if not any(np.isfinite(plane).any() for plane in data):
        raise ImageError(f"{path} has no finite sample in it.")
    return Cube(
        name=path.name,
        data=data,
        unit=_unit_of(hdu.header, notes),
        wcs=None if spectral is None else wcs,
        sky=without_axis(wcs, axis),
        axis=axis,
        notes=tuple(notes),
    )


def _surplus_axes(shape: tuple[int, ...], spectral: int | None) -> list[int]:
    """Axes of length 1 beyond three, the last one first, so that dropping one leaves the others' numbers alone."""
    degenerate = [axis for axis, length in enumerate(shape) if length == 1 and axis != spectral]
    return sorted(degenerate[: len(shape) - 3], reverse=True)


def _unit_of(header: fits.Header, notes: list[str]) -> u.UnitBase:
    unit = unit_of(header)
    if unit is None:
        notes.append(f"The data unit {header['BUNIT']!r} is not understood: the amplitude is left without a unit.")
        return u.dimensionless_unscaled
    return unit
