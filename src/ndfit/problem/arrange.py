"""The iterating axes first, the fitting axes last: arrays on the data's axes, seen as fits by samples.

Flows in: arrays with the data's number of axes, broadcastable to the data (numpy or dask), and a region of the
iterating axes. Flows out: views of the region, iterating axes first, then the fitting axes in the order of the model's
inputs; axes of length one stay so.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.problem.axes import Axes

__all__ = ["Region", "coordinates_at", "sample_coordinates", "take_map", "take_region"]

Region = tuple[slice, ...]


def take_region(array: Any, axes: Axes, region: Region) -> Any:
    """View of `array` in the region, of shape (iterating..., fitting...)."""
    order = axes.iterating + axes.fitting
    view = array.transpose(order)
    index = [where if size != 1 else slice(None) for where, size in zip(region, view.shape, strict=False)]
    return view[tuple(index)]


def take_map(values: FloatArray, axes: Axes, region: Region) -> FloatArray:
    """Region of a map broadcastable to the iterating axes; shape () where the map is one number."""
    if values.size == 1:
        return values.reshape(())
    whole: FloatArray = np.broadcast_to(values, axes.iterating_shape)[region]
    return whole


def sample_coordinates(coords: tuple[Any, ...], axes: Axes, n_most: int) -> tuple[FloatArray, ...]:
    """A few coordinates of a position, spread over its samples; non-finite ones left out.

    The position is the first, or where none of its samples that are looked at has coordinates the first that has some.
    """
    picked = _picked(coords, axes, (0,) * len(axes.iterating), n_most)
    if not picked.size and axes.n_samples:
        finite = _position_with_coordinates(coords, axes)
        picked = picked if finite is None else _picked(coords, axes, finite, axes.n_samples)[:, :n_most]
    return tuple(picked)


def _picked(coords: tuple[Any, ...], axes: Axes, position: tuple[int, ...], n_most: int) -> FloatArray:
    """Finite coordinates of some samples of a position, shape (K, at most n_most)."""
    where = tuple(slice(index, index + 1) for index in position)
    flat = [
        np.broadcast_to(np.asarray(take_region(values, axes, where)), (1,) * len(where) + axes.fitting_shape).ravel()
        for values in coords
    ]
    chosen = _spread(axes.n_samples, n_most) if n_most < axes.n_samples else slice(None)
    picked = np.array([values[chosen] for values in flat], dtype=float)
    return picked[:, np.isfinite(picked).all(axis=0)]


@lru_cache(64)
def _spread(n_samples: int, n_most: int) -> NDArray[np.intp]:
    """Numbers of some samples, from the first to the last."""
    return np.linspace(0, n_samples - 1, n_most).astype(np.intp)


def _position_with_coordinates(coords: tuple[Any, ...], axes: Axes) -> tuple[int, ...] | None:
    """The first position of which a sample has all coordinates."""
    finite: Any = True
    for values in coords:
        finite = finite & np.isfinite(np.asarray(values).transpose(axes.iterating + axes.fitting))
    n_iterating = len(axes.iterating)
    found = np.argwhere(np.any(finite, axis=tuple(range(n_iterating, np.ndim(finite)))))
    return tuple(int(index) for index in found[0]) if len(found) else None


def coordinates_at(coords: tuple[Any, ...], axes: Axes, number: int) -> tuple[FloatArray, ...]:
    """K coordinates, of the fitting axes' shape, of the position of this number in the order of the iterating axes."""
    place = np.unravel_index(number, axes.iterating_shape)
    region = tuple(slice(int(index), int(index) + 1) for index in place)
    whole = (1,) * len(region) + axes.fitting_shape
    arrays = (np.asarray(take_region(values, axes, region), dtype=float) for values in coords)
    return tuple(np.broadcast_to(values, whole).reshape(axes.fitting_shape) for values in arrays)
