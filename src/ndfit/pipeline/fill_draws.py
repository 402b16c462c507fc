"""The random numbers of `ndfit.pipeline.draws`, compiled.

Flows in: positions, a seed, which draw it is. Flows out: uniform numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.compiler.flow import loop, when
from ndfit.compiler.machine_code import Function, load
from ndfit.compiler.memory import pointer, table
from ndfit.compiler.target import host
from ndfit.compiler.values import Float, Int, Word
from ndfit.once import kept
from ndfit.pipeline.philox import LEFT, LOW, RIGHT, WORD, philox

__all__ = ["compiled_fill"]


def fill(numbers_at: Any, positions_at: Any, n_fits: Any, count: Any, seed_bits: Any, draw_bits: Any) -> None:
    """Fill (N, count) numbers."""
    numbers, positions = pointer(numbers_at), table(positions_at)
    seed, draw = Word(seed_bits.own), Word(draw_bits.own)
    with loop(n_fits) as row, loop(0, count, 2) as column:
        position, pair = Word(positions[row].own), Word((column >> 1).own)
        counter = position & LOW, position >> WORD, draw, pair
        first, second, third, fourth = philox(*counter, seed & LOW, seed >> WORD)
        place = row * count + column
        numbers[place] = Float.of((first << LEFT) | (second >> RIGHT)) * 2.0**-53
        with when(column + 1 < count):
            numbers[place + 1] = Float.of((third << LEFT) | (fourth >> RIGHT)) * 2.0**-53


_FILL = Function("fill", fill, (Int,) * 6)


@kept
def compiled_fill() -> Callable[[FloatArray, NDArray[np.uint64], np.uint64, np.uint64], None]:
    """Return what `uniform` calls; the first call in a process compiles it or loads it from the cache."""
    machine_code = load((_FILL,), host(), __name__)["fill"]

    def fill_numbers(numbers: FloatArray, positions: NDArray[np.uint64], seed: np.uint64, draw: np.uint64) -> None:
        """As `ndfit.pipeline.draws.fill_at_once`."""
        machine_code(numbers.ctypes.data, positions.ctypes.data, *numbers.shape, int(seed), int(draw))

    return fill_numbers
