"""Arrays whose axes have names and coordinates: what `xarray.DataArray` says is used.

Flows in: the arguments of a call whose data are a DataArray. Flows out: the same arguments as plain arrays on the axes
of the data, and Labels, by which results get the names and coordinates of the data again. xarray is not imported.

A fitting axis is named by its dimension, or by a coordinate of one dimension. Its coordinates are those of the
dimension; where it has others alone, nothing says which are meant, and they have to be named. Units are those that
astropy reads; times are counted in seconds from the first. What cannot be used is refused, or a warning says so.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from astropy import units as u
from astropy.utils.exceptions import AstropyUserWarning

from ndfit.errors import WrongArgumentType
from ndfit.options import Data
from ndfit.problem.arguments import suggestion
from ndfit.untrusted import read_unit

__all__ = ["PIXELS", "Labels", "Measured", "is_labelled", "numbers_of", "open_labelled", "placed_maps"]

PIXELS = "pixels"
"""The value of `world` that asks for pixels where the data carry coordinates."""


@dataclass(frozen=True, eq=False)
class Labels:
    """Names and coordinates of the axes of the data.

    Attributes
    ----------
    dims : a name for each axis of the data
    coords : name -> (dims, values, attributes)
    """

    dims: tuple[Any, ...]
    coords: Mapping[Any, tuple[tuple[Any, ...], Any, Mapping[Any, Any]]] = field(default_factory=dict)

    def along(self, dims: tuple[Any, ...]) -> dict[Any, tuple[tuple[Any, ...], Any, dict[Any, Any]]]:
        """The coordinates that vary along some of these dimensions and no other."""
        return {
            name: (own, values, dict(attributes))
            for name, (own, values, attributes) in self.coords.items()
            if set(own) <= set(dims)
        }


@dataclass(frozen=True, eq=False)
class Measured:
    """Numbers, lazy ones too, and the unit that they are in."""

    values: Any
    unit: Any


def is_labelled(value: Any) -> bool:
    """Whether it is a DataArray, by the names of its classes."""
    return any(base.__name__ == "DataArray" and base.__module__.partition(".")[0] == "xarray" for base in _mro(value))


def _mro(value: Any) -> tuple[type, ...]:
    return type(value).__mro__


def open_labelled(given: Data) -> tuple[Data, Labels]:
    """The arguments of a call as arrays, and the labels of the data.

    Raises
    ------
    TypeError, ValueError
        A dimension or coordinate that is not there, a coordinate that is not numbers or that nothing chooses, arrays
        beside the data along other dimensions or at other coordinates.
    """
    data = given.data
    names = _axis_names(given.fitting_axes, data)
    axes = tuple(_axis(name, data) for name in names)
    unit = _unit_of(data, "data") if given.data_unit is None else given.data_unit
    beside = {name: _beside(getattr(given, name), data, name, unit) for name in ("uncertainty", "weights", "mask")}
    opened = replace(
        given,
        data=data.data,
        fitting_axes=axes,
        world=_world(given.world, names, axes, data),
        data_unit=unit,
        inputs=given.inputs and {name: _known(value, data, name) for name, value in given.inputs.items()},
        **beside,
    )
    labels = Labels(
        tuple(data.dims),
        {name: (tuple(each.dims), each.variable, dict(each.attrs)) for name, each in data.coords.items()},
    )
    return opened, labels


def _axis_names(fitting_axes: Any, data: Any) -> tuple[Any, ...]:
    """Names and numbers, as they are given."""
    if fitting_axes is None:
        raise TypeError(
            "fitting_axes is required: the dimension, or the dimensions, along which the model is fitted, of "
            f"{', '.join(map(str, data.dims))}"
        )
    if isinstance(fitting_axes, str) or not np.iterable(fitting_axes):
        return (fitting_axes,)
    return tuple(fitting_axes)


def _axis(name: Any, data: Any) -> Any:
    """The number of an axis; numbers are checked later."""
    if not isinstance(name, str):
        return name
    if name in data.dims:
        return data.dims.index(name)
    if name not in data.coords:
        known = [*data.dims, *(each for each in data.coords if each not in data.dims)]
        raise ValueError(f"fitting_axes names '{name}', which is no dimension of the data{suggestion(name, known)}")
    (*others, own) = data.coords[name].dims or (None,)
    if others or own is None:
        raise ValueError(
            f"fitting_axes names the coordinate '{name}', which has the dimensions {data.coords[name].dims}: name the "
            f"dimension, and give the coordinate as world=(data[{name!r}],)"
        )
    return data.dims.index(own)


def _world(world: Any, names: tuple[Any, ...], axes: tuple[Any, ...], data: Any) -> Any:
    """Coordinates of the fitting axes: those given, or those of the data."""
    if isinstance(world, str) and world == PIXELS:
        return None
    if world is None:
        if not all(isinstance(axis, (int, np.integer)) and -data.ndim <= axis < data.ndim for axis in axes):
            return None  # which is refused when axes are checked
        found = [_coordinate(name, data.dims[axis], data) for name, axis in zip(names, axes, strict=True)]
        if all(one is None for one in found):
            return None
        counts = (np.arange(data.shape[axis], dtype=float) for axis in axes)
        return tuple(count if one is None else one for one, count in zip(found, counts, strict=True))
    if is_labelled(world):
        world = (world,)
    if isinstance(world, (tuple, list)):
        return tuple(
            numbers_of(item, data, f"world[{number}]") if is_labelled(item) else item
            for number, item in enumerate(world)
        )
    return world


def _coordinate(name: Any, dim: Any, data: Any) -> Any:
    """The coordinate that a name stands for; None where the dimension has none at all."""
    if isinstance(name, str) and name in data.coords:
        return numbers_of(data.coords[name], data, name)
    if dim in data.coords:
        return numbers_of(data.coords[dim], data, dim)
    others = [str(other) for other, each in data.coords.items() if dim in each.dims]
    if others:
        alone = next((other for other in others if data.coords[other].ndim == 1), None)
        ways = [f"fitting_axes={alone!r}"] if alone else []
        raise ValueError(
            f"the dimension '{dim}' has no coordinates of its own, and {', '.join(others)} along it: say which is "
            f"meant with {' or '.join([*ways, f'world=(data[{others[0]!r}],)'])}, or ask for pixels with world='pixels'"
        )
    return None


def numbers_of(coordinate: Any, data: Any, name: Any, whole: bool = False) -> Any:
    """Values of a coordinate with their unit, on the axes of the data; 1-D ones only if `whole`.

    Raises
    ------
    TypeError, ValueError
        They are neither numbers nor times, or along dimensions or at coordinates that the data do not have.
    """
    kind = coordinate.dtype.kind
    if kind in "mM":
        return _seconds(_placed(coordinate, data, str(name), whole), name)
    if kind not in "iuf":
        raise WrongArgumentType(
            f"the coordinate '{name}'",
            "real numbers or times",
            coordinate.dtype,
            f"give numbers as world=(...,), or count samples with world='{PIXELS}'",
        )
    unit = _unit_of(coordinate, f"the coordinate '{name}'")
    values = _placed(coordinate, data, str(name), whole)
    return values if unit is None else Measured(values, unit)


def _seconds(times: Any, name: Any) -> Any:
    """Times as seconds; datetimes from the first."""
    values = np.asarray(times)
    since = ""
    if values.dtype.kind == "M":
        known = values[~np.isnat(values)]
        first = known.min() if known.size else values.flat[0]
        values, since = values - first, f", counted from {first}"
    warnings.warn(
        f"the coordinate '{name}' is of times: they are fitted in seconds{since}. Give world=(...,) for another unit "
        "or another zero",
        AstropyUserWarning,
        stacklevel=2,
    )
    seconds = np.where(np.isnat(values), np.nan, values / np.timedelta64(1, "s"))
    return Measured(seconds, u.s)


def _unit_of(array: Any, what: str) -> Any:
    """The unit that its attributes name; None where there is none, or none that astropy reads."""
    text = array.attrs.get("units")
    if not text:
        return None
    try:
        return read_unit(str(text))
    except ValueError:
        warnings.warn(
            f"the units {str(text)!r} of {what} are none that astropy reads: its numbers are fitted without a unit",
            AstropyUserWarning,
            stacklevel=2,
        )
        return None


def _beside(array: Any, data: Any, name: str, unit: Any) -> Any:
    """Weights, mask or uncertainties, in their unit where they have one."""
    if not is_labelled(array):
        return array
    values, text = _on_axes(array, data, name), array.attrs.get("units")
    own = _unit_of(array, name) if text else None
    if own is None or name == "mask" or own == unit:
        return values
    return np.asarray(values) << own


def _known(array: Any, data: Any, name: str) -> Any:
    return numbers_of(array, data, name, whole=True) if is_labelled(array) else array


def _on_axes(array: Any, data: Any, name: str) -> Any:
    """A labelled array on the axes of the data; whatever else as it is."""
    return _placed(array, data, name, whole=True) if is_labelled(array) else array


def _placed(array: Any, data: Any, name: str, whole: bool = False) -> Any:
    """Values of a labelled array with an axis for each of the data, in their order; 1-D ones only if `whole`."""
    unexpected = [dim for dim in array.dims if dim not in data.dims]
    if unexpected:
        raise ValueError(
            f"{name} has the dimension(s) {', '.join(map(str, unexpected))}, which data of "
            f"{', '.join(map(str, data.dims))} do not have"
        )
    for dim in array.dims:
        _check_same_places(array, data, name, dim)
    if array.ndim == 1 and not whole:
        return array.data
    order = [dim for dim in data.dims if dim in array.dims]
    shape = tuple(array.sizes[dim] if dim in array.dims else 1 for dim in data.dims)
    return array.transpose(*order).data.reshape(shape)


def _check_same_places(array: Any, data: Any, name: str, dim: Any) -> None:
    if array.sizes[dim] != data.sizes[dim]:
        raise ValueError(f"{name} has {array.sizes[dim]} values along '{dim}', and data {data.sizes[dim]}")
    both = dim in array.coords and dim in data.coords and array.coords[dim].ndim == 1
    if both and not np.array_equal(array.coords[dim].values, data.coords[dim].values):
        raise ValueError(
            f"{name} is at other coordinates '{dim}' than the data: align them first, such as with xarray.align"
        )


def placed_maps(data: Any, fitting_axes: Any) -> Callable[[Any, str], Any]:
    """What puts starting values and bounds that are labelled on the iterating axes of the data.

    Raises
    ------
    TypeError, ValueError
        Dimensions that the data do not have, or that are fitted along.
    """

    def place(value: Any, name: str) -> Any:
        if not is_labelled(value):
            return value
        if not is_labelled(data):
            return value.data
        axes = {_axis(each, data) for each in _axis_names(fitting_axes, data)}
        fitted = [dim for number, dim in enumerate(data.dims) if {number, number - data.ndim} & axes]
        along = [dim for dim in value.dims if dim in fitted]
        if along:
            raise ValueError(f"{name} has the dimension '{along[0]}', along which the model is fitted")
        values = _placed(value, data, name, whole=True)
        return values.reshape([size for size, dim in zip(values.shape, data.dims, strict=True) if dim not in fitted])

    return place
