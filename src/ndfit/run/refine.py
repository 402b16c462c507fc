"""Fits again, from the solutions of their neighbours, where the outcome stands out.

Flows in: Maps of a run, and what made them. Flows out: the same Maps, with better fits where there were some.

A position is a candidate if its fit failed or did not converge, or if its reduced chi-square exceeds the median of its
neighbours' by more than half the larger of their scatter (1.4826 times the median absolute deviation) and that expected
of a chi-square of its degrees of freedom, sqrt(2 / dof) times the median (Bevington & Robinson, Data Reduction and
Error Analysis, 2003). Half, because a second try costs little beside a false minimum that stays.

Rounds are those of Jacobi: every candidate starts from the solutions that the round began with, and takes a fit that
lowers the cost by 1e-10 of itself or more. So nothing depends on the order of positions, on chunks or on workers. A
start is not tried twice; rounds end when nothing is left to try.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.engines.base import BlockResult
from ndfit.pipeline.either import ALIKE
from ndfit.problem.arrange import Region
from ndfit.problem.block import Inputs, inputs_of
from ndfit.problem.types import FitProblem
from ndfit.result.maps import Maps
from ndfit.run.region_pipeline import Pipeline
from ndfit.run.stages import StageRunner
from ndfit.run.tasks import Solved, Take
from ndfit.status import Flag, Status

__all__ = ["from_solutions", "refine_from_neighbours"]

Step = tuple[int, ...]

MAX_ROUNDS = 50
_STANDS_OUT = 0.5
_TO_DEVIATION = 1.4826
# What other starting values may mend.
_MENDABLE = (
    Status.EVALUATION_LIMIT,
    Status.NON_FINITE_START,
    Status.NON_FINITE_MODEL,
    Status.INSENSITIVE,
    Status.USER_ERROR,
)


def refine_from_neighbours(
    maps: Maps, pipeline: Pipeline, problem: FitProblem, regions: tuple[Region, ...], stages: StageRunner
) -> None:
    """Refine `maps` in place.

    Parameters
    ----------
    regions, stages : as of the run
    """
    steps = neighbour_steps(maps.status.ndim)
    if not steps:
        return
    tried = np.zeros((len(steps), *maps.status.shape), dtype=bool)
    for number in range(1, MAX_ROUNDS + 1):
        usable = neighbours(maps.usable, steps, False)
        pending = candidates(maps, len(problem.params.free), steps) & usable & ~tried
        if not pending.any():
            return
        tried |= pending
        solve = partial(stages, f"refine-{number:02d}", pipeline)
        improved = _fit_again(maps, pending, steps, problem, regions, solve, pipeline.options.absolute_sigma)
        tried &= ~neighbours(improved, steps, False)


def from_solutions(
    maps: Maps, pipeline: Pipeline, problem: FitProblem, regions: tuple[Region, ...], stages: StageRunner
) -> None:
    """Run the pipeline from the solutions that are there, in place; positions without one stay as they are.

    What the first fits have shown of their starts holds for these too.
    """
    solutions, usable = maps.parameters.copy(), maps.usable
    ambiguous = maps.flags & np.uint32(Flag.AMBIGUOUS)

    def take(region: Region) -> Inputs:
        everywhere: Any = (slice(None), *region)
        return replace(inputs_of(problem, region), starts=solutions[everywhere][np.newaxis])

    with closing(stages("from-solutions", pipeline, take, regions)) as solved:
        for region, result in solved:
            maps.take(region, result, usable[region])
    maps.flags |= ambiguous


def neighbour_steps(n_axes: int) -> tuple[Step, ...]:
    """Steps to the neighbours: all around in up to two axes, along each axis in more."""
    around = (step for step in product((-1, 0, 1), repeat=n_axes) if any(step))
    return tuple(step for step in around if n_axes <= 2 or np.abs(step).sum() == 1)


def neighbours(values: NDArray[Any], steps: tuple[Step, ...], outside: Any) -> NDArray[Any]:
    """Values at each neighbour, shape (steps, *B)."""
    padded = np.pad(values, 1, constant_values=outside)
    inside = [tuple(slice(1 + d, 1 + d + size) for d, size in zip(step, values.shape, strict=True)) for step in steps]
    return np.stack([padded[where] for where in inside])


def candidates(maps: Maps, n_free: int, steps: tuple[Step, ...]) -> NDArray[np.bool_]:
    """Positions worth another try, shape B."""
    degrees = maps.n_samples - n_free
    reduced = np.divide(2.0 * maps.cost, degrees, out=np.full(maps.cost.shape, np.nan), where=degrees > 0)
    around = neighbours(reduced, steps, np.nan)
    middle = _median(around)
    scatter = _TO_DEVIATION * _median(np.abs(around - middle))
    with np.errstate(invalid="ignore"):
        expected = middle * np.sqrt(2.0 / np.maximum(degrees, 1))
        stands_out = reduced - middle > _STANDS_OUT * np.maximum(scatter, expected)
    return stands_out | np.isin(maps.status, _MENDABLE)


def _median(values: FloatArray) -> FloatArray:
    """Along the first axis, of the values that are finite; NaN where none are."""
    ordered = np.sort(values, axis=0)
    count = np.isfinite(values).sum(axis=0)[np.newaxis]
    low, high = np.maximum((count - 1) // 2, 0), np.minimum(count // 2, len(values) - 1)
    middle = np.take_along_axis(ordered, low, axis=0) + np.take_along_axis(ordered, high, axis=0)
    halved: FloatArray = 0.5 * middle[0]
    return halved


def _fit_again(
    maps: Maps,
    pending: NDArray[np.bool_],
    steps: tuple[Step, ...],
    problem: FitProblem,
    regions: tuple[Region, ...],
    solve: Callable[[Take, list[Region]], Solved[BlockResult]],
    absolute: bool,
) -> NDArray[np.bool_]:
    """One round; returns which positions were improved. `absolute`: weights are 1 / sigma."""
    solutions, n_free = maps.parameters.copy(), len(problem.params.free)
    anywhere: NDArray[np.bool_] = np.any(pending, axis=0, keepdims=True)[0]

    def take(region: Region) -> Inputs:
        return replace(inputs_of(problem, region), starts=np.stack(list(_starts(solutions, pending, steps, region))))

    improved = np.zeros(anywhere.shape, dtype=bool)
    busy = [region for region in regions if anywhere[region].any()]
    with closing(solve(take, busy)) as solved:
        for region, result in solved:
            before, ambiguous = maps.cost[region].copy(), maps.flags[region] & np.uint32(Flag.AMBIGUOUS)
            improved[region] = maps.improve(region, result)
            maps.flags[region] |= np.where(_is_alike(maps, region, before, absolute, n_free), ambiguous, np.uint32(0))
    return improved


def _is_alike(
    maps: Maps, region: tuple[slice, ...], before: FloatArray, absolute: bool, n_free: int
) -> NDArray[np.bool_]:
    """Where the cost is no lower than that of a fit that would have been ambiguous with the one before."""
    degrees = np.maximum(maps.n_samples[region] - n_free, 1)
    variance = 1.0 if absolute else 2.0 * maps.cost[region] / degrees
    with np.errstate(invalid="ignore"):
        return np.asarray(2.0 * (before - maps.cost[region]) <= ALIKE * variance)


def _starts(
    solutions: FloatArray, pending: NDArray[np.bool_], steps: tuple[Step, ...], region: Region
) -> Iterator[FloatArray]:
    """Solutions of each neighbour of a region's positions, (P, *region); NaN where they are not to be tried."""
    for step, wanted in zip(steps, pending, strict=True):
        index: Any = np.ix_(
            np.arange(len(solutions)),
            *(
                np.clip(np.arange(where.start, where.stop) + d, 0, size - 1)
                for where, d, size in zip(region, step, wanted.shape, strict=True)
            ),
        )
        yield np.where(wanted[region], solutions[index], np.nan)
