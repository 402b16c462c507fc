"""Regions solved on a dask cluster.

Flows in: the task, what cuts inputs, regions, and the client. Flows out: (region, result) pairs. A small task travels
with each region; a large one once a worker, as the result of a task of its own that the scheduler makes again where a
worker is lost with it. A region is one task, which loads what is lazy; arrays of the caller's memory travel with their
region, which keeps them until it is solved. Only what workers hold already is brought to a region by dask. Results come
back in shared memory from workers of this machine, and as dask brings them from others. Names are of one run alone, so
that runs on one client do not meet.
"""

from __future__ import annotations

import concurrent.futures as cf
import time
from collections.abc import Iterable
from contextlib import closing
from functools import partial
from typing import Any, TypeVar

import cloudpickle
import dask

from ndfit.problem.arrange import Region
from ndfit.run.load import Inputs, culled, read_maps
from ndfit.run.pool import keep_busy
from ndfit.run.slot import Address, Slot
from ndfit.run.tasks import Cut, Solved, Task, leaving, solve_arrays, solve_inputs, without_arrays
from ndfit.run.workers import Workers

__all__ = ["solve_on_cluster"]

T = TypeVar("T")

# Bytes of a task that may travel with each region: waiting for another task's result takes longer.
SMALL = 2**16
# While the first regions go out: a scheduler in this process, as that of a LocalCluster, waits as long as this thread
# cuts the next ones.
SECONDS_TO_HAND_OUT = 0.02
# Those that decide what comes out.
_PACKAGES = ["ndfit", "numba", "numpy"]


def solve_on_cluster(task: Task[T], cut: Cut, regions: Iterable[Region], workers: Workers) -> Solved[T]:
    """One task a region.

    Raises
    ------
    RuntimeError
        A worker has another version of a package that matters, or a region ended several workers.
    """
    from distributed import KilledWorker, LocalCluster

    client = workers.where
    # Results that pass through the scheduler are copied twice more; but elsewhere workers may be out of reach.
    direct = True if isinstance(client.cluster, LocalCluster) else None
    _check_versions(client)
    pickled = cloudpickle.dumps(task)
    shared = task if len(pickled) <= SMALL else client.submit(cloudpickle.loads, pickled, pure=False)
    slots: dict[Any, Slot] = {}

    def submit(inputs: Inputs) -> cf.Future[T]:
        slot = Slot()
        remote = _submitted(client, shared, inputs, slot.address)
        slots[remote] = slot
        if len(slots) == workers.count:
            time.sleep(SECONDS_TO_HAND_OUT)
        local: cf.Future[T] = cf.Future()
        local.set_running_or_notify_cancel()  # when another fails, what is on its way is waited for
        remote.add_done_callback(partial(_fetch, local, slots, direct))
        return local

    try:
        yield from keep_busy(submit, cut, regions, workers.count)
    except KilledWorker as error:
        raise RuntimeError(f"a region ended every worker it was given to, often for lack of memory: {error}") from error
    finally:
        client.cancel(list(slots))
        for slot in list(slots.values()):
            slot.close()


def _submitted(client: Any, shared: Any, inputs: Inputs, address: Address | None) -> Any:
    """The future of a region."""
    inputs = read_maps(inputs)
    whole = culled(inputs)
    if all(map(_is_whole, whole.arrays)):
        return client.submit(leaving, address, solve_inputs, shared, whole, pure=False)
    solve = dask.delayed(leaving, pure=False)
    return client.compute(solve(address, solve_arrays, shared, without_arrays(inputs), *inputs.arrays))


def _is_whole(array: Any) -> bool:
    """Whether an array needs nothing that lies in workers, as persisted arrays and scattered arguments do."""
    from distributed import futures_of

    if not dask.is_dask_collection(array):
        return True
    graph = dict(array.__dask_graph__())
    needed: set[Any] = set().union(*(getattr(task, "dependencies", ()) for task in graph.values()))
    return needed <= graph.keys() and not futures_of(array)  # which are in the graph before dask 2025


def _fetch(local: cf.Future[Any], slots: dict[Any, Slot], direct: bool | None, remote: Any) -> None:
    """Bring a result here, in the client's thread of callbacks, and let the cluster forget it."""
    try:
        with closing(slots[remote]) as slot:
            result = slot.take() if slot.filled else remote.client.gather(remote, direct=direct)
    except BaseException as error:  # a cancelled future's is no Exception
        local.set_exception(error)
    else:
        local.set_result(result)
    finally:
        slots.pop(remote, None)


def _check_versions(client: Any) -> None:
    found = client.get_versions(packages=_PACKAGES)
    for worker, theirs in found["workers"].items():
        for name in _PACKAGES:
            told, ours = (side["packages"].get(name) for side in (theirs, found["client"]))
            if told != ours:
                has = f"{name} {told}" if told else f"no {name}"
                raise RuntimeError(
                    f"the worker {worker} has {has}, and this process has {name} {ours}: results would not be the "
                    "same. Install the same versions everywhere, and start the workers again"
                )
