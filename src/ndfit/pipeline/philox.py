"""The generator of random numbers, for numpy's words as for those of the compiled language.

Flows in: a counter and a key. Flows out: four words of 32 bits.

Philox 4x32 with 10 rounds (Salmon et al., Proc. SC11, 2011). The key is the seed; the counter is (position, low and
high word; draw; pair of numbers).
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["LEFT", "LOW", "RIGHT", "WORD", "philox"]

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
