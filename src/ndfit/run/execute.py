"""Where and when regions are solved.

Flows in: Work, the Plan's regions, what cuts their inputs, and the name of a scheduler. Flows out: (region,
BlockResult) pairs, in the order in which they are done, yielded in the thread of the caller. Only as many regions as
keep the workers busy are in flight, so that memory does not grow with the data.
"""

from __future__ import annotations

import concurrent.futures as cf
import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import cloudpickle
import dask
from dask.base import get_scheduler
from dask.system import CPU_COUNT

from ndfit.problem.arrange import Region
from ndfit.problem.types import BlockResult, Engine
from ndfit.run.load import Inputs, load
from ndfit.run.work import Work

__all__ = ["SCHEDULERS", "Workers", "resolve_workers", "solve_regions"]

Solved = Iterator[tuple[Region, BlockResult]]
Cut = Callable[[Region], Inputs]

IN_FLIGHT_PER_WORKER = 3

SCHEDULERS = {
    "synchronous": "synchronous",
    "sync": "synchronous",
    "single-threaded": "synchronous",
    "threads": "threads",
    "threading": "threads",
    "processes": "processes",
    "multiprocessing": "processes",
    "distributed": "distributed",
}
"""Names that dask understands, and what each means here."""

NO_GUARD = (
    "the worker processes could not start. A script that starts processes needs its calls under "
    "'if __name__ == \"__main__\":', because each process imports the script again; with scheduler='threads' or "
    "'synchronous' no guard is needed"
)


# A job that one worker ends within this time is not worth starting processes for.
SECONDS_WORTH_PROCESSES = 5.0


@dataclass(frozen=True)
class Workers:
    """Where regions are solved: a name of `SCHEDULERS`, a distributed client or a dask `get` function; and how many."""

    where: Any
    count: int


def resolve_workers(scheduler: Any, engine: Engine, n_fits: int) -> Workers:
    """Find the workers.

    Parameters
    ----------
    scheduler : what the caller asked for; None for what suits the engine, 'default' for whatever dask would use now
    engine, n_fits : what there is to do

    Raises
    ------
    ValueError
        A name that dask does not know.
    """
    where = _resolve(scheduler, _suited(engine, n_fits))
    if where == "synchronous":
        return Workers(where, 1)
    if _is_client(where):
        return Workers(where, max(1, sum(where.nthreads().values())))
    return Workers(where, int(dask.config.get("num_workers", None) or CPU_COUNT))


def _suited(engine: Engine, n_fits: int) -> str:
    if engine.releases_gil:
        return "threads"
    return "synchronous" if n_fits * engine.seconds_per_fit < SECONDS_WORTH_PROCESSES else "processes"


def _is_client(where: Any) -> bool:
    return hasattr(where, "submit") and hasattr(where, "nthreads")


def _resolve(scheduler: Any, suited: str) -> Any:
    if scheduler is None:
        return suited
    if scheduler == "default":
        return _active_scheduler()
    if isinstance(scheduler, str):
        if scheduler.lower() not in SCHEDULERS:
            raise ValueError(
                f"scheduler={scheduler!r} is not known: expected None, 'default' or one of {', '.join(SCHEDULERS)}"
            )
        name = SCHEDULERS[scheduler.lower()]
        return _active_client() if name == "distributed" else name
    return scheduler


def _active_scheduler() -> Any:
    get = get_scheduler()
    if get is None:
        return "threads"
    owner = getattr(get, "__self__", None)
    if _is_client(owner):
        return owner
    named = dask.config.get("scheduler", None)
    return SCHEDULERS.get(named, get) if isinstance(named, str) else get


def _active_client() -> Any:
    client = _active_scheduler()
    if not _is_client(client):
        raise ValueError("scheduler='distributed' needs an active dask.distributed.Client: make one first")
    return client


def solve_regions(work: Work, cut: Cut, regions: Iterable[Region], workers: Workers) -> Solved:
    """Solve each region; a generator that stops its workers when it is closed.

    Parameters
    ----------
    cut : region -> its inputs, called in this thread when the region's turn comes
    """
    if isinstance(workers.where, str):
        return _LOCAL[workers.where](work, cut, regions, workers.count)
    solve = _solve_on_client if _is_client(workers.where) else _solve_with_get
    return solve(work, cut, regions, workers)


def _load_and_solve(work: Work, inputs: Inputs) -> BlockResult:
    return work(load(inputs))


def _solve_here(work: Work, cut: Cut, regions: Iterable[Region], n_workers: int) -> Solved:
    for region in regions:
        yield region, _load_and_solve(work, cut(region))


def _solve_in_threads(work: Work, cut: Cut, regions: Iterable[Region], n_workers: int) -> Solved:
    with cf.ThreadPoolExecutor(n_workers, thread_name_prefix="ndfit") as pool:
        yield from _keep_busy(lambda inputs: pool.submit(_load_and_solve, work, inputs), cut, regions, n_workers)


_process_work: Work


def _start_process(pickled: bytes) -> None:
    global _process_work
    _process_work = cloudpickle.loads(pickled)


def _solve_in_process(pickled: bytes) -> BlockResult:
    return _load_and_solve(_process_work, cloudpickle.loads(pickled))


def _solve_in_processes(work: Work, cut: Cut, regions: Iterable[Region], n_workers: int) -> Solved:
    """Fresh processes ("spawn"): forking a process that runs threads can lock up."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise SystemExit(1)  # a worker that imports a script without a guard; its parent says so
    pool = cf.ProcessPoolExecutor(
        n_workers, multiprocessing.get_context("spawn"), _start_process, (cloudpickle.dumps(work),)
    )
    with pool:
        yield from _keep_busy(partial(_submit_pickled, pool), cut, regions, n_workers)


def _submit_pickled(pool: cf.Executor, inputs: Inputs) -> cf.Future[BlockResult]:
    """Lambdas and functions of a script travel by value, which plain pickling cannot do."""
    culled = inputs.with_arrays(dask.optimize(*inputs.arrays))
    return pool.submit(_solve_in_process, cloudpickle.dumps(culled))


def _keep_busy(
    submit: Callable[[Inputs], cf.Future[BlockResult]], cut: Cut, regions: Iterable[Region], n_workers: int
) -> Solved:
    waiting = iter(regions)
    running: dict[cf.Future[BlockResult], Region] = {}

    def fill() -> None:
        for region in waiting:
            running[submit(cut(region))] = region
            if len(running) >= IN_FLIGHT_PER_WORKER * n_workers:
                return

    try:
        fill()
        while running:
            done, _ = cf.wait(running, return_when=cf.FIRST_COMPLETED)
            for future in done:
                yield running.pop(future), future.result()
            fill()
    except cf.process.BrokenProcessPool:
        raise RuntimeError(NO_GUARD) from None
    finally:
        for future in running:
            future.cancel()


def _solve_on_client(work: Work, cut: Cut, regions: Iterable[Region], workers: Workers) -> Solved:
    """One task a region, under names of their own, so that runs on one client don't meet."""
    from distributed import as_completed

    client = workers.where
    solve = dask.delayed(_solve_arrays, pure=False)
    shared = client.scatter(work, hash=False, broadcast=True)
    waiting = iter(regions)
    running: dict[Any, Region] = {}
    finished = as_completed(with_results=True)

    def submit_next() -> None:
        for region in waiting:
            inputs = cut(region)
            bare = inputs.with_arrays((None,) * 3)
            future = client.compute(solve(shared, bare, *inputs.arrays))
            running[future.key] = region
            finished.add(future)
            return

    for _ in range(IN_FLIGHT_PER_WORKER * workers.count):
        submit_next()
    for future, result in finished:
        yield running.pop(future.key), result
        submit_next()


def _solve_arrays(work: Work, bare: Inputs, *arrays: Any) -> BlockResult:
    return work(bare.with_arrays(arrays))


def _solve_with_get(work: Work, cut: Cut, regions: Iterable[Region], workers: Workers) -> Solved:
    """Any other scheduler that dask accepts."""
    regions = list(regions)
    solve = dask.delayed(_solve_arrays, pure=False)
    tasks = []
    for region in regions:
        inputs = cut(region)
        bare = inputs.with_arrays((None,) * 3)
        tasks.append(solve(work, bare, *inputs.arrays))
    yield from zip(regions, dask.compute(*tasks, scheduler=workers.where), strict=True)


_LOCAL = {"synchronous": _solve_here, "threads": _solve_in_threads, "processes": _solve_in_processes}
