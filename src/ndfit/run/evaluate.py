"""The fitted model at every sample, chunk by chunk.

Flows in: FitProblem and the fitted parameters. Flows out: a dask array on the axes of the data.
"""

from __future__ import annotations

from math import prod
from typing import Any

import dask
import numpy as np

from ndfit.output.model import reported_model
from ndfit.problem.arrange import Region, cut
from ndfit.problem.types import FitProblem, FloatArray
from ndfit.run.plan import plan_regions

__all__ = ["evaluate_everywhere"]

_FITS_PER_CHUNK = 10_000
_SAMPLES_PER_CHUNK = 2**23


def evaluate_everywhere(problem: FitProblem, parameters: FloatArray) -> Any:
    """Model values on the data's axes, lazy; NaN where a parameter is.

    Parameters
    ----------
    parameters : shape (P, *B), that are reported
    """
    import dask.array as da  # brings pandas and xarray along where they are installed

    axes = problem.axes
    n_most = min(_FITS_PER_CHUNK, _SAMPLES_PER_CHUNK // max(axes.n_samples, 1))
    plan = plan_regions(problem, n_most=n_most, n_workers=1)
    grid = tuple(len(axis) for axis in plan.pieces)
    blocks = np.empty(grid, dtype=object)
    for index, region in zip(np.ndindex(grid), plan.regions, strict=True):
        task, shape = _lazy_block(problem, parameters, region)
        blocks[index] = da.from_delayed(task, shape, dtype=float)
    # The iterating axes stand last in each block, where da.block joins them.
    whole = da.block(blocks.tolist())
    return whole.transpose(tuple(int(axis) for axis in np.argsort(axes.fitting + axes.iterating)))


def _lazy_block(problem: FitProblem, parameters: FloatArray, region: Region) -> tuple[Any, tuple[int, ...]]:
    everywhere: Any = (slice(None), *region)
    shape = problem.axes.fitting_shape + tuple(where.stop - where.start for where in region)
    coords = [cut(values, problem.axes, region) for values in problem.coords]
    task = dask.delayed(_evaluate, pure=False)(reported_model(problem), parameters[everywhere], shape, *coords)
    return task, shape


def _evaluate(model: Any, parameters: FloatArray, shape: tuple[int, ...], *coords: Any) -> FloatArray:
    """Values of shape (fitting..., iterating...) from coordinates with the iterating axes first."""
    n_iterating = parameters.ndim - 1
    n_samples, n_fits = prod(shape[: len(shape) - n_iterating]), prod(shape[len(shape) - n_iterating :])
    order = (*range(n_iterating, len(shape)), *range(n_iterating))
    spread = [np.broadcast_to(np.transpose(values, order), shape).reshape(n_samples, n_fits) for values in coords]
    table = parameters.reshape(len(parameters), n_fits)
    with np.errstate(all="ignore"):
        return _at_once(model, table, spread).reshape(shape)


def _at_once(model: Any, table: FloatArray, coords: list[Any]) -> FloatArray:
    """All positions in one call where the model computes sample by sample, which is tried on the first; else a loop."""

    def one(column: int) -> FloatArray:
        values = model.evaluate(*(axis[:, column] for axis in coords), *table[:, column])
        return np.broadcast_to(np.asarray(values, dtype=float), coords[0].shape[:1])

    whole = np.full(coords[0].shape, np.nan)
    columns = np.flatnonzero(np.isfinite(table).all(axis=0))
    if columns.size == 0:
        return whole
    first = one(int(columns[0]))
    try:
        every = model.evaluate(*(axis[:, columns] for axis in coords), *table[:, columns])
        agrees = np.array_equal(np.broadcast_to(every, (len(first), columns.size))[:, 0], first, equal_nan=True)
    except (ValueError, IndexError, TypeError):
        agrees = False
    whole[:, columns] = every if agrees else np.stack([one(int(column)) for column in columns], axis=1)
    return whole
