"""Warnings that are caught or silenced for a while, where several threads do so.

`warnings.catch_warnings` changes the filters of the whole process and puts back those that it found. Two threads that
overlap leave one's filters behind for good. So what a call of ndfit does in any thread takes turns. The command line,
which is alone in its process, catches around whole calls, and must not be in turn meanwhile.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from ndfit.once import lock_across_forks

__all__ = ["recorded_warnings", "warnings_put_back"]

_TURN = lock_across_forks()


@contextmanager
def warnings_put_back() -> Iterator[None]:
    """`warnings.catch_warnings()`: changes of the filters last as long as the context."""
    with _TURN, warnings.catch_warnings():
        yield


@contextmanager
def recorded_warnings() -> Iterator[list[warnings.WarningMessage]]:
    """`warnings.catch_warnings(record=True)`, with every warning."""
    with _TURN, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield caught
