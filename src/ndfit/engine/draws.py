"""Random numbers that belong to a position: the same whatever else is computed, in any order, anywhere.

Flows in: a seed, the positions' numbers, which start it is, how many numbers. Flows out: uniform numbers.

The generator is Philox 4x32 with 10 rounds (Salmon et al., Proc. SC11, 2011), a function from a counter and a key to
four words of 32 bits. The key is the seed; the counter is (position, low and high word; start; pair of numbers).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ndfit.problem.types import FloatArray

__all__ = ["philox", "uniform"]

Words = NDArray[np.uint64]

_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10
_LOW = np.uint64(0xFFFFFFFF)
_WORD = np.uint64(32)


def philox(counter: tuple[Words, Words, Words, Words], key: tuple[int, int]) -> tuple[Words, Words, Words, Words]:
    """Four random words of 32 bits, held in uint64, for each counter of four such words and a key of two."""
    first, second, third, fourth = counter
    for turn in range(_ROUNDS):
        keys = [np.uint64((word + turn * step) & 0xFFFFFFFF) for word, step in zip(key, _KEY_STEPS, strict=True)]
        one, other = _MULTIPLIERS[0] * first, _MULTIPLIERS[1] * third
        first, second = (other >> _WORD) ^ second ^ keys[0], other & _LOW
        third, fourth = (one >> _WORD) ^ fourth ^ keys[1], one & _LOW
    return first, second, third, fourth


def uniform(seed: int, positions: NDArray[np.int64], start: int, count: int) -> FloatArray:
    """Numbers in [0, 1), shape (N, count).

    Parameters
    ----------
    seed : 0 to 2^64 - 1
    positions : shape (N,), non-negative
    start : which of a position's starting points
    """
    low, high = positions.astype(np.uint64) & _LOW, positions.astype(np.uint64) >> _WORD
    numbers = np.empty((len(positions), count))
    for pair in range((count + 1) // 2):
        counter = (low, high, np.full_like(low, start), np.full_like(low, pair))
        words = philox(counter, (seed & 0xFFFFFFFF, seed >> 32))
        for half, column in enumerate(range(2 * pair, min(2 * pair + 2, count))):
            # 53 bits, as many as a double holds.
            whole = (words[2 * half] << np.uint64(21)) | (words[2 * half + 1] >> np.uint64(11))
            numbers[:, column] = whole * 2.0**-53
    return numbers
