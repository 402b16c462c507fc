"""How the iterating axes are divided into regions.

Flows in: FitProblem, the engine's appetite and the number of workers. Flows out: Plan, regions that cover every
position once, in the order of the data.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from math import ceil, prod
from typing import Any

from ndfit.problem.arrange import Region
from ndfit.problem.axes import Axes
from ndfit.problem.types import FitProblem

__all__ = ["Plan", "plan_regions"]

CHUNKS_PER_WORKER = 4
# A chunk lasts as long as its slowest fit, while the others' lanes are idle: small ones are mostly that.
SMALLEST_CHUNK = 1 / 12  # of what the engine makes good use of
# The last chunks shrink to this, so that workers end together.
LAST_CHUNK = 1 / 4  # of the others


@dataclass(frozen=True)
class Plan:
    """Where each iterating axis is divided."""

    pieces: tuple[tuple[slice, ...], ...]

    @property
    def regions(self) -> tuple[Region, ...]:
        """Regions of the iterating axes, each one task."""
        return tuple(itertools.product(*self.pieces))


def plan_regions(
    problem: FitProblem,
    *,
    n_most: int,
    n_workers: int,
    native: bool = False,
    chunk_n_max: int | None = None,
    guided: bool = True,
) -> Plan:
    """Divide the iterating axes.

    Parameters
    ----------
    n_most : fits in one chunk that memory allows and the engine makes good use of
    n_workers : chunks are made small enough that each worker has several, unless these were all too small
    native : use the chunks of the dask array as they are
    chunk_n_max : the caller's limit of fits in one chunk
    guided : the last chunks are smaller; workers that are given chunks before they are free gain nothing by it

    """
    axes = problem.axes
    chunks = getattr(problem.samples.data, "chunks", None)
    steps = [chunks[axis] for axis in axes.iterating] if chunks is not None else None
    wanted, most = _limits(axes, n_most, n_workers, chunk_n_max)
    if native and steps is not None:
        return Plan(tuple(_edges(sizes) for sizes in steps))
    multiples = [max(sizes) for sizes in steps] if steps is not None else [1] * len(axes.iterating)
    chosen = _chunk_shape(axes.iterating_shape, multiples, wanted, most, _inner_first(problem.samples.data, axes))
    pieces = [_even(size, step) for size, step in zip(axes.iterating_shape, chosen, strict=True)]
    divided = [place for place, slices in enumerate(pieces) if len(slices) > 1]
    if guided and len(divided) == 1 and chunk_n_max is None and LAST_CHUNK * prod(chosen) >= SMALLEST_CHUNK * n_most:
        place = divided[0]
        pieces[place] = _guided(axes.iterating_shape[place], chosen[place], multiples[place], n_workers)
    return Plan(tuple(pieces))


def _limits(axes: Axes, n_most: int, n_workers: int, chunk_n_max: int | None) -> tuple[int, int]:
    """Fits that a chunk should hold, and those that it may hold."""
    if chunk_n_max is not None:
        return chunk_n_max, chunk_n_max
    if n_workers == 1:
        return n_most, n_most
    share = axes.n_fits / n_workers
    chunks = min(CHUNKS_PER_WORKER, int(share / max(1.0, SMALLEST_CHUNK * n_most)))
    return min(n_most, ceil(share / max(1, chunks))), n_most


def _inner_first(data: Any, axes: Axes) -> list[int]:
    """Iterating axes, those first whose positions lie closest in memory or in the file."""
    places = range(len(axes.iterating))
    strides = getattr(data, "strides", None)
    if strides is None:
        return list(reversed(places))
    return sorted(places, key=lambda place: (abs(strides[axes.iterating[place]]), -place))


def _chunk_shape(
    shape: tuple[int, ...], multiples: list[int], wanted: int, most: int, order: list[int]
) -> tuple[int, ...]:
    """Whole inner axes as long as they fit, then part of one axis, then single positions.

    Positions next to each other in memory stay together, so that a file is read in long runs. A part is a multiple of
    the native chunk where one fits.
    """
    chosen = [1] * len(shape)
    for axis in order:
        inner = prod(chosen)
        step = min(shape[axis], max(1, min(ceil(wanted / inner), most // inner)))
        if multiples[axis] <= step < shape[axis]:
            step -= step % multiples[axis]
        chosen[axis] = step
    return tuple(chosen)


def _even(size: int, step: int) -> tuple[slice, ...]:
    return tuple(slice(start, min(start + step, size)) for start in range(0, size, max(step, 1)))


def _guided(size: int, step: int, multiple: int, n_workers: int) -> tuple[slice, ...]:
    """Each piece a worker's share of what is left, within limits; multiples of the native chunk where one fits.

    C. D. Polychronopoulos & D. J. Kuck, IEEE Transactions on Computers C-36 (1987) 1425.
    """
    least, unit = ceil(LAST_CHUNK * step), multiple if multiple <= step else 1
    sizes: list[int] = []
    while left := size - sum(sizes):
        share = min(step, max(least, ceil(left / n_workers)))
        sizes.append(min(left, max(unit, share - share % unit)))
    return _edges(sizes)


def _edges(sizes: Any) -> tuple[slice, ...]:
    ends = list(itertools.accumulate(sizes))
    return tuple(slice(end - size, end) for size, end in zip(sizes, ends, strict=True))
