"""A table of many results, a row each.

Flows in: FitResults with the names of their files. Flows out: an astropy table: how many positions ended how, and
medians of what is to be believed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import MaskedColumn, Table
from numpy.typing import NDArray

from ndfit import FitResult
from ndfit.result.flag_names import disqualified
from ndfit.status import STATUS, counts_of

__all__ = ["Summary"]

_MEANINGS = {
    "positions": "positions of the maps",
    "converged": "fits that converged",
    "flagged": "fits with a flag that disqualifies them",
    "detected": "fits in which a line of the model is detected, where that was asked for",
    "believed": "fits that converged, have no such flag, and where a line is detected, where that was asked for",
    "reduced_chi_square": "median of those that are believed",
}


class Summary:
    """Rows, and the units that their columns have: those of the first file that has the column."""

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []
        self._units: dict[str, u.UnitBase | None] = {}
        self.notes: list[str] = []

    def add(self, name: str, result: FitResult) -> None:
        """A row; a median whose unit is none of the column's is left out, with a note."""
        record = result.record
        detected = _detected(result)
        believed = result.success & ~disqualified(result.flags)
        believed = believed if detected is None else believed & detected
        row: dict[str, Any] = {
            "file": name,
            "model": record["model"]["expression"],
            "shape": " x ".join(map(str, result.shape)) or "1",
            "engine": result.engine,
            "positions": int(result.status.size),
            "converged": int(result.success.sum()),
            "flagged": int(np.count_nonzero(disqualified(result.flags))),
            "believed": int(believed.sum()),
        }
        if detected is not None:
            row["detected"] = int(detected.sum())
        row |= {STATUS[code].status.name: count for code, count in counts_of(result.status).items()}
        row["reduced_chi_square"] = _median(result.reduced_chi_square, believed)
        for parameter, values in result.parameters.items():
            column = f"median_{parameter}"
            median = self._in_unit(name, column, values, believed)
            if median is not None:
                row[column] = median
        self._rows.append(row)

    def _in_unit(self, name: str, column: str, values: Any, believed: NDArray[np.bool_]) -> float | None:
        unit = getattr(values, "unit", None)
        wanted = self._units.setdefault(column, unit)
        median = _median(np.asarray(getattr(values, "value", values)), believed)
        try:
            return median if unit is wanted is None else float((unit or u.one).to(wanted or u.one, median))
        except u.UnitConversionError:
            self.notes.append(
                f"{column} of {name} is left out: it is in '{unit or 'plain numbers'}', and the column in "
                f"'{wanted or 'plain numbers'}'."
            )
            return None

    def table(self) -> Table:
        """Columns in the order in which they first occur, medians last; masked where a file has none."""
        known = {name: None for row in self._rows for name in row}
        counts = [STATUS[code].status.name for code in STATUS if STATUS[code].status.name in known]
        first = [name for name in ("file", "model", "shape", "engine", *_MEANINGS) if name in known]
        medians = [name for name in known if name.startswith("median_")]
        table = Table([self._column(name) for name in (*first, *counts, *medians)])
        table.meta["comments"] = ["ndfit summary", "medians are those of the fits that are believed"]
        return table

    def _column(self, name: str) -> MaskedColumn:
        missing = [name not in row for row in self._rows]
        known: Iterable[Any] = (row[name] for row in self._rows if name in row)
        filler = type(next(iter(known)))()
        values = [row.get(name, filler) for row in self._rows]
        meaning = _MEANINGS.get(name) or _STATUSES.get(name)
        return MaskedColumn(values, name=name, mask=missing, unit=self._units.get(name), description=meaning)


_STATUSES: Mapping[str, str] = {row.status.name: row.meaning for row in STATUS.values()}


def _detected(result: FitResult) -> NDArray[np.bool_] | None:
    try:
        return np.asarray(np.any(list(result.detected.values()), axis=0))
    except ValueError:  # nobody asked
        return None


def _median(values: Any, believed: NDArray[np.bool_]) -> float:
    """NaN where nothing is believed."""
    numbers = np.asarray(values, dtype=float)[believed]
    numbers = numbers[np.isfinite(numbers)]
    return float(np.median(numbers)) if numbers.size else float("nan")
