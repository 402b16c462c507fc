"""The median of a few rows of scratch, lane by lane.

Flows in: values that are not negative, infinite where they do not count, and how many do. Flows out: their median.

Nothing is sorted. The k-th smallest value is between two of the values, and each pass over them counts those up to a
pivot between the two, and finds the two next to it. The first pivot is where the caller expects the median. The next
are where it would be if values were spread as absolute values of a normal distribution are, whose density at their
median m is 0.43 / m; every fourth is in the middle of the two bounds, in terms of their bits, so that 63 of these tell
all numbers apart.
"""

from __future__ import annotations

from typing import Any

from ndfit.compiler.flow import loop, loop_while, subroutine
from ndfit.compiler.functions import LANGUAGE
from ndfit.compiler.functions.basic import floor
from ndfit.compiler.memory import load, none_of, store, width
from ndfit.compiler.values import Lanes, choose
from ndfit.compiler.variables import Local
from ndfit.pipeline.guess.formulas import larger, smaller

__all__ = ["median"]

_INFINITY = float("inf")
_WIDTH_OF_ONE = 2.33
_PASSES = 4 * 64


@subroutine(Lanes)
def median(values: Any, n_values: Any, count: Any, expected: Any) -> Any:
    """Median of the first rows of `values`, of which `count` are finite; infinite where none are.

    There is one more row of scratch, for which nothing counts.
    """
    store(values, n_values, _INFINITY, width())
    rank, high_rank = floor((count + 1.0) * 0.5), floor(count * 0.5) + 1.0
    low, high, pivot = Local(Lanes.of(0.0)), Local(Lanes.of(_INFINITY)), Local(expected)
    passes = Local(0)

    def unknown() -> Any:
        return (passes.value < _PASSES) & ~none_of(low.value < high.value)

    with loop_while(unknown):
        number, below, above = _parted(values, n_values, pivot.value)
        enough = number >= rank
        high.set(choose(enough, below, choose(number == rank - 1.0, above, high.value)))
        low.set(choose(number == rank, below, choose(enough, low.value, above)))
        passes += 1
        least = low.value.bits()
        middle = (least + ((high.value.bits() - least) >> 1)).as_floats()
        near = pivot.value * (1.0 + _WIDTH_OF_ONE * (rank - 0.5 - number) / count)
        inside = (near >= low.value) & (near < high.value) & (Lanes.of(passes.value & 3) > 0.0)
        pivot.set(choose(inside, near, middle))
    number, _, above = _parted(values, n_values, low.value)
    upper = choose(number >= high_rank, low.value, above)
    return choose(count > 0.0, 0.5 * (low.value + upper), _INFINITY)


def _parted(values: Any, n_values: Any, pivot: Any) -> tuple[Any, Any, Any]:
    """How many values are up to a pivot, the largest of these, and the smallest of the others.

    Two halves of the values are counted beside each other: a sum waits for the one before.
    """
    number, below, above = ([Local(Lanes.of(start)) for _ in range(2)] for start in (0.0, 0.0, _INFINITY))
    with loop(0, n_values, 2) as i:
        for half in range(2):
            value = load(values, i + half, width())
            up_to = value <= pivot
            number[half] += choose(up_to, 1.0, 0.0)
            below[half].set(larger(choose(up_to, value, 0.0), below[half].value, LANGUAGE))
            above[half].set(smaller(choose(up_to, _INFINITY, value), above[half].value, LANGUAGE))
    (one, other), (low, lower), (high, higher) = ([half.value for half in both] for both in (number, below, above))
    return one + other, larger(low, lower, LANGUAGE), smaller(high, higher, LANGUAGE)
