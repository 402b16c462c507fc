"""Coordinates of the fitting axes.

Flows in: `world` as the caller gave it (None, arrays, or an APE-14 WCS of the whole data) and the Axes of the problem.
Flows out: one frozen Coordinate a fitting axis, each with the data's number of axes and size 1 along every axis that it
does not depend on, so that a spectral axis common to all spectra is stored once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import astropy.units as u
import numpy as np
from astropy.wcs.wcsapi import BaseHighLevelWCS, BaseLowLevelWCS

from ndfit.problem.axes import Axes
from ndfit.problem.containers import open_coordinate
from ndfit.problem.deferred import is_lazy
from ndfit.problem.placing import broadcast_to_data_axes
from ndfit.problem.wcs import from_wcs

__all__ = ["Coordinate", "coordinates", "is_copied", "with_known"]

_MOST_COPIED = 2**22  # numbers, 32 MB


@dataclass(frozen=True, eq=False)
class Coordinate:
    """The coordinate along one fitting axis.

    Attributes
    ----------
    values : float64 array, numpy or dask, with the data's number of axes and broadcastable to the data. A large one may
        share memory with an array of the caller's: it is read, never written.
    unit : unit of the values; None where they are plain numbers.
    name : what it is, for labels and messages.
    """

    values: Any
    unit: u.UnitBase | None
    name: str


def coordinates(world: Any, axes: Axes) -> tuple[Coordinate, ...]:
    """Give each fitting axis its coordinate.

    Parameters
    ----------
    world : None for pixel indices; a tuple or list with one array a fitting axis, plain or Quantity, or that array
        alone when there is one fitting axis; or a high- or low-level APE-14 WCS of the whole data, which is not
        modified. Arrays are 1-D along their own fitting axis, or broadcastable to the data; dask arrays stay lazy, and
        masked values become NaN.
    axes : shape of the data and its K fitting axes.

    Returns
    -------
    K coordinates, in the order of `axes.fitting`.

    Raises
    ------
    TypeError
        `world` is none of the above, or holds something other than real numbers.
    ValueError
        Number, length or shape of the arrays, or number of axes of the WCS, does not fit the data.

    Notes
    -----
    How a WCS is read, and what becomes of a longitude that crosses 0, is described in `ndfit.problem.wcs`.
    """
    if world is None:
        return _from_pixels(axes)
    if isinstance(world, BaseHighLevelWCS):
        world = world.low_level_wcs
    if isinstance(world, BaseLowLevelWCS):
        return tuple(Coordinate(*axis) for axis in from_wcs(world, axes))
    return _from_arrays(_as_sequence(world), axes)


def with_known(
    coords: tuple[Coordinate, ...], known: Mapping[str, Any], names: Sequence[str], axes: Axes
) -> tuple[Coordinate, ...]:
    """What each input of the model is: a coordinate, or what is known of it.

    Parameters
    ----------
    known : arrays or Quantities by the name of the input: one number, or of any shape that matches the data
    names : of the model's inputs

    Raises
    ------
    TypeError, ValueError
        Something other than real numbers, or of another shape.
    """
    of_axes = iter(coords)
    return tuple(_known(known[name], name, axes) if name in known else next(of_axes) for name in names)


def _known(item: Any, name: str, axes: Axes) -> Coordinate:
    item, unit = open_coordinate(item, f"inputs['{name}']")
    try:
        values = item if is_lazy(item) or isinstance(item, np.ma.MaskedArray) else np.asarray(item)
    except ValueError:  # rows of several lengths
        raise TypeError(f"inputs['{name}'] should be real numbers, got rows of several lengths") from None
    if values.dtype.kind not in "biuf":
        raise TypeError(f"inputs['{name}'] should be real numbers, got dtype {values.dtype}")
    values = values.astype(np.float64, copy=is_copied(values))
    if isinstance(values, np.ma.MaskedArray):
        values = values.filled(np.nan)
    if values.ndim == 0:
        return Coordinate(values.reshape((1,) * len(axes.shape)), unit, name)
    return Coordinate(broadcast_to_data_axes(values, axes, f"inputs['{name}']"), unit, name)


def _from_pixels(axes: Axes) -> tuple[Coordinate, ...]:
    return tuple(
        Coordinate(_along(np.arange(axes.shape[axis], dtype=np.float64), axis, axes), None, "pixel")
        for axis in axes.fitting
    )


def _as_sequence(world: Any) -> tuple[Any, ...]:
    """Tell a sequence of arrays from a single array, which may be written as a list of numbers."""
    if not isinstance(world, (tuple, list)):
        return (world,)
    numbers = len(world) > 0 and all(np.isscalar(item) for item in world)
    return (world,) if numbers else tuple(world)


def _from_arrays(world: tuple[Any, ...], axes: Axes) -> tuple[Coordinate, ...]:
    plain = [_plain(item, f"world[{position}]") for position, item in enumerate(world)]
    if len(plain) != len(axes.fitting):
        raise ValueError(
            f"The number of world arrays ({len(plain)}) must match number of fitting axes ({len(axes.fitting)})"
        )
    return tuple(
        Coordinate(_placed(values, axis, axes), unit, f"world[{position}]")
        for position, ((values, unit), axis) in enumerate(zip(plain, axes.fitting, strict=True))
    )


def _plain(item: Any, name: str) -> tuple[Any, u.UnitBase | None]:
    """Separate numbers and unit. A dask array is not computed."""
    item, unit = open_coordinate(item, name)
    as_it_is = is_lazy(item) or isinstance(item, np.ma.MaskedArray)
    values = item if as_it_is else np.asarray(item)
    if values.dtype.kind not in "iuf" or values.ndim == 0:
        raise TypeError(
            "world should be None, a WCS object or a tuple of arrays of real numbers, one for each fitting axis; "
            f"got {_described(item, values)}"
        )
    # Small ones are copied, so that what the caller changes later has no part in the result.
    values = values.astype(np.float64, copy=is_copied(values))
    if isinstance(values, np.ma.MaskedArray):
        values = values.filled(np.nan)
    return values, unit


def is_copied(values: Any) -> bool:
    """Whether coordinates are few enough to be copied from the caller's array, in memory."""
    return isinstance(values, np.ndarray) and values.size <= _MOST_COPIED


def _described(item: Any, values: Any) -> str:
    return f"a {type(item).__name__} that makes an array of shape {values.shape} and dtype {values.dtype}"


def _placed(values: Any, axis: int, axes: Axes) -> Any:
    """Give an array the data's number of axes: a 1-D array lies along `axis`, others broadcast as numpy does."""
    if values.ndim == 1:
        if values.shape[0] != axes.shape[axis]:
            raise ValueError(
                f"world[{axis}] has length {values.shape[0]} but data along dimension {axis} has length "
                f"{axes.shape[axis]}"
            )
        return _along(values, axis, axes)
    shape = (1,) * (len(axes.shape) - values.ndim) + values.shape
    if len(shape) != len(axes.shape) or any(
        size not in (1, full) for size, full in zip(shape, axes.shape, strict=True)
    ):
        raise ValueError(
            "The arrays in the world tuple should be broadcastable to the shape of the data "
            f"(expected {axes.shape}), got {values.shape})"
        )
    return values.reshape(shape)


def _along(values: Any, axis: int, axes: Axes) -> Any:
    return values.reshape(tuple(axes.shape[axis] if other == axis else 1 for other in range(len(axes.shape))))
