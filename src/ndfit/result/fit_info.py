"""`fitter.fit_info` of a run: what each fit reported.

Flows in: Maps, and the names the caller asked for. Flows out: FitInfoArray, which answers as astropy's
FitInfoArrayContainer does; every position has a status and a message, and NaN where there is no other answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.modeling.fitting import FitInfoArrayContainer
from numpy.typing import NDArray

from ndfit.result.maps import Maps
from ndfit.status import STATUS, counts_of

__all__ = ["FitInfoArray", "FitRecord", "gather_fit_info"]

_MEANINGS = {code: row.meaning for code, row in STATUS.items()}


class FitRecord(dict[str, Any]):
    """What one fit reported; keys are attributes too."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def gather_fit_info(maps: Maps, names: tuple[str, ...] | None, absolute_sigma: bool) -> FitInfoArray:
    """Fit information of a run.

    Parameters
    ----------
    maps : Maps
    names : entries to keep, None for all
    absolute_sigma : see `Maps.scaled_covariance`

    Raises
    ------
    AttributeError
        There is no entry of one of `names`.
    """
    columns = _own_columns(maps, absolute_sigma)
    if maps.info is not None:
        columns |= _reported_columns(maps.info, columns)
    if names is None:
        names = tuple(sorted(columns))
    for name in names:
        if name not in columns:
            raise AttributeError(f"fit_info on fitter has no attribute '{name}': it has {', '.join(sorted(columns))}")
    return FitInfoArray({name: columns[name] for name in names}, maps.status.shape)


def _own_columns(maps: Maps, absolute_sigma: bool) -> dict[str, NDArray[Any]]:
    """What every engine knows of each fit."""
    message = np.full(maps.status.shape, None, dtype=object)
    for code in counts_of(maps.status):
        message[maps.status == code] = _MEANINGS[code]
    columns = {
        "status": maps.status,
        "success": maps.converged,
        "message": message,
        "nfev": maps.nfev,
        "cost": maps.cost,
        "edm": maps.edm,
        "flags": maps.flags,
    }
    covariance = maps.scaled_covariance(absolute_sigma)
    return columns if covariance is None else columns | {"param_cov": covariance}


def _reported_columns(records: NDArray[np.object_], own: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """What the fitter reported beyond, and its own message and covariance where it has them."""
    names = {name for record in records.ravel() if record is not None for name in record}
    replaced = ("message", "param_cov")
    columns = {name: _column(records, name) for name in names if name not in own or name in replaced}
    if "message" in columns:
        silent = columns["message"] == np.full(records.shape, None)
        columns["message"] = np.where(silent, own["message"], columns["message"])
    return columns


def _column(records: NDArray[np.object_], name: str) -> NDArray[np.object_]:
    column = np.full(records.shape, None, dtype=object)
    for index in np.ndindex(records.shape):
        record: Any = records[index]
        column[index] = None if record is None else record.get(name)
    return column


class FitInfoArray(FitInfoArrayContainer):  # type: ignore[misc]
    """Fit information of every position.

    After the run, the fitter can be used for a single fit again: what it then writes here is found under its name, as
    in the dict that some of astropy's fitters keep.

    Parameters
    ----------
    columns : name -> array whose leading axes are the iterating axes; of objects where entries differ in shape
    shape : the iterating shape
    """

    def __init__(self, columns: Mapping[str, NDArray[Any]], shape: tuple[int, ...]) -> None:
        self._columns, self._shape = dict(columns), shape
        self._single: dict[str, Any] = {}

    @property
    def shape(self) -> tuple[int, ...]:
        return self._shape

    @property
    def ndim(self) -> int:
        return len(self._shape)

    @property
    def properties(self) -> tuple[str, ...]:
        """Names that `get_property_as_array` answers to."""
        return tuple(self._columns)

    def get_property_as_array(self, name: str) -> NDArray[Any]:
        """One entry for every position.

        Parameters
        ----------
        name : one of `properties`

        Returns
        -------
        array of the iterating shape, followed by the shape of the entry. Where a position has no answer, floating
        point numbers are NaN and integers 0.

        Raises
        ------
        AttributeError
            There is no such entry.
        ValueError
            The entry's shape differs between positions.
        """
        if name not in self._columns:
            raise AttributeError(f"fit_info has no property '{name}': it has {', '.join(self.properties)}")
        column = self._columns[name]
        return _regular(column, name) if column.dtype == object else column

    def __getitem__(self, item: Any) -> Any:
        if isinstance(item, str):
            return self._single[item] if item in self._single else self.get_property_as_array(item)
        shape = np.empty(self._shape, dtype=bool)[item].shape
        columns = {name: column[item] for name, column in self._columns.items()}
        return FitInfoArray(columns, shape) if shape else FitRecord(columns)

    def __setitem__(self, name: str, value: Any) -> None:
        self._single[name] = value

    def update(self, report: Mapping[str, Any]) -> None:
        """Take the report of a single fit that was made with the fitter after the run."""
        self._single.update(report)


def _regular(column: NDArray[np.object_], name: str) -> NDArray[Any]:
    """The objects of a column as one array."""
    values = {index: np.asarray(column[index]) for index in np.ndindex(column.shape) if column[index] is not None}
    if not values:
        return np.full(column.shape, np.nan)
    shapes = {value.shape for value in values.values()}
    if len(shapes) > 1:
        raise ValueError(f"Property {name} does not have consistent shape in all fit_info: {sorted(shapes)}")
    dtype = np.result_type(*{value.dtype for value in values.values()})
    empty = np.nan if dtype.kind in "fc" else np.zeros((), dtype)[()]
    array = np.full(column.shape + shapes.pop(), empty, dtype=dtype)
    for index, value in values.items():
        array[index] = value
    return array
