"""Who does the work.

Flows in: the scheduler that the caller asked for, the engine, and how much there is to do. Flows out: Workers. And the
number of workers that the caller wants -> a context in which runs use that many.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import dask
from dask.base import get_scheduler
from dask.system import CPU_COUNT

from ndfit.engines.base import Engine

__all__ = ["SCHEDULERS", "Workers", "resolve_workers", "using_workers"]

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

# A job that one worker ends within this time is not worth starting processes for.
SECONDS_WORTH_PROCESSES = 5.0
# Threads that regions are cut for where a cluster has none yet.
THREADS_TO_COME = 8


@dataclass(frozen=True)
class Workers:
    """Where regions are solved: a name of `SCHEDULERS`, a distributed client or a dask `get` function; and how many.

    A cluster's `count` is what it has at the beginning; `ndfit.run.cluster` asks again.
    """

    where: Any
    count: int

    @property
    def is_cluster(self) -> bool:
        """Whether `where` is a distributed client."""
        return _is_client(self.where)


def resolve_workers(scheduler: Any, engine: Engine, seconds: float) -> Workers:
    """Find the workers.

    Parameters
    ----------
    scheduler : what the caller asked for; None for what suits the engine, 'default' for whatever dask would use now
    engine, seconds : what there is to do, and how long that takes one worker

    Raises
    ------
    ValueError
        A name that dask does not know.
    """
    where = _resolve(scheduler, _suited(engine, seconds))
    if where == "synchronous":
        return Workers(where, 1)
    if _is_client(where):
        return Workers(where, sum(where.nthreads().values()) or THREADS_TO_COME)
    return Workers(where, int(dask.config.get("num_workers", None) or CPU_COUNT))


@contextmanager
def using_workers(count: int | None) -> Iterator[None]:
    """Within the context, local schedulers use `count` threads or processes; None for one a core."""
    with dask.config.set({} if count is None else {"num_workers": count}):
        yield


def _suited(engine: Engine, seconds: float) -> str:
    if engine.releases_gil:
        return "threads"
    return "synchronous" if seconds < SECONDS_WORTH_PROCESSES else "processes"


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
