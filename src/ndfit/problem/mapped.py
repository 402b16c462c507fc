"""An array that is mapped from a file -> its values, read from the file.

Flows in: an array. Flows out: an array of the same values: a copy where it is mapped, the array itself where not.

Pages of a map count as memory of the process from when they are touched until the system needs them elsewhere; a file
that is read takes no more than its values. What is not exactly as expected is left to the map.
"""

from __future__ import annotations

import mmap
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ndfit.problem.mappings import Runs, file_behind

__all__ = ["read_if_mapped"]

# Shorter runs of bytes than this are had sooner from the map.
_SHORTEST_RUN = 512


def read_if_mapped(array: Any) -> Any:
    """Values of an array, without touching the map that it may be in.

    Raises
    ------
    OSError
        The file cannot be read, or has become shorter.
    """
    if not (isinstance(array, np.ndarray) and array.nbytes >= _SHORTEST_RUN and _is_mapped(array)):
        return array
    # In the order of the file: large strides first, forwards, and once what is repeated.
    once = tuple(slice(0, 1) if step == 0 else slice(None, None, -1 if step < 0 else 1) for step in array.strides)
    order = np.argsort([-abs(step) for step in array.strides], kind="stable")
    ordered = np.asarray(array)[once].transpose(order)
    runs = _runs_of(ordered)
    if runs.length < _SHORTEST_RUN:
        return array
    values = _read(runs, ordered)
    if values is None:
        return array
    values = values.transpose(np.argsort(order))[once]
    return values if values.shape == array.shape else np.broadcast_to(values, array.shape)


def _is_mapped(array: Any) -> bool:
    owner = array
    while (base := getattr(owner, "base", None)) is not None:
        owner = base
    return isinstance(owner, mmap.mmap)


def _runs_of(array: NDArray[Any]) -> Runs:
    """The runs of an array whose strides are positive and fall."""
    n_outer, length = array.ndim, array.itemsize
    while n_outer and (array.shape[n_outer - 1] == 1 or array.strides[n_outer - 1] == length):
        n_outer -= 1
        length *= array.shape[n_outer]
    starts = np.array(array.ctypes.data, dtype=np.int64)
    for size, step in zip(array.shape[:n_outer], array.strides[:n_outer], strict=True):
        starts = starts[..., np.newaxis] + step * np.arange(size)
    return Runs(starts.ravel(), length)


def _read(runs: Runs, array: NDArray[Any]) -> NDArray[Any] | None:
    """Values of the array that the runs are of; None where its file does not hold them."""
    behind = file_behind(runs)
    if behind is None:
        return None
    file, start = behind
    values = np.empty(array.shape, array.dtype)
    rows = values.reshape(-1).view(np.uint8).reshape(len(runs.starts), runs.length)
    with file:
        for place, row in zip((runs.starts - start).tolist(), rows, strict=True):
            _fill(file.fileno(), place, row.data)
    return values


def _fill(file: int, place: int, row: memoryview) -> None:
    done = 0
    while done < len(row):
        count = os.preadv(file, [row[done:]], place + done)
        if count == 0:
            raise OSError(f"the file of the data ends before byte {place + done}, and did not when it was opened")
        done += count
