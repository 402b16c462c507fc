"""Lookup tables: a float64 position and two constant arrays in, an interpolated float64 or a slope out.

The search depends on the length of the table, so that these two, alone among the functions here, keep the loop that
calls them scalar.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ndfit.vmath.intrinsics import compiled

Table = NDArray[np.float64]


@compiled
def _segment(x: float, points: Table) -> int:
    """Index of the last segment that begins at or before x, the first one where there is none."""
    start, count = 0, len(points) - 1
    while count > 1:
        half = count // 2
        start += half * (points[start + half] <= x)
        count -= half
    return start


@compiled
def interp_slope(x: float, points: Table, values: Table) -> float:
    """Slope of `interp` at x: of the segment on the right at a point, 0 beyond the ends."""
    if math.isnan(x):
        return math.nan
    if x < points[0] or x >= points[-1]:
        return 0.0
    i = _segment(x, points)
    return (values[i + 1] - values[i]) / (points[i + 1] - points[i])


@compiled
def interp(x: float, points: Table, values: Table) -> float:
    """Straight lines between (points, values), points ascending; the end values beyond them, as `numpy.interp`."""
    if x <= points[0]:
        return values[0]
    if x >= points[-1]:
        return values[-1]
    i = _segment(x, points)
    return values[i] + interp_slope(x, points, values) * (x - points[i])
