"""Places between the samples, at which a model is evaluated when an instrument averages over it.

Flows in: the shape of the fitting axes, and arrays at the samples. Flows out: grids of places, and the arrays there.

Each sample stands for a bin that reaches halfway to its neighbours. A grid has the same places in every bin, and some
bins more on either side of the samples, from which light is spread into them. Places are counted in samples: bin j is
from j - 1/2 to j + 1/2. Within a bin they are the nodes of Gauss and Legendre, by whose weights q values integrate
polynomials of degree 2 q - 1 exactly (M. Abramowitz, I. A. Stegun, Handbook of Mathematical Functions, 25.4.29).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray

__all__ = ["AxisGrid", "Edges", "Grid", "halfway"]

_ROUNDING = 1e-9  # of a sample

Edges = tuple[FloatArray, FloatArray]
"""Lower and upper edge of each bin, (M,) or (N, M)."""


@dataclass(frozen=True)
class AxisGrid:
    """Places along one fitting axis.

    Attributes
    ----------
    n_samples : along the axis
    beyond : bins before the first sample, and after the last
    nodes : places in each bin; with one it is the sample itself
    """

    n_samples: int
    beyond: int = 0
    nodes: int = 1

    @property
    def n_places(self) -> int:
        return (self.n_samples + 2 * self.beyond) * self.nodes

    @property
    def bins(self) -> NDArray[np.int64]:
        """The bin of each place; negative before the first sample."""
        return np.repeat(np.arange(-self.beyond, self.n_samples + self.beyond), self.nodes)

    @property
    def within(self) -> FloatArray:
        """Where each place is in its bin, from 0 to 1."""
        nodes, _ = np.polynomial.legendre.leggauss(self.nodes)
        return np.tile(0.5 * (nodes + 1.0), self.n_samples + 2 * self.beyond)

    @property
    def shares(self) -> FloatArray:
        """What part of its bin each place stands for; those of a bin sum up to 1."""
        _, weights = np.polynomial.legendre.leggauss(self.nodes)
        return np.tile(0.5 * weights, self.n_samples + 2 * self.beyond)

    @property
    def where(self) -> FloatArray:
        """Each place, counted in samples."""
        return self.bins + self.within - 0.5

    def coordinate(self, values: FloatArray) -> FloatArray:
        """Of the places, given that of the samples; of a sample that is the one place of its bin, its own."""
        if self.n_samples == 1:
            return np.repeat(values, self.n_places, axis=-1)
        edges = halfway(values)
        if self.nodes > 1:
            return self.between(edges)
        inside = np.clip(self.bins, 0, self.n_samples - 1)
        beyond = values[..., inside] + self.widths(edges) * (self.bins - inside)
        return np.where(inside == self.bins, values[..., inside], beyond)  # NaN beside a sample is not its own

    def spread(self, values: FloatArray, where: FloatArray | None = None) -> FloatArray:
        """Values at the samples, along the last axis, at the places: on straight lines between the samples.

        Beyond the samples the outermost values stay.

        Parameters
        ----------
        where : of the places, counted in samples, (L,) or (N, L); by default as if samples were in the middle of bins
        """
        if self.n_samples == 1:
            return np.repeat(values, self.n_places, axis=-1)
        where = np.clip(self.where if where is None else where, 0.0, self.n_samples - 1.0)
        left = np.clip(np.floor(where).astype(np.int64), 0, self.n_samples - 2)
        part = where - left
        lower, upper = (_taken(values, places) for places in (left, left + 1))
        found = lower * (1.0 - part) + upper * part
        return np.where(part == 0.0, lower, np.where(part == 1.0, upper, found))  # NaN beside a sample is not its own

    def counted(self, edges: Edges, values: FloatArray) -> FloatArray:
        """The places counted in samples, each half of a bin from an edge to the sample in it for one half."""
        inside = np.clip(self.bins, 0, self.n_samples - 1)
        lower, upper, at = edges[0][..., inside], edges[1][..., inside], values[..., inside]
        apart = self.between(edges) - at
        with np.errstate(all="ignore"):
            found = self.bins + 0.5 * apart / np.where(apart * (upper - lower) < 0.0, at - lower, upper - at)
        near = np.round(found)
        found = np.where(np.abs(found - near) < _ROUNDING, near, found)
        return np.where(np.isfinite(found) & (inside == self.bins), found, self.where)

    def between(self, edges: Edges) -> FloatArray:
        """Coordinates of the places in bins with these edges; bins beyond the samples are as wide as the outermost."""
        inside = np.clip(self.bins, 0, self.n_samples - 1)
        width = self.widths(edges)
        return edges[0][..., inside] + width * (self.bins - inside + self.within)

    def part(self, edges: Edges, places: FloatArray) -> FloatArray:
        """What part of its bin is before each place; the inverse of `between`."""
        inside = np.clip(self.bins, 0, self.n_samples - 1)
        return (places - edges[0][..., inside]) / self.widths(edges) - (self.bins - inside)

    def widths(self, edges: Edges) -> FloatArray:
        """Of the bin of each place, given its edges; negative where coordinates fall."""
        lower, upper = edges
        return (upper - lower)[..., np.clip(self.bins, 0, self.n_samples - 1)]


@dataclass(frozen=True)
class Grid:
    """Places on all fitting axes."""

    axes: tuple[AxisGrid, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(axis.n_places for axis in self.axes)

    @property
    def n_places(self) -> int:
        return prod(self.shape)

    def spread(self, values: FloatArray, where: FloatArray | None = None) -> FloatArray:
        """Values at the samples, (M,) or (N, M), at the places, (L,) or (N, L); see `AxisGrid.spread`."""
        if len(self.axes) == 1:
            return self.axes[0].spread(values, where)
        return self._along_each(values, lambda axis, each: axis.spread(each))

    def coordinate(self, values: FloatArray) -> FloatArray:
        """The same of a coordinate; see `AxisGrid.coordinate`."""
        return self._along_each(values, lambda axis, each: axis.coordinate(each))

    def _along_each(self, values: FloatArray, change: Callable[[AxisGrid, FloatArray], FloatArray]) -> FloatArray:
        leading = values.shape[:-1]
        whole = values.reshape(*leading, *(axis.n_samples for axis in self.axes))
        for number, axis in enumerate(self.axes):
            place = number - len(self.axes)
            whole = np.moveaxis(change(axis, np.moveaxis(whole, place, -1)), -1, place)
        return whole.reshape(*leading, self.n_places)


def halfway(values: FloatArray) -> Edges:
    """Edges of bins that reach halfway to the neighbours, of two samples or more; the outermost are symmetric."""
    middle = 0.5 * (values[..., 1:] + values[..., :-1])
    first, last = values[..., :1], values[..., -1:]
    edges = np.concatenate([2.0 * first - middle[..., :1], middle, 2.0 * last - middle[..., -1:]], axis=-1)
    return edges[..., :-1], edges[..., 1:]


def _taken(values: FloatArray, places: NDArray[np.int64]) -> FloatArray:
    """Values along the last axis, at places that all fits share or of which each has its own."""
    if places.ndim == 1:
        return values[..., places]
    whole = np.broadcast_to(values, (len(places), values.shape[-1]))
    return np.take_along_axis(whole, places, axis=-1)
