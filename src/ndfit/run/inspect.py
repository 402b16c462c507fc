"""One position of the problem, as a person looks at it.

Flows in: FitProblem, what was fitted, and a position. Flows out: PositionData or OneFit, on the fitting axes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ndfit.engines.base import BlockResult
from ndfit.problem.block import Inputs, inputs_of
from ndfit.problem.samples import Samples
from ndfit.problem.types import FitProblem
from ndfit.result.diagnostics import PositionData
from ndfit.result.fitted_model import filled_model
from ndfit.result.maps import Maps
from ndfit.run.evaluate import Values, check_samples
from ndfit.run.load import load
from ndfit.run.plan import plan_regions
from ndfit.run.region_pipeline import Pipeline, samples_used
from ndfit.single_fit import OneFit
from ndfit.status import STATUS

__all__ = ["look_up_fit", "look_up_position", "used_everywhere"]

_SAMPLES_AT_ONCE = 2**22


def look_up_position(problem: FitProblem, position: tuple[int, ...], result: BlockResult, row: int) -> PositionData:
    """Coordinates, data and weights of one position, with the model that was fitted there.

    Parameters
    ----------
    position : index in the iterating axes
    result, row : where the fit's parameters are
    """
    samples = _load_position(problem, position).samples
    model = None
    if STATUS[int(result.status[row])].usable:
        model = problem.model.copy()
        model.parameters = result.parameters[row]
    return PositionData(
        world=tuple(_whole(values, samples) for values in samples.coords),
        data=_whole(samples.data, samples),
        weights=None if samples.weights is None else _whole(samples.weights, samples),
        model=model,
    )


def look_up_fit(
    problem: FitProblem, maps: Maps, position: tuple[int, ...], values_of: Values, pipeline: Pipeline | None = None
) -> OneFit:
    """Everything of one position, with the model that was fitted there, in its units.

    Parameters
    ----------
    maps : with the parameters that are reported
    position : index in the iterating axes
    values_of : the model's values, see `ndfit.run.evaluate.values_of_model`
    work : that made the fits, where it may have left outliers out

    Raises
    ------
    ChangedInputError
        The samples are no longer those that were fitted.
    """
    inputs = _load_position(problem, position)
    if maps.sample_digests is not None:
        check_samples(inputs, maps.sample_digests[position].ravel())
    samples = inputs.samples
    world = tuple(_whole(values, samples) for values in samples.coords)
    places, _ = samples.places()
    data = _whole(samples.data, samples)
    everywhere: Any = (slice(None), *position)
    values = maps.parameters[everywhere]
    model = fitted = intrinsic = None
    if maps.usable[position]:
        model = filled_model(problem, values)
        with np.errstate(all="ignore"):
            fitted = values_of(values[np.newaxis], places).reshape(data.shape)
            if samples.instrument is not None:
                direct, _ = replace(samples, instrument=None).places()
                intrinsic = values_of(values[np.newaxis], direct).reshape(data.shape)
        solution = values if problem.transform is None else np.linalg.solve(problem.transform, values)
        inputs = replace(inputs, starts=solution.reshape(1, -1, *inputs.shape))
    return OneFit(
        model=model,
        world=world,
        data=data,
        weights=None if samples.weights is None else _whole(samples.weights, samples),
        used=samples_used(inputs, pipeline).reshape(data.shape),
        fitted=fitted,
        residual=None if fitted is None else data - fitted,
        status=int(maps.status[position]),
        flags=int(maps.flags[position]),
        edm=float(maps.edm[position]),
        intrinsic=intrinsic,
    )


def used_everywhere(problem: FitProblem, maps: Maps, pipeline: Pipeline | None = None) -> NDArray[np.bool_]:
    """Which samples entered the fits, shape (positions, M), in the order of the maps.

    Parameters
    ----------
    maps : with the parameters that are reported
    work : that made the fits, where it may have left outliers out
    """
    axes = problem.axes
    used = np.empty((*axes.iterating_shape, axes.n_samples), dtype=bool)
    solutions = maps.parameters
    if problem.transform is not None:
        solutions = np.einsum("jk,k...->j...", np.linalg.inv(problem.transform), solutions)
    n_most = max(1, _SAMPLES_AT_ONCE // axes.n_samples)
    for region in plan_regions(problem, n_most=n_most, n_workers=1).regions:
        everywhere: Any = (slice(None), *region)
        inputs = replace(load(inputs_of(problem, region)), starts=solutions[everywhere][np.newaxis])
        used[region] = samples_used(inputs, pipeline).reshape(used[region].shape)
    return used.reshape(-1, axes.n_samples)


def _load_position(problem: FitProblem, position: tuple[int, ...]) -> Inputs:
    return load(inputs_of(problem, tuple(slice(index, index + 1) for index in position)))


def _whole(array: Any, samples: Samples) -> Any:
    """A copy of the array of one position on the fitting axes: what the caller changes later has no part in it."""
    return samples.rows(array).reshape(samples.axes.fitting_shape).copy()
