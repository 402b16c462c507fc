"""Arrays of many fits, samples first and fits last, as compiled code reads them: a group of fits at a time.

Flows in: arrays of shape (rows, n), or (rows, 1) where all fits share them. Flows out: on numpy's side, a table of
their addresses; on the compiler's, the rows of a group.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ndfit.arrays import FloatArray
from ndfit.compiler.flow import loop
from ndfit.compiler.machine_code import Loaded
from ndfit.compiler.memory import load, pointer, shift, store, table, width
from ndfit.compiler.target import host
from ndfit.compiler.values import Int, Pointer, Table

__all__ = ["Call", "Rows", "arguments", "groups_of_fits", "rows_at", "scratch_at"]

# Where things are in the table of a call: the number of fits, of scratch its address; then three numbers an array.
_FITS, _SCRATCH, _ARRAYS, _COLUMNS = 0, 1, 2, 3
_LINE = 64  # bytes


class Rows:
    """Rows of one array, or of scratch, at a group of fits."""

    def __init__(self, place: Pointer, stride: Any) -> None:
        self.place, self._stride = place, stride

    def __getitem__(self, row: Any) -> Any:
        return load(self.place, row, self._stride)

    def __setitem__(self, row: Any, value: Any) -> None:
        store(self.place, row, value, self._stride)

    def after(self, count: Any) -> Rows:
        """Those from a row on."""
        return Rows(shift(self.place, Int.of(count) * self._stride), self._stride)


@contextmanager
def groups_of_fits(job: Table) -> Iterator[Int]:
    """For each group, which fit is its first."""
    with loop(0, job[_FITS], width()) as first:
        yield first


def rows_at(job: Table, array: int, first: Int) -> Rows:
    """Rows of one of a call's arrays."""
    place = _ARRAYS + _COLUMNS * array
    return Rows(shift(pointer(job[place]), job[place + 1] * first), job[place + 2])


def scratch_at(job: Table) -> Rows:
    """Rows for one group, which the next one overwrites."""
    return Rows(pointer(job[_SCRATCH]), width())


class Call:
    """A call of compiled code with arrays of n fits.

    Parameters
    ----------
    n_fits : n
    scratch : rows for a group, zero at first
    """

    def __init__(self, n_fits: int, scratch: int = 0) -> None:
        self._width = host().width
        self._n_fits, self._whole = n_fits, -(-n_fits // self._width) * self._width
        memory = np.zeros(scratch * self._width + _LINE // 8)
        self._arrays = [memory]
        first = memory.ctypes.data
        self._table = [n_fits, first + -first % _LINE]

    def reads(self, *arrays: FloatArray) -> None:
        """Add arrays of shape (rows, n) or (rows, 1)."""
        for array in arrays:
            if array.shape[1] == 1:
                self._add(np.repeat(array, self._width, axis=1), 0)
            else:
                self._add(self._padded(array), 1)

    def writes(self, rows: int) -> FloatArray:
        """Add an array for results, (rows, n)."""
        array = np.empty((rows, self._whole))
        self._add(array, 1)
        return array[:, : self._n_fits]

    def run(self, code: Loaded, name: str, *numbers: float) -> None:
        """Run a function, with numbers that all fits share."""
        own = np.array(self._table, np.int64)
        shared = np.array(numbers, np.float64)
        code[name](own.ctypes.data, shared.ctypes.data)

    def _add(self, array: FloatArray, from_fit_to_fit: int) -> None:
        self._arrays.append(array)
        self._table.extend((array.ctypes.data, from_fit_to_fit, array.shape[1]))

    def _padded(self, array: FloatArray) -> FloatArray:
        if array.shape[1] == self._whole:
            return np.ascontiguousarray(array)
        return np.concatenate([array, np.repeat(array[:, -1:], self._whole - self._n_fits, axis=1)], axis=1)


def arguments(job_at: Int, numbers_at: Int) -> tuple[Table, Pointer]:
    """The tables that `Call.run` gives to a function."""
    return table(job_at), pointer(numbers_at)
