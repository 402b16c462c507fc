"""Random numbers that belong to a position: the same whatever else is computed, in any order, anywhere.

Flows in: a seed, the positions' numbers, which draw it is, how many numbers. Flows out: uniform numbers, of the
generator of `ndfit.pipeline.philox`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.engines.availability import why_not_compiled
from ndfit.pipeline.philox import LEFT, LOW, RIGHT, WORD, philox

__all__ = ["fill_at_once", "make_ready", "uniform"]


def uniform(seed: int, positions: NDArray[np.int64], draw: int, count: int) -> FloatArray:
    """Numbers in [0, 1), shape (N, count).

    Parameters
    ----------
    seed : 0 to 2^64 - 1
    positions : shape (N,), non-negative
    draw : 0 to 2^32 - 1, which of a position's sets of numbers
    """
    numbers = np.empty((len(positions), count))
    _filler()(numbers, np.ascontiguousarray(positions, dtype=np.uint64), np.uint64(seed), np.uint64(draw))
    return numbers


def make_ready() -> None:
    """Compile or load, in this thread, what `uniform` takes."""
    _filler()


def _filler() -> Any:
    if why_not_compiled():
        return fill_at_once
    from ndfit.pipeline.fill_draws import compiled_fill

    return compiled_fill()


def fill_at_once(numbers: FloatArray, positions: NDArray[np.uint64], seed: np.uint64, draw: np.uint64) -> None:
    """Fill (N, count) numbers, as compiled code does one by one, with the same bits."""
    pair = np.arange((numbers.shape[1] + 1) // 2, dtype=np.uint64)
    low, high = (positions & LOW)[:, np.newaxis], (positions >> WORD)[:, np.newaxis]
    first, second, third, fourth = philox(low, high, draw, pair, seed & LOW, seed >> WORD)
    numbers[:, ::2] = ((first << LEFT) | (second >> RIGHT)) * 2.0**-53
    odd = (((third << LEFT) | (fourth >> RIGHT)) * 2.0**-53)[:, : numbers.shape[1] // 2]
    numbers[:, 1::2] = odd
