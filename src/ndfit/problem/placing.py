"""An array of any shape that can be meant -> the same on the axes of the data.

Flows in: weights, masks or inputs, and the axes. Flows out: the array with axes of length one inserted.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ndfit.problem.axes import Axes

__all__ = ["broadcast_to_data_axes"]


def broadcast_to_data_axes(array: Any, axes: Axes, name: str) -> Any:
    """Insert axes of length one so that the array has the data's axes.

    A shape is first read as that of the data, then as that of the iterating axes, of the fitting axes, and last by
    numpy's rule of trailing axes.
    """
    shape, ndim = tuple(array.shape), len(axes.shape)
    whole = len(shape) == ndim and _broadcasts(shape, axes.shape)
    readings = {
        "iterating": axes.iterating if shape == axes.iterating_shape else None,
        "fitting": tuple(sorted(axes.fitting)) if shape == _ascending_fitting_shape(axes) else None,
    }
    matches = [kept for kept in readings.values() if kept is not None]
    if whole:
        return array
    if len(matches) == 2:
        raise ValueError(
            f"{name} of shape {shape} could belong to the fitting or to the iterating axes of data of shape "
            f"{axes.shape}: give it {ndim} dimensions, of length one along the axes it does not depend on"
        )
    if matches:
        return array[tuple(slice(None) if axis in matches[0] else np.newaxis for axis in range(ndim))]
    if len(shape) < ndim and _broadcasts(shape, axes.shape):
        return array[(np.newaxis,) * (ndim - len(shape)) + (Ellipsis,)]
    raise ValueError(
        f"{name} of shape {shape} does not match the data: expected {axes.shape}, {axes.iterating_shape} (one a fit), "
        f"{_ascending_fitting_shape(axes)} (the same for all fits), or a shape that broadcasts to the data's"
    )


def _ascending_fitting_shape(axes: Axes) -> tuple[int, ...]:
    return tuple(axes.shape[axis] for axis in sorted(axes.fitting))


def _broadcasts(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(shape, target) == target
    except ValueError:
        return False
