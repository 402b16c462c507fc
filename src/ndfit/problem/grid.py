"""Places between the samples, at which a model is evaluated when an instrument averages over it.

Flows in: the shape of the fitting axes, and arrays at the samples. Flows out: grids of places, and the arrays there.

Each sample stands for a bin that reaches halfway to its neighbours. A grid has the same places in every bin, and some
bins more on either side of the samples, from which light is spread into them. Places are counted in samples: bin j is
from j - 1/2 to j + 1/2. Within a bin they are the nodes of Gauss and Legendre, by whose weights q values integrate
polynomials of degree 2 q - 1 exactly (M. Abramowitz, I. A. Stegun, Handbook of Mathematical Functions, 25.4.29).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray

__all__ = ["AxisGrid", "Edges", "Grid"]

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

    def spread(self, values: FloatArray, straight: bool) -> FloatArray:
        """Values at the samples, along the last axis, at the places: on straight lines between the samples.

        Beyond the samples the outermost lines go on where `straight`, or else the outermost values stay.
        """
        if self.n_samples == 1:
            return np.repeat(values, self.n_places, axis=-1)
        where = self.where if straight else np.clip(self.where, 0.0, self.n_samples - 1.0)
        left = self._left(where)
        part = where - left
        found = values[..., left] * (1.0 - part) + values[..., left + 1] * part
        return np.where(part == 0.0, values[..., left], found)  # NaN beside a sample is not its own

    def slopes(self, values: FloatArray) -> FloatArray:
        """By how much values at the samples change from bin to bin at each place, along those lines."""
        if self.n_samples == 1:
            return np.ones((*values.shape[:-1], self.n_places))
        left = self._left(self.where)
        return np.abs(values[..., left + 1] - values[..., left])

    def _left(self, where: FloatArray) -> NDArray[np.int64]:
        """The sample before each place, or the outermost one with another after it."""
        return np.clip(np.floor(where).astype(np.int64), 0, self.n_samples - 2)

    def between(self, edges: Edges) -> FloatArray:
        """Coordinates of the places in bins with these edges; bins beyond the samples are as wide as the outermost."""
        inside = np.clip(self.bins, 0, self.n_samples - 1)
        width = self.widths(edges)
        return edges[0][..., inside] + width * (self.bins - inside + self.within)

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

    def spread(self, values: FloatArray, straight: bool) -> FloatArray:
        """Values at the samples, (M,) or (N, M), at the places, (L,) or (N, L); see `AxisGrid.spread`."""
        leading = values.shape[:-1]
        whole = values.reshape(*leading, *(axis.n_samples for axis in self.axes))
        for number, axis in enumerate(self.axes):
            place = number - len(self.axes)
            whole = np.moveaxis(axis.spread(np.moveaxis(whole, place, -1), straight), -1, place)
        return whole.reshape(*leading, self.n_places)
