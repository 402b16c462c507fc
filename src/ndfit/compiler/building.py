"""Where code is being written, and for which target: what every part of the language asks for.

Flows in: a builder of LLVM and a target. Flows out: the same, for whatever is called within `building`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

from llvmlite import ir

from ndfit.compiler.target import Target

__all__ = ["builder", "building", "once_in_block", "target"]

T = TypeVar("T")


class _Place(NamedTuple):
    builder: ir.IRBuilder
    target: Target
    known: dict[Hashable, Any]


class _Places(threading.local):
    def __init__(self) -> None:
        self.stack: list[_Place] = []


_places = _Places()


def builder() -> ir.IRBuilder:
    """Return where instructions are being written."""
    return _places.stack[-1].builder


def target() -> Target:
    """Return what they are written for."""
    return _places.stack[-1].target


def once_in_block(key: Hashable, write: Callable[[], T]) -> T:
    """What some code computes; it is written the first time that it is asked for since the last jump.

    The key tells what is computed, and of what.
    """
    place = _places.stack[-1]
    key = key, place.builder.block
    if key not in place.known:
        place.known[key] = write()
    return place.known[key]


@contextmanager
def building(where: ir.IRBuilder, what_for: Target) -> Iterator[None]:
    """Write instructions there."""
    _places.stack.append(_Place(where, what_for, {}))
    try:
        yield
    finally:
        _places.stack.pop()
