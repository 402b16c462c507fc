"""Powers of two that bring residuals and parameters to the order of one, and models counted in them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.modeling import Fittable1DModel, Parameter
from astropy.modeling.models import Const1D, Gaussian1D
from numpy.testing import assert_allclose, assert_array_equal

from ndfit.engine.report import scaled_back
from ndfit.engine.scaling import column_scales, count_parameters_in, residual_scale

X = np.linspace(-3.0, 3.0, 13)
FACTORS = np.array([4.0, 0.5, 2.0])


class Rows(Fittable1DModel):
    """A line whose derivatives are rows, one a sample."""

    slope = Parameter(default=1.0)
    level = Parameter(default=1.0)
    col_fit_deriv = False

    @staticmethod
    def evaluate(x: Any, slope: Any, level: Any) -> Any:
        return slope * x + level

    @staticmethod
    def fit_deriv(x: Any, slope: Any, level: Any) -> Any:
        return np.stack([x, np.ones_like(x)], axis=1)


@pytest.mark.parametrize(
    ("size", "scale"),
    [(1.0, 1.0), (2.0**-10, 1.0), (2.0**20, 1.0), (2.0**-11, 2.0**-11), (2.0**21, 2.0**21), (1.4e-18, 2.0**-59)],
)
def test_residuals_of_the_order_of_one_are_left_alone(size: float, scale: float) -> None:
    assert residual_scale(np.array([size, -size])) == scale


def test_size_of_residuals_is_their_root_mean_square() -> None:
    assert residual_scale(2.0**40 * np.array([3.0, 4.0, 0.0, 0.0])) == 2.0**41
    assert residual_scale(1e200 * np.ones(3)) == 2.0 ** np.round(np.log2(1e200))


@pytest.mark.parametrize("values", [[0.0, 0.0], [], [np.inf, 1.0], [np.nan, 1.0]])
def test_residuals_without_a_size_are_left_alone(values: list[float]) -> None:
    assert residual_scale(np.array(values)) == 1.0


def test_columns_come_to_the_length_of_one() -> None:
    jacobian = np.array([[8.0, 0.0, 1.0], [-3.0, 0.0, np.nan]])
    assert_array_equal(column_scales(jacobian, 2.0, (0, 2, 3), 4), [0.25, 1.0, 1.0, 1.0])


def test_a_model_counted_in_factors_is_the_same_model() -> None:
    model = Gaussian1D(3.0, 0.5, 1.2, bounds={"amplitude": (None, 8.0), "stddev": (0.5, None)})
    model.mean.tied = lambda m: m.amplitude / 6.0
    counted = count_parameters_in(model, FACTORS)
    values = model.parameters / FACTORS
    assert_allclose(counted.evaluate(X, *values), model.evaluate(X, *model.parameters))
    exact = model.fit_deriv(X, *model.parameters)
    assert_allclose(counted.fit_deriv(X, *values), [column * f for column, f in zip(exact, FACTORS, strict=True)])
    assert counted.amplitude.bounds == (None, 2.0)
    assert counted.stddev.bounds == (0.25, None)
    counted.parameters = values
    assert_allclose(counted.mean.tied(counted), 1.0)
    assert model.amplitude.bounds == (None, 8.0)


def test_derivatives_in_rows_are_counted_too() -> None:
    counted = count_parameters_in(Rows(), np.array([4.0, 0.5]))
    assert_allclose(counted.fit_deriv(X, 1.0, 1.0), np.stack([4.0 * X, np.full_like(X, 0.5)], axis=1))


def test_compounds_are_counted_without_their_derivatives() -> None:
    model = Gaussian1D(3.0, 0.5, 1.2) + Const1D(1.0)
    counted = count_parameters_in(model, np.array([4.0, 0.5, 2.0, 8.0]))
    assert_allclose(counted.evaluate(X, 0.75, 1.0, 0.6, 0.125), model(X))


def test_a_report_is_counted_back() -> None:
    scale, factors = 4.0, np.array([2.0, 8.0])
    report = {
        "cost": 1.0, "fun": np.ones(3), "fvec": np.ones(3), "jac": np.ones((3, 2)), "grad": np.ones(2),
        "x": np.ones(2), "param_cov": np.ones((2, 2)), "optimality": 1.0, "nfev": 7, "fjac": np.ones((2, 3)),
        "final_func_val": 1.0, "cov_x": np.ones((2, 2)),
    }  # fmt: skip
    found = scaled_back(dict(report), scale, factors, None)
    assert (found["cost"], found["nfev"]) == (16.0, 7)
    assert found["final_func_val"] == 16.0
    assert {name: np.shape(value) for name, value in found.items()} == {n: np.shape(v) for n, v in report.items()}
    assert_array_equal(found["cov_x"], found["param_cov"])
    assert_array_equal(found["fun"], 4.0)
    assert_array_equal(found["fvec"], 4.0)
    assert_array_equal(found["jac"], np.broadcast_to([2.0, 0.5], (3, 2)))
    assert_array_equal(found["grad"], [8.0, 2.0])
    assert found["optimality"] == 8.0
    assert_array_equal(found["x"], [2.0, 8.0])
    assert_array_equal(found["param_cov"], np.array([[4.0, 16.0], [16.0, 64.0]]) / 16.0)
    assert_array_equal(found["fjac"], 1.0)
    assert_array_equal(scaled_back(dict(report), scale, factors, 3.0)["param_cov"], 3.0 * found["param_cov"])
    assert scaled_back({}, scale, factors, 3.0) == {}
