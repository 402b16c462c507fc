"""The WCS of the maps: what remains of the data's WCS on the iterating axes.

Flows in: the low-level WCS of the whole data, or None, and the Axes of the problem. Flows out: a WCS with one pixel
axis an iterating axis, or None with the reason.

A FITS WCS is separated by wcslib and stays one, so that it can stand in a header; any other (gwcs) is sliced at the
middle of the fitting axes. Either is kept only if it agrees with the whole WCS at the corners of the maps, at the
first, the middle and the last sample of the fitting axes: where world coordinates of the maps depend on the sample,
there is no such WCS.
"""

from __future__ import annotations

import warnings
from copy import deepcopy
from itertools import product
from typing import Any

import numpy as np
from astropy.utils.exceptions import AstropyWarning
from astropy.wcs import WCS, InvalidSubimageSpecificationError, WcsError
from astropy.wcs.wcsapi import BaseHighLevelWCS, BaseLowLevelWCS, SlicedLowLevelWCS
from numpy.typing import NDArray

from ndfit._compat.sliced_wcs import cut_from
from ndfit.caught import warnings_put_back
from ndfit.problem.axes import Axes

__all__ = ["low_level", "wcs_of_maps"]

NO_WCS = "the data came without a WCS"
NO_ITERATING_AXES = "there is one fit only, and no axis of positions"
NOT_SEPARABLE = "the WCS of the iterating axes cannot be separated from that of the fitting axes"

_AGREE = 1e-9  # of the largest coordinate


def low_level(world: Any) -> BaseLowLevelWCS | None:
    """The low-level WCS that `world` is or holds; None where it is no WCS."""
    if isinstance(world, BaseHighLevelWCS):
        return world.low_level_wcs
    return world if isinstance(world, BaseLowLevelWCS) else None


def wcs_of_maps(wcs: BaseLowLevelWCS | None, axes: Axes) -> tuple[BaseLowLevelWCS | None, str]:
    """Separate the WCS of the iterating axes.

    Parameters
    ----------
    wcs : of the whole data; not modified

    Returns
    -------
    The WCS of the maps, or None; and why there is none, empty where there is one.
    """
    if wcs is None:
        return None, NO_WCS
    if not axes.iterating:
        return None, NO_ITERATING_AXES
    with warnings_put_back():
        warnings.simplefilter("ignore", AstropyWarning)  # repairs of the header were reported when it was read
        part = _fits_part(wcs, axes) or _sliced_part(wcs, axes)
        if part is None or not _agrees(wcs, part, axes):
            return None, NOT_SEPARABLE
    return part, ""


def _fits_part(wcs: BaseLowLevelWCS, axes: Axes) -> WCS | None:
    """The part that wcslib separates from a FITS WCS, also from one that was sliced."""
    try:
        whole, kept = _unsliced(wcs)
        if whole is None:
            return None
        part = whole.sub([whole.naxis - kept[axis] for axis in reversed(axes.iterating)])
        part.wcs.set()
    except (InvalidSubimageSpecificationError, WcsError, ValueError):
        return None
    return part


def _unsliced(wcs: BaseLowLevelWCS) -> tuple[WCS | None, list[int]]:
    """A FITS WCS with the reference pixel moved for the slices, and its array axes that are those of the data."""
    if isinstance(wcs, WCS):
        return wcs, list(range(wcs.naxis))
    whole, slices = cut_from(wcs) or (None, [])
    if not isinstance(whole, WCS):
        return None, []
    ranges = [slice(item, item + 1) if isinstance(item, (int, np.integer)) else item for item in slices]
    return whole.slice(ranges), [axis for axis, item in enumerate(slices) if isinstance(item, slice)]


def _sliced_part(wcs: BaseLowLevelWCS, axes: Axes) -> BaseLowLevelWCS | None:
    middle: list[int | slice] = [size // 2 for size in axes.shape]
    for axis in axes.iterating:
        middle[axis] = slice(None)
    part = SlicedLowLevelWCS(deepcopy(wcs), middle)
    return part if part.world_n_dim == len(axes.iterating) else None


def _agrees(wcs: BaseLowLevelWCS, part: BaseLowLevelWCS, axes: Axes) -> bool:
    """Whether each world axis of the part follows one of the whole WCS, wherever along the fitting axes."""
    corners = np.array(list(product(*((0, max(size - 1, 0)) for size in axes.iterating_shape)))).T
    expected = _world(part, corners)
    names = tuple(part.world_axis_physical_types)
    chosen = [index for index, name in enumerate(wcs.world_axis_physical_types) if name in names]
    whole = deepcopy(wcs)
    for sample in (lambda size: 0, lambda size: size // 2, lambda size: max(size - 1, 0)):
        index = np.array([np.full(corners.shape[1], sample(size)) for size in axes.shape])
        index[list(axes.iterating)] = corners
        found = _world(whole, index)
        if not all(any(_same(row, found[world]) for world in chosen) for row in expected):
            return False
    return True


def _world(wcs: BaseLowLevelWCS, index: NDArray[Any]) -> NDArray[np.float64]:
    """World coordinates, shape (world axes, points), of array indices of shape (array axes, points)."""
    with np.errstate(all="ignore"):
        world = wcs.pixel_to_world_values(*index[::-1].astype(np.float64))
    rows = (world,) if wcs.world_n_dim == 1 else world
    return np.array([np.broadcast_to(row, index.shape[1]) for row in rows], dtype=np.float64)


def _same(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    known = np.isfinite(one) & np.isfinite(other)
    scale = np.max(np.abs(one), where=known, initial=0.0)
    same_gaps = np.array_equal(np.isfinite(one), np.isfinite(other))
    return same_gaps and bool(np.all(np.abs(one - other) <= _AGREE * scale, where=known))
