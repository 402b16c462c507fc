"""The workloads: each makes a task whose formula is the astropy model's, with its derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.task import Task, rows_of
from benchmarks.workloads import WORKLOADS, Absent, Workload
from numpy.testing import assert_allclose, assert_array_equal

N_FITS = 16


def make(workload: Workload) -> Task:
    try:
        return workload.make(N_FITS)
    except Absent as absent:
        pytest.skip(str(absent))


@pytest.fixture(params=WORKLOADS.values(), ids=lambda workload: workload.name)
def task(request: pytest.FixtureRequest) -> Task:
    return make(request.param)


def test_samples_are_numbers(task: Task) -> None:
    assert task.n_fits == N_FITS
    assert task.rows.shape == (N_FITS, task.n_samples)
    assert np.isfinite(task.rows).all()


def test_call_and_arrays_hold_the_same_samples(task: Task) -> None:
    """In the order of the maps: iterating axes of the data in C order."""
    axes = np.atleast_1d(task.call["fitting_axes"])
    assert_array_equal(np.moveaxis(task.call["data"], axes, range(-len(axes), 0)).reshape(task.rows.shape), task.rows)


def test_formula_is_the_models(task: Task) -> None:
    assert_allclose(task.formula.value(np, task.coords, task.start), task.model(*task.coords), rtol=1e-12)


def test_derivatives_are_the_formulas(task: Task) -> None:
    def value(parameters: np.ndarray) -> np.ndarray:
        return task.formula.value(np, task.coords, parameters)

    jacobian = task.formula.jacobian(task.coords, task.start)
    for index, parameter in enumerate(task.start):
        step = 1e-5 * max(1.0, abs(parameter)) * (np.arange(task.start.size) == index)
        slope = (value(task.start + step) - value(task.start - step)) / (2 * step[index])
        assert_allclose(jacobian[:, index], slope, atol=1e-7 * np.abs(jacobian[:, index]).max())


def test_costs_are_sums_of_squares(task: Task) -> None:
    parameters = np.tile(task.start, (N_FITS, 1))
    residuals = task.rows - task.model(*task.coords)
    assert_allclose(task.costs(parameters), 0.5 * (residuals**2).sum(axis=1))


def test_part_holds_the_rows_it_says(task: Task) -> None:
    assert_array_equal(task.part(5).rows, task.rows[rows_of(N_FITS, 5)])
    assert task.part(N_FITS) is task


def test_bounds_are_those_of_the_call() -> None:
    task = make(WORKLOADS["l1448-bounded"])
    assert task.call["model"].mean.bounds == (3000, 6000)
    assert_array_equal(task.bounds, [[-np.inf, 3000, -np.inf], [np.inf, 6000, np.inf]])
