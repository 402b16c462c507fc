"""A whole problem -> Maps.

Flows in: FitProblem, the engine with its options, and how the caller wants the work spread. Flows out: Maps of every
position, in the parameters that are reported.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from typing import Any

import numpy as np

from ndfit.engines.base import BlockResult, EngineChoice
from ndfit.errors import FitWarning
from ndfit.options import Execution
from ndfit.problem.arrange import Region
from ndfit.problem.block import inputs_of
from ndfit.problem.types import FitProblem
from ndfit.result.maps import Maps
from ndfit.run.checkpoint import open_checkpoint
from ndfit.run.expected_time import FitTime, expected_seconds, time_of_fits
from ndfit.run.identity import identity_of
from ndfit.run.last_word import check_with_own_model
from ndfit.run.memory_use import fits_within
from ndfit.run.plan import Plan, plan_regions
from ndfit.run.progress import Progress
from ndfit.run.refine import from_solutions, refine_from_neighbours
from ndfit.run.region_pipeline import Pipeline
from ndfit.run.stages import FITS, ResumeFromCheckpoint, RunAll, StageRunner
from ndfit.run.workers import Workers, resolve_workers

__all__ = ["solve"]

# Of fits on one core; starting threads takes about as long.
SECONDS_WORTH_THREADS = 2e-3
SECONDS_WORTH_A_WARNING = 10.0
# An interrupt waits for the chunks that are in work, and a checkpoint loses them.
SECONDS_PER_CHUNK = 0.5
# Tasks on a cluster that carry more are warned of by dask, and pass through one scheduler.
BYTES_PER_MESSAGE = 8 * 2**20


def solve(
    problem: FitProblem,
    choice: EngineChoice,
    pipeline: Pipeline,
    execution: Execution,
    *,
    native: bool = False,
    asked: Mapping[str, Any] | None = None,
    keep_info: bool = False,
    on_region: Callable[[Region, BlockResult], None] | None = None,
) -> Maps:
    """Solve the problem.

    Parameters
    ----------
    work : how
    native : keep the chunks of the data
    asked : options that decide the answer, by name; `refine` is to fit again, from their neighbours' solutions, the
        positions that stand out
    keep_info : keep what the caller's fitter reports of each fit
    on_region : called in this thread with each region's results

    Raises
    ------
    OwnModelDisagrees
        At some solution the engine's model is not the caller's.
    """
    a_fit = time_of_fits(pipeline, problem)
    workers = resolve_workers(execution.scheduler, choice.engine, problem.axes.n_fits * a_fit.mean)
    refine = (asked or {}).get("refine") is not None
    if execution.engine == "auto":
        _warn_if_slow(choice, problem, workers, a_fit, refine)
    plan = plan_regions(
        problem,
        n_most=_most_fits(pipeline, problem, workers, a_fit.longest, execution.memory_limit),
        n_workers=workers.count if _is_worth_threads(pipeline, problem, workers) else 1,
        native=native,
        chunk_n_max=execution.chunk_n_max,
        guided=not workers.is_cluster,
    )
    folder = execution.checkpoint
    if folder is None:
        maps = _run(problem, pipeline, plan, RunAll(workers), execution, refine, keep_info, on_region)
    else:
        identity = identity_of(problem, pipeline, asked or {})
        with open_checkpoint(folder, identity, plan) as checkpoint:
            stages = ResumeFromCheckpoint(workers, checkpoint)
            maps = _run(problem, pipeline, checkpoint.plan, stages, execution, refine, keep_info, on_region)
    if choice.difference is not None:
        check_with_own_model(problem, choice.difference, maps)
    return maps.transformed(problem.transform)


def _run(
    problem: FitProblem,
    pipeline: Pipeline,
    plan: Plan,
    stages: StageRunner,
    execution: Execution,
    refine: bool,
    keep_info: bool,
    on_region: Callable[[Region, BlockResult], None] | None,
) -> Maps:
    maps = Maps.empty(problem, pipeline.options.covariance, keep_info, pipeline.errors_are_final, pipeline.digests)
    # What stands out among its neighbours shows in costs, which have to count the same samples everywhere.
    first = pipeline.fits_only if refine else pipeline
    regions = plan.regions
    with (
        Progress(problem.axes.n_fits, execution.progress) as bar,
        closing(stages(FITS, first, partial(inputs_of, problem), regions)) as solved,
    ):
        for region, result in solved:
            maps.store(region, result)
            bar.update(maps.status[region])
            if on_region is not None:
                on_region(region, result)
    maps.clear_unfitted()
    if refine:
        refine_from_neighbours(maps, first, problem, regions, stages)
        if pipeline != first:
            from_solutions(maps, pipeline, problem, regions, stages)
    return maps


def _is_worth_threads(pipeline: Pipeline, problem: FitProblem, workers: Workers) -> bool:
    return workers.where != "threads" or expected_seconds(pipeline, problem) >= SECONDS_WORTH_THREADS


def _most_fits(pipeline: Pipeline, problem: FitProblem, workers: Workers, seconds: float, memory: int) -> int:
    """Fits in a chunk that the engine makes good use of, in the time and memory that a chunk may take."""
    by_memory = fits_within(memory // workers.count, problem, pipeline)
    by_time = int(SECONDS_PER_CHUNK / max(seconds, 1e-9))
    limits = [by_memory, by_time]
    if not workers.is_cluster:  # where each region costs the scheduler more than it gains the engine
        limits.append(pipeline.engine.chunk_size)
    elif isinstance(problem.samples.data, np.ndarray):
        limits.append(BYTES_PER_MESSAGE // (problem.samples.data.dtype.itemsize * max(problem.axes.n_samples, 1)))
    return max(1, min(limits))


def _warn_if_slow(choice: EngineChoice, problem: FitProblem, workers: Workers, a_fit: FitTime, refine: bool) -> None:
    """Say why the fits are made one by one, where that takes a while; threads that hold the GIL count as one."""
    if choice.engine.releases_gil:
        return
    at_once = 1 if workers.where == "threads" else min(workers.count, problem.axes.n_fits)
    expected = problem.axes.n_fits * a_fit.mean / at_once
    if expected > SECONDS_WORTH_A_WARNING:
        before = " before refine= fits some of them again" if refine else ""
        warnings.warn(
            f"{problem.axes.n_fits} fits are made one by one with the astropy fitter, which will take about "
            f"{expected:.0f} s{before}, because {choice.reason}",
            FitWarning,
            stacklevel=4,
        )
