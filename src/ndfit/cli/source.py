"""The cube that is fitted, and what comes with it.

Flows in: a file and the names of arrays, in it or in others. Flows out: Source: the data with their WCS and unit on one
set of axes, of which those to fit along are found; Planes on the same axes.

An array of another file is file.fits, file.fits[NAME] or file.h5[NAME]; names are those of `layers`. Axes of length one
are dropped, the last ones first, while more than two axes of positions are left.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.wcs import WCS

from ndfit.cli.bad_input import BadInput, PointedError
from ndfit.cli.file_arrays import open_layer, split_reference
from ndfit.cli.quantities import Amount, parse_amount
from ndfit.io.images import mirror, spectral_axis, unit_called, without_axis
from ndfit.problem.axes import Axes
from ndfit.problem.placing import broadcast_to_data_axes
from ndfit.untrusted import shortened

__all__ = ["Plane", "Source", "amount_or_plane", "on_data_axes", "open_plane", "open_source"]

_COLUMN = re.compile(r"\d+/\w")

_MOST_OTHERS = 8
_AXIS_CARDS = ("CTYPE", "CUNIT", "CRVAL", "CDELT")


@dataclass(frozen=True)
class Plane:
    """An array that comes with the data: a mask, an uncertainty, coordinates.

    `unit` is None where none is stated.
    """

    name: str
    values: Any
    unit: u.UnitBase | None


@dataclass(frozen=True)
class Source:
    """What is fitted.

    Attributes
    ----------
    path, hdu : where it comes from
    data : real numbers, numpy or dask
    unit : of the data, None where there is none
    wcs : of the data's axes, None where the coordinates are pixels
    stated_units : unit that the header states for each axis of the data, None where it states none
    fitting : axes of the data in the order of the model's inputs
    dropped : axes of the HDU that are left out, the last one first
    notes : what had to be assumed on the way
    """

    path: Path
    hdu: str
    data: Any
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
    """Open the data to fit.

    Parameters
    ----------
    hdu : name of the array, None for the first image with as many axes as the model has inputs
    axes : axes to fit along, as numpy counts them; None for the spectral axis, or the last two of images
    with_wcs : take the coordinates from the WCS

    Raises
    ------
    BadInput
        No such file, array or axis, or nothing to fit.
    """
    layer = open_layer(path, hdu, n_inputs)
    ndim = layer.values.ndim
    if ndim < n_inputs:
        raise BadInput(
            f"{path}[{layer.name}] has {ndim} axes {layer.values.shape}, and the model needs {n_inputs} to be fitted "
            "along."
        )
    stated = _stated_units(layer.cards, ndim)
    source = Source(path, layer.name, layer.values, layer.unit, layer.wcs, stated)
    if layer.unit_text and layer.unit is None:
        source = source.noting(f"The data unit {layer.unit_text!r} is not understood and is left out; see --data-unit.")
    if layer.others:
        more = ", ..." if len(layer.others) > _MOST_OTHERS else ""
        others = f"{', '.join(layer.others[:_MOST_OTHERS])}{more}"
        source = source.noting(
            f"{layer.name} is fitted, the first image of the file; there is {others} too: see --hdu."
        )
    fitting, notes = _fitting_axes(source, axes, n_inputs)
    return _without_surplus(_with_coordinates(replace(source, fitting=fitting).noting(*notes), layer.cards, with_wcs))


def open_plane(reference: str, source: Source) -> Plane:
    """An array that comes with the data.

    Raises
    ------
    BadInput
        There is none, or it holds no numbers.
    """
    path, name = split_reference(reference, source.path)
    layer = open_layer(path, name, 0)
    return source.without(Plane(reference, layer.values, layer.unit))


def on_data_axes(plane: Plane, axes: Axes, name: str) -> Any:
    """Values of a plane with the data's axes.

    Raises
    ------
    BadInput
        Their shape does not fit.
    """
    try:
        return broadcast_to_data_axes(plane.values, axes, f"{name} {plane.name}")
    except ValueError as error:
        raise BadInput(f"{str(error)[0].upper()}{str(error)[1:]}.") from error


def amount_or_plane(text: str, source: Source) -> Amount | Plane:
    """A number, with or without a unit, or an array that comes with the data.

    Raises
    ------
    BadInput
        It is neither.
    """
    try:
        return open_plane(text, source) if _COLUMN.match(text) else parse_amount(text)
    except PointedError:
        return open_plane(text, source)


def _stated_units(cards: Mapping[str, Any] | None, ndim: int) -> tuple[u.UnitBase | None, ...]:
    """Units as the header has them; a WCS changes them to SI."""
    texts = (str((cards or {}).get(f"CUNIT{mirror(ndim, axis) + 1}", "")).strip() for axis in range(ndim))
    return tuple(unit_called(text) if text else None for text in texts)


def _fitting_axes(source: Source, axes: str | None, n_inputs: int) -> tuple[tuple[int, ...], tuple[str, ...]]:
    ndim = source.data.ndim
    if axes is not None:
        return _typed_axes(axes, source.data.shape, n_inputs), ()
    if n_inputs > 1:
        return tuple(range(ndim - 1, ndim - 1 - n_inputs, -1)), ()
    spectral = spectral_axis(source.wcs)
    if spectral is not None or ndim == 1:
        return (spectral or 0,), ()
    axis = 0 if ndim >= 3 else ndim - 1
    return (axis,), (f"No spectral axis is named: axis {axis} of {source.data.shape} is fitted; see --axes.",)


def _typed_axes(text: str, shape: Sequence[int], n_inputs: int) -> tuple[int, ...]:
    try:
        axes = tuple(int(part) for part in text.split(","))
    except ValueError:
        raise BadInput(
            f"--axes expects whole numbers separated by commas, such as 0 or -1,-2, got '{shortened(text)}'."
        ) from None
    if len(axes) != n_inputs:
        raise BadInput(f"The model has {n_inputs} inputs, and --axes names {len(axes)} axes.")
    if not all(-len(shape) <= axis < len(shape) for axis in axes):
        raise BadInput(f"--axes is {text}, and the image has the axes 0 to {len(shape) - 1} {tuple(shape)}.")
    positive = tuple(axis % len(shape) for axis in axes)
    if len(set(positive)) != len(positive):
        raise BadInput(f"--axes {text} names one axis twice.")
    return positive


def _with_coordinates(source: Source, cards: Mapping[str, Any] | None, with_wcs: bool) -> Source:
    """Leave the WCS out where it says nothing of the fitting axes."""
    if not with_wcs:
        return replace(source, wcs=None, stated_units=(None,) * source.data.ndim)
    ndim = source.data.ndim
    if cards is None:
        return source.noting("No coordinates come with the data: they are pixels, counted from 0; see --world.")
    if source.wcs is None:
        return source.noting("The header has no WCS that can be read: the coordinates are pixels, counted from 0.")
    known = {keyword for keyword, value in cards.items() if str(value).strip()}
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
