"""How long a run will take, from a few of its fits.

Flows in: Work, FitProblem and the workers. Flows out: seconds.
"""

from __future__ import annotations

import time

from ndfit.problem.arrange import Region
from ndfit.problem.types import FitProblem
from ndfit.run.load import inputs_of, load
from ndfit.run.work import Work
from ndfit.run.workers import Workers

__all__ = ["estimate_seconds"]

_N_TRIED = 3


def estimate_seconds(work: Work, problem: FitProblem, workers: Workers) -> float:
    """Time that positions spread over the data take, scaled to all of them.

    Threads of an engine that holds the GIL count as one.
    """
    n_fits = problem.axes.n_fits
    spent = sum(_time_one(work, problem, n_fits * step // _N_TRIED) for step in range(_N_TRIED))
    at_once = 1 if workers.where == "threads" and not work.engine.releases_gil else workers.count
    return spent / _N_TRIED * n_fits / at_once


def _time_one(work: Work, problem: FitProblem, position: int) -> float:
    inputs = load(inputs_of(problem, _region_of(problem, position)))
    begun = time.perf_counter()
    work(inputs)
    return time.perf_counter() - begun


def _region_of(problem: FitProblem, position: int) -> Region:
    region = []
    for size in reversed(problem.axes.iterating_shape):
        position, index = divmod(position, size)
        region.append(slice(index, index + 1))
    return tuple(reversed(region))
