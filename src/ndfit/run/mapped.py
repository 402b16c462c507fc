"""Arrays in mapped files: the system reads ahead what comes next.

Flows in: what cuts inputs. Flows out: the same, which on the way tells the operating system the pages of mapped files
that will be needed. Nothing but time depends on what it makes of that.

A region is many short runs of a file where the axis of samples is the outer one. Touched one page after another, each
run waits for the disk; a cube larger than the system's cache took twice as long.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import suppress
from itertools import product
from typing import Any

import numpy as np

from ndfit.problem.arrange import Region
from ndfit.run.load import Inputs
from ndfit.run.tasks import Cut

__all__ = ["reading_ahead"]

MOST_RUNS = 4096

_WILL_NEED = getattr(mmap, "MADV_WILLNEED", None)  # not on every system


def reading_ahead(cut: Cut) -> Cut:
    """The same cut, which asks for what it has cut."""

    def asking(region: Region) -> Inputs:
        inputs = cut(region)
        for array in inputs.arrays:
            _ask_for(array)
        return inputs

    return asking


def _ask_for(array: Any) -> None:
    whole = _map_of(array)
    if whole is None or _WILL_NEED is None:
        return
    with suppress(OSError, ValueError):  # what cannot be advised, or was closed, is for whoever reads it
        origin = np.frombuffer(whole, np.uint8).__array_interface__["data"][0]
        for begin, length in _runs(array):
            first = (begin - origin) // mmap.PAGESIZE * mmap.PAGESIZE
            whole.madvise(_WILL_NEED, first, begin - origin + length - first)


def _map_of(array: Any) -> mmap.mmap | None:
    """The mapped file that an array is a view of."""
    while isinstance(array, np.ndarray):
        array = array.base
    return array if isinstance(array, mmap.mmap) else None


def _runs(array: Any) -> Iterator[tuple[int, int]]:
    """Address and length of the pieces of memory without gaps that the array lies in; none where they are too many."""
    axes = sorted((stride, size) for stride, size in zip(array.strides, array.shape, strict=True) if size > 1)
    length = array.itemsize
    while axes and axes[0][0] == length:
        length *= axes.pop(0)[1]
    if any(stride < 0 for stride, _ in axes) or np.prod([size for _, size in axes]) > MOST_RUNS:
        return
    begin = array.__array_interface__["data"][0]
    for steps in product(*(range(0, stride * size, stride) for stride, size in axes if stride)):
        yield begin + sum(steps), length
