"""The random numbers of `ndfit.engine.draws`, compiled.

Flows in: positions, a seed, which draw it is. Flows out: uniform numbers.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numba import types

from ndfit.engine import draws
from ndfit.engine.draws import LEFT, LOW, RIGHT, WORD, philox
from ndfit.jit import compile_cached, files_key, inlined
from ndfit.once import kept

__all__ = ["compiled_fill"]

_philox = inlined(philox)


def fill(numbers: Any, positions: Any, seed: Any, draw: Any) -> None:
    """Fill (N, count) numbers."""
    n_fits, count = numbers.shape
    for row in range(n_fits):
        low, high = positions[row] & LOW, positions[row] >> WORD
        for column in range(0, count, 2):
            pair = np.uint64(column // 2)
            first, second, third, fourth = _philox(low, high, draw, pair, seed & LOW, seed >> WORD)
            numbers[row, column] = ((first << LEFT) | (second >> RIGHT)) * 2.0**-53
            if column + 1 < count:
                numbers[row, column + 1] = ((third << LEFT) | (fourth >> RIGHT)) * 2.0**-53


_FILL = types.void(types.float64[:, ::1], types.uint64[::1], types.uint64, types.uint64)


@kept
def compiled_fill() -> Any:
    """Return what `uniform` calls; the first call in a process compiles it or loads it from the cache."""
    key = sha256(Path(draws.__file__).read_bytes()).hexdigest()
    return compile_cached(fill, _FILL, f"{key} {files_key(Path(__file__).parent)}")
