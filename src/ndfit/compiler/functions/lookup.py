"""Lookup tables: positions and two rows of constants in, interpolated values or slopes out; of lanes, branch-free.

The search halves what is left of the table as often as its length asks for, in all lanes alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

from ndfit.compiler.building import once_in_block
from ndfit.compiler.functions.basic import function, operator
from ndfit.compiler.memory import gather
from ndfit.compiler.values import IntLanes, Lanes, choose, identity
from ndfit.compiler.variables import constants

__all__ = ["interp", "interp_slope"]


def _segment(x: Lanes, points: Sequence[float]) -> IntLanes:
    """Index of the last segment that begins at or before x, the first one where there is none."""
    return once_in_block((_search, identity(x), tuple(points)), partial(_search, x, points))


def _search(x: Lanes, points: Sequence[float]) -> IntLanes:
    places, start, left = constants(points), IntLanes.of(0), len(points) - 1
    while left > 1:
        half = left // 2
        beyond = gather(places, start + half) <= x
        start = start + choose(beyond, IntLanes.of(half), 0)
        left -= half
    return start


def _line(x: Lanes, points: Sequence[float], values: Sequence[float]) -> tuple[Lanes, Lanes, Lanes]:
    """Where the segment that x is in begins, its value there and its slope."""
    places, heights = constants(points), constants(values)
    i = _segment(x, points)
    begin, end = gather(places, i), gather(places, i + 1)
    low, high = gather(heights, i), gather(heights, i + 1)
    return begin, low, (high - low) / (end - begin)


@operator
@function
def interp_slope(x: Lanes, points: Sequence[float], values: Sequence[float]) -> Lanes:
    """Slope of `interp` at x: of the segment on the right at a point, 0 beyond the ends."""
    _, _, slope = _line(x, points, values)
    within = choose((x < points[0]) | (x >= points[-1]), 0.0, slope)
    return choose(x != x, math.nan, within)


@operator
@function
def interp(x: Lanes, points: Sequence[float], values: Sequence[float]) -> Lanes:
    """Straight lines between (points, values), points ascending; the end values beyond them, as `numpy.interp`."""
    begin, low, slope = _line(x, points, values)
    within = choose(x != x, math.nan, low + slope * (x - begin))
    return choose(x <= points[0], values[0], choose(x >= points[-1], values[-1], within))
