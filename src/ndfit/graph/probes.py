"""Where a graph and its model are compared: samples, and parameters around the start.

Flows in: coordinates, start, free parameters, bounds, and what a free parameter has to change by for the model to
change. Flows out: a few hundred samples, and parameter vectors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["bounds_of", "groups_of", "moved_by_effect", "probes", "span_of", "thinned", "turned"]

FloatArray = NDArray[np.float64]
Bounds = tuple[FloatArray, FloatArray]

_MOST_SAMPLES = 512
# Parameters are taken one by one up to this number, and then by so many groups.
_MOST_GROUPS = 8
_SEED = 20240229


def thinned(coords: Sequence[ArrayLike]) -> tuple[FloatArray, ...]:
    """At most `_MOST_SAMPLES` of the samples, evenly spread, ends included."""
    arrays = [np.ravel(array) for array in np.broadcast_arrays(*(np.asarray(array, dtype=float) for array in coords))]
    count = arrays[0].size
    kept = np.unique(np.linspace(0, count - 1, min(count, _MOST_SAMPLES)).astype(int))
    return tuple(array[kept] for array in arrays)


def bounds_of(model: Any) -> Bounds:
    """Lower and upper bounds of every parameter, infinite where there are none."""
    pairs = [model.bounds[name] for name in model.param_names]
    lower = [-np.inf if low is None else float(low) for low, _ in pairs]
    upper = [np.inf if high is None else float(high) for _, high in pairs]
    return np.array(lower), np.array(upper)


def groups_of(free: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The free parameters one by one, or spread over groups where they are many."""
    return [free[first::_MOST_GROUPS] for first in range(min(len(free), _MOST_GROUPS))]


def span_of(coords: tuple[FloatArray, ...]) -> float:
    """The largest range of a coordinate, 1 where there is none."""
    return max((float(np.ptp(array)) for array in coords if array.size), default=0.0) or 1.0


def probes(start: FloatArray, free: tuple[int, ...], bounds: Bounds, span: float) -> Iterator[FloatArray]:
    """Parameter vectors around the start, moved a little first: kinks often lie at round numbers.

    Shifts are relative to the parameters (wide), and to the span of the coordinates where that is less (narrow): a line
    must not always be moved out of sight.
    """
    random = np.random.default_rng(_SEED)
    wide = np.where(start == 0.0, min(span, 1.0), np.abs(start))
    narrow = np.minimum(wide, span)
    yield _moved(start, 1e-3 * narrow, free, bounds, random)
    yield _moved(start, 0.1 * narrow, free, bounds, random)
    yield start
    for scale in (narrow, wide):
        yield _moved(start, 0.5 * scale, free, bounds, random)
        yield _moved(start, 0.5 * scale, free, bounds, random)


def turned(start: FloatArray, free: tuple[int, ...], bounds: Bounds, span: float) -> Iterator[FloatArray]:
    """Parameter vectors with the sign of each free parameter turned, by groups where they are many."""
    random = np.random.default_rng(_SEED + 1)
    narrow = np.where(start == 0.0, min(span, 1.0), np.minimum(np.abs(start), span))
    for group in groups_of(free):
        vector = _moved(start, 0.1 * narrow, free, bounds, random)
        vector[list(group)] *= -1.0
        yield np.clip(vector, *bounds)


def moved_by_effect(start: FloatArray, effect: FloatArray, free: tuple[int, ...], bounds: Bounds) -> FloatArray:
    """The start moved by half of what changes the model by as much as it is: 1e-12 may say nothing of a centre."""
    return _moved(start, 0.5 * effect, free, bounds, np.random.default_rng(_SEED + 2))


def _moved(
    start: FloatArray, size: FloatArray, free: tuple[int, ...], bounds: Bounds, random: np.random.Generator
) -> FloatArray:
    shifts = size * random.uniform(0.5, 1.0, start.size) * random.choice([-1.0, 1.0], start.size)
    chosen = np.isin(np.arange(start.size), free)
    return np.clip(np.where(chosen, start + shifts, start), *bounds)
