"""A few fits of a Block, laid out for whole-array arithmetic: samples first, fits last.

Flows in: a Block and rows of it. Flows out: Tile, contiguous arrays of shape (M, n), or (M, 1) where all fits share
them, with samples in the order of their coordinates.

No number may depend on which fits happen to be in a tile: sums over samples are taken one sample after another
(numpy's own sums associate differently for different shapes), and everything else works element by element.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.problem.types import Block

__all__ = ["TILE_NUMBERS", "Tile", "median", "tiles", "total"]

TILE_NUMBERS = 2**18
"""Numbers in an array of one tile: so many that calls take next to no time, and few enough for the memory there is."""

# Fits that compiled code works on together, at most.
_LANES = 32
# No sample weighs more than _HEAVY times the median, nor than _LARGEST of all of them together: to find a line, the
# background has to be seen, and one sample with a far smaller error than the others holds any model to itself.
_HEAVY = 100.0
_LARGEST, _LEAST_SHARES = 0.1, 4.0
_ROUNDS = 30


@dataclass(frozen=True)
class Tile:
    """Samples of n fits.

    Attributes
    ----------
    data : shape (M, n); 0 in samples that are not used
    weights : shape (M, n) or (M, 1), 1/sigma^2, limited; 0 in samples that are not used
    coords : K arrays of shape (M, n) or (M, 1)
    grid : shape of the fitting axes, product M
    """

    data: FloatArray
    weights: FloatArray
    coords: tuple[FloatArray, ...]
    grid: tuple[int, ...]

    def take(self, rows: NDArray[np.bool_]) -> Tile:
        """Some of the fits."""

        def take(array: FloatArray) -> FloatArray:
            return np.ascontiguousarray(array[:, rows]) if array.shape[1] > 1 else array

        alone = self.data.shape[1] == 1
        return self if alone else Tile(take(self.data), take(self.weights), tuple(map(take, self.coords)), self.grid)


def tiles(block: Block) -> Iterator[tuple[slice, Tile]]:
    """Cut a block; rows of each tile, and the tile."""
    n_fits, n_samples = block.data.shape
    size = max(1, TILE_NUMBERS // max(n_samples, 1))
    size -= size % _LANES if size > _LANES else 0
    for first in range(0, n_fits, size):
        rows = slice(first, min(first + size, n_fits))
        yield rows, _in_order(_cut(block, rows))


def total(values: FloatArray) -> FloatArray:
    """Sum over samples, shape (n,), the same for a fit whatever lies beside it."""
    if values.shape[1] == 1:  # which numpy would add in pairs
        alone: FloatArray = np.add.accumulate(values, axis=0)[-1]
        return alone
    summed: FloatArray = np.add.reduce(np.ascontiguousarray(values), axis=0)
    return summed


def median(values: FloatArray, used: NDArray[np.bool_]) -> FloatArray:
    """Median over the samples that are used, shape (n,); infinite where there are none."""
    ordered = np.sort(np.where(used, values, np.inf), axis=0)
    count = np.broadcast_to(np.count_nonzero(used, axis=0), ordered.shape[1:])[np.newaxis]
    low, high = np.maximum((count - 1) // 2, 0), np.minimum(count // 2, len(ordered) - 1)
    middle = np.take_along_axis(ordered, low, axis=0) + np.take_along_axis(ordered, high, axis=0)
    halved: FloatArray = 0.5 * middle[0]
    return halved


def _cut(block: Block, rows: slice) -> Tile:
    def take(array: Any) -> FloatArray:
        return np.ascontiguousarray(array[rows].T, dtype=float)

    weights = np.ones((block.data.shape[1], 1)) if block.weights is None else take(block.weights) ** 2
    if block.valid is not None:
        weights = weights * take(block.valid)
    if block.weights is not None:
        weights = _limited(weights)
    coords = tuple(np.ascontiguousarray(axis[:, np.newaxis]) if axis.ndim == 1 else take(axis) for axis in block.coords)
    return Tile(take(block.data), weights, coords, block.fitting_shape)


def _limited(weights: FloatArray) -> FloatArray:
    """Weights without those of samples that would decide alone what is found: see _HEAVY and _LARGEST."""
    used = weights > 0
    if not np.any(weights > _HEAVY * np.where(used, weights, np.inf).min(axis=0)):
        return weights
    limited = np.minimum(weights, _HEAVY * np.where(used.any(axis=0), median(weights, used), 0.0))
    for _ in range(_ROUNDS):
        limited = np.minimum(limited, np.maximum(_LARGEST, _LEAST_SHARES / len(weights)) * total(limited))
    return limited


def _in_order(tile: Tile) -> Tile:
    """Samples of a spectrum in the order of the coordinate; images are taken to lie on a grid."""
    if len(tile.grid) > 1:
        return tile
    (axis,) = tile.coords
    steps = np.diff(axis, axis=0)
    if np.all(steps > 0) or np.all(steps < 0):
        return tile
    order = np.argsort(axis, axis=0, kind="stable")

    def sort(array: FloatArray) -> FloatArray:
        rows = np.broadcast_to(order, (len(order), max(order.shape[1], array.shape[1])))
        return np.take_along_axis(np.broadcast_to(array, rows.shape), rows, axis=0)

    return Tile(sort(tile.data), sort(tile.weights), (sort(axis),), tile.grid)
