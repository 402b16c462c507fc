"""The iterating axes first, the fitting axes last: arrays on the data's axes, seen as fits by samples.

Flows in: arrays with the data's number of axes, broadcastable to the data (numpy or dask), and a region of the
iterating axes. Flows out: views of the region, iterating axes first, then the fitting axes in the order of the model's
inputs; axes of length one stay so.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ndfit.problem.types import Axes, FloatArray

__all__ = ["Region", "coordinates_at", "cut", "sample_coordinates", "take_map"]

Region = tuple[slice, ...]


def cut(array: Any, axes: Axes, region: Region) -> Any:
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
    """A few coordinates of the first position, spread over its samples; non-finite ones left out."""
    first = tuple(slice(0, 1) for _ in axes.iterating)
    flat = [
        np.broadcast_to(np.asarray(cut(values, axes, first)), (1,) * len(first) + axes.fitting_shape).ravel()
        for values in coords
    ]
    chosen = np.unique(np.linspace(0, axes.n_samples - 1, min(n_most, axes.n_samples)).astype(int))
    picked = np.stack([values[chosen].astype(float) for values in flat])
    return tuple(picked[:, np.isfinite(picked).all(axis=0)])


def coordinates_at(coords: tuple[Any, ...], axes: Axes, number: int) -> tuple[FloatArray, ...]:
    """K coordinates, of the fitting axes' shape, of the position of this number in the order of the iterating axes."""
    place = np.unravel_index(number, axes.iterating_shape)
    region = tuple(slice(int(index), int(index) + 1) for index in place)
    whole = (1,) * len(region) + axes.fitting_shape
    arrays = (np.asarray(cut(values, axes, region), dtype=float) for values in coords)
    return tuple(np.broadcast_to(values, whole).reshape(axes.fitting_shape) for values in arrays)
