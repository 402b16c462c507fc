"""Where the samples of a block are, as the stages of its instrument see them.

Flows in: loaded samples, and the stages. Flows out: edges of their bins, and coordinates and arrays at the places of a
grid.

Bins reach halfway to the neighbours where their edges are not given. Along one of several fitting axes, samples are
counted by their distance in the mean direction of the axis, averaged over the others. What does not rise or fall along
an axis has no bins, and its coordinates are not known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.problem.grid import AxisGrid, Edges, Grid, halfway
from ndfit.problem.instrument_stages import Bins, Stage

if TYPE_CHECKING:
    from ndfit.problem.samples import Samples

__all__ = ["SamplingGrid", "outside"]

_ROUNDING = 1e-6  # of a bin


@dataclass(frozen=True, eq=False)
class SamplingGrid:
    """See `ndfit.problem.instrument_stages.Sight`."""

    samples: Samples
    stages: tuple[Stage, ...]

    def rows(self, array: Any) -> FloatArray:
        return self.samples.coordinate(array)

    def spread(self, array: Any, grid: Grid) -> FloatArray:
        where = None
        if len(grid.axes) == 1 and grid.axes[0].nodes > 1 and grid.axes[0].n_samples > 1:
            where = grid.axes[0].counted(self.edges(0), self._coordinates()[0])
        return grid.spread(self.rows(array), where)

    def coordinate(self, axis: int, grid: Grid) -> FloatArray:
        """Of an input, at the places of a grid, (L,) or (N, L)."""
        given = self.given_edges()
        if given is not None:
            return grid.axes[axis].between(given)
        found = grid.coordinate(self._coordinates()[axis])
        for each in range(len(grid.axes)):
            orderly = self.is_orderly(each)
            found = np.where(orderly[..., np.newaxis], found, np.nan) if not orderly.all() else found
        return found

    def edges(self, axis: int) -> Edges:
        given = self.given_edges()
        return halfway(self.along(axis)) if given is None else given

    def at(self, axis: int, along: AxisGrid) -> FloatArray:
        given = self.given_edges()
        return along.coordinate(self.along(axis)) if given is None else along.between(given)

    def given_edges(self) -> Edges | None:
        """Of the bins, where they are given; NaN where they do not rise or fall, or samples are in none of them."""
        given = (stage.bounds for stage in self.stages if isinstance(stage, Bins) and stage.bounds is not None)
        edges = next(((self.rows(lower), self.rows(upper)) for lower, upper in given), None)
        if edges is None:
            return None
        lower, upper = edges
        orderly = (upper > lower).all(axis=-1, keepdims=True) | (upper < lower).all(axis=-1, keepdims=True)
        wrong = ~orderly | outside(self._coordinates()[0], lower, upper).any(axis=-1, keepdims=True)
        if not wrong.any():
            return edges
        return np.where(wrong, np.nan, lower), np.where(wrong, np.nan, upper)

    def steps(self, axis: int) -> FloatArray:
        """Mean distance of neighbouring samples along a fitting axis, () or (N, 1)."""
        _, step = self._directed(axis)
        step = np.where(step > 0.0, step, 1.0)
        return step[..., 0] if step.ndim == 1 else step

    def along(self, axis: int) -> FloatArray:
        """Coordinate of the samples along a fitting axis, (size,) or (N, size)."""
        if len(self.samples.axes.fitting_shape) == 1:
            return self._coordinates()[0]
        return self._directed(axis)[0]

    def is_orderly(self, axis: int) -> NDArray[np.bool_]:
        """Whether samples come one after the other along a fitting axis, () or (N,); without those that are nowhere."""
        found, _ = self._directed(axis)
        before = np.fmax.accumulate(found, axis=-1)[..., :-1]
        return np.asarray(~(found[..., 1:] <= before).any(axis=-1))

    def _coordinates(self) -> tuple[FloatArray, ...]:
        return tuple(self.samples.coordinate(values) for values in self.samples.coords)

    def _directed(self, axis: int) -> tuple[FloatArray, FloatArray]:
        """Distance of the samples along the mean direction of an axis, which rises, and mean step, (1,) or (N, 1)."""
        shape = self.samples.axes.fitting_shape
        total: Any = 0.0
        squares: Any = 0.0
        for values in self._coordinates():
            whole = np.moveaxis(values.reshape(*values.shape[:-1], *shape), axis - len(shape), -1)
            others = tuple(range(values.ndim - 1, whole.ndim - 1))
            means = _mean(whole, others)
            direction = _mean_step(means)
            total, squares = total + means * direction, squares + direction**2
        step = np.sqrt(squares)
        with np.errstate(all="ignore"):
            return total / np.where(step > 0.0, step, 1.0), step


def outside(at: FloatArray, lower: FloatArray, upper: FloatArray) -> NDArray[np.bool_]:
    """Which samples are not in their bins, but for rounding."""
    room = _ROUNDING * np.abs(upper - lower)
    return np.asarray((at < np.minimum(lower, upper) - room) | (at > np.maximum(lower, upper) + room))


def _mean(values: FloatArray, axes: tuple[int, ...]) -> FloatArray:
    """Without what is no number; NaN where there is nothing else."""
    if not axes:
        return values
    known = np.isfinite(values)
    with np.errstate(all="ignore"):
        return np.asarray(np.where(known, values, 0.0).sum(axis=axes) / known.sum(axis=axes))


def _mean_step(values: FloatArray) -> FloatArray:
    """From each to the next, (1,) or (N, 1); zero where there is none."""
    steps = np.diff(values, axis=-1)
    known = np.isfinite(steps)
    return np.where(known, steps, 0.0).sum(axis=-1, keepdims=True) / np.maximum(known.sum(axis=-1, keepdims=True), 1)
