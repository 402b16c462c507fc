"""Addresses of this process -> the file that holds the same bytes.

Flows in: runs of addresses. Flows out: the file, open, and the address at which it would begin; None where the bytes
are not all the file's.

Linux tells which file is behind an address (/proc/self/maps), and of each page whether it is the file's
(/proc/self/pagemap; proc(5)). Pages of a private map that were written to are in memory alone.
"""

from __future__ import annotations

import mmap
import sys
from io import FileIO
from os.path import isfile
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Runs", "file_behind"]

_PAGE_ENTRY = np.dtype(np.uint64)
# Bits 61 to 63 of an entry: the file's or shared, swapped out, present.
_STATE_SHIFT = np.uint64(61)
_UNTOUCHED, _OF_THE_FILE = 0b000, 0b101


class Runs(NamedTuple):
    """Stretches of memory of one length in bytes."""

    starts: NDArray[np.int64]
    length: int


class _Mapping(NamedTuple):
    """A line of /proc/self/maps; `origin` is the address at which the file would begin."""

    last: int
    private: bool
    origin: int
    identity: tuple[str, str]
    path: str


def file_behind(runs: Runs) -> tuple[FileIO, int] | None:
    """The file that holds what is in memory there; to be closed by the caller.

    Returns
    -------
    (file, address that belongs to its first byte), or None
    """
    if sys.platform != "linux":
        return None
    try:
        mapping = _mapping_at(int(runs.starts.min()))
        if mapping is None or mapping.last < int(runs.starts.max()) + runs.length or not isfile(mapping.path):
            return None
        if mapping.private and not _all_of_the_file(runs):
            return None
        file = FileIO(mapping.path)
    except OSError:
        return None
    if _is_mapped_there(file, mapping):
        return file, mapping.origin
    file.close()
    return None


def _mapping_at(address: int) -> _Mapping | None:
    encoding = sys.getfilesystemencoding()
    with open("/proc/self/maps", encoding=encoding, errors="surrogateescape", newline="\n") as lines:
        for line in lines:
            edges, permissions, offset, device, inode, *path = line.rstrip("\n").split(maxsplit=5)
            first, last = (int(edge, 16) for edge in edges.split("-"))
            if first <= address < last:
                origin = first - int(offset, 16)
                return _Mapping(last, permissions.endswith("p"), origin, (device, inode), "".join(path))
    return None


def _all_of_the_file(runs: Runs) -> bool:
    """Whether no page of the runs was written to."""
    page, entry = mmap.PAGESIZE, _PAGE_ENTRY.itemsize
    with FileIO("/proc/self/pagemap") as pagemap:
        for start in runs.starts.tolist():
            first, last = start // page, (start + runs.length - 1) // page + 1
            pagemap.seek(entry * first)
            states = np.frombuffer(pagemap.read(entry * (last - first)), _PAGE_ENTRY) >> _STATE_SHIFT
            if len(states) < last - first or not ((states == _UNTOUCHED) | (states == _OF_THE_FILE)).all():
                return False
    return True


def _is_mapped_there(file: FileIO, mapping: _Mapping) -> bool:
    """Whether the path still leads to what is mapped: the kernel names both alike, which `stat` need not do."""
    try:
        ours = mmap.mmap(file.fileno(), 1, access=mmap.ACCESS_READ)
        found = _mapping_at(np.frombuffer(ours, np.uint8).ctypes.data)
    except (OSError, ValueError):  # nothing is in it any more
        return False
    return found is not None and found.identity == mapping.identity
