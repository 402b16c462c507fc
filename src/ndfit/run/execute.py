"""Where and when regions are solved.

Flows in: Pipeline, the Plan's regions, what takes their inputs, and the Workers. Flows out: (region, what the work made
of it) pairs, in the order in which they are done, yielded in the thread of the caller. Only as many regions as keep the
workers busy are in flight, so that memory does not grow with the data. A generator that is closed, by an interrupt or
by an error, gives up what has not begun, waits for what has in threads, and ends its processes.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any, TypeVar

import dask
import numpy as np

from ndfit.problem.arrange import Region
from ndfit.run.cluster import solve_on_cluster
from ndfit.run.load import load
from ndfit.run.pool import IN_FLIGHT_PER_WORKER, keep_busy
from ndfit.run.processes import solve_in_processes
from ndfit.run.tasks import Solved, Take, Task, make_ready, solve_arrays, without_arrays
from ndfit.run.threads import Threads
from ndfit.run.workers import Workers

__all__ = ["solve_regions"]

T = TypeVar("T")

_IN_NEW_THREADS: dict[str, Any] = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}
"""How numpy treats errors there, whatever the caller has set: that a sample overflows is no reason to raise."""


def solve_regions(task: Task[T], take: Take, regions: Iterable[Region], workers: Workers) -> Solved[T]:
    """Do the task in each region.

    Parameters
    ----------
    task : Inputs in memory -> what comes out; picklable
    take : region -> its inputs, called in this thread when the region's turn comes
    """
    if workers.is_cluster:
        return solve_on_cluster(task, take, regions, workers)
    if isinstance(workers.where, str):
        return _LOCAL[workers.where](task, take, regions, workers)
    return _solve_with_get(task, take, regions, workers)


def _solve_here(task: Task[T], take: Take, regions: Iterable[Region], workers: Workers) -> Solved[T]:
    for region in regions:
        with np.errstate(**_IN_NEW_THREADS):
            result = task(load(take(region)))
        yield region, result


def _solve_in_threads(task: Task[T], take: Take, regions: Iterable[Region], workers: Workers) -> Solved[T]:
    regions = tuple(regions)
    make_ready(task)
    if len(regions) == 1:  # which starting and ending a thread would take as long as
        yield from _solve_here(task, take, regions, workers)
        return
    with Threads(workers.count) as threads:
        yield from keep_busy(lambda inputs: threads.submit(lambda: task(load(inputs))), take, regions, threads.count)


def _solve_with_get(task: Task[T], take: Take, regions: Iterable[Region], workers: Workers) -> Solved[T]:
    """Any other scheduler that dask accepts, a batch of regions at a time: it gives nothing until all are done."""
    make_ready(task)
    solve = dask.delayed(solve_arrays, pure=False)
    waiting = iter(regions)
    while batch := list(islice(waiting, IN_FLIGHT_PER_WORKER * workers.count)):
        inputs = [take(region) for region in batch]
        tasks = [solve(task, without_arrays(each), *each.samples.arrays) for each in inputs]
        yield from zip(batch, dask.compute(*tasks, scheduler=workers.where), strict=True)


_LOCAL = {"synchronous": _solve_here, "threads": _solve_in_threads, "processes": solve_in_processes}
