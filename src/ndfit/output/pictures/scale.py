"""How a map's numbers become colours.

Flows in: the name of a parameter and its map. Flows out: Scale, the limits and the colour map.

Limits are percentiles, so that a handful of wild fits does not flatten the rest. Positions and velocities diverge from
their median; everything else runs from low to high in a colour map of even perceived steps. None of these colour maps
contains the grey of positions without an answer.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np

from ndfit.problem.types import FloatArray

__all__ = ["CLIPPED_PERCENT", "MISSING", "Scale", "plain", "scale_of", "scale_of_errors"]

SEQUENTIAL, ERRORS = "viridis", "cividis"
MISSING = "0.82"
CLIPPED_PERCENT = 1.0  # of a map's values, at either end, beyond its colour scale
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


def scale_of(name: str, values: Any, colours: str | None = None) -> Scale:
    """Choose limits and colours of the map of a parameter.

    Parameters
    ----------
    name : as in `param_names`
    values : of any shape; NaN where there is no answer
    colours : matplotlib colour map to use instead of the parameter's own
    """
    finite = np.asarray(values)[np.isfinite(values)]
    colours = _colours(name) if colours is None else colours
    if not finite.size:
        return Scale(0.0, 1.0, colours, (False, False))
    low, middle, high = np.percentile(finite, (CLIPPED_PERCENT, 50.0, 100.0 - CLIPPED_PERCENT))
    if colours in DIVERGING:
        reach = max(high - middle, middle - low)
        low, high = middle - reach, middle + reach
    if not high > low:
        half = 0.5 * abs(low) or 0.5
        low, high = low - half, high + half
    return Scale(float(low), float(high), colours, (bool(finite.min() < low), bool(finite.max() > high)))


def scale_of_errors(values: Any) -> Scale:
    """Choose limits of a map of standard errors."""
    finite = np.asarray(values)[np.isfinite(values)]
    if not finite.size or not np.median(finite) > 0.0:
        return scale_of("", values, ERRORS)
    most = LARGEST_ERROR * float(np.median(finite))
    scale = scale_of("", np.minimum(finite, most), ERRORS)
    return scale._replace(clipped=(scale.clipped[0], bool(finite.max() > scale.high)))


def plain(values: Any) -> FloatArray:
    """Numbers of a map, less its unit."""
    return np.asarray(getattr(values, "value", values), dtype=float)


def _colours(name: str) -> str:
    return COLOURS.get(name, COLOURS.get(re.sub(r"_\d+$", "", name), SEQUENTIAL))
