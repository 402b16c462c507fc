"""Threads: each future ends, also where a thread is lost with what it did."""

from __future__ import annotations

import concurrent.futures as cf
import threading
from typing import Any

import pytest

from ndfit.errors import WorkersLost
from ndfit.run.pool import keep_busy
from ndfit.run.threads import Threads

REGIONS = [(slice(number, number + 1),) for number in range(8)]


def given_until_lost(threads: Threads, act: Any) -> tuple[set[int], list[BaseException]]:
    """Results before the error, and the error; where they are waited for without end, there is none."""
    given: set[int] = set()
    raised: list[BaseException] = []

    def solve() -> None:
        try:
            with threads:
                for _, result in keep_busy(
                    lambda number: threads.submit(lambda: act(number)),  # type: ignore[arg-type]
                    lambda region: region[0].start,
                    REGIONS,
                    threads.count,
                ):
                    given.add(result)
        except WorkersLost as error:
            raised.append(error)

    caller = threading.Thread(target=solve, daemon=True)
    caller.start()
    caller.join(60)
    return given, raised


@pytest.mark.parametrize("count", [1, 3])
def test_a_result_that_could_not_be_handed_over(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where there is no memory to do so: the thread lives on, or dies in it."""
    set_result = cf.Future.set_result

    def fail_once(future: cf.Future[Any], result: Any) -> None:
        if result == 1:
            raise MemoryError
        set_result(future, result)

    monkeypatch.setattr(cf.Future, "set_result", fail_once)
    given, raised = given_until_lost(Threads(count), lambda number: number)
    assert [str(error)[:33] for error in raised] == ["a thread has died while it worked"]
    assert 1 not in given


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_dies_between_two_actions(monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: Any) -> None:
        if threading.current_thread() is not threading.main_thread():
            raise SystemExit

    threads = Threads(2)
    with threads:
        threads.submit(lambda: None).result()
        monkeypatch.setattr(cf.thread._WorkItem, "run", die)  # type: ignore[attr-defined]
        waiting = threads.submit(lambda: None)
        for thread in threads._threads:
            thread.join(10)
        with pytest.raises(WorkersLost):
            threads.count()
        assert waiting.cancel()


@pytest.mark.parametrize("error", [RuntimeError("can't start new thread"), MemoryError()])
def test_a_thread_that_cannot_be_started(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise error

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with Threads(2) as threads, pytest.raises(WorkersLost, match=r"cannot be started \((can't|out of memory)"):
        threads.submit(lambda: None)


def test_errors_of_actions_are_theirs() -> None:
    def fail() -> None:
        raise ValueError("seven is no weekday")

    with Threads(2) as threads:
        failed, done = threads.submit(fail), threads.submit(lambda: 7)
        assert done.result() == 7
        with pytest.raises(ValueError, match="weekday"):
            failed.result()
        assert threads.count() == 2
