"""Light that is spread by a Gaussian.

Flows in: its width, and the places before and after it. Flows out: its Response.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.problem.deferred import is_lazy
from ndfit.problem.grid import AxisGrid, Edges, Grid
from ndfit.problem.instrument_stages import Placement, Sight
from ndfit.problem.places import Response

__all__ = ["GaussianSpread"]

# In standard deviations: 1e-7 of a Gaussian is beyond.
_REACH = 5.5
_MOST_REACH = 10_000
_ROUNDING = 1e-9
_NARROW, _LEAST = 0.05, 1e-9  # of a bin
_N_HERMITE = 7
_FWHM = np.sqrt(8.0 * np.log(2.0))  # of a standard deviation of one


@dataclass(frozen=True, eq=False)
class GaussianSpread:
    """Spread by a Gaussian whose standard deviation is `widths`, one a fitting axis or one for all.

    With `resolving_power`, `widths` are coordinate over FWHM.
    """

    widths: tuple[Any, ...]
    resolving_power: bool = False

    continuous: ClassVar[bool] = True
    endless: ClassVar[bool] = True
    n_axes: ClassVar[None] = None

    @property
    def arrays(self) -> tuple[Any, ...]:
        return self.widths

    def with_arrays(self, arrays: Sequence[Any]) -> GaussianSpread:
        return replace(self, widths=tuple(arrays))

    def placed(self, placement: Placement, fitting_shape: tuple[int, ...]) -> GaussianSpread:
        n_axes, name = len(fitting_shape), self._name
        if len(self.widths) not in (1, n_axes):
            raise ValueError(f"{name} should be one for each of {n_axes} fitting axes, or one, got {len(self.widths)}")
        power = placement.light_over(self.widths[0], 0) if n_axes == 1 and not self.resolving_power else None
        if power is not None:
            return GaussianSpread((power / _FWHM,), resolving_power=True).placed(placement, fitting_shape)
        if n_axes > 1 and self.resolving_power:
            raise ValueError(f"resolving_power is for one fitting axis, got {n_axes}: give sigma or fwhm")
        widths = self.widths * n_axes if len(self.widths) == 1 else self.widths
        placed = tuple(
            placement.value(width, name, None if self.resolving_power else axis) for axis, width in enumerate(widths)
        )
        for width in placed:
            if n_axes > 1 and placement.differs_between_samples(width):
                raise ValueError(
                    f"{name} may differ between samples for one fitting axis only, got {n_axes}: give one number, or "
                    "one a position"
                )
            if isinstance(width, np.ndarray):
                _check(width, name)
        return replace(self, widths=placed)

    @property
    def _name(self) -> str:
        return "resolving_power" if self.resolving_power else "the width of the instrument's Gaussian"

    def narrowest(self, sight: Sight, fitting_shape: tuple[int, ...]) -> float:
        """The least standard deviation, in samples."""
        found = []
        for edges, sigma in self._along(sight, fitting_shape):
            with np.errstate(all="ignore"):
                found.append(np.fmin.reduce(sigma / np.abs(edges[1] - edges[0]), axis=None, initial=np.inf))
        return float(min(found))

    def as_wide_as(self, other: GaussianSpread) -> GaussianSpread:
        """The same with the greatest width of another one everywhere, where that is in memory."""
        return replace(self, widths=tuple(map(self._widest, self.widths, other.widths)))

    def _widest(self, own: Any, other: Any) -> Any:
        if is_lazy(own) or is_lazy(other):
            return own
        extreme = np.fmin if self.resolving_power else np.fmax
        return np.full(np.shape(own), extreme.reduce(np.asarray(other), axis=None))

    def reach(self, sight: Sight, fitting_shape: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(int(bins.max(initial=0)) for bins in self._bins(sight, fitting_shape))

    def _bins(self, sight: Sight, fitting_shape: tuple[int, ...]) -> list[NDArray[np.int64]]:
        """How many bins away light of each fit is seen, () or (N,), along each axis."""
        return [_bins_within(edges, _REACH * sigma) for edges, sigma in self._along(sight, fitting_shape)]

    def _along(self, sight: Sight, fitting_shape: tuple[int, ...]) -> Iterator[tuple[Edges, FloatArray]]:
        """Edges of the bins along each axis, and standard deviation in them; NaN where it is not known."""
        samples = Grid(tuple(AxisGrid(size) for size in fitting_shape))
        for axis in range(len(fitting_shape)):
            yield sight.edges(axis), self._sigma(axis, samples, sight)

    def _sigma(self, axis: int, grid: Grid, sight: Sight) -> FloatArray:
        """Standard deviation at the places along one axis of a grid, (L,) or (N, L)."""
        width = self.widths[axis]
        if len(grid.axes) > 1:
            sigma = np.repeat(sight.rows(width)[..., :1], grid.axes[axis].n_places, axis=-1)
        else:
            sigma = sight.spread(width, grid)
        known = (sigma > 0.0) & np.isfinite(sigma)
        with np.errstate(all="ignore"):
            if self.resolving_power:
                sigma = np.abs(sight.at(axis, grid.axes[axis])) / np.where(known, sigma * _FWHM, np.nan)
            least = _LEAST * np.abs(grid.axes[axis].widths(sight.edges(axis)))
            return np.where(known & np.isfinite(sigma), np.maximum(sigma, least), np.nan)

    def response(self, before: Grid, after: Grid, sight: Sight) -> Response:
        reaches = self._bins(sight, tuple(axis.n_samples for axis in before.axes))
        parts = []
        for axis, (own, later) in enumerate(zip(before.axes, after.axes, strict=True)):
            share = own.shares * np.abs(own.widths(sight.edges(axis)))
            places = (sight.at(axis, own), sight.at(axis, later))
            found = _spread_along(own, later, reaches[axis], self._sigma(axis, before, sight), share, *places)
            sigma = self._sigma(axis, after, sight) / np.abs(later.widths(sight.edges(axis)))
            within = later.part(sight.edges(axis), places[1])
            parts.append(_interpolated_where_narrow(found, own, own.beyond - later.beyond, within, sigma))
        return reduce(Response.beside, parts)


def _check(width: FloatArray, name: str) -> None:
    """Widths that are positive, as far as they are known."""
    if (width <= 0.0).any():
        raise ValueError(f"{name} should be positive, got {np.nanmin(width):g}")
    if width.size and not np.isfinite(width).any():
        raise ValueError(f"{name} should be a positive number somewhere, got {width.flat[0]} everywhere")


def _bins_within(edges: Edges, radius: FloatArray) -> NDArray[np.int64]:
    """How many bins away bins begin that are within the radius of one, () or (N,); at least the next one."""
    falling = np.where(edges[1] < edges[0], -1.0, 1.0)
    lower, upper = edges[0] * falling, edges[1] * falling
    with np.errstate(all="ignore"):
        outer = np.fmax.reduce(radius[..., [0, -1]] / (upper - lower)[..., [0, -1]], axis=None, initial=0.0)
    _check_reach(outer)
    whole = AxisGrid(lower.shape[-1], int(outer) + 1)
    inside = np.clip(whole.bins, 0, whole.n_samples - 1)
    beyond = (whole.bins - inside) * (upper - lower)[..., inside]
    lower, upper, radius = np.broadcast_arrays(
        lower[..., inside] + beyond, upper[..., inside] + beyond, (radius * (1.0 + _ROUNDING))[..., inside]
    )
    least = np.ones((*lower.shape[:-1], 1), np.int64)
    most = np.full_like(least, whole.n_places - 1)
    while (least < most).any():
        middle = (least + most + 1) // 2
        seen = _any_within(middle, lower, upper, radius)
        least, most = np.where(seen, middle, least), np.where(seen, most, middle - 1)
    _check_reach(float(least.max(initial=0)))
    return np.asarray(least[..., 0])


def _any_within(away: NDArray[np.int64], lower: FloatArray, upper: FloatArray, radius: FloatArray) -> NDArray[np.bool_]:
    """Whether light of any bin is seen so many bins away, before or after it."""
    own, last = np.arange(lower.shape[-1]), lower.shape[-1] - 1
    after, before = (np.broadcast_to(own + each, lower.shape) for each in (away, -away))
    gap_after = np.take_along_axis(lower, np.minimum(after, last), axis=-1) - upper
    gap_before = lower - np.take_along_axis(upper, np.maximum(before, 0), axis=-1)
    seen = (gap_after <= radius) & (after <= last) | (gap_before <= radius) & (before >= 0)
    return np.asarray(seen.any(axis=-1, keepdims=True))


def _check_reach(bins: float) -> None:
    if bins > _MOST_REACH:
        raise ValueError(
            f"the Gaussian of the instrument is {bins / _REACH:g} samples wide, which is more than is meant: is its "
            "width in the unit of the coordinate?"
        )


def _spread_along(
    before: AxisGrid,
    after: AxisGrid,
    bins: NDArray[np.int64],
    sigma: FloatArray,
    share: FloatArray,
    places: FloatArray,
    seen_at: FloatArray,
) -> Response:
    """Light of each place is spread with its own sigma; what a sample sees of a constant is the constant.

    Nothing is seen of more than so many `bins` away, whatever the other fits of the block see: coefficients do not
    depend on these.
    """
    reach, nodes = before.beyond - after.beyond, before.nodes
    first = (after.bins - reach + before.beyond) * nodes
    columns = first[:, np.newaxis] + np.arange((2 * reach + 1) * nodes)
    inside = np.clip(columns, 0, before.n_places - 1)
    n_taps = inside.shape[1]
    with np.errstate(all="ignore"):
        narrowness, heights = 1.0 / sigma, share / sigma

        def squares(tap: int) -> FloatArray:
            apart = (seen_at - places[..., inside[:, tap]]) * narrowness[..., inside[:, tap]]
            apart *= apart
            return apart

        # Of the nearest place in its own bin each sample sees something, however narrow the Gaussian is.
        nearest = reduce(np.fmin, (squares(tap) for tap in range(reach * nodes, (reach + 1) * nodes)))
        taps = np.zeros((n_taps, *nearest.shape))
        total = np.zeros(nearest.shape)
        for tap in range(n_taps):  # one after another: zeros beside them change no bit
            near = (abs(tap // nodes - reach) <= bins)[..., np.newaxis] & (inside == columns)[:, tap]
            if near.any():
                values = squares(tap)
                values -= nearest
                values *= -0.5
                np.exp(values, out=values)
                values *= heights[..., inside[:, tap]]
                np.copyto(taps[tap], values, where=near)
                total += taps[tap]
        taps /= total
    return Response(inside, np.moveaxis(taps, 0, -1), before.n_places)


def _interpolated_where_narrow(
    response: Response, before: AxisGrid, own_bin: int, within: FloatArray, sigma: FloatArray
) -> Response:
    """The same, where the Gaussian is narrower than the distance of the nodes, with the polynomial through the nodes.

    It is integrated by Gauss and Hermite's nodes (M. Abramowitz, I. A. Stegun, 25.4.46). The polynomials that are one
    at a node and zero at the others are sums of Legendre's, whose products the nodes integrate exactly.

    Parameters
    ----------
    own_bin : which bin of those that a sample sees is its own
    within : where in its bin each sample is, from 0 to 1, (M,) or (N, M)
    sigma : of the Gaussian there, in bins
    """
    narrow = sigma < _NARROW
    if not narrow.any():
        return response
    n_nodes = before.nodes
    nodes, weights = np.polynomial.legendre.leggauss(n_nodes)
    apart, shares = np.polynomial.hermite.hermgauss(_N_HERMITE)
    where = within[..., np.newaxis] + np.sqrt(2.0) * np.where(narrow, sigma, 0.0)[..., np.newaxis] * apart
    at_nodes = (
        np.polynomial.legendre.legvander(nodes, n_nodes - 1) * (np.arange(n_nodes) + 0.5) * weights[:, np.newaxis]
    )
    values = np.polynomial.legendre.legvander(2.0 * where - 1.0, n_nodes - 1) @ at_nodes.T
    seen = np.einsum("h,...hk->...k", shares / np.sqrt(np.pi), values)
    shape = np.broadcast_shapes(response.coefficients.shape[:-1], seen.shape[:-1])
    coefficients = np.zeros((*shape, response.coefficients.shape[-1]))
    coefficients[..., own_bin * n_nodes : (own_bin + 1) * n_nodes] = seen
    coefficients = np.where(narrow[..., np.newaxis], coefficients, response.coefficients)
    return replace(response, coefficients=coefficients)
