"""Window and region: which part of the data is fitted.

Flows in: ranges of the fitting coordinates in world units, and of the positions in pixels. Flows out: Cut, slices of
every axis and, where the coordinates differ from position to position, the samples outside the window.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from ndfit.cli.bad_input import BadInput, PointedError
from ndfit.cli.quantities import Amount, parse_range
from ndfit.cli.world import World
from ndfit.problem.axes import Axes
from ndfit.untrusted import shortened

__all__ = ["Cut", "cut_out"]

_ROUNDING = 1e-12

_PIXELS = re.compile(r"\s*(\d{0,15})\s*:\s*(\d{0,15})\s*$")


@dataclass(frozen=True)
class Cut:
    """What is kept.

    Attributes
    ----------
    slices : one an axis of the data
    outside : samples outside the window, broadcastable to the cut data; None where the slices say all
    """

    slices: tuple[slice, ...]
    outside: NDArray[np.bool_] | None = None

    def apply(self, array: Any) -> Any:
        """The part of an array with the data's axes, or size 1 along them, that is kept."""
        return array[
            tuple(kept if size > 1 else slice(None) for kept, size in zip(self.slices, array.shape, strict=True))
        ]

    def spans(self, world: World) -> tuple[tuple[float, float], ...]:
        """Least and greatest coordinate of what is kept, along each fitting axis."""
        spans = []
        for values in world.values:
            kept = np.asarray(self.apply(values))
            if self.outside is not None:
                kept = np.where(self.outside, np.nan, kept)
            finite = kept[np.isfinite(kept)]
            spans.append((float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0))
        return tuple(spans)


def cut_out(
    axes: Axes,
    world: World,
    window: str | None,
    region: str | None,
    *,
    whole: bool = False,
    left_out: NDArray[np.bool_] | None = None,
) -> Cut:
    """Read window and region.

    Parameters
    ----------
    window : `low:high` in the unit of the fit or another, in pixels with the unit pix; one for each fitting axis,
        separated by commas. Both limits are inside.
    region : `first:last+1` in pixels counted from 0, one for each axis of the positions, separated by commas, in
        numpy's order
    whole : keep the fitting axes whole, and mark what is outside the window
    left_out : samples to leave out as well, with the data's number of axes and broadcastable to it

    Raises
    ------
    BadInput
        A text that cannot be read, or nothing inside.
    """
    slices = [slice(0, size) for size in axes.shape]
    if region is not None:
        for axis, part in zip(axes.iterating, _regions(region, axes), strict=True):
            slices[axis] = part
    outside: NDArray[np.bool_] | None = None
    if window is not None:
        for number, limits in enumerate(_windows(window, len(axes.fitting))):
            axis = axes.fitting[number]
            inside = _inside(axes, world, number, limits)
            if inside.size == inside.shape[axis] and not whole:
                kept = np.flatnonzero(inside)
                slices[axis] = slice(int(kept[0]), int(kept[-1]) + 1)
            else:
                outside = ~inside if outside is None else outside | ~inside
    if left_out is not None:
        outside = left_out if outside is None else outside | left_out
    cut = Cut(tuple(slices))
    return cut if outside is None else Cut(cut.slices, cut.apply(outside))


def _regions(text: str, axes: Axes) -> list[slice]:
    parts = text.split(",")
    shape = axes.iterating_shape
    if len(parts) != len(shape):
        raise BadInput(
            f"--region expects {len(shape)} ranges of pixels, one for each axis of the positions {shape}, got "
            f"'{shortened(text)}'."
        )
    slices, position = [], 0
    for part, size in zip(parts, shape, strict=True):
        match = _PIXELS.match(part)
        if match is None:
            raise PointedError("Expected a range of pixels, such as 25:75.", text, position)
        start, stop = int(match[1] or 0), int(match[2] or size)
        if not 0 <= start < stop <= size:
            raise PointedError(f"There is nothing in {start}:{stop} of an axis of {size} pixels.", text, position)
        slices.append(slice(start, stop))
        position += len(part) + 1
    return slices


def _windows(text: str, n_axes: int) -> list[tuple[Amount | None, Amount | None]]:
    parts = text.split(",")
    if len(parts) != n_axes:
        raise BadInput(f"--window expects {n_axes} range(s), one for each input of the model, got '{shortened(text)}'.")
    starts = np.cumsum([0, *(len(part) + 1 for part in parts)])
    return [parse_range(part, text, int(start)) for part, start in zip(parts, starts, strict=False)]


def _inside(axes: Axes, world: World, number: int, limits: tuple[Amount | None, Amount | None]) -> NDArray[np.bool_]:
    """Samples within the window along one fitting axis, with the shape of its coordinate."""
    axis, values, unit = axes.fitting[number], world.values[number], world.units[number]
    if any(limit is not None and limit.unit == u.pix for limit in limits):
        shape = [axes.shape[axis] if other == axis else 1 for other in range(len(axes.shape))]
        values, unit = np.arange(axes.shape[axis], dtype=float).reshape(shape), u.pix
    low, high = (
        none if limit is None else limit.to(unit, "The window")
        for limit, none in zip(limits, (-np.inf, np.inf), strict=True)
    )
    rounding = _ROUNDING * np.nanmax(np.abs(values))  # wavelengths have been to metres and back
    inside = np.asarray((values >= low - rounding) & (values <= high + rounding))
    if not inside.any():
        runs = f"{np.nanmin(values):g} to {np.nanmax(values):g} {unit or ''}".rstrip()
        raise BadInput(f"No sample lies in the window; the coordinate of axis {axis} runs from {runs}.")
    return inside
