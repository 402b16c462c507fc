"""Starting values of amplitudes that are far too large for the data, such as 1 for fluxes of 1e-17.

The first step of a fit starts from the caller's linear parameters. Where the model is then far larger than all samples,
that step makes room for it: lines move to where no sample is, and become as wide as the range. Linear parameters have
no need of a start but for their signs, and are brought to the size of the data first.

Flows in: a Block, and a model that tells which parameters are linear. Flows out: the Block, with other starting values
where they are such.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.engines.rows import bounds_of
from ndfit.problem.types import Block

__all__ = ["with_start_sizes"]

# Of the largest sample: a start is too large where the model is so many times larger, and is brought to that.
_TOO_LARGE, _LARGE = 30.0, 3.0
_NUMBERS_AT_ONCE = 2**22
# So many samples tell which fits are looked at; all of their samples are then.
_PARTS = 8


class LinearModel(Protocol):
    """See `ndfit.model.model_code.ModelCode`."""

    @property
    def free(self) -> tuple[int, ...]: ...
    @property
    def n_linear(self) -> int: ...
    def values(self, parameters: FloatArray, coords: Sequence[FloatArray]) -> FloatArray: ...
    def derivatives(self, parameters: FloatArray, coords: Sequence[FloatArray]) -> FloatArray: ...
    def set_tied(self, parameters: FloatArray) -> None: ...


def with_start_sizes(model: LinearModel, block: Block) -> Block:
    """The block, with starts of linear parameters brought to the size of the samples where they are far larger."""
    linear = list(model.free[: model.n_linear])
    if not linear:
        return block
    rows = _suspect(block, linear)
    rows = rows[np.isfinite(block.start[rows]).all(axis=1)]
    if not rows.size:
        return block
    start = np.array(block.start)
    size = max(1, _NUMBERS_AT_ONCE // (block.data.shape[1] * (1 + len(model.free))))
    for first in range(0, rows.size, size):
        some = rows[first : first + size]
        start[some] = _sized(model, block, some, start[some], linear)
    model.set_tied(start)
    return replace(block, start=start)


def _suspect(block: Block, linear: list[int]) -> NDArray[np.intp]:
    """Fits none of some samples of which comes near the starting values; what these are multiplied by is seldom large.

    Most are out of question after one look at one sample.
    """
    shared = block.start.strides[0] == 0
    start = np.abs((block.start[:1] if shared else block.start)[:, linear]).max(axis=1) / _TOO_LARGE
    n_samples = block.data.shape[1]
    rows = np.flatnonzero(np.abs(block.data[:, n_samples // 2]) < start)
    for part in range(_PARTS):
        if rows.size:
            place = n_samples * part // _PARTS
            rows = rows[np.abs(block.data[rows, place]) < (start if shared else start[rows])]
    return rows


def _sized(
    model: LinearModel,
    block: Block,
    rows: NDArray[np.intp],
    start: FloatArray,
    linear: list[int],
) -> FloatArray:
    """Starting values (n, P) of some fits."""
    at, largest = block.places.take(rows), np.abs(block.data[rows]).max(axis=1).astype(float)
    used = np.ones((1, 1), dtype=bool) if block.valid is None else block.valid[rows]
    with np.errstate(all="ignore"):
        values = np.abs(np.where(used, at.seen(model.values(start, at.inputs)), 0.0)).max(axis=1)
        places = [sorted(model.free).index(column) for column in linear]
        functions = np.where(used[:, np.newaxis], at.seen(model.derivatives(start, at.inputs)[:, places]), 0.0)
        reach = np.abs(functions).max(axis=2)
        most = _LARGE * largest[:, np.newaxis] / reach
        smaller = np.sign(start[:, linear]) * most
    known = np.isfinite(most) & (most > 0.0) & np.isfinite(values)[:, np.newaxis]
    too_large = known & (values > _TOO_LARGE * largest)[:, np.newaxis] & (np.abs(start[:, linear]) > most)
    low, high = (bounds_of(bound, rows)[:, linear] for bound in (block.lower, block.upper))
    found = start.copy()
    found[:, linear] = np.where(too_large, np.clip(smaller, low, high), start[:, linear])
    return found
