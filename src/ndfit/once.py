"""What a process does once, and in one thread at a time: importing, compiling and loading late.

Flows in: functions. Flows out: the same, made safe for threads and forks. A process that is forked in the middle of an
import or a compilation would leave the child with locks that no thread of it ever releases. So a fork waits for what is
done here.
"""

from __future__ import annotations

import functools
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import lru_cache, wraps
from typing import Any, Generic, ParamSpec, Self, TypeVar, overload

__all__ = ["LOADING", "Latest", "cached_property", "kept", "kept_latest", "lock_across_forks"]

P = ParamSpec("P")
T = TypeVar("T")


def lock_across_forks() -> Any:
    """A lock, which its thread may take again, and which no other thread holds at the moment of a fork.

    Forks take those made last first. So a thread that holds one may wait for those made before it, and for no other.
    """
    lock = threading.RLock()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)
    return lock


LOADING = lock_across_forks()
"""Held by the thread that imports, compiles or loads."""


def kept(build: Callable[P, T]) -> Callable[P, T]:
    """A function whose results are kept, and which one thread at a time is in. Arguments can be hashed."""
    return kept_latest(None)(build)


def kept_latest(count: int | None) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """As `kept`, where no more results are kept than the latest that were asked for."""

    def decorate(build: Callable[P, T]) -> Callable[P, T]:
        known = lru_cache(count)(build)

        @wraps(build)
        def get(*arguments: P.args, **keywords: P.kwargs) -> T:
            with LOADING:
                return known(*arguments, **keywords)  # type: ignore[arg-type]

        return get

    return decorate


class cached_property(functools.cached_property[T]):
    """As that of functools since Python 3.12: threads that ask at once may compute at once, and none waits.

    That of Python 3.11 holds a lock of the class while it computes, for ever in a child that is forked meanwhile.
    """

    @overload
    def __get__(self, instance: None, owner: type[Any] | None = None) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> T: ...
    def __get__(self, instance: object | None, owner: type[Any] | None = None) -> Self | T:
        if instance is None:
            return self
        values, name = vars(instance), str(self.attrname)
        if name not in values:
            values[name] = self.func(instance)
        found: T = values[name]
        return found


class Latest(Generic[T]):
    """What was built, by what it was built from; no more is kept than the latest that were asked for.

    Threads may ask at once: none waits while another builds, which may run a person's own code.
    """

    def __init__(self, count: int) -> None:
        self._count, self._known, self._lock = count, OrderedDict[Hashable, T](), lock_across_forks()

    def get(self, key: Hashable, build: Callable[[], T]) -> T:
        """What is known by the key; built where it is not. What raises is not kept."""
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        built = build()
        with self._lock:
            self._known[key] = built
            while len(self._known) > self._count:
                self._known.popitem(last=False)
        return built
