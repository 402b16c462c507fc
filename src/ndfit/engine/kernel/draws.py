"""Random numbers that belong to a position: the same whatever else is computed, in any order, anywhere.

Flows in: a seed, the positions' numbers, which draw it is, how many numbers. Flows out: uniform numbers.

The generator is Philox 4x32 with 10 rounds (Salmon et al., Proc. SC11, 2011), a function from a counter and a key to
four words of 32 bits. The key is the seed; the counter is (position, low and high word; draw; pair of numbers).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from ndfit.jit import compile_cached, files_key, inlined, kept
from ndfit.problem.types import FloatArray

__all__ = ["compiled_uniform", "philox", "uniform"]

_FIRST_MULTIPLIER, _SECOND_MULTIPLIER = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_FIRST_STEP, _SECOND_STEP = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_ROUNDS = 10
_LOW = np.uint64(0xFFFFFFFF)
_WORD = np.uint64(32)
# A double holds 53 bits: 32 of one word, 21 of the next.
_LEFT, _RIGHT = np.uint64(21), np.uint64(11)


def philox(first: Any, second: Any, third: Any, fourth: Any, key: Any, other_key: Any) -> Any:
    """Four random words of 32 bits, held in uint64, for a counter of four such words and a key of two."""
    for _ in range(_ROUNDS):
        one, other = _FIRST_MULTIPLIER * first, _SECOND_MULTIPLIER * third
        first, second = (other >> _WORD) ^ second ^ key, other & _LOW
        third, fourth = (one >> _WORD) ^ fourth ^ other_key, one & _LOW
        key, other_key = (key + _FIRST_STEP) & _LOW, (other_key + _SECOND_STEP) & _LOW
    return first, second, third, fourth


_philox = inlined(philox)


def fill(numbers: Any, positions: Any, seed: Any, draw: Any) -> None:
    """Fill (N, count) numbers."""
    n_fits, count = numbers.shape
    for row in range(n_fits):
        low, high = positions[row] & _LOW, positions[row] >> _WORD
        for column in range(0, count, 2):
            pair = np.uint64(column // 2)
            first, second, third, fourth = _philox(low, high, draw, pair, seed & _LOW, seed >> _WORD)
            numbers[row, column] = ((first << _LEFT) | (second >> _RIGHT)) * 2.0**-53
            if column + 1 < count:
                numbers[row, column + 1] = ((third << _LEFT) | (fourth >> _RIGHT)) * 2.0**-53


_FILL = types.void(types.float64[:, ::1], types.uint64[::1], types.uint64, types.uint64)


@kept
def compiled_uniform() -> Any:
    """Return what `uniform` calls; the first call in a process compiles it or loads it from the cache."""
    return compile_cached(fill, _FILL, files_key(Path(__file__).parent))


def uniform(seed: int, positions: NDArray[np.int64], draw: int, count: int) -> FloatArray:
    """Numbers in [0, 1), shape (N, count).

    Parameters
    ----------
    seed : 0 to 2^64 - 1
    positions : shape (N,), non-negative
    draw : 0 to 2^32 - 1, which of a position's sets of numbers
    """
    numbers = np.empty((len(positions), count))
    fill_numbers = compiled_uniform()
    fill_numbers(numbers, np.ascontiguousarray(positions, dtype=np.uint64), np.uint64(seed), np.uint64(draw))
    return numbers
