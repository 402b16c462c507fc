"""How a map's numbers become colours.

Flows in: the name of a parameter and its map. Flows out: Scale, the limits and the colour map.

Limits are percentiles of the fits that are determined, and not farther from the quartiles than some times the distance
between these: wild fits do not flatten the rest. Positions and velocities
diverge from their median; everything else runs from low to high in a colour map of even perceived steps. None of these
colour maps contains the grey of positions without an answer.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np

from ndfit.arrays import FloatArray

__all__ = ["CLIPPED_PERCENT", "MISSING", "Scale", "plain", "scale_of", "scale_of_errors", "whole_scale"]

SEQUENTIAL, ERRORS = "viridis", "cividis"
MISSING = "0.82"
CLIPPED_PERCENT = 1.0  # of a map's values, at either end, beyond its colour scale
FENCE, DIVERGING_FENCE = 30.0, 3.0  # distances between the quartiles: bright sources are rare, wild means are nothing
SIGNIFICANT, FEW = 3.0, 10  # standard errors, and positions
LARGEST_ERROR = 5.0  # medians: where a parameter is undetermined, its error may be of any size

# Name of a parameter, less the number of its component -> colour map.
COLOURS = {
    **dict.fromkeys(("amplitude", "amplitude_L", "flux", "intensity"), "inferno"),
    **dict.fromkeys(("mean", "x_mean", "y_mean", "x_0", "y_0", "lon", "lat", "angle", "theta"), "RdBu_r"),
}
DIVERGING = frozenset({"RdBu_r"})


class Scale(NamedTuple):
    """Range of a map's colours.

    Attributes
    ----------
    low, high : limits, low < high
    colours : name of a matplotlib colour map
    clipped : whether values lie below, and above, the limits
    """

    low: float
    high: float
    colours: str
    clipped: tuple[bool, bool]

    @property
    def extend(self) -> str:
        """Which ends of a colour bar are pointed."""
        return {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}[
            self.clipped
        ]


def scale_of(name: str, values: Any, errors: Any = None) -> Scale:
    """Choose limits and colours of the map of a parameter.

    Parameters
    ----------
    name : as in `param_names`
    values : of any shape; NaN where there is no answer
    errors : standard errors of the same shape, where there are any
    """
    values, colours = plain(values), _colours(name)
    finite = values[np.isfinite(values)]
    if not finite.size:
        return Scale(0.0, 1.0, colours, (False, False))
    judged = finite if errors is None else _determined(values, plain(errors), colours in DIVERGING)
    low, middle, high = _robust_range(judged, DIVERGING_FENCE if colours in DIVERGING else FENCE)
    if colours in DIVERGING:
        reach = max(high - middle, middle - low)
        low, high = middle - reach, middle + reach
    return _scale(low, high, colours, finite)


def whole_scale(values: Any, *, around_zero: bool = False) -> Scale:
    """Every value within the limits, as for the samples of one fit; diverging from zero if wanted."""
    finite = plain(values)[np.isfinite(plain(values))]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if around_zero:
        low, high = -max(abs(low), abs(high)), max(abs(low), abs(high))
    return _scale(low, high, "RdBu_r" if around_zero else SEQUENTIAL, finite)


def _scale(low: float, high: float, colours: str, finite: FloatArray) -> Scale:
    if not high > low:
        half = 0.5 * abs(low) or 0.5
        low, high = low - half, high + half
    below, above = (bool(finite.min() < low), bool(finite.max() > high)) if finite.size else (False, False)
    return Scale(float(low), float(high), colours, (below, above))


def _determined(values: FloatArray, errors: FloatArray, is_place: bool) -> FloatArray:
    """Values that mean something; all where there are none.

    Those of places have an error of common size. Others are larger than their error, whose size may follow theirs, as
    that of photons; where few are, it is the size of the error again.
    """
    known = np.isfinite(values) & np.isfinite(errors)
    if not known.any():
        return values[np.isfinite(values)]
    significant = known & (np.abs(values) > SIGNIFICANT * errors)
    if not is_place and np.count_nonzero(significant) >= FEW:
        return values[significant]
    return values[known & (errors <= LARGEST_ERROR * np.median(errors[known]))]


def _robust_range(finite: FloatArray, fence: float) -> tuple[float, float, float]:
    """Lower limit, median and upper limit."""
    low, first, middle, third, high = np.percentile(finite, (CLIPPED_PERCENT, 25, 50, 75, 100.0 - CLIPPED_PERCENT))
    reach = fence * (third - first)
    # Where most values are equal, the quartiles tell nothing of the others.
    return (max(low, first - reach), middle, min(high, third + reach)) if reach > 0.0 else (low, middle, high)


def scale_of_errors(values: Any) -> Scale:
    """Choose limits of a map of standard errors."""
    finite = plain(values)[np.isfinite(plain(values))]
    if not finite.size:
        return Scale(0.0, 1.0, ERRORS, (False, False))
    most = LARGEST_ERROR * float(np.median(finite)) or np.inf
    low, _, high = _robust_range(np.minimum(finite, most), FENCE)
    return _scale(low, high, ERRORS, finite)


def plain(values: Any) -> FloatArray:
    """Numbers of a map, less its unit."""
    return np.asarray(getattr(values, "value", values), dtype=float)


def _colours(name: str) -> str:
    return COLOURS.get(name, COLOURS.get(re.sub(r"_\d+$", "", name), SEQUENTIAL))
