"""Random numbers that belong to a position: the same whatever else is computed, in any order, anywhere.

Flows in: a seed, the positions' numbers, which draw it is, how many numbers. Flows out: uniform numbers.

The generator is Philox 4x32 with 10 rounds (Salmon et al., Proc. SC11, 2011), a function from a counter and a key to
four words of 32 bits. The key is the seed; the counter is (position, low and high word; draw; pair of numbers).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.engines.availability import why_not_compiled

__all__ = ["LEFT", "LOW", "RIGHT", "WORD", "fill_at_once", "make_ready", "philox", "uniform"]

_FIRST_MULTIPLIER, _SECOND_MULTIPLIER = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_FIRST_STEP, _SECOND_STEP = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_ROUNDS = 10
LOW = np.uint64(0xFFFFFFFF)
WORD = np.uint64(32)
# A double holds 53 bits: 32 of one word, 21 of the next.
LEFT, RIGHT = np.uint64(21), np.uint64(11)


def philox(first: Any, second: Any, third: Any, fourth: Any, key: Any, other_key: Any) -> Any:
    """Four random words of 32 bits, held in uint64, for a counter of four such words and a key of two."""
    for _ in range(_ROUNDS):
        one, other = _FIRST_MULTIPLIER * first, _SECOND_MULTIPLIER * third
        first, second = (other >> WORD) ^ second ^ key, other & LOW
        third, fourth = (one >> WORD) ^ fourth ^ other_key, one & LOW
        key, other_key = (key + _FIRST_STEP) & LOW, (other_key + _SECOND_STEP) & LOW
    return first, second, third, fourth


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
