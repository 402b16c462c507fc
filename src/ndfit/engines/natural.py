"""How far a parameter may move in one step, and how small a width may become.

Flows in: a Block, and what the model tells of its parameters. Flows out: natural scales, and bounds with least widths.

A scale follows from the span of each fit's coordinates (`ndfit.model.dimensions`); that of a place, a coordinate
itself, is negative: its own size says nothing of how far it may move. A width is kept from becoming less than a small
part of the distance between samples, with the sign that it starts with.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from ndfit.arrays import FloatArray
from ndfit.problem.types import Block

__all__ = ["Lengths", "natural_scales", "with_least_widths"]

# Of the distance between samples. A profile as narrow as this is none.
_LEAST_WIDTH = 1e-3


class Lengths(Protocol):
    """What is known of the parameters of a model; see `ndfit.model.dimensions` and `ndfit.model.widths`."""

    @property
    def dimensions(self) -> Any: ...
    @property
    def widths(self) -> tuple[bool, ...]: ...


def natural_scales(model: Lengths, block: Block) -> FloatArray:
    """Shape (N, P), or (1, P) where all fits share their coordinates."""
    scales = model.dimensions.scales(_per_axis(block, _span))
    return np.where(model.dimensions.places, -scales, scales)


def with_least_widths(model: Lengths, block: Block) -> tuple[FloatArray, FloatArray]:
    """Bounds of a block, shapes (N, P) or (1, P), narrowed so that widths keep their sign and a least size."""
    if not any(model.widths):
        return block.lower, block.upper
    least = _LEAST_WIDTH * model.dimensions.scales(_per_axis(block, _spacing))
    is_width = np.array(model.widths) & np.isfinite(least)
    least = np.where(is_width, least, 0.0)
    start = block.start[:1] if block.start.strides[0] == 0 else block.start  # one for all fits
    positive, negative = is_width & (start >= least), is_width & (start <= -least)
    lower = np.where(positive, np.minimum(np.maximum(block.lower, least), start), block.lower)
    upper = np.where(negative, np.maximum(np.minimum(block.upper, -least), start), block.upper)
    return lower, upper


def _per_axis(block: Block, measure: Any) -> FloatArray:
    """A number for each input, shape (N, K), or (1, K) where all fits share their coordinates."""
    columns = [np.atleast_1d(measure(axis)) for axis in block.places.inputs]
    n_fits = max(len(column) for column in columns)
    return np.stack([np.broadcast_to(column, n_fits) for column in columns], axis=1)


def _span(axis: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore"):
        return np.fmax.reduce(axis, axis=-1) - np.fmin.reduce(axis, axis=-1)


def _spacing(axis: FloatArray) -> FloatArray:
    """The least distance between different samples; where fits have coordinates of their own, the mean one."""
    if axis.ndim == 2:
        return _span(axis) / max(axis.shape[1] - 1, 1)
    values = np.unique(axis[np.isfinite(axis)])
    return np.asarray(np.min(np.diff(values)) if len(values) > 1 else np.nan)
