"""Costs, gradients and model values of some fits at any parameters, compiled.

Flows in: a model as the kernel takes it, samples, and parameters. Flows out: what is minimised, and its slopes; or the
values of the model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from ndfit.arrays import FloatArray
from ndfit.engines.compiled.kernel.accumulate import ModelInCode, compiled_model
from ndfit.engines.compiled.kernel.at_points import compiled_evaluation, compiled_values
from ndfit.engines.compiled.kernel.workspace import Job, Table, View, allocate, job_table, view_table
from ndfit.engines.loss import Loss

__all__ = ["evaluated", "model_values"]


class Samples(Protocol):
    """Of n fits.

    Attributes
    ----------
    coords : K arrays of shape (M,) or (n, M)
    data, weights : shape (n, M), with weights of zero where a sample is not used
    loss : what their residuals cost
    """

    @property
    def coords(self) -> tuple[FloatArray, ...]: ...
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
    job, _kept_alive = _job(code, constants, arrays, samples.coords, samples.data.shape)
    found = np.empty((len(parameters), 1 + len(code.structure.free)))
    accumulate = compiled_model(code).addresses["accumulate"]
    compiled_evaluation()(accumulate, job.ctypes.data, found.ctypes.data, samples.loss.scale)
    return np.where(np.isfinite(found[:, 0]), found[:, 0], np.inf), found[:, 1:]


def model_values(
    code: ModelInCode, constants: tuple[float, ...], parameters: FloatArray, coords: Sequence[FloatArray]
) -> FloatArray:
    """Values of the model, shape (n, M).

    Parameters
    ----------
    code, constants : a model without weights and loss, and what belongs in its slots
    parameters : shape (n, P), tied ones set
    coords : K arrays of shape (M,) or (n, M)
    """
    shape = np.broadcast_shapes((len(parameters), 1), *(axis.shape for axis in coords))
    job, _kept_alive = _job(code, constants, {View.START: parameters}, coords, shape)
    found = np.empty(shape)
    compiled_values()(compiled_model(code).addresses["differentiate"], job.ctypes.data, found.ctypes.data)
    return found


def _job(
    code: ModelInCode,
    constants: tuple[float, ...],
    arrays: Mapping[View, FloatArray],
    coords: Sequence[FloatArray],
    shape: tuple[int, ...],
) -> tuple[Table, object]:
    """The table for the kernel, and what has to live as long as it is used."""
    n_fits, n_samples = shape
    workspace = allocate(code.structure, len(coords), n_samples, constants)
    axes = tuple(np.broadcast_to(axis, shape) for axis in coords)
    views = view_table([*(arrays.get(view) for view in View if view < View.COORDS), *axes])
    tables = code.structure.table(), workspace.table, views
    job = job_table(
        {
            Job.STRUCTURE: tables[0].ctypes.data,
            Job.WORKSPACE: tables[1].ctypes.data,
            Job.VIEWS: tables[2].ctypes.data,
            Job.FITS: n_fits,
            Job.SAMPLES: n_samples,
            Job.INPUTS: len(coords),
        }
    )
    return job, (workspace, tables, axes, arrays)
