"""Memory in which a cluster's worker on this machine leaves a result.

Flows in: a result, in a worker. Flows out: the same result, in the caller's process, without a copy and without pipes
or connections. The memory has no name in any file system: it is gone with the processes that hold it, however they end.
A worker that cannot reach it (of another machine, container or user) says so, and its result travels as results do.
"""

from __future__ import annotations

import mmap
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from itertools import accumulate
from typing import Any

import cloudpickle
import numpy as np

__all__ = ["Address", "SharedBuffer", "write_result"]

_ALIGNED = 64
_WORD = np.dtype(np.int64)


@dataclass(frozen=True)
class Address:
    """Where other processes find a slot; the name tells whether what they find is it."""

    process: int
    descriptor: int
    name: str


class SharedBuffer:
    """Room for one result, in memory of this process.

    What lies there begins with how many pieces it has, which is written last, and the length of each: the pickled
    result, and the buffers of its arrays (pickle protocol 5, PEP 574).
    """

    address: Address | None = None
    """None where the system has no such memory, or none left."""

    def __init__(self) -> None:
        self._file: Any = BytesIO()
        name = f"ndfit-{secrets.token_hex(16)}"
        with suppress(AttributeError, OSError):  # it is Linux's
            descriptor = os.memfd_create(name)
            self._file = os.fdopen(descriptor, "r+b", buffering=0)
            self.address = Address(os.getpid(), descriptor, name)

    @property
    def filled(self) -> bool:
        """Whether a whole result lies there."""
        self._file.seek(0)
        return any(self._file.read(_WORD.itemsize))

    def take(self) -> Any:
        """The result, whose arrays are this memory, and nobody else's from here on."""
        memory = memoryview(mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_COPY))
        self.close()
        n_pieces = int(np.frombuffer(memory, _WORD, 1)[0])
        lengths = np.frombuffer(memory, _WORD, n_pieces, offset=_WORD.itemsize).tolist()
        pickled, *buffers = (memory[start : start + length] for start, length in _places(lengths))
        return cloudpickle.loads(pickled, buffers=buffers)

    def close(self) -> None:
        """Nobody finds the slot any more."""
        self._file.close()


def write_result(result: Any, address: Address) -> bool:
    """Leave a result in another process's slot.

    Returns
    -------
    Whether a result lies there now: this one, or that of another worker with the same task.
    """
    place = f"/proc/{address.process}/fd/{address.descriptor}"
    try:
        import fcntl

        if not _is_named(place, address):  # but something of another process, on another machine
            return False
        with open(place, "r+b") as file:
            if not _is_named(f"/proc/self/fd/{file.fileno()}", address):  # any more
                return False
            # The system unlocks it where this process ends halfway; nobody waits for one that hangs.
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if any(file.read(_WORD.itemsize)):
                return True
            buffers: list[Any] = []
            pickled = cloudpickle.dumps(result, protocol=5, buffer_callback=lambda buffer: buffers.append(buffer.raw()))
            pieces = [memoryview(pickled), *buffers]
            lengths = [piece.nbytes for piece in pieces]
            for piece, (start, _) in zip(pieces, _places(lengths), strict=True):
                file.seek(start)
                file.write(piece)
            file.seek(_WORD.itemsize)
            file.write(np.array(lengths, _WORD).tobytes())
            file.flush()
            file.seek(0)
            file.write(_WORD.type(len(pieces)).tobytes())
    except (ImportError, OSError):
        return False
    return True


def _is_named(place: str, address: Address) -> bool:
    return os.readlink(place).startswith(f"/memfd:{address.name}")


def _places(lengths: list[int]) -> Iterator[tuple[int, int]]:
    """Where each piece begins, and its length."""
    header = _aligned(_WORD.itemsize * (1 + len(lengths)))
    starts = accumulate(map(_aligned, lengths), initial=header)
    return zip(starts, lengths, strict=False)


def _aligned(size: int) -> int:
    return -(-size // _ALIGNED) * _ALIGNED
