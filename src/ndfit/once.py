"""What a process does once, and in one thread at a time: importing, compiling and loading late.

Flows in: functions. Flows out: the same, made safe for threads and forks. A process that is forked in the middle of an
import or a compilation would leave the child with locks that no thread of it ever releases. So a fork waits for what is
done here.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, ParamSpec, TypeVar

__all__ = ["LOADING", "kept", "kept_latest", "lock_across_forks"]

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
