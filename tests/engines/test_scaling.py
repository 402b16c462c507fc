"""Powers of two that bring residuals and parameters to the order of one, and models counted in them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.modeling import Fittable1DModel, Parameter
from astropy.modeling.models import Box1D, Const1D, Gaussian1D, Sine1D, Tabular1D, custom_model
from numpy.testing import assert_allclose, assert_array_equal

from ndfit.engines.reference.fitter_report import scaled_back
from ndfit.engines.reference.scaling import (
    Counting,
    counted_model,
    is_extreme,
    is_ordinary,
    lengths_at,
    root_mean_square,
    root_mean_squares,
    scale_of,
    set_bounds,
)

X = np.linspace(-3.0, 3.0, 13)
FACTORS = np.array([4.0, 0.5, 2.0])
INF = np.full(3, np.inf)


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


def counted(model: Any, start: Any = None, factors: Any = FACTORS) -> tuple[Any, Counting]:
    free = tuple(i for i, name in enumerate(model.param_names) if not (model.fixed[name] or model.tied[name]))
    counting = Counting(free, len(model.param_names))
    counting.begin(np.asarray(model.parameters if start is None else start), np.asarray(factors)[list(free)])
    return counted_model(model, counting), counting


@pytest.mark.parametrize("size", [1.0, 1e-200, 1e200, 3e-9])
def test_root_mean_squares_neither_overflow_nor_vanish(size: float) -> None:
    assert_allclose(root_mean_square(size * np.array([3.0, 4.0, 0.0, 0.0])), 2.5 * size)
    columns = size * np.array([[3.0, 1.0, 0.0], [4.0, -1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
    assert_allclose(root_mean_squares(columns), [2.5 * size, size, 0.0])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_sizes_of_what_is_not_finite_are_not(bad: float) -> None:
    assert not np.isfinite(root_mean_square(np.array([bad, 1.0])))
    assert not np.isfinite(root_mean_squares(np.array([[bad], [1.0]]))[0])
    assert scale_of(bad, 1.0) == 1.0 or bad == np.inf
    assert scale_of(bad, bad) == 1.0


@pytest.mark.parametrize(
    ("data", "residual", "scale"),
    [
        (1.0, 1.0, 1.0),
        (1.4e-18, 1.0, 2.0**-59),
        (2.0**21, 2.0**19, 2.0**19),
        (1.0, 1e-30, 2.0**-36),
        (0.0, 4.0, 4.0),
        (0.0, 0.0, 1.0),
        (1e200, 1e200, 2.0 ** np.round(np.log2(1e200))),
    ],
)
def test_residuals_are_counted_in_the_smaller_of_data_and_residuals(data: float, residual: float, scale: float) -> None:
    assert scale_of(data, residual) == scale


def test_what_an_optimiser_may_count_as_it_is() -> None:
    start, lengths = np.array([3.0, 50.0]), np.array([1.0, 0.5])
    assert is_ordinary(start, lengths, 1.0)
    assert not is_ordinary(start, lengths, 1e-4)
    assert not is_ordinary(start, np.array([1.0, 1e-5]), 1.0)
    assert not is_ordinary(start, np.array([1000.0, 1.0]), 1.0)
    assert is_ordinary(start, np.array([1.0, 1000.0]), 1.0)
    assert not is_ordinary(np.array([3.0, 60000.0]), lengths, 1.0)
    assert is_ordinary(np.array([0.0, 0.0]), lengths, 1.0)


@pytest.mark.parametrize(
    ("size", "extreme"), [(0.0, False), (1.0, False), (1e-3, False), (9e-4, True), (1e6, False), (2e6, True)]
)
def test_data_that_mislead_a_fitter_of_ones_own(size: float, extreme: bool) -> None:
    assert is_extreme(size) == extreme


def lengths(model: Any, x: Any = X) -> Any:
    with np.errstate(all="ignore"):
        return lengths_at(lambda values: model.evaluate(x, *values) + 0.0 * x, np.array(model.parameters))


@pytest.mark.parametrize("mean", [0.0, 1e-9, 0.3, 700.0, 1.4e9])
@pytest.mark.parametrize("unit", [1.0, 1e-18])
def test_a_line_is_linear_in_its_amplitude_and_over_its_width(mean: float, unit: float) -> None:
    found = lengths(Gaussian1D(3.0 * unit, mean, 1.2), X + mean)
    assert found.linear[0] == np.inf
    assert 0.1 < found.linear[1] < 1.2
    assert 0.1 < found.linear[2] < 3.0


def test_slopes_are_derivatives_to_some_digits() -> None:
    model = Gaussian1D(3.0, 0.3, 1.2)
    exact = np.transpose(model.fit_deriv(X, *model.parameters))
    assert_allclose(lengths(model).slopes, exact, atol=0.5 * np.abs(exact).max())
    assert_allclose(lengths(model).slopes[:, 0], exact[:, 0])
    assert_allclose(lengths(model).values, model(X))


def test_an_amplitude_goes_as_far_as_the_data_ask_for_and_a_centre_does_not() -> None:
    factors = lengths(Gaussian1D(1.0, 0.3, 1.2)).factors(None, 2.0**53)
    assert factors[0] > 2.0**52
    assert (factors[1:] < 2.0).all()
    assert_array_equal(np.log2(factors) % 1.0, 0.0)


def test_weights_count() -> None:
    found = lengths(Const1D(1.0))
    assert_array_equal(found.factors(np.full(X.size, 8.0), 1.0), found.factors(None, 1.0) / 8.0)


def test_edges_and_what_has_no_effect_keep_their_own_size() -> None:
    assert_array_equal(lengths(Box1D(3.0, 0.1, 2.0)).linear, [np.inf, 0.1, 2.0])
    far = lengths(Gaussian1D(3.0, 1e5, 1.2))
    assert_array_equal(far.slopes, 0.0)
    assert_array_equal(far.linear, [3.0, 1e5, 1.2])


def test_a_change_that_is_rounding_is_no_effect() -> None:
    @custom_model
    def growth(x, a=1.0, b=1.0, c=1.0):
        return a * np.exp(-b * x) + c

    assert_array_equal(lengths(growth(), np.arange(36.0, 73.0)).slopes[:, :2], 0.0)


def test_a_model_that_raises_outside_of_its_domain_has_lengths_inside() -> None:
    @custom_model
    def strict(x, level=1.0):
        if level > 1.5:
            raise ArithmeticError("too high")
        return level**3 + 0.0 * x

    assert 0.0 < lengths(strict()).linear[0] < 1.5


def test_periods_limit_a_frequency() -> None:
    assert lengths(Sine1D(3.0, 0.7, 0.1), np.linspace(0.0, 100.0, 300)).linear[1] < 0.01


def test_a_counted_model_is_the_same_model() -> None:
    model = Gaussian1D(3.0, 0.5, 1.2)
    model.mean.tied = lambda m: m.amplitude / 6.0
    found, counting = counted(model)
    assert_array_equal(counting.there(model.parameters), [1.0, 0.5, 1.0])
    values = np.array([1.25, 0.8, 0.75])
    assert_array_equal(counting.back(values), [4.0, 0.8, 0.7])
    assert_array_equal(counting.back(values[:, np.newaxis]), [[4.0], [0.8], [0.7]])
    assert_allclose(found.evaluate(X, *values), model.evaluate(X, 4.0, 0.8, 0.7))
    exact = np.array(model.fit_deriv(X, 4.0, 0.8, 0.7)) * np.array([[4.0], [1.0], [2.0]])
    assert_allclose(found.fit_deriv(X, *values), exact)
    found.parameters = values
    assert_allclose(found.mean.tied(found), 4.0 / 6.0)


def test_bounds_are_counted_too_and_the_model_stays() -> None:
    model = Gaussian1D(3.0, 0.5, 1.2, bounds={"amplitude": (None, 8.0), "stddev": (0.5, None)})
    found, counting = counted(model)
    set_bounds(found, counting, np.array([-np.inf, -np.inf, 0.5]), np.array([8.0, np.inf, np.inf]))
    assert found.amplitude.bounds == (None, 1.0 + 5.0 / 4.0)
    assert_allclose(found.stddev.bounds[0], 1.0 - 0.7 / 2.0)
    assert model.amplitude.bounds == (None, 8.0)
    set_bounds(found, counting, -INF, INF)
    assert found.amplitude.bounds == (None, None)


def test_a_large_step_from_a_large_start_ends_where_it_should() -> None:
    _, counting = counted(Gaussian1D(1.0, 60000.0, 1e-3), factors=[2.0**60, 2.0**-12, 2.0**-11])
    there = np.array([3e18, 60000.0 + 1e-7, 2e-3])
    assert_allclose(counting.back(counting.there(there)), there, rtol=1e-15)


def test_parameters_may_be_counted_as_they_are() -> None:
    model = Gaussian1D(3.0, 0.5, 1.2)
    found, counting = counted(model)
    counting.as_they_are()
    assert_array_equal(counting.there(model.parameters), model.parameters)
    assert_array_equal(found.evaluate(X, *model.parameters), model(X))
    assert_array_equal(found.fit_deriv(X, *model.parameters), model.fit_deriv(X, *model.parameters))


def test_derivatives_in_rows_are_counted_too() -> None:
    found, _ = counted(Rows(), factors=[4.0, 0.5])
    assert_allclose(found.fit_deriv(X, 1.0, 1.0), np.stack([4.0 * X, np.full_like(X, 0.5)], axis=1))


def test_compounds_are_counted_with_their_derivatives() -> None:
    model = Gaussian1D(3.0, 0.5, 1.2) + Const1D(1.0)
    found, _ = counted(model, factors=[4.0, 0.5, 2.0, 8.0])
    assert_allclose(found.evaluate(X, 1.0, 1.0, 1.0, 1.0), model(X))
    exact = model.fit_deriv(X, *model.parameters)
    assert_allclose(found.fit_deriv(X, 1.0, 1.0, 1.0, 1.0), exact * np.array([[4.0], [0.5], [2.0], [8.0]]))
    assert_allclose(found.copy().evaluate(X, 1.0, 1.0, 1.0, 1.0), model(X))


@custom_model
def root(x, offset=3.5):
    return np.sqrt(x + offset)


def test_where_a_model_is_not_finite_another_value_is_given() -> None:
    found, counting = counted(root(), factors=[1.0])
    with np.errstate(invalid="ignore"):
        assert np.isnan(found.evaluate(X, -1.0)).any()
        counting.instead = 77.0
        assert_array_equal(found.evaluate(X, -1.0), 77.0)
    assert_array_equal(found.evaluate(X, 1.0), root()(X))


def test_a_derivative_that_is_not_finite_is_none() -> None:
    class Edge(Fittable1DModel):
        offset = Parameter(default=3.0)

        @staticmethod
        def evaluate(x: Any, offset: Any) -> Any:
            return np.sqrt(x + offset)

        @staticmethod
        def fit_deriv(x: Any, offset: Any) -> Any:
            return [0.5 / np.sqrt(x + offset)]

    found, _ = counted(Edge(), factors=[1.0])
    with np.errstate(divide="ignore"):
        derivative = found.fit_deriv(X, 1.0)
    assert derivative[0][0] == 0.0
    assert_allclose(derivative[0][1:], 0.5 / np.sqrt(X[1:] + 3.0))


def test_a_report_is_counted_back() -> None:
    scale, factors = 4.0, np.array([2.0, 8.0])
    report = {
        "cost": 1.0, "fun": np.ones(3), "fvec": np.ones(3), "jac": np.ones((3, 2)), "grad": np.ones(2),
        "param_cov": np.ones((2, 2)), "optimality": 1.0, "nfev": 7, "fjac": np.ones((2, 3)),
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
    assert_array_equal(found["param_cov"], np.array([[4.0, 16.0], [16.0, 64.0]]) / 16.0)
    assert_array_equal(found["fjac"], 1.0)
    assert_array_equal(scaled_back(dict(report), scale, factors, 3.0)["param_cov"], 3.0 * found["param_cov"])
    assert scaled_back({}, scale, factors, 3.0) == {}


def test_compounds_without_a_derivative_are_counted() -> None:
    model = Const1D(1.0) + Const1D(2.0) * Tabular1D(X, X**2)
    found, _ = counted(model, factors=[4.0, 0.5])
    assert_allclose(found.evaluate(X, 1.0, 1.0), model(X))
