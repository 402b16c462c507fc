"""Samples that stand alone, which are no lines where the caller expects outliers.

Flows in: a Tile. Flows out: the Tile in which such samples have no weight.

A sample stands alone if, along every axis, it is further than 6 robust standard deviations from the median of those two
and three samples away, and its neighbours are less than a quarter as far on the same side. A line of a standard
deviation of 0.6 samples has neighbours that are higher.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.pipeline.guess.tile import Tile, median

__all__ = ["without_outliers"]

_FAR = 6.0 * 1.4826
_LOWER = 0.25


def without_outliers(tile: Tile) -> Tile:
    """The tile without samples that stand alone."""
    used = np.broadcast_to(tile.weights > 0, tile.data.shape)
    alone = used.copy()
    for axis in range(len(tile.grid)):
        alone &= _stand_alone(tile, used, axis)
    return replace(tile, weights=np.where(alone, 0.0, tile.weights)) if alone.any() else tile


def _stand_alone(tile: Tile, used: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    near = [_shifted(tile, used, axis, step) for step in (-1, 1)]
    around = [_shifted(tile, used, axis, step) for step in (-3, -2, 2, 3)]
    base = median(np.stack([values for values, _ in around]), np.stack([there for _, there in around]))
    apart = np.where(used & np.isfinite(base), tile.data - base, 0.0)
    size = np.abs(apart) * np.sqrt(tile.weights)
    higher = np.zeros(tile.data.shape)
    for values, there in near:
        higher = np.maximum(higher, np.where(there, (values - base) * np.sign(apart), 0.0))
    return (size > _FAR * median(size, used)) & (higher < _LOWER * np.abs(apart))


def _shifted(tile: Tile, used: NDArray[np.bool_], axis: int, step: int) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Data that many samples away, and whether there are any; both of shape (M, n)."""
    values = np.moveaxis(tile.data.reshape(*tile.grid, -1), axis, 0)
    there = np.moveaxis(used.reshape(*tile.grid, -1), axis, 0)
    moved, known = np.zeros_like(values), np.zeros_like(there)
    if abs(step) < len(values):
        source, target = (
            (slice(step, None), slice(None, -step)) if step > 0 else (slice(None, step), slice(-step, None))
        )
        moved[target], known[target] = values[source], there[source]
    shape = tile.data.shape
    return np.moveaxis(moved, 0, axis).reshape(shape), np.moveaxis(known, 0, axis).reshape(shape)
