"""A whole problem -> Maps.

Flows in: FitProblem, the engine with its options, and how the caller wants the work spread. Flows out: Maps of every
position, in the parameters that are reported.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from ndfit.errors import FitWarning
from ndfit.output.maps import Maps
from ndfit.problem.arrange import Region
from ndfit.problem.types import BlockResult, EngineChoice, FitProblem
from ndfit.run.estimate import estimate_seconds
from ndfit.run.execute import Workers, resolve_workers, solve_regions
from ndfit.run.load import inputs_of
from ndfit.run.plan import plan_regions
from ndfit.run.progress import Progress
from ndfit.run.refine import from_solutions, refine_from_neighbours
from ndfit.run.work import Work

__all__ = ["Schedule", "solve"]

SECONDS_WORTH_A_TRIAL = 1.0
SECONDS_WORTH_A_WARNING = 10.0


@dataclass(frozen=True)
class Schedule:
    """How the caller wants the work spread; see `ndfit.parallel_fit_dask` for the first three.

    `warn_if_slow`: say so where the fallback on the reference engine will take long.
    """

    scheduler: Any = None
    chunk_n_max: int | None = None
    preserve_native_chunks: bool = False
    progress: bool | None = None
    warn_if_slow: bool = True


def solve(
    problem: FitProblem,
    choice: EngineChoice,
    work: Work,
    schedule: Schedule,
    *,
    refine: bool = False,
    keep_info: bool = False,
    on_region: Callable[[Region, BlockResult], None] | None = None,
) -> Maps:
    """Solve the problem.

    Parameters
    ----------
    work : how
    refine : fit again, from their neighbours' solutions, the positions that stand out
    keep_info : keep what the caller's fitter reports of each fit
    on_region : called in this thread with each region's results
    """
    workers = resolve_workers(schedule.scheduler, choice.engine, problem.axes.n_fits * work.starting.count)
    plan = plan_regions(
        problem,
        n_most=choice.engine.chunk_size,
        n_workers=workers.count,
        native=schedule.preserve_native_chunks,
        chunk_n_max=schedule.chunk_n_max,
    )
    if schedule.warn_if_slow:
        _warn_if_slow(choice, work, problem, workers)
    maps = Maps.empty(problem, work.options.covariance, keep_info, work.errors_are_final)
    # What stands out among its neighbours is told by costs, which have to count the same samples everywhere.
    first = work.bare if refine else work
    with Progress(problem.axes.n_fits, schedule.progress) as bar:
        for region, result in solve_regions(first, partial(inputs_of, problem), plan.regions, workers):
            maps.store(region, result)
            bar.update(*maps.count(region))
            if on_region is not None:
                on_region(region, result)
    if refine:
        refine_from_neighbours(maps, first, problem, plan.regions, workers)
        if work != first:
            from_solutions(maps, work, problem, plan.regions, workers)
    return maps.transformed(problem.transform)


def _warn_if_slow(choice: EngineChoice, work: Work, problem: FitProblem, workers: Workers) -> None:
    """Say why the fits are made one by one, where that takes a while."""
    if choice.engine.releases_gil or problem.axes.n_fits * choice.engine.seconds_per_fit < SECONDS_WORTH_A_TRIAL:
        return
    seconds = estimate_seconds(work, problem, workers)
    if seconds > SECONDS_WORTH_A_WARNING:
        warnings.warn(
            f"{problem.axes.n_fits} fits are made one by one with the astropy fitter, which will take about "
            f"{seconds:.0f} s, because {choice.reason}",
            FitWarning,
            stacklevel=4,
        )
