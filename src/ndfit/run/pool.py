"""Keeps a pool of workers busy.

Flows in: a way to submit inputs, what cuts them, regions, and how many workers there are, which may change. Flows out:
(region, result) pairs as they are done.
"""

from __future__ import annotations

import concurrent.futures as cf
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from ndfit.problem.arrange import Region
from ndfit.problem.block import Inputs
from ndfit.run.tasks import Solved, Take

__all__ = ["IN_FLIGHT_PER_WORKER", "keep_busy"]

T = TypeVar("T")

IN_FLIGHT_PER_WORKER = 3
# How long workers that have joined may have nothing to do while no region ends.
SECONDS_BETWEEN_LOOKS = 0.5


def keep_busy(
    submit: Callable[[Inputs], cf.Future[T]],
    take: Take,
    regions: Iterable[Region],
    n_workers: Callable[[], int],
) -> Solved[T]:
    """Submit regions as others are done; what has not begun when this is closed is cancelled.

    `n_workers` is asked whenever regions may be submitted, and at least every SECONDS_BETWEEN_LOOKS. It raises an error
    where nobody is left to wait for, once it has ended what was submitted.

    When one fails, or cannot be submitted, those that have begun are still waited for and given before its error is
    raised: nothing that was computed is lost.
    """
    waiting = iter(regions)
    running: dict[cf.Future[T], Region] = {}

    def fill() -> None:
        most = IN_FLIGHT_PER_WORKER * n_workers()
        while len(running) < most:
            region = next(waiting, None)
            if region is None:
                return
            running[submit(take(region))] = region

    failure: BaseException | None = None
    try:
        failure = _error_of(fill)
        while running:
            done, _ = cf.wait(running, SECONDS_BETWEEN_LOOKS, return_when=cf.FIRST_COMPLETED)
            finished = [(running.pop(future), future) for future in done]
            failure = failure or next(filter(None, (future.exception() for _, future in finished)), None)
            failure = failure or _error_of(fill)
            if failure is not None and not done:
                _error_of(n_workers)  # or what has begun is waited for without end
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


def _error_of(action: Callable[[], Any]) -> Exception | None:
    try:
        action()
    except Exception as error:
        return error
    return None
