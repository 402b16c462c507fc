"""Objects of other libraries that say more than numbers: what ndfit reads of them, and what it refuses.

Flows in: data, coordinates, weights or mask as the caller gave them. Flows out: arrays; or an error with the line to
type instead. An object is known by the names of its classes, so that nobody's library is imported.

A container's coordinates, unit and mask are used or refused, never dropped. What is refused:

    xarray.DataArray     with `units`, beside data that have no labels; data themselves: `ndfit.problem.labelled`
    xarray.Dataset       it holds several arrays
    anything else        that has coordinates, a unit, a mask or uncertainties under a name that tells
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from astropy import units as u
from astropy.nddata import NDData, NDUncertainty
from astropy.table import Column

from ndfit.problem.deferred import LazyElementwise
from ndfit.problem.labelled import Measured

__all__ = ["open_beside", "open_coordinate", "open_data"]

# Attributes under which objects say more than numbers.
_SAYS = {
    "coords": "coordinates",
    "axes_manager": "coordinates",
    "spectral_axis": "coordinates",
    "wcs": "coordinates",
    "unit": "a unit",
    "units": "a unit",
    "mask": "a mask",
    "uncertainty": "uncertainties",
}
_READ = (np.ma.MaskedArray, u.Quantity, NDData, NDUncertainty, LazyElementwise, list, tuple, int, float)


def open_data(data: Any, data_unit: Any, world: Any) -> tuple[Any, Any]:
    """Data and their unit, out of a container that is no NDData.

    Raises
    ------
    TypeError
        The container says something that would be lost; the message has the line to type.
    """
    for is_one, open_one in _CONTAINERS:
        if is_one(data):
            return open_one(data, data_unit, world)
    _refuse_unread(data, "data")
    return data, data_unit


def open_beside(array: Any, name: str) -> Any:
    """Weights, a mask or uncertainties, beside data without labels.

    Raises
    ------
    TypeError
        The object says something that would be lost.
    """
    if _is(array, "xarray", "DataArray"):
        if array.attrs.get("units"):
            raise TypeError(
                f"{name} is a DataArray with units {array.attrs['units']!r}, which are not read: pass {name}.values, "
                "in the unit of the data, or a Quantity"
            )
        return array.data
    if _is_pandas(array):
        return array.to_numpy()
    _refuse_unread(array, name)
    return array


def open_coordinate(item: Any, name: str) -> tuple[Any, u.UnitBase | None]:
    """Numbers of a coordinate and their unit.

    Raises
    ------
    TypeError
        The unit cannot be read.
    """
    if isinstance(item, Measured):
        return item.values, item.unit
    if _is(item, "xarray", "DataArray"):
        text = item.attrs.get("units")
        try:
            return item.data, u.Unit(text) if text else None
        except (ValueError, TypeError):
            raise TypeError(
                f"{name} is a DataArray with units {text!r}, which astropy cannot read: pass its values, or a Quantity"
            ) from None
    if _is_pandas(item):
        return item.to_numpy(), None
    unit = getattr(item, "unit", None)
    return item, None if unit is None else u.Unit(unit)


def _of_dataset(data: Any, *_: Any) -> tuple[Any, Any]:
    names = ", ".join(map(str, data.data_vars))
    raise TypeError(
        f'data is an xarray.Dataset: pass one of its arrays ({names}), such as data["{next(iter(data), "")}"]'
    )


def _of_column(data: Any, data_unit: Any, *_: Any) -> tuple[Any, Any]:
    """Columns of tables are arrays, with a unit beside them."""
    numbers = np.ma.MaskedArray(data) if isinstance(data, np.ma.MaskedArray) else np.asarray(data)
    if data.unit is None or data_unit is None:
        return numbers, data.unit if data_unit is None else data_unit
    return numbers * u.Unit(data.unit).to(data_unit), data_unit


def _refuse_unread(value: Any, name: str) -> None:
    kind = type(value)
    if value is None or kind is np.ndarray or isinstance(value, _READ) or kind.__module__.partition(".")[0] == "dask":
        return
    if hasattr(value, "unmasked"):  # astropy's Masked
        return
    found = {what for attribute, what in _SAYS.items() if _has(value, attribute)}
    if found:
        raise TypeError(
            f"{name} is a {kind.__module__}.{kind.__name__} with {' and '.join(sorted(found))}, which are not read: "
            "pass the numbers as an array, and what else it says as world, data_unit, mask and uncertainty"
        )


def _has(value: Any, attribute: str) -> bool:
    try:
        attached = getattr(value, attribute, None)
    except Exception:  # a property of somebody's class
        return False
    return attached is not None and not callable(attached)


def _is(value: Any, package: str, name: str) -> bool:
    """Whether one of the object's classes has this name in this package."""
    return any(base.__name__ == name and base.__module__.partition(".")[0] == package for base in type(value).__mro__)


def _is_pandas(value: Any) -> bool:
    return any(_is(value, "pandas", name) for name in ("Series", "DataFrame", "Index"))


_CONTAINERS: tuple[tuple[Callable[[Any], bool], Callable[..., tuple[Any, Any]]], ...] = (
    (lambda value: _is(value, "xarray", "Dataset"), _of_dataset),
    (lambda value: isinstance(value, Column), _of_column),
)
"""What an object is -> how it is opened."""
