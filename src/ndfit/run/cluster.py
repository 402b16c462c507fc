"""Regions solved on a dask cluster.

Flows in: the task, what cuts inputs, regions, and the client. Flows out: (region, result) pairs. The task travels once
a worker, as the result of a task of its own that the scheduler makes again where a worker is lost with it. Lazy arrays
are loaded where they are solved; arrays of the caller's memory travel with their region, which keeps them until it is
solved. Names are of one run alone, so that runs on one client do not meet.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version as installed
from typing import Any, TypeVar

import cloudpickle
import dask

from ndfit.problem.arrange import Region
from ndfit.run.pool import IN_FLIGHT_PER_WORKER
from ndfit.run.tasks import Cut, Solved, Task, solve_arrays, without_arrays
from ndfit.run.workers import Workers

__all__ = ["solve_on_cluster"]

T = TypeVar("T")

# Those that decide what comes out.
_PACKAGES = ("ndfit", "numba", "numpy")


def solve_on_cluster(task: Task[T], cut: Cut, regions: Iterable[Region], workers: Workers) -> Solved[T]:
    """One task a region.

    Raises
    ------
    RuntimeError
        A worker has another version of a package that matters, or a region ended several workers.
    """
    from distributed import KilledWorker, as_completed

    client = workers.where
    _check_versions(client)
    shared = client.submit(cloudpickle.loads, cloudpickle.dumps(task), pure=False)
    solve = dask.delayed(solve_arrays, pure=False)
    waiting = iter(regions)
    running: dict[Any, Region] = {}
    finished = as_completed()

    def submit_next() -> None:
        region = next(waiting, None)
        if region is not None:
            inputs = cut(region)
            future = client.compute(solve(shared, without_arrays(inputs), *inputs.arrays))
            running[future] = region
            finished.add(future)

    try:
        for _ in range(IN_FLIGHT_PER_WORKER * workers.count):
            submit_next()
        for future in finished:
            region = running.pop(future)
            submit_next()
            yield region, future.result()
            future.release()
    except KilledWorker as error:
        raise RuntimeError(f"a region ended every worker it was given to, often for lack of memory: {error}") from error
    finally:
        client.cancel(list(running))


def _check_versions(client: Any) -> None:
    found = {name: client.run(installed, name, on_error="return") for name in _PACKAGES}
    for name, versions in found.items():
        ours = installed(name)
        for worker, theirs in versions.items():
            if theirs != ours:
                told = "no " + name if isinstance(theirs, Exception) else f"{name} {theirs}"
                raise RuntimeError(
                    f"the worker {worker} has {told}, and this process has {name} {ours}: results would not be the "
                    "same. Install the same versions everywhere, and start the workers again"
                )
