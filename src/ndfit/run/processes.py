"""Regions solved in processes of this machine.

Flows in: the task, what cuts inputs, and regions. Flows out: (region, result) pairs. The task travels once a process,
inputs with each region.
"""

from __future__ import annotations

import concurrent.futures as cf
import multiprocessing
import signal
from collections.abc import Iterable
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, TypeVar

import cloudpickle
import dask

from ndfit.problem.arrange import Region
from ndfit.run.load import Inputs, load
from ndfit.run.pool import keep_busy
from ndfit.run.tasks import Cut, Solved, Task
from ndfit.run.workers import Workers

__all__ = ["solve_in_processes"]

T = TypeVar("T")

NO_GUARD = (
    "the worker processes could not start. A script that starts processes needs its calls under "
    "'if __name__ == \"__main__\":', because each process imports the script again; with scheduler='threads' or "
    "'synchronous' no guard is needed"
)
DIED = (
    "a worker process was ended from outside (signal {signal}), often because memory ran out. Use fewer workers or a "
    "smaller chunk_n_max; with checkpoint=... the regions that are done are kept"
)

_task: Any


def solve_in_processes(task: Task[T], cut: Cut, regions: Iterable[Region], workers: Workers) -> Solved[T]:
    """Fresh processes ("spawn"): forking a process that runs threads can lock up.

    Raises
    ------
    RuntimeError
        The processes could not start, or one was ended from outside.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise SystemExit(1)  # a worker that imports a script without a guard; its parent says so
    context = _Recording()
    pool = cf.ProcessPoolExecutor(workers.count, context, _start, (cloudpickle.dumps(task),))
    try:
        yield from keep_busy(partial(_submit, pool), cut, regions, workers.count)
    except BrokenProcessPool:
        raise RuntimeError(_why_broken(context)) from None
    except BaseException:
        context.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


class _Recording(SpawnContext):
    """The context of processes that start afresh, which knows those that it started: an executor cannot end them."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[SpawnProcess] = []

    def Process(self, *args: Any, **keywords: Any) -> SpawnProcess:  # type: ignore[override]
        process = SpawnProcess(*args, **keywords)
        self.started.append(process)
        return process

    def terminate(self) -> None:
        for process in self.started:
            process.terminate()


def _why_broken(context: _Recording) -> str:
    for process in context.started:
        process.join(timeout=5.0)
        if process.exitcode is not None and process.exitcode < 0 and process.exitcode != -signal.SIGTERM:
            return DIED.format(signal=-process.exitcode)
    return NO_GUARD


def _start(pickled: bytes) -> None:
    """In the new process: an interrupt at the terminal goes to all, and is for the parent to act on."""
    global _task
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _task = cloudpickle.loads(pickled)


def _solve(pickled: bytes) -> Any:
    return _task(load(cloudpickle.loads(pickled)))


def _submit(pool: cf.Executor, inputs: Inputs) -> cf.Future[Any]:
    """Lambdas and functions of a script travel by value, which plain pickling cannot do."""
    culled = inputs.with_arrays(dask.optimize(*inputs.arrays))
    return pool.submit(_solve, cloudpickle.dumps(culled))
