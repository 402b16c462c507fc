"""A derivative beside central differences: what they say, how sure they are, and whether they contradict it.

Flows in: a function of one step, its claimed derivative, the rounding of its values. Flows out: at which samples the
claim is wrong.

Central differences with steps h and 2h err by about a third of their difference (truncation) and by the rounding of
the values over h. Where they are not finite, or those of h and 2h (first or second) are not those of a smooth function,
they tell nothing, and the sample is left out.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray

__all__ = ["Differences", "central", "confirmed", "contradicted", "informative"]


_EPS = float(np.finfo(float).eps)
# Below this part of itself an error of a slope tells right from wrong.
_TELLING = 0.1


class Differences(NamedTuple):
    """Slope at each sample, NaN where the function is not smooth there, and by how much it may be wrong."""

    slope: FloatArray
    tolerance: FloatArray

    def doubted(self, doubt: FloatArray) -> Differences:
        """The same beside a claim that may itself be wrong by so much; what is not known is no doubt."""
        return self._replace(tolerance=self.tolerance + np.where(np.isfinite(doubt), doubt, 0.0))


def central(
    value: Callable[[float], FloatArray], middle: FloatArray, step: float, rounding: FloatArray | None = None
) -> Differences:
    """Differences of `value(distance)` about 0.

    Parameters
    ----------
    middle : `value(0)`
    step : the distance is this, and twice this, to both sides
    rounding : error of each value; by default a hundred times that of its last place
    """
    far_low, low, high, far_high = (value(multiple * step) for multiple in (-2, -1, 1, 2))
    slope, wide = (high - low) / (2 * step), (far_high - far_low) / (4 * step)
    bend, wide_bend = (high - 2 * middle + low) / step, (far_high - 2 * middle + far_low) / (4 * step)
    if rounding is None:
        noise, rough = 100 * _EPS * np.maximum(np.abs(high), np.abs(low)) / step, 10.0
    else:
        noise, rough = rounding / step, 4.0
    truncation = np.abs(slope - wide)
    smooth = truncation <= _TELLING * np.abs(slope) + rough * noise
    smooth &= np.abs(bend - wide_bend) <= _TELLING * (np.abs(slope) + np.abs(bend)) + rough * noise
    largest = np.max(np.abs(slope[smooth & np.isfinite(slope)]), initial=0.0)
    tolerance = 1e-6 * np.abs(slope) + 2 * truncation + noise + 1e-9 * largest
    return Differences(np.where(smooth, slope, np.nan), tolerance)


def informative(found: Differences, claimed: FloatArray) -> NDArray[np.bool_]:
    """Where the differences can tell a right derivative from a wrong one."""
    size = np.maximum(np.abs(found.slope), np.abs(claimed))
    return np.isfinite(found.slope) & ((found.tolerance <= _TELLING * size) | ~np.isfinite(claimed))


def contradicted(found: Differences, claimed: FloatArray) -> NDArray[np.bool_]:
    """Where the differences say another derivative."""
    return np.isfinite(found.slope) & ~(np.abs(claimed - found.slope) <= found.tolerance)


def confirmed(found: Sequence[Differences], shape: tuple[int, ...]) -> FloatArray:
    """Slopes that two steps give alike, NaN elsewhere; steps over many periods give one each."""
    slopes = np.full(shape, np.nan)
    for one, other in itertools.combinations(found, 2):
        apart, size = np.abs(one.slope - other.slope), np.maximum(np.abs(one.slope), np.abs(other.slope))
        slopes = np.where(apart <= _TELLING * size + one.tolerance + other.tolerance, one.slope, slopes)
    return slopes
