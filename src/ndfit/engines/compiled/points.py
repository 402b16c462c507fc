"""Costs, gradients and model values of some fits at any parameters, compiled.

Flows in: a model as the kernel takes it, samples, and parameters. Flows out: what is minimised, and its slopes; or the
values of the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from ndfit.arrays import FloatArray
from ndfit.engines.compiled.kernel.accumulate import ModelInCode, compiled_model
from ndfit.engines.compiled.kernel.at_points import compiled_evaluation, compiled_values
from ndfit.engines.compiled.kernel.workspace import (
    Job,
    Table,
    View,
    allocate,
    job_table,
    sight_arrays,
    sight_numbers,
    view_table,
)
from ndfit.engines.loss import Loss
from ndfit.problem.places import Places

__all__ = ["evaluated", "model_values"]


class Samples(Protocol):
    """Of n fits.

    Attributes
    ----------
    places : where the model is evaluated
    data, weights : shape (n, M), with weights of zero where a sample is not used
    loss : what their residuals cost
    """

    @property
    def places(self) -> Places: ...
    @property
    def data(self) -> FloatArray: ...
    @property
    def weights(self) -> FloatArray: ...
    @property
    def loss(self) -> Loss: ...


def evaluated(
    code: ModelInCode, constants: tuple[float, ...], samples: Samples, parameters: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Half of what is minimised, shape (n,), infinite where that is no number, and its gradient, shape (n, F).

    Parameters
    ----------
    code, constants : a model with weights, and what belongs in its slots
    samples : n fits
    parameters : shape (n, P)
    """
    arrays = {View.DATA: samples.data, View.WEIGHTS: samples.weights, View.START: parameters}
    job, _kept_alive = _job(code, constants, arrays, samples.places, samples.data.shape)
    found = np.empty((len(parameters), 1 + len(code.structure.free)))
    accumulate = compiled_model(code).addresses["accumulate"]
    compiled_evaluation()(accumulate, job.ctypes.data, found.ctypes.data, samples.loss.scale)
    return np.where(np.isfinite(found[:, 0]), found[:, 0], np.inf), found[:, 1:]


def model_values(code: ModelInCode, constants: tuple[float, ...], parameters: FloatArray, places: Places) -> FloatArray:
    """Values of the model that samples see, shape (n, M).

    Parameters
    ----------
    code, constants : a model without weights and loss, and what belongs in its slots
    parameters : shape (n, P), tied ones set
    places : of n fits
    """
    shape = len(parameters), places.n_samples
    job, _kept_alive = _job(code, constants, {View.START: parameters}, places, shape)
    found = np.empty(shape)
    compiled_values()(compiled_model(code).addresses["differentiate"], job.ctypes.data, found.ctypes.data)
    return found


def _job(
    code: ModelInCode,
    constants: tuple[float, ...],
    arrays: Mapping[View, FloatArray],
    places: Places,
    shape: tuple[int, ...],
) -> tuple[Table, object]:
    """The table for the kernel, and what has to live as long as it is used."""
    n_fits, n_samples = shape
    workspace = allocate(code.structure, n_samples, places, constants)
    sight = sight_arrays(places, n_fits)
    views = view_table([*(arrays.get(view) for view in View if view < View.COEFFICIENTS), *sight])
    tables = code.structure.table(), workspace.table, views
    job = job_table(
        {
            Job.STRUCTURE: tables[0].ctypes.data,
            Job.WORKSPACE: tables[1].ctypes.data,
            Job.VIEWS: tables[2].ctypes.data,
            Job.FITS: n_fits,
            Job.SAMPLES: n_samples,
            **sight_numbers(places),
        }
    )
    return job, (workspace, tables, sight, arrays, places)
