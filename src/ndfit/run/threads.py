"""Threads that tell when one of them is lost.

Flows in: actions. Flows out: their futures, each of which ends: where memory ran out a thread can die without a word,
or before it can say what came of an action, and whoever waited for that would wait without end.
"""

from __future__ import annotations

import concurrent.futures as cf
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

from ndfit.errors import WorkersLost

__all__ = ["Threads"]

T = TypeVar("T")

NOT_STARTED = (
    "a thread cannot be started ({reason}), often because memory or the number of threads is limited: use fewer workers"
)
LOST = (
    "a thread has died while it worked, often because memory ran out. Use fewer workers or a smaller chunk_n_max; with "
    "checkpoint=... the regions that are done are kept"
)


class Threads:
    """A pool of threads, for use in a `with` statement, which waits for what has begun.

    Parameters
    ----------
    count : of threads; they are started as they are needed
    begin : called once in each
    """

    def __init__(self, count: int, begin: Callable[[], None] = lambda: None) -> None:
        self._count, self._begin = count, begin
        self._pool = cf.ThreadPoolExecutor(count, "ndfit", self._started)
        self._threads: list[threading.Thread] = []
        self._submitted: set[cf.Future[Any]] = set()
        self._at_work: dict[threading.Thread, cf.Future[Any]] = {}

    def __enter__(self) -> Threads:
        self._pool.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pool.__exit__(kind, error, traceback)

    def submit(self, action: Callable[[], T]) -> cf.Future[T]:
        """Have an action done.

        Raises
        ------
        WorkersLost
            No thread can be started for it.
        """
        future: cf.Future[T] = cf.Future()
        try:
            self._pool.submit(self._do, future, action)
        except (RuntimeError, MemoryError) as error:
            raise WorkersLost(NOT_STARTED.format(reason=str(error) or "out of memory")) from error
        self._submitted.add(future)
        return future

    def count(self) -> int:
        """How many threads there are, once actions that nobody does any more have ended with an error.

        Raises
        ------
        WorkersLost
            A thread has died.
        """
        self._submitted = {future for future in self._submitted if not future.done()}
        # In this order: what runs was somebody's before, and is done when it is nobody's any more.
        running = [future for future in self._submitted if future.running()]
        in_hands = [future for thread, future in self._at_work.copy().items() if thread.is_alive()]
        for future in running:
            if future not in in_hands and not future.done():
                future.set_exception(WorkersLost(LOST))
        if not all(thread.is_alive() for thread in self._threads):
            raise WorkersLost(LOST)
        return self._count

    def _started(self) -> None:
        self._threads.append(threading.current_thread())
        self._begin()

    def _do(self, future: cf.Future[T], action: Callable[[], T]) -> None:
        me = threading.current_thread()
        self._at_work[me] = future
        try:
            if future.set_running_or_notify_cancel():
                _fulfil(future, action)
        finally:
            del self._at_work[me]


def _fulfil(future: cf.Future[T], action: Callable[[], T]) -> None:
    try:
        result = action()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)
