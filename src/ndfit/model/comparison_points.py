"""Where a graph and its model are compared: samples, and parameters around the start.

Flows in: coordinates, start, free parameters, bounds, and what a free parameter has to change by for the model to
change. Flows out: a few hundred samples, and parameter vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ndfit.arrays import FloatArray

__all__ = ["bounds_of", "groups_of", "moved_by_effect", "probes", "span_of", "thinned", "turned"]

Bounds = tuple[FloatArray, FloatArray]

_MOST_SAMPLES = 512
# Parameters are taken one by one up to this number, and then by so many groups.
_MOST_GROUPS = 8
_SEED = 20240229


def thinned(coords: Sequence[ArrayLike]) -> tuple[FloatArray, ...]:
    """At most `_MOST_SAMPLES` of the samples, evenly spread, ends included."""
    arrays = [np.ravel(array) for array in np.broadcast_arrays(*(np.asarray(array, dtype=float) for array in coords))]
    count = arrays[0].size
    if count <= _MOST_SAMPLES:
        return tuple(arrays)
    kept = np.linspace(0, count - 1, _MOST_SAMPLES).astype(int)
    return tuple(array[kept] for array in arrays)


def bounds_of(model: Any) -> Bounds:
    """Lower and upper bounds of every parameter, infinite where there are none."""
    bounds = model.bounds
    pairs = [bounds[name] for name in model.param_names]
    lower = [-np.inf if low is None else float(low) for low, _ in pairs]
    upper = [np.inf if high is None else float(high) for _, high in pairs]
    return np.array(lower), np.array(upper)


def groups_of(free: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The free parameters one by one, or spread over groups where they are many."""
    return [free[first::_MOST_GROUPS] for first in range(min(len(free), _MOST_GROUPS))]


def span_of(coords: tuple[FloatArray, ...]) -> float:
    """The largest range of a coordinate, 1 where there is none."""
    return max((float(np.ptp(array)) for array in coords if array.size), default=0.0) or 1.0


def probes(start: FloatArray, free: tuple[int, ...], bounds: Bounds, span: float) -> FloatArray:
    """Parameter vectors around the start, moved a little first: kinks often lie at round numbers. Then the start.

    Shifts are relative to the parameters (wide), and to the span of the coordinates where that is less (narrow): a line
    must not always be moved out of sight.
    """
    wide = np.where(start == 0.0, min(span, 1.0), np.abs(start))
    narrow = np.minimum(wide, span)
    sizes = np.array([1e-3 * narrow, 0.1 * narrow, 0.5 * narrow, 0.5 * narrow, 0.5 * wide, 0.5 * wide])
    return np.vstack([_moved(start, sizes, free, bounds, _SEED), start])


def turned(start: FloatArray, free: tuple[int, ...], bounds: Bounds, span: float) -> FloatArray:
    """Parameter vectors with the sign of each free parameter turned, by groups where they are many."""
    groups = groups_of(free)
    narrow = np.where(start == 0.0, min(span, 1.0), np.minimum(np.abs(start), span))
    vectors = _moved(start, np.tile(0.1 * narrow, (len(groups), 1)), free, bounds, _SEED + 1)
    for vector, group in zip(vectors, groups, strict=True):
        vector[list(group)] *= -1.0
    return np.clip(vectors, *bounds)


def moved_by_effect(start: FloatArray, effect: FloatArray, free: tuple[int, ...], bounds: Bounds) -> FloatArray:
    """The start moved by half of what changes the model by as much as it is: 1e-12 may say nothing of a centre."""
    return _moved(start, 0.5 * effect[np.newaxis], free, bounds, _SEED + 2)


def _moved(start: FloatArray, sizes: FloatArray, free: tuple[int, ...], bounds: Bounds, seed: int) -> FloatArray:
    """Free parameters moved by half of each size at least, shape (T, P), within the bounds."""
    moved = np.zeros(sizes.shape) + start
    moved[:, free] += (sizes * _factors(seed, *sizes.shape))[:, free]
    return np.clip(moved, *bounds)


@lru_cache(128)
def _factors(seed: int, count: int, n_params: int) -> FloatArray:
    random = np.random.default_rng(seed)
    rows = [random.uniform(0.5, 1.0, n_params) * random.choice([-1.0, 1.0], n_params) for _ in range(count)]
    return np.reshape(rows, (count, n_params))
