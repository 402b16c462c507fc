"""Arrays in mapped files: the system reads ahead what comes next, and takes back what was read.

Flows in: what cuts inputs, and solved regions. Flows out: the same; on the way the operating system is told which pages
of mapped files will be needed, and which are not needed any more. Nothing but time and memory depends on what it makes
of that.

A region is many short runs of a file, if its axis of samples is the outer one. Touched one page after another, each run
waits for the disk.
"""

from __future__ import annotations

import mmap
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import product
from typing import Any, TypeVar

import numpy as np

from ndfit.problem.arrange import Region
from ndfit.run.load import Inputs
from ndfit.run.tasks import Cut, Solved

__all__ = ["giving_back", "reading_ahead"]

T = TypeVar("T")

# Other programs, and the next fit, find smaller files in memory.
LARGE = 2**30
MOST_RUNS = 4096

_WILL_NEED = getattr(mmap, "MADV_WILLNEED", None)
# Linux's MADV_PAGEOUT, which Python has no name for. Pages that were written to, and differ from the file, are kept.
_PAGE_OUT = 21 if sys.platform == "linux" else None


def reading_ahead(cut: Cut) -> Cut:
    """The same cut, which asks for what it has cut."""

    def asking(region: Region) -> Inputs:
        inputs = cut(region)
        for array in inputs.arrays:
            _advise(array, _WILL_NEED)
        return inputs

    return asking


def giving_back(solved: Solved[T], cut: Cut) -> Solved[T]:
    """The same regions; the pages of large files are given back once a region is solved."""
    with closing(solved):
        for region, result in solved:
            for array in cut(region).arrays:
                _advise(array, _PAGE_OUT, LARGE, behind=1)
            yield region, result


def _advise(array: Any, advice: int | None, at_least: int = 0, behind: int = 0) -> None:
    """`behind` is how many lengths of a run before it are meant too: pages are kept in groups, which regions share."""
    whole = _map_of(array)
    if whole is None or advice is None:
        return
    with suppress(OSError, ValueError):  # a system that does not know the advice, a file that was closed
        if len(whole) < at_least:
            return
        origin = np.frombuffer(whole, np.uint8).__array_interface__["data"][0]
        for begin, length in _runs(array):
            first = max(0, begin - origin - behind * length) // mmap.PAGESIZE * mmap.PAGESIZE
            whole.madvise(advice, first, begin - origin + length - first)


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
