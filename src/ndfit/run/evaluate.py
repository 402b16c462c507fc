"""The fitted model at every sample, chunk by chunk.

Flows in: FitProblem, Maps, and what gives the model's values. Flows out: a dask array on the axes of the data.

Values are those of what was minimised. Of a compiled model that is its graph: what a caller changes afterwards, a
module's number or what a function closes over, has no part in it. A model of the reference engine is called position by
position, because nothing shows that it computes sample by sample. Where residuals are asked for, the samples are seen
to be those of the fit first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import dask
import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.copying import copied
from ndfit.engines.base import Engine
from ndfit.errors import ChangedInputError
from ndfit.problem.arrange import Region, coordinates_at
from ndfit.problem.block import Inputs, inputs_of, make_block
from ndfit.problem.coords import is_copied
from ndfit.problem.places import Places
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

Values = Callable[[FloatArray, Places], FloatArray]
"""What the samples of N fits see of the model, shape (N, M), given (N, P) parameters and their places."""

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
    if problem.transform is not None:  # a polynomial of astropy's, in the caller's basis
        return ModelValues(reported_model(problem), together=True)
    if engine is None:
        return ModelValues(problem.model, together)
    if engine.pointwise:
        return engine.values
    values = ModelValues(problem.model, together=False)
    return values if maps is None else UnchangedModel.now(values, problem, maps)


def evaluate_everywhere(
    problem: FitProblem, maps: Maps, values: Values, checked: bool = False, intrinsic: bool = False
) -> Any:
    """Model values on the data's axes, lazy; NaN where there is no answer.

    Parameters
    ----------
    maps : with the parameters that are reported
    checked : when a chunk is computed, see that its samples are still those that were fitted, which is always seen
        where coordinates are too many to be copied
    intrinsic : without the instrument, at the samples
    """
    import dask.array as da  # brings pandas and xarray along where they are installed

    axes = problem.axes
    if intrinsic:
        problem = replace(problem, samples=replace(problem.samples, instrument=None))
        checked = False
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
    inputs, digests = inputs_of(problem, region), None
    if checked and maps.sample_digests is not None:
        digests = maps.sample_digests[region].ravel()
    else:
        inputs = inputs.with_samples(replace(inputs.samples, data=None, weights=None, mask=None))
    arguments = values, maps.parameters[(slice(None), *region)], shape, digests, without_arrays(inputs)
    return dask.delayed(_evaluate_loaded, pure=False)(*arguments, *inputs.samples.arrays)


def _evaluate_loaded(
    values: Values,
    parameters: FloatArray,
    shape: tuple[int, ...],
    digests: NDArray[np.uint64] | None,
    empty: Inputs,
    *arrays: Any,
) -> FloatArray:
    inputs = empty.with_arrays(in_memory(arrays))
    if digests is not None:
        check_samples(inputs, digests)
    return _evaluate(values, parameters, shape, inputs.samples)


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


def _evaluate(values: Values, parameters: FloatArray, shape: tuple[int, ...], samples: Samples) -> FloatArray:
    """Values of shape (fitting..., iterating...), at samples with the iterating axes first."""
    n_samples, n_fits = samples.axes.n_samples, samples.axes.n_fits
    places, _ = samples.places()
    table = parameters.reshape(len(parameters), n_fits).T
    found = np.full((n_fits, n_samples), np.nan)
    known = np.flatnonzero(np.isfinite(table).all(axis=1))
    at_once = max(1, _SAMPLES_AT_ONCE // max(n_samples, 1))
    with np.errstate(all="ignore"):
        for start in range(0, known.size, at_once):
            rows = known[start : start + at_once]
            found[rows] = values(table[rows], places.take(rows))
    return np.ascontiguousarray(found.T).reshape(shape)


@dataclass(frozen=True)
class ModelValues:
    """Values by a model's own code.

    Attributes
    ----------
    together : many positions in one call, where some of them tried one by one give the same
    """

    model: Any
    together: bool

    def __call__(self, parameters: FloatArray, places: Places) -> FloatArray:
        own = replace(self, model=copied(self.model))  # models keep what they last computed, and threads share this one
        every = own._together(parameters, places) if self.together else None
        if every is None:
            every = np.stack([own._one(parameters, places, row) for row in range(len(parameters))])
        return places.seen(every)

    def _together(self, parameters: FloatArray, places: Places) -> FloatArray | None:
        n_fits = len(parameters)
        columns = [axis[:, np.newaxis] if axis.ndim == 1 else axis.T for axis in places.inputs]
        try:
            every = np.broadcast_to(self.model.evaluate(*columns, *parameters.T), (places.n_places, n_fits)).T
        except (ValueError, IndexError, TypeError):
            return None
        tried = np.unique(np.linspace(0, n_fits - 1, _TRIED).astype(int))
        alike = all(np.array_equal(every[row], self._one(parameters, places, row), equal_nan=True) for row in tried)
        return np.asarray(every, dtype=float) if alike else None

    def _one(self, parameters: FloatArray, places: Places, row: int) -> FloatArray:
        # A model that looks at neighbouring samples needs their shape.
        inputs = [axis.reshape(places.shape) for axis in places.one(row).inputs]
        values = self.model.evaluate(*inputs, *parameters[row])
        return np.broadcast_to(np.asarray(values, dtype=float), places.shape).ravel()


@dataclass(frozen=True)
class UnchangedModel:
    """Values by a model's own code, once it is seen to compute what it computed when the run ended.

    Attributes
    ----------
    parameters, places : at which it is tried
    expected : what it gave
    """

    values: ModelValues
    parameters: FloatArray
    places: Places
    expected: FloatArray

    @classmethod
    def now(cls, values: ModelValues, problem: FitProblem, maps: Maps) -> Values:
        """Tried at some of the solutions."""
        usable = np.flatnonzero(maps.usable.ravel())
        if usable.size == 0:
            return values
        chosen = usable[np.unique(np.linspace(0, usable.size - 1, _TRIED).astype(int))]
        parameters = maps.parameters.reshape(len(maps.parameters), -1)[:, chosen].T.copy()
        each = [coordinates_at(problem.samples.inputs, problem.axes, int(number)) for number in chosen]
        inputs = tuple(np.stack([axis.ravel() for axis in column]) for column in zip(*each, strict=True))
        places = Places(inputs, problem.axes.fitting_shape)
        with np.errstate(all="ignore"):
            return cls(values, parameters, places, values(parameters, places))

    def __call__(self, parameters: FloatArray, places: Places) -> FloatArray:
        found = self.values(self.parameters, self.places)
        if not np.allclose(found, self.expected, rtol=_SAME, atol=0.0, equal_nan=True):
            raise ChangedInputError(
                "the model computes something else than when it was fitted: a number of its module, of its class or of "
                "what its function closes over has changed; change it back, or make it an argument of the model"
            )
        return self.values(parameters, places)
