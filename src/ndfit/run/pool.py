"""Keeps a pool of workers busy.

Flows in: a way to submit inputs, what cuts them, and regions. Flows out: (region, result) pairs as they are done.
"""

from __future__ import annotations

import concurrent.futures as cf
from collections.abc import Callable, Iterable
from typing import TypeVar

from ndfit.problem.arrange import Region
from ndfit.run.load import Inputs
from ndfit.run.tasks import Cut, Solved

__all__ = ["IN_FLIGHT_PER_WORKER", "keep_busy"]

T = TypeVar("T")

IN_FLIGHT_PER_WORKER = 3


def keep_busy(
    submit: Callable[[Inputs], cf.Future[T]], cut: Cut, regions: Iterable[Region], n_workers: int
) -> Solved[T]:
    """Submit regions as others are done; what has not begun when this is closed is cancelled.

    When one fails, or cannot be submitted, those that have begun are still waited for and given before its error is
    raised: nothing that was computed is lost.
    """
    waiting = iter(regions)
    running: dict[cf.Future[T], Region] = {}

    def fill() -> None:
        while len(running) < IN_FLIGHT_PER_WORKER * n_workers:
            region = next(waiting, None)
            if region is None:
                return
            running[submit(cut(region))] = region

    failure: BaseException | None = None
    try:
        failure = _error_of(fill)
        while running:
            done, _ = cf.wait(running, return_when=cf.FIRST_COMPLETED)
            finished = [(running.pop(future), future) for future in done]
            failure = failure or next(filter(None, (future.exception() for _, future in finished)), None)
            if failure is None:
                failure = _error_of(fill)
            if failure is not None:
                running = {future: region for future, region in running.items() if not future.cancel()}
            for region, future in finished:
                if future.exception() is None:
                    yield region, future.result()
    finally:
        for future in running:
            future.cancel()
    if failure is not None:
        raise failure


def _error_of(action: Callable[[], None]) -> Exception | None:
    try:
        action()
    except Exception as error:
        return error
    return None
