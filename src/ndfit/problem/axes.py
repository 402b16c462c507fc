"""fitting_axes and the data's shape -> Axes.

Flows in: an int or a sequence of ints, negative ones counted from the end. Flows out: Axes, all non-negative.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from math import prod
from typing import Any

from ndfit.once import cached_property

__all__ = ["Axes", "parse_axes"]


@dataclass(frozen=True)
class Axes:
    """Which axes of the data are fitted along, and which are iterated over.

    Attributes
    ----------
    shape : shape of the data.
    fitting : axes (non-negative) in the order of the model's inputs, length K.
    """

    shape: tuple[int, ...]
    fitting: tuple[int, ...]

    @cached_property
    def iterating(self) -> tuple[int, ...]:
        return tuple(axis for axis in range(len(self.shape)) if axis not in self.fitting)

    @cached_property
    def fitting_shape(self) -> tuple[int, ...]:
        return tuple(self.shape[axis] for axis in self.fitting)

    @cached_property
    def iterating_shape(self) -> tuple[int, ...]:
        return tuple(self.shape[axis] for axis in self.iterating)

    @property
    def n_fits(self) -> int:
        return prod(self.iterating_shape)

    @property
    def n_samples(self) -> int:
        return prod(self.fitting_shape)


def parse_axes(fitting_axes: Any, shape: tuple[int, ...], n_inputs: int) -> Axes:
    """Check the fitting axes against the model and the data.

    Parameters
    ----------
    fitting_axes : int or sequence of int
    shape : shape of the data
    n_inputs : number of inputs of the model

    Raises
    ------
    TypeError
        `fitting_axes` is not made of integers, or was not given.
    ValueError
        The number of axes differs from the number of inputs, an axis is out of range or comes twice.
    """
    given = _as_integers(fitting_axes)
    ndim = len(shape)
    if n_inputs != len(given):
        raise ValueError(
            f"Model is {n_inputs}-dimensional, but got {len(given)} value(s) in fitting_axes={fitting_axes}"
        )
    for axis in given:
        if not -ndim <= axis < ndim:
            raise ValueError(f"Fitting index {axis} out of range for {ndim}-dimensional data of shape {shape}")
    fitting = tuple(axis % ndim for axis in given)
    if len(set(fitting)) != len(fitting):
        raise ValueError(f"fitting_axes={fitting_axes} names one axis of the {ndim}-dimensional data twice")
    return Axes(shape=shape, fitting=fitting)


def _as_integers(fitting_axes: Any) -> tuple[int, ...]:
    if fitting_axes is None:
        raise TypeError("fitting_axes is required: the axis, or the tuple of axes, along which the model is fitted")
    try:
        return (operator.index(fitting_axes),)
    except TypeError:
        pass
    try:
        return tuple(operator.index(axis) for axis in fitting_axes)
    except TypeError:
        raise TypeError(
            f"fitting_axes should be an int or a tuple of ints, got {fitting_axes!r}: only the axes of an "
            "xarray.DataArray have names"
        ) from None
