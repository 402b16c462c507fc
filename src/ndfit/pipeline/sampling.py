"""Where the samples of a block are: how far they reach, and how far apart they are at a place.

Flows in: a Block. Flows out: ranges of the samples that are used, and spacings of all samples, used or not: samples do
not become wider by a gap that a mask makes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.engines.rows import coords_of
from ndfit.problem.types import Block

__all__ = ["Range", "mean_step", "range_of", "spacing_at", "spacing_bound"]

Range = tuple[FloatArray, FloatArray]
"""Least and greatest coordinate, of shape () or (N,)."""

_NUMBERS_AT_ONCE = 2**22


def range_of(block: Block, axis: int) -> Range:
    """Range of one coordinate over the samples that are used; NaN where none are.

    Returns
    -------
    low, high : of shape () where all fits share it, else (N,)
    """
    values = block.coords[axis]
    if block.valid is None:
        return values.min(axis=-1, initial=np.inf), values.max(axis=-1, initial=-np.inf)
    if values.ndim == 1:
        return _range_of_used(values, block.valid)
    low, high = (np.where(block.valid, values, fill) for fill in (np.inf, -np.inf))
    return low.min(axis=1, initial=np.inf), high.max(axis=1, initial=-np.inf)


def _range_of_used(values: FloatArray, valid: NDArray[np.bool_]) -> Range:
    """From the first and the last sample that is used, in ascending order of the coordinate; that looks at few."""
    order = np.argsort(values, kind="stable")
    if not np.array_equal(order, np.arange(values.size)):
        values, valid = values[order], valid[:, order]
    first, last = valid.argmax(axis=1), values.size - 1 - valid[:, ::-1].argmax(axis=1)
    nothing = ~valid[np.arange(len(valid)), first]
    low, high = values[first], values[last]
    low[nothing], high[nothing] = np.inf, -np.inf
    return low, high


def mean_step(block: Block, axis: int) -> FloatArray:
    """Mean distance of neighbouring samples along an axis, of shape () or (N,); 0 where there is one sample."""
    values, size = block.coords[axis], block.fitting_shape[axis]
    with np.errstate(invalid="ignore"):
        extent = np.fmax.reduce(values, axis=-1) - np.fmin.reduce(values, axis=-1)
    return np.where(size > 1, extent / max(size - 1, 1), 0.0)


def spacing_bound(block: Block) -> float:
    """No spacing of the block is larger; 0 where samples have no neighbours. Cheap, for most lines are far wider."""
    if min(block.fitting_shape) < 2:
        return 0.0
    if len(block.coords) == 1:
        (values,) = block.coords
        ordered = np.sort(values) if values.ndim == 1 else values
        steps = np.abs(np.diff(ordered, axis=-1))
        return float(np.nanmax(steps, initial=0.0))
    return float(np.sqrt(np.nanmax(np.sum(_lattice(block, slice(None)) ** 2, axis=(-2, -1)), initial=0.0)))


def spacing_at(
    block: Block, rows: NDArray[np.intp], centre: Sequence[FloatArray], angles: Sequence[FloatArray]
) -> list[FloatArray]:
    """Distance of neighbouring samples at a place of each fit.

    Parameters
    ----------
    rows : of n fits
    centre : K arrays of shape (n,)
    angles : for models of two inputs, directions from the first input in radians, each of shape (n,)

    Returns
    -------
    One array of shape (n,), or one a direction. Of a plane, it is the distance along which one sample's place in the
    lattice of samples changes by one.
    """
    if len(block.coords) == 1:
        return [_step_at(block.coords[0], rows, centre[0])]
    size = max(1, _NUMBERS_AT_ONCE // block.data.shape[1])
    parts = [slice(first, first + size) for first in range(0, rows.size, size)]
    found = [
        _lattice_steps(block, rows[part], [axis[part] for axis in centre], [each[part] for each in angles])
        for part in parts
    ]
    return [np.concatenate(steps) for steps in zip(*found, strict=True)]


def _step_at(values: FloatArray, rows: NDArray[np.intp], centre: FloatArray) -> FloatArray:
    """Between the samples on either side, or the outermost two."""
    if values.ndim == 1:
        ordered = np.unique(values)
        if ordered.size < 2:
            return np.full(rows.size, np.nan)
        after = np.clip(np.searchsorted(ordered, centre), 1, ordered.size - 1)
        return np.asarray(ordered[after] - ordered[after - 1])
    ordered = np.sort(values[rows], axis=1)
    after = np.clip(np.sum(ordered < centre[:, np.newaxis], axis=1), 1, ordered.shape[1] - 1)
    which = np.arange(rows.size)
    return np.asarray(ordered[which, after] - ordered[which, after - 1])


def _lattice_steps(
    block: Block, rows: NDArray[np.intp], centre: Sequence[FloatArray], angles: Sequence[FloatArray]
) -> list[FloatArray]:
    coords = coords_of(block.coords, rows)
    distance = sum((axis - place[:, np.newaxis]) ** 2 for axis, place in zip(coords, centre, strict=True))
    nearest = np.argmin(np.where(np.isfinite(distance), distance, np.inf), axis=1)
    steps = _lattice(block, rows)
    at_centre = steps[nearest] if steps.ndim == 3 else steps[np.arange(rows.size), nearest]
    (a, b), (c, d) = at_centre[:, 0].T, at_centre[:, 1].T
    area = np.abs(a * d - b * c)
    # With J = [[a, b], [c, d]] the coordinates' changes from sample to sample, J^-1 u has the length of the change of
    # place in the lattice for a step of one along u.
    return [
        area / np.hypot(d * np.cos(angle) - b * np.sin(angle), a * np.sin(angle) - c * np.cos(angle))
        for angle in angles
    ]


def _lattice(block: Block, rows: NDArray[np.intp] | slice) -> FloatArray:
    """Change of each coordinate from sample to sample along each fitting axis, (M, 2, 2) or (n, M, 2, 2)."""
    coords = coords_of(block.coords, rows)
    whole: list[FloatArray] = list(np.broadcast_arrays(*coords))
    shape = (*whole[0].shape[:-1], *block.fitting_shape)
    slopes = [np.stack([np.gradient(axis.reshape(shape), axis=along) for along in (-2, -1)], axis=-1) for axis in whole]
    return np.stack(slopes, axis=-2).reshape(*whole[0].shape, 2, 2)
