"""The fitted model at every sample, chunk by chunk.

Flows in: FitProblem, Maps, and what gives the model's values. Flows out: a dask array on the axes of the data.

Values are those of what was minimised. Of a compiled model that is its graph: what a caller changes afterwards, a
module's number or what a function closes over, has no part in it. A model of the reference engine is called position by
position, because nothing shows that it computes sample by sample. Where residuals are asked for, the samples are seen
to be those of the fit first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import dask
import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.copying import copied
from ndfit.engines.base import Engine
from ndfit.engines.rows import coords_of
from ndfit.errors import ChangedInputError
from ndfit.problem.arrange import Region, coordinates_at, take_region
from ndfit.problem.axes import Axes
from ndfit.problem.block import Inputs, inputs_of, make_block
from ndfit.problem.coords import is_copied
from ndfit.problem.samples import Samples, in_memory
from ndfit.problem.types import FitProblem
from ndfit.result.fitted_model import reported_model
from ndfit.result.maps import Maps
from ndfit.run.plan import plan_regions
from ndfit.run.sample_digest import sample_digests
from ndfit.run.tasks import without_arrays

__all__ = [
    "ModelValues",
    "Values",
    "check_samples",
    "check_samples_everywhere",
    "evaluate_everywhere",
    "values_of_model",
]

Values = Callable[[FloatArray, Sequence[FloatArray]], FloatArray]
"""Values of N fits, shape (N, M), given (N, P) parameters and K coordinates (M,) or (N, M)."""

_FITS_PER_CHUNK = 10_000
_SAMPLES_PER_CHUNK = 2**23
# An interpreted graph keeps an array for each of its nodes.
_SAMPLES_AT_ONCE = 2**16
_TRIED = 8  # positions
_SAME = 1e-12


def values_of_model(
    problem: FitProblem, engine: Engine | None, maps: Maps | None = None, together: bool = True
) -> Values:
    """What gives the values of a result's model.

    Parameters
    ----------
    engine : that made the fits; None where the result comes from a file
    maps : of the fits, some of which are evaluated now: a model's own code may compute something else later
    together : of a result from a file, whether many positions may be tried in one call
    """
    shape = problem.axes.fitting_shape
    if problem.transform is not None:  # a polynomial of astropy's, in the caller's basis
        return ModelValues(reported_model(problem), shape, together=True)
    if engine is None:
        return ModelValues(problem.model, shape, together)
    if engine.pointwise:
        return engine.values
    values = ModelValues(problem.model, shape, together=False)
    return values if maps is None else UnchangedModel.now(values, problem, maps)


def evaluate_everywhere(problem: FitProblem, maps: Maps, values: Values, checked: bool = False) -> Any:
    """Model values on the data's axes, lazy; NaN where there is no answer.

    Parameters
    ----------
    maps : with the parameters that are reported
    checked : when a chunk is computed, see that its samples are still those that were fitted, which is always seen
        where coordinates are too many to be copied
    """
    import dask.array as da  # brings pandas and xarray along where they are installed

    axes = problem.axes
    checked = (checked or not all(map(is_copied, problem.samples.coords))) and maps.sample_digests is not None
    n_most = min(_FITS_PER_CHUNK, _SAMPLES_PER_CHUNK // max(axes.n_samples, 1))
    plan = plan_regions(problem, n_most=n_most, n_workers=1)
    grid = tuple(len(axis) for axis in plan.pieces)
    if 0 in grid:  # no positions at all
        return da.full(axes.shape, np.nan)
    blocks = np.empty(grid, dtype=object)
    for index, region in zip(np.ndindex(grid), plan.regions, strict=True):
        shape = axes.fitting_shape + tuple(where.stop - where.start for where in region)
        task = _lazy_block(problem, maps, values, region, shape, checked)
        blocks[index] = da.from_delayed(task, shape, dtype=float)
    # The iterating axes stand last in each block, where da.block joins them.
    whole = da.block(blocks.tolist())
    return whole.transpose(tuple(int(axis) for axis in np.argsort(axes.fitting + axes.iterating)))


def _lazy_block(
    problem: FitProblem, maps: Maps, values: Values, region: Region, shape: tuple[int, ...], checked: bool
) -> Any:
    parameters = maps.parameters[(slice(None), *region)]
    if not checked:
        coords = [take_region(axis, problem.axes, region) for axis in problem.samples.coords]
        return dask.delayed(_evaluate, pure=False)(values, parameters, shape, *coords)
    inputs = inputs_of(problem, region)
    arguments = values, parameters, shape, maps.sample_digests[region].ravel(), without_arrays(inputs)  # type: ignore[index]
    return dask.delayed(_evaluate_checked, pure=False)(*arguments, *inputs.samples.arrays)


def _evaluate_checked(
    values: Values,
    parameters: FloatArray,
    shape: tuple[int, ...],
    digests: NDArray[np.uint64],
    empty: Inputs,
    *arrays: Any,
) -> FloatArray:
    inputs = empty.with_arrays(in_memory(arrays))
    check_samples(inputs, digests)
    return _evaluate(values, parameters, shape, *inputs.samples.coords)


def check_samples(inputs: Inputs, digests: NDArray[np.uint64]) -> None:
    """See that samples are those that were fitted.

    Parameters
    ----------
    inputs : of a region, in memory
    digests : shape (N,), of the samples of each position when it was fitted

    Raises
    ------
    ChangedInputError
        They are not, at some positions.
    """
    changed = int(np.count_nonzero(sample_digests(make_block(inputs)) != digests))
    if changed:
        raise ChangedInputError(
            f"the data, or their weights, mask or coordinates, are no longer those that were fitted at {changed} of "
            f"{digests.size} positions: what is computed from them now would not belong to this result. Fit a copy "
            "where arrays are to change later; `data - result.evaluate()` is the residual of the data as they are now"
        )


def check_samples_everywhere(problem: FitProblem, maps: Maps) -> None:
    """See that the samples of every position are those that were fitted, chunk by chunk.

    Raises
    ------
    ChangedInputError
        They are not.
    """
    if maps.sample_digests is None:
        return
    n_most = min(_FITS_PER_CHUNK, _SAMPLES_PER_CHUNK // max(problem.axes.n_samples, 1))
    for region in plan_regions(problem, n_most=n_most, n_workers=1).regions:
        inputs = inputs_of(problem, region)
        check_samples(inputs.with_samples(inputs.samples.load()), maps.sample_digests[region].ravel())


def _evaluate(values: Values, parameters: FloatArray, shape: tuple[int, ...], *coords: Any) -> FloatArray:
    """Values of shape (fitting..., iterating...) from coordinates with the iterating axes first."""
    n_iterating = parameters.ndim - 1
    fitting, iterating = shape[: len(shape) - n_iterating], shape[len(shape) - n_iterating :]
    n_samples, n_fits = prod(fitting), prod(iterating)
    samples = Samples(Axes(iterating + fitting, tuple(range(n_iterating, len(shape)))), None, coords=coords)
    spread = [samples.coordinate(axis) for axis in coords]
    table = parameters.reshape(len(parameters), n_fits).T
    found = np.full((n_fits, n_samples), np.nan)
    known = np.flatnonzero(np.isfinite(table).all(axis=1))
    at_once = max(1, _SAMPLES_AT_ONCE // max(n_samples, 1))
    with np.errstate(all="ignore"):
        for start in range(0, known.size, at_once):
            rows = known[start : start + at_once]
            found[rows] = values(table[rows], coords_of(spread, rows))
    return np.ascontiguousarray(found.T).reshape(shape)


@dataclass(frozen=True)
class ModelValues:
    """Values by a model's own code.

    Attributes
    ----------
    shape : of the fitting axes; a model that looks at neighbouring samples needs it
    together : many positions in one call, where some of them tried one by one give the same
    """

    model: Any
    shape: tuple[int, ...]
    together: bool

    def __call__(self, parameters: FloatArray, coords: Sequence[FloatArray]) -> FloatArray:
        own = replace(self, model=copied(self.model))  # models keep what they last computed, and threads share this one
        every = own._together(parameters, coords) if self.together else None
        if every is None:
            return np.stack([own._one(parameters, coords, row) for row in range(len(parameters))])
        return every

    def _together(self, parameters: FloatArray, coords: Sequence[FloatArray]) -> FloatArray | None:
        n_fits, n_samples = len(parameters), prod(self.shape)
        columns = [axis[:, np.newaxis] if axis.ndim == 1 else axis.T for axis in coords]
        try:
            every = np.broadcast_to(self.model.evaluate(*columns, *parameters.T), (n_samples, n_fits)).T
        except (ValueError, IndexError, TypeError):
            return None
        tried = np.unique(np.linspace(0, n_fits - 1, _TRIED).astype(int))
        alike = all(np.array_equal(every[row], self._one(parameters, coords, row), equal_nan=True) for row in tried)
        return np.asarray(every, dtype=float) if alike else None

    def _one(self, parameters: FloatArray, coords: Sequence[FloatArray], row: int) -> FloatArray:
        places = [(axis if axis.ndim == 1 else axis[row]).reshape(self.shape) for axis in coords]
        values = self.model.evaluate(*places, *parameters[row])
        return np.broadcast_to(np.asarray(values, dtype=float), self.shape).ravel()


@dataclass(frozen=True)
class UnchangedModel:
    """Values by a model's own code, once it is seen to compute what it computed when the run ended.

    Attributes
    ----------
    parameters, coords : at which it is tried
    expected : what it gave
    """

    values: ModelValues
    parameters: FloatArray
    coords: tuple[FloatArray, ...]
    expected: FloatArray

    @classmethod
    def now(cls, values: ModelValues, problem: FitProblem, maps: Maps) -> Values:
        """Tried at some of the solutions."""
        usable = np.flatnonzero(maps.usable.ravel())
        if usable.size == 0:
            return values
        chosen = usable[np.unique(np.linspace(0, usable.size - 1, _TRIED).astype(int))]
        parameters = maps.parameters.reshape(len(maps.parameters), -1)[:, chosen].T.copy()
        each = [coordinates_at(problem.samples.coords, problem.axes, int(number)) for number in chosen]
        coords = tuple(np.stack([axis.ravel() for axis in column]) for column in zip(*each, strict=True))
        with np.errstate(all="ignore"):
            return cls(values, parameters, coords, values(parameters, coords))

    def __call__(self, parameters: FloatArray, coords: Sequence[FloatArray]) -> FloatArray:
        found = self.values(self.parameters, self.coords)
        if not np.allclose(found, self.expected, rtol=_SAME, atol=0.0, equal_nan=True):
            raise ChangedInputError(
                "the model computes something else than when it was fitted: a number of its module, of its class or of "
                "what its function closes over has changed; change it back, or make it an argument of the model"
            )
        return self.values(parameters, coords)
