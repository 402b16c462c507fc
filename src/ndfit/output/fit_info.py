"""`fitter.fit_info` of a run: an array of what each fit reported.

Flows in: the fitters' own reports, one a position, or arrays of one number a position. Flows out: FitInfoArray, which
answers as astropy's FitInfoArrayContainer does, with NaN where a position has no answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.modeling.fitting import FitInfoArrayContainer
from numpy.typing import NDArray

__all__ = ["FitInfoArray", "FitRecord"]


class FitRecord(dict[str, Any]):
    """What one fit reported; keys are attributes too."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class FitInfoArray(FitInfoArrayContainer):  # type: ignore[misc]
    """Fit information of every position.

    Parameters
    ----------
    columns : name -> array whose leading axes are the iterating axes
    shape : the iterating shape
    done : boolean array of that shape, the positions with an answer
    """

    def __init__(self, columns: Mapping[str, NDArray[Any]], shape: tuple[int, ...], done: NDArray[np.bool_]) -> None:
        self._columns, self._shape, self._done = dict(columns), shape, done

    @classmethod
    def from_records(
        cls, records: NDArray[np.object_], names: tuple[str, ...] | None, done: NDArray[np.bool_]
    ) -> FitInfoArray:
        """From one dict a position (None where there is no answer).

        Parameters
        ----------
        names : entries to keep, all for None

        Raises
        ------
        AttributeError
            No fit reported one of `names`.
        """
        found = [record for record in records.ravel() if record is not None]
        known = {name for record in found for name in record}
        if names is None:
            names = tuple(sorted(known))
        for name in names:
            if found and name not in known:
                raise AttributeError(f"fit_info on fitter has no attribute '{name}': it has {', '.join(sorted(known))}")
        return cls({name: _column(records, name) for name in names}, records.shape, done)

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
        point numbers are NaN, integers 0 and texts empty.

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
        return _regular(column, name, self.ndim) if column.dtype == object else column

    def __getitem__(self, item: Any) -> Any:
        done = self._done[item]
        if not isinstance(done, np.ndarray) or done.ndim == 0:
            return FitRecord({name: column[item] for name, column in self._columns.items()}) if done else None
        return FitInfoArray({name: column[item] for name, column in self._columns.items()}, done.shape, done)


def _column(records: NDArray[np.object_], name: str) -> NDArray[np.object_]:
    column = np.full(records.shape, None, dtype=object)
    for index in np.ndindex(records.shape):
        record = records[index]
        column[index] = None if record is None else record.get(name)
    return column


def _regular(column: NDArray[np.object_], name: str, ndim: int) -> NDArray[Any]:
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
