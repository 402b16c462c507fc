"""Costs and gradients of some fits at any parameters, compiled.

Flows in: a model as the kernel takes it, samples, and parameters. Flows out: what is minimised, and its slopes.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from ndfit.engine.kernel.accumulate import ModelInCode, compiled_model
from ndfit.engine.kernel.points import compiled_evaluation
from ndfit.engine.kernel.workspace import Job, View, allocate, job_table, view_table
from ndfit.engine.loss import Loss
from ndfit.problem.types import FloatArray

__all__ = ["evaluated"]


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
    n_fits, n_samples = samples.data.shape
    structure, n_inputs = code.structure, len(samples.coords)
    workspace = allocate(structure, n_inputs, n_samples, constants)
    arrays = {View.DATA: samples.data, View.WEIGHTS: samples.weights, View.START: parameters}
    axes = (np.broadcast_to(axis, samples.data.shape) for axis in samples.coords)
    views = view_table([*(arrays.get(view) for view in View if view < View.COORDS), *axes])
    tables = structure.table(), workspace.table, views
    job = job_table(
        {
            Job.STRUCTURE: tables[0].ctypes.data,
            Job.WORKSPACE: tables[1].ctypes.data,
            Job.VIEWS: tables[2].ctypes.data,
            Job.FITS: n_fits,
            Job.SAMPLES: n_samples,
            Job.INPUTS: n_inputs,
        }
    )
    found = np.empty((n_fits, 1 + len(structure.free)))
    accumulate = compiled_model(code).addresses["accumulate"]
    compiled_evaluation()(accumulate, job.ctypes.data, found.ctypes.data, samples.loss.scale)
    return np.where(np.isfinite(found[:, 0]), found[:, 0], np.inf), found[:, 1:]
