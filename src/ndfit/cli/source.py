"""The cube that is fitted, and what comes with it.

Flows in: a FITS file and the names of HDUs, in it or in others. Flows out: Source: the image with its WCS, unit, mask
and uncertainty on one set of axes, of which those to fit along are found.

An HDU is named by EXTNAME or number; one of another file as file.fits or file.fits[NAME]. Axes of length one are
dropped, the last ones first, while more than two axes of positions are left.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray

from ndfit.cli.errors import BadInput, suggestion
from ndfit.images import ImageError, image_hdus, mirror, open_fits, spectral_axis, unit_of, wcs_of, without_axis

__all__ = ["Plane", "Source", "open_plane", "open_source"]

_ELSEWHERE = re.compile(r"(?P<path>.+\.(?:fits|fit|fts)(?:\.gz)?)(?:\[(?P<hdu>[^\]]+)\])?$", re.IGNORECASE)
_AXIS_CARDS = ("CTYPE", "CUNIT", "CRVAL", "CDELT")


@dataclass(frozen=True)
class Plane:
    """An image HDU that comes with the data: a mask, an uncertainty, coordinates.

    `unit` is None where BUNIT is absent.
    """

    name: str
    values: NDArray[Any]
    unit: u.UnitBase | None


@dataclass(frozen=True)
class Source:
    """An image to fit.

    Attributes
    ----------
    path, hdu : where it comes from
    data : real numbers
    unit : of the data, None where there is none
    wcs : of the data's axes, None where the coordinates are pixels
    stated_units : unit that the header states for each axis of the data, None where it states none
    fitting : axes of the data in the order of the model's inputs
    dropped : axes of the HDU that are left out, the last one first
    notes : what had to be assumed on the way
    """

    path: Path
    hdu: str
    data: NDArray[Any]
    unit: u.UnitBase | None
    wcs: WCS | None
    stated_units: tuple[u.UnitBase | None, ...]
    fitting: tuple[int, ...] = ()
    dropped: tuple[int, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def noting(self, *notes: str) -> Source:
        return replace(self, notes=(*self.notes, *notes))

    def without(self, plane: Plane) -> Plane:
        """A plane of the HDU's shape, less the axes that are dropped of the data."""
        if plane.values.ndim != self.data.ndim + len(self.dropped):
            return plane
        values = plane.values
        for axis in self.dropped:
            if values.shape[axis] == 1:
                values = np.take(values, 0, axis=axis)
        return replace(plane, values=values)


def open_source(path: Path, hdu: str | None, axes: str | None, n_inputs: int, with_wcs: bool) -> Source:
    """Open the image to fit.

    Parameters
    ----------
    hdu : EXTNAME or number, None for the first image with as many axes as the model has inputs
    axes : axes to fit along, as numpy counts them; None for the spectral axis, or the last two of images
    with_wcs : take the coordinates from the WCS

    Raises
    ------
    BadInput
        No such file, HDU or axis, or nothing to fit.
    """
    try:
        with open_fits(path) as hdus:
            image = _find(hdus, path, hdu) if hdu is not None else _first_image(hdus, path, n_inputs)
            wcs, data, header = wcs_of(image, hdus), image.data, image.header.copy()
            name = image.name or str(hdus.index(image))
    except ImageError as error:
        raise BadInput(str(error)) from error
    if data.ndim < n_inputs:
        raise BadInput(
            f"{path}[{name}] has {data.ndim} axes {data.shape}, and the model needs {n_inputs} to be fitted along."
        )
    if data.dtype.kind not in "biuf":
        raise BadInput(f"{path}[{name}] holds {data.dtype}, and real numbers are fitted.")
    unit = unit_of(header)
    source = Source(path, name, data, unit if header.get("BUNIT") else None, wcs, _stated_units(header, data.ndim))
    if unit is None:
        source = source.noting(f"The data unit {header['BUNIT']!r} is not understood and is left out; see --data-unit.")
    fitting, notes = _fitting_axes(source, header, axes, n_inputs)
    return _without_surplus(_with_coordinates(replace(source, fitting=fitting).noting(*notes), header, with_wcs))


def open_plane(reference: str, source: Source) -> Plane:
    """An HDU that comes with the data.

    Raises
    ------
    BadInput
        There is none, or it holds no numbers.
    """
    elsewhere = _ELSEWHERE.match(reference)
    path = Path(elsewhere["path"]) if elsewhere else source.path
    name = elsewhere["hdu"] if elsewhere else reference
    try:
        with open_fits(path) as hdus:
            hdu = _find(hdus, path, name) if name is not None else _first_image(hdus, path, 0)
            values, header = hdu.data, hdu.header.copy()
    except ImageError as error:
        raise BadInput(str(error)) from error
    if values.dtype.kind not in "biuf":
        raise BadInput(f"{path}[{name}] holds {values.dtype}, and real numbers are needed.")
    return source.without(Plane(reference, values, unit_of(header) if header.get("BUNIT") else None))


def _find(hdus: fits.HDUList, path: Path, name: str) -> Any:
    if name.isdecimal():
        if int(name) >= len(hdus):
            raise ImageError(f"{path} has no HDU {name}: it has {len(hdus)}, counted from 0.")
        hdu = hdus[int(name)]
    elif name.upper() in [hdu.name.upper() for hdu in hdus]:
        hdu = hdus[name]
    else:
        raise ImageError(f"{path} has no HDU '{name}'. {suggestion(name, [hdu.name for hdu in hdus if hdu.name])}")
    if hdu not in image_hdus(hdus):
        raise ImageError(f"HDU {name} of {path} is not an image, and only images can be used.")
    return hdu


def _first_image(hdus: fits.HDUList, path: Path, n_axes: int) -> Any:
    images = image_hdus(hdus)
    for hdu in images:
        if len(hdu.shape) >= n_axes:
            return hdu
    found = ", ".join(f"{hdu.name or 'image'} {hdu.shape}" for hdu in images) or "no image at all"
    raise ImageError(f"{path} has no image of {n_axes} or more axes that the model could be fitted to; it has {found}.")


def _stated_units(header: fits.Header, ndim: int) -> tuple[u.UnitBase | None, ...]:
    """Units as the header has them; a WCS changes them to SI."""
    units = []
    for axis in range(ndim):
        text = str(header.get(f"CUNIT{mirror(ndim, axis) + 1}", "")).strip()
        try:
            units.append(u.Unit(text) if text else None)
        except ValueError:
            units.append(None)
    return tuple(units)


def _fitting_axes(
    source: Source, header: fits.Header, axes: str | None, n_inputs: int
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    ndim = source.data.ndim
    if axes is not None:
        return _typed_axes(axes, source.data.shape, n_inputs), ()
    if n_inputs > 1:
        return tuple(range(ndim - 1, ndim - 1 - n_inputs, -1)), ()
    spectral = spectral_axis(source.wcs)
    if spectral is not None or ndim == 1:
        return (spectral or 0,), ()
    axis = 0 if ndim >= 3 else ndim - 1
    return (axis,), (f"The header names no spectral axis: axis {axis} of {source.data.shape} is fitted; see --axes.",)


def _typed_axes(text: str, shape: Sequence[int], n_inputs: int) -> tuple[int, ...]:
    try:
        axes = tuple(int(part) for part in text.split(","))
    except ValueError:
        raise BadInput(f"--axes expects whole numbers separated by commas, such as 0 or -1,-2, got '{text}'.") from None
    if len(axes) != n_inputs:
        raise BadInput(f"The model has {n_inputs} inputs, and --axes names {len(axes)} axes.")
    if not all(-len(shape) <= axis < len(shape) for axis in axes):
        raise BadInput(f"--axes is {text}, and the image has the axes 0 to {len(shape) - 1} {tuple(shape)}.")
    positive = tuple(axis % len(shape) for axis in axes)
    if len(set(positive)) != len(positive):
        raise BadInput(f"--axes {text} names one axis twice.")
    return positive


def _with_coordinates(source: Source, header: fits.Header, with_wcs: bool) -> Source:
    """Leave the WCS out where it says nothing of the fitting axes."""
    if not with_wcs:
        return replace(source, wcs=None, stated_units=(None,) * source.data.ndim)
    ndim = source.data.ndim
    if source.wcs is None:
        return source.noting("The header has no WCS that can be read: the coordinates are pixels, counted from 0.")
    known = {key for key in header if str(header[key]).strip()}
    for axis in source.fitting:
        number = mirror(ndim, axis) + 1
        if not known & {f"{card}{number}" for card in _AXIS_CARDS}:
            note = f"The header has no WCS for axis {axis}: the coordinates are pixels, counted from 0."
            return replace(source, wcs=None, stated_units=(None,) * ndim).noting(note)
    return source


def _without_surplus(source: Source) -> Source:
    iterating = [axis for axis in range(source.data.ndim) if axis not in source.fitting]
    single = [axis for axis in iterating if source.data.shape[axis] == 1]
    dropped = sorted(single[: max(0, len(iterating) - 2)], reverse=True)
    data, wcs, units, fitting = source.data, source.wcs, list(source.stated_units), source.fitting
    for axis in dropped:
        data, wcs = np.take(data, 0, axis=axis), without_axis(wcs, axis)
        del units[axis]
        fitting = tuple(kept - (kept > axis) for kept in fitting)
    notes = [f"Axis {axis} has length 1 and is dropped." for axis in dropped]
    if source.wcs is not None and wcs is None:
        notes.append("The WCS cannot do without a dropped axis: the coordinates are pixels, counted from 0.")
    return replace(
        source, data=data, wcs=wcs, stated_units=tuple(units), fitting=fitting, dropped=tuple(dropped)
    ).noting(*notes)
