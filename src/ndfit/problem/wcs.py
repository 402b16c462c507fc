"""Coordinates of the fitting axes from a WCS.

Flows in: a low-level APE-14 WCS of the whole data and the Axes of the problem. Flows out: values, unit and name of one
world axis for each fitting axis. The WCS is evaluated once, along the axes that those world axes vary along, in slabs.

Which world axis belongs to which fitting axis: the world axes that vary along the fitting axes must be as many as
those. Where several one-to-one assignments are possible (the two celestial axes of an image), the one whose gradients
d world / d pixel at the middle of the data have the largest product of magnitudes is taken. That product changes by the
same factor for every assignment when a world axis changes its unit or a pixel axis its step, so the choice depends on
orientation alone: Dec for the first and RA for the second axis of an image rotated by less than 45 degrees. Ties, and
gradients that are not finite, keep the order of the axes.

A longitude that jumps from 360 to 0 degrees inside the data is continued across the jump, in the turn that holds the
middle of the data: 359.9, 360.0, 360.1 and not 359.9, 0.0, 0.1. Without a jump nothing is changed. Pixels outside the
projection have the coordinate NaN.

Values come in the unit that the WCS states when it is handed over. A FITS WCS that was built by hand may state nm and
change to m when it is first evaluated; that would take a model written in nm by surprise.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from copy import deepcopy
from itertools import permutations, product
from math import prod
from typing import Any

import astropy.units as u
import numpy as np
from astropy.wcs.wcsapi import BaseLowLevelWCS
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.caught import warnings_put_back
from ndfit.problem.axes import Axes

__all__ = ["from_wcs"]

# Pixels handed to a WCS in one call: some tens of megabytes of intermediate arrays, and enough for the cost of a call
# not to matter.
_SLAB = 2**17

# Endings of the physical types (UCD1+) of coordinates that come round after one turn.
_LONGITUDES = (".ra", ".lon", ".azi")


def from_wcs(wcs: BaseLowLevelWCS, axes: Axes) -> tuple[tuple[FloatArray, u.UnitBase | None, str], ...]:
    """Evaluate a WCS along the fitting axes.

    Returns
    -------
    Values, unit (None where the WCS states none) and name of the world axis of each fitting axis, in the order of
    `axes.fitting`. Values have the data's number of axes, and size 1 along those that they do not vary along.

    Raises
    ------
    ValueError
        The WCS has not the data's number of axes, or the world axes cannot be shared out among the fitting axes.
    """
    stated = _units(wcs)
    wcs = deepcopy(wcs)  # evaluating a FITS WCS may change it
    if wcs.pixel_n_dim != len(axes.shape):
        raise ValueError(
            f"The WCS pixel_n_dim ({wcs.pixel_n_dim}) does not match the number of dimensions in the data "
            f"({len(axes.shape)})"
        )
    # APE 14 counts pixel axes from the last axis of an array; here columns are in the order of the array's axes.
    depends = np.asarray(wcs.axis_correlation_matrix, dtype=bool)[:, ::-1]
    chosen = _assign(wcs, depends, axes)
    values = _evaluate_each(wcs, chosen, depends, axes.shape)
    return tuple(_labelled(wcs, world, values[world], stated[world]) for world in chosen)


def _assign(wcs: BaseLowLevelWCS, depends: NDArray[np.bool_], axes: Axes) -> tuple[int, ...]:
    """World axis of each fitting axis."""
    candidates = np.flatnonzero(depends[:, axes.fitting].any(axis=1)).tolist()
    if len(candidates) != len(axes.fitting):
        raise ValueError(
            f"The number of WCS world axes corresponding to the fitting axes ({len(candidates)}) does not match the "
            f"number of fitting axes ({len(axes.fitting)})"
        )
    # World axes are numbered like pixel axes, against the order of the array's axes.
    by_position = dict(zip(sorted(axes.fitting, reverse=True), candidates, strict=True))
    natural = [by_position[axis] for axis in axes.fitting]
    allowed = [order for order in permutations(natural) if depends[order, axes.fitting].all()]
    if not allowed:
        raise ValueError(
            f"The WCS world axes {candidates} do not each vary along a fitting axis of their own "
            f"(fitting axes {axes.fitting}); pass the coordinates as a tuple of arrays"
        )
    if len(allowed) == 1:
        return allowed[0]
    slopes = _slopes(wcs, axes)
    # The natural order comes first, and `argmax` of comparisons that are all False, as with NaN, is the first.
    scores = np.array([np.prod(slopes[order, range(len(order))]) for order in allowed])
    return allowed[int(np.argmax(scores >= scores.max() * (1 - 1e-6)))]


def _slopes(wcs: BaseLowLevelWCS, axes: Axes) -> FloatArray:
    """Magnitude of d world / d pixel along each fitting axis at the middle of the data, shape (world axes, K)."""
    half = np.zeros((len(axes.shape), len(axes.fitting)))
    half[axes.fitting, range(len(axes.fitting))] = 0.5
    middle = _middle(axes.shape)
    change = _world_values(wcs, middle + half) - _world_values(wcs, middle - half)
    turned = [_nearest_turn(row, 0.0, _period(wcs, world)) for world, row in enumerate(change)]
    return np.abs(turned)


def _evaluate_each(
    wcs: BaseLowLevelWCS, chosen: Sequence[int], depends: NDArray[np.bool_], shape: tuple[int, ...]
) -> dict[int, FloatArray]:
    """Evaluate the chosen world axes, those that vary along the same array axes together."""
    varying = {world: _varying(wcs, world, depends[world], shape) for world in chosen}
    values: dict[int, FloatArray] = {}
    for kept in dict.fromkeys(varying.values()):
        group = [world for world in chosen if varying[world] == kept]
        values.update(zip(group, _evaluate(wcs, group, kept, shape), strict=True))
    return values


def _varying(wcs: BaseLowLevelWCS, world: int, claimed: NDArray[np.bool_], shape: tuple[int, ...]) -> tuple[bool, ...]:
    """Array axes that a world axis varies along: those the WCS claims, or all where the corners disprove that.

    A multi-dimensional -TAB look-up, for one, mixes axes without a word of it in astropy's correlation matrix.
    """
    corners = np.array(list(product(*((0, max(size - 1, 0)) for size in shape)))).T
    inside = np.where(claimed[:, None], corners, _middle(shape))
    there, here = _world_values(wcs, corners)[world], _world_values(wcs, inside)[world]
    known = np.isfinite(there) & np.isfinite(here)
    rounding = 1e-10 * np.max(np.abs(there), where=known, initial=0.0)
    return tuple(claimed.tolist()) if np.all(np.abs(there - here) <= rounding, where=known) else (True,) * len(shape)


def _evaluate(
    wcs: BaseLowLevelWCS, worlds: Sequence[int], kept: tuple[bool, ...], shape: tuple[int, ...]
) -> FloatArray:
    """Values of some world axes along the kept array axes, at the middle of the others; shape (worlds, *grid)."""
    grid = tuple(size if keep else 1 for size, keep in zip(shape, kept, strict=True))
    origin = np.where(np.array(kept)[:, None], 0, _middle(shape))
    values = np.empty((len(worlds), prod(grid)))
    for start in range(0, prod(grid), _SLAB):
        stop = min(start + _SLAB, prod(grid))
        index = np.array(np.unravel_index(np.arange(start, stop), grid)) + origin
        values[:, start:stop] = _world_values(wcs, index)[worlds]
    return values.reshape(len(worlds), *grid)


def _world_values(wcs: BaseLowLevelWCS, index: NDArray[Any]) -> FloatArray:
    """World coordinates, shape (world axes, points), of array indices of shape (array axes, points)."""
    with np.errstate(all="ignore"):
        world = wcs.pixel_to_world_values(*index[::-1].astype(np.float64))
    rows = (world,) if wcs.world_n_dim == 1 else world
    return np.array([np.broadcast_to(row, index.shape[1]) for row in rows], dtype=np.float64)


def _labelled(
    wcs: BaseLowLevelWCS, world: int, values: FloatArray, stated: str
) -> tuple[FloatArray, u.UnitBase | None, str]:
    actual = _units(wcs)[world]
    values = _continuous(values, _period(wcs, world))
    if stated and stated != actual:
        values = u.Unit(actual).to(stated, values)
    unit = stated or actual
    name = wcs.world_axis_names[world] or wcs.world_axis_physical_types[world] or f"world axis {world}"
    return values, u.Unit(unit) if unit else None, name


def _units(wcs: BaseLowLevelWCS) -> tuple[str, ...]:
    with warnings_put_back():
        # astropy writes the units of a FITS WCS as VOUnits, and warns that those deprecate the angstrom.
        warnings.simplefilter("ignore", u.UnitsWarning)
        return tuple(wcs.world_axis_units)


def _middle(shape: tuple[int, ...]) -> NDArray[np.int_]:
    """Array index of the middle pixel as a column; it is likelier to lie inside a projection than the first."""
    return np.array(shape, dtype=int)[:, None] // 2


def _period(wcs: BaseLowLevelWCS, world: int) -> float:
    """One turn in the unit of a longitude; infinite for the other world axes."""
    longitude = (wcs.world_axis_physical_types[world] or "").endswith(_LONGITUDES)
    unit = _units(wcs)[world]
    return float(u.cycle.to(unit)) if longitude and unit else np.inf


def _nearest_turn(values: FloatArray, reference: float, period: float) -> FloatArray:
    """Add the whole turns that bring values closest to a reference."""
    return values - period * np.round((values - reference) / period) if np.isfinite(period) else values


def _continuous(longitude: FloatArray, period: float) -> FloatArray:
    """Continue a longitude across its jump, if it has one, in the turn that holds the middle of the data."""
    jumps = (np.abs(np.diff(longitude, axis=axis)) > period / 2 for axis in range(longitude.ndim))
    if not any(jump.any() for jump in jumps):
        return longitude
    middle = longitude[tuple(size // 2 for size in longitude.shape)]
    if not np.isfinite(middle):
        known = longitude[np.isfinite(longitude)]
        middle = known[known.size // 2]
    return _nearest_turn(longitude, middle, period)
