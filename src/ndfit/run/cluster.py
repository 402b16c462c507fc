"""Regions solved on a dask cluster.

Flows in: the task, what takes inputs, regions, and the client. Flows out: (region, result) pairs. A small task travels
with each region; a large one once a worker, as the result of a task of its own that the scheduler makes again where a
worker is lost with it. A region is one task, which loads what is lazy; arrays of the caller's memory travel with their
region, which keeps them until it is solved. Only what workers hold already is brought to a region by dask. Results come
back in shared memory from workers of this machine, and as dask brings them from others. Names are of one run alone, so
that runs on one client do not meet.

Workers may join and leave at any time: `ndfit.run.cluster_workers` says how many there are. One that joins with other
versions is found out by its first task.
"""

from __future__ import annotations

import concurrent.futures as cf
import time
from collections.abc import Iterable
from contextlib import closing, suppress
from functools import partial
from typing import Any, TypeVar

import cloudpickle
import dask

from ndfit.errors import FitWarning, LoadError, WorkersLost
from ndfit.problem.arrange import Region
from ndfit.problem.block import Inputs
from ndfit.problem.deferred import is_lazy
from ndfit.run.cluster_workers import Crowd
from ndfit.run.load import culled, read_maps
from ndfit.run.pool import keep_busy
from ndfit.run.shared_buffer import Address, SharedBuffer
from ndfit.run.tasks import Solved, Take, Task, leaving, solve_arrays, solve_inputs, without_arrays
from ndfit.run.versions import PACKAGES, PYTHON, Versions, difference, same_code, versions_here
from ndfit.run.workers import Workers

__all__ = ["solve_on_cluster"]

T = TypeVar("T")

# Bytes of a task that may travel with each region: waiting for another task's result takes longer.
SMALL = 2**16
# While the first regions go out: a scheduler in this process, as that of a LocalCluster, waits as long as this thread
# cuts the next ones.
SECONDS_TO_HAND_OUT = 0.02


def solve_on_cluster(task: Task[T], take: Take, regions: Iterable[Region], workers: Workers) -> Solved[T]:
    """One task a region.

    Raises
    ------
    RuntimeError
        A worker has another version of a package that matters, a region ended several workers, or all workers are gone
        for longer than `ndfit.no-workers-timeout` of dask's configuration says.
    """
    from distributed import LocalCluster

    client = workers.where
    # Results that pass through the scheduler are copied twice more; but elsewhere workers may be out of reach.
    direct = True if isinstance(client.cluster, LocalCluster) else None
    _check_versions(client)
    pickled = cloudpickle.dumps(task)
    shared = task if len(pickled) <= SMALL else client.submit(cloudpickle.loads, pickled, pure=False)
    slots: dict[Any, SharedBuffer] = {}

    def submit(inputs: Inputs) -> cf.Future[T]:
        slot = SharedBuffer()
        remote = _submitted(client, shared, inputs, slot.address)
        slots[remote] = slot
        if len(slots) == workers.count:
            time.sleep(SECONDS_TO_HAND_OUT)
        local: cf.Future[T] = cf.Future()
        local.set_running_or_notify_cancel()  # when another fails, what is on its way is waited for
        remote.add_done_callback(partial(_fetch, local, slots, direct))
        return local

    def cancel() -> None:
        client.cancel(list(slots))

    try:
        yield from keep_busy(submit, take, regions, Crowd(client, cancel))
    except Exception as error:
        _explain(client, error)
        raise
    finally:
        cancel()
        for slot in list(slots.values()):
            slot.close()


def _explain(client: Any, error: Exception) -> None:
    """Raise what lies behind an error where it says something else."""
    from distributed import KilledWorker

    if not isinstance(error, (LoadError, FitWarning)):
        with suppress(OSError):  # the scheduler is gone
            _check_versions(client)  # a worker of another version may not be able to read its task, or die of it
    if isinstance(error, KilledWorker):
        raise WorkersLost(f"a region ended every worker it was given to, often for lack of memory: {error}") from error


def _submitted(client: Any, shared: Any, inputs: Inputs, address: Address | None) -> Any:
    """The future of a region."""
    inputs = read_maps(inputs)
    whole = culled(inputs)
    if all(map(_is_whole, whole.samples.arrays)):
        return client.submit(_checked, versions_here(), leaving, address, solve_inputs, shared, whole, pure=False)
    solve = dask.delayed(_checked, pure=False)
    return client.compute(
        solve(versions_here(), leaving, address, solve_arrays, shared, without_arrays(inputs), *inputs.samples.arrays)
    )


def _is_whole(array: Any) -> bool:
    """Whether an array needs nothing that lies in workers, as persisted arrays and scattered arguments do."""
    from distributed import futures_of

    if not is_lazy(array):
        return True
    graph = dict(array.__dask_graph__())
    needed: set[Any] = set().union(*(getattr(task, "dependencies", ()) for task in graph.values()))
    return needed <= graph.keys() and not futures_of(array)  # which are in the graph before dask 2025


def _fetch(local: cf.Future[Any], slots: dict[Any, SharedBuffer], direct: bool | None, remote: Any) -> None:
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
    found = client.get_versions(packages=list(PACKAGES))
    for worker, each in found["workers"].items():
        theirs = each["packages"]
        _refuse(difference(worker, {**theirs, PYTHON: same_code(theirs[PYTHON])}, versions_here()))


def _checked(wanted: Versions, solve: Any, *arguments: Any) -> Any:
    """In a worker: what `solve` makes of the arguments, where this process has the versions that the caller has."""
    from distributed import get_worker

    _refuse(difference(get_worker().address, versions_here(), wanted))
    return solve(*arguments)


def _refuse(message: str) -> None:
    if message:
        raise RuntimeError(message)
