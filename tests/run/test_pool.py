"""Pools: what is done when a region fails is given first, and its error is raised then."""

from __future__ import annotations

import concurrent.futures as cf
import threading
from typing import Any

import pytest

from ndfit.run.pool import keep_busy

REGIONS = [(slice(number, number + 1),) for number in range(6)]


def numbers_until_error(submit: Any, take: Any = lambda region: region[0].start) -> tuple[list[int], str]:
    given: list[int] = []
    with pytest.raises(OSError) as raised:  # noqa: PT011 - the message is what is returned
        given.extend(result for _, result in keep_busy(submit, take, REGIONS, lambda: 1))
    return sorted(given), str(raised.value)


def done(result: Any = None, error: Exception | None = None) -> cf.Future[Any]:
    future: cf.Future[Any] = cf.Future()
    future.set_running_or_notify_cancel()
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
    return future


def test_results_that_ended_together_with_an_error_are_given() -> None:
    def submit(number: Any) -> cf.Future[Any]:
        return done(error=OSError("no disk")) if number == 1 else done(number)

    assert numbers_until_error(submit) == ([0, 2], "no disk")


def test_what_was_not_begun_is_cancelled_and_the_rest_waited_for() -> None:
    waiting: list[cf.Future[Any]] = []

    def submit(number: Any) -> cf.Future[Any]:
        if number == 0:
            return done(error=OSError("no disk"))
        waiting.append(cf.Future())
        if number == 1:
            waiting[-1].set_running_or_notify_cancel()
            threading.Timer(0.1, waiting[-1].set_result, (1,)).start()
        return waiting[-1]

    assert numbers_until_error(submit) == ([1], "no disk")
    assert waiting[1].cancelled()


@pytest.mark.parametrize("first", [2, 4])
def test_results_are_given_where_no_more_can_be_submitted(first: int) -> None:
    def submit(number: Any) -> cf.Future[Any]:
        if number == first:
            raise OSError("nobody there")
        return done(number)

    assert numbers_until_error(submit) == (list(range(first)), "nobody there")
