"""Central differences of residuals, and the covariance from them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.modeling.models import Box1D, Const1D, Gaussian1D
from numpy.testing import assert_allclose, assert_array_equal

from ndfit.engines.reference.jacobian import covariance_of, jacobian_at, with_free

X = np.linspace(-3.0, 3.0, 25)


@pytest.mark.parametrize("mean", [0.0, 0.3, -1e-9, 4e-17, 700.0, 1.4e9])
@pytest.mark.parametrize("unit", [1.0, 1e-18])
def test_central_differences_are_the_derivatives(mean: float, unit: float) -> None:
    """A mean of 4e-17 is as good as zero, and one of 1.4e9 is large, for a line of width one."""
    model = Gaussian1D(3.0 * unit, mean, 1.2)
    x = X + mean
    found = jacobian_at(lambda values: model.evaluate(x, *values), model.parameters, (0, 1, 2), model.copy())
    exact = np.transpose(model.fit_deriv(x, *model.parameters))
    assert_allclose(found / np.abs(exact).max(axis=0), exact / np.abs(exact).max(axis=0), atol=1e-6)


def test_an_offset_of_nothing_beside_a_line_has_an_error() -> None:
    model = Gaussian1D(3.0, 0.0, 1.2) + Const1D(2e-17)
    found = jacobian_at(lambda values: model.evaluate(X, *values), model.parameters, (0, 1, 2, 3), model.copy())
    assert_allclose(found[:, 3], 1.0, rtol=1e-8)


def test_what_has_no_derivative_is_said_not_to_react() -> None:
    model = Box1D(2.0, 0.03, 1.5)
    found = jacobian_at(lambda values: model.evaluate(X, *values), model.parameters, (0, 1, 2), model.copy())
    assert_array_equal(found[:, 1:], 0.0)


@pytest.mark.parametrize(("value", "size"), [(0.0, 1.0), (0.01, 0.01), (-500.0, 500.0)])
def test_steps_are_a_part_of_the_parameter_and_of_one_where_that_is_zero(value: float, size: float) -> None:
    tried: list[float] = []

    def residual(values: Any) -> Any:
        tried.append(float(values[1]))
        return values

    jacobian_at(residual, np.array([3.0, value, 1.0]), (1,), Gaussian1D())
    step = np.finfo(float).eps ** (1 / 3) * size
    assert_allclose(np.array(tried) - value, [step, -step, 0.25 * step, -0.25 * step], rtol=1e-6)


def test_ties_follow_the_free_parameters_and_the_others_stay() -> None:
    model = Gaussian1D()
    model.stddev.tied = lambda m: 2.0 * m.amplitude
    values = np.array([1.0, 5.0, 2.0])
    assert_array_equal(with_free(values, np.array([3.0]), (0,), model), [3.0, 5.0, 6.0])
    assert_array_equal(values, [1.0, 5.0, 2.0])


def test_the_covariance_is_the_inverse_of_the_normal_equations_whatever_the_units() -> None:
    jacobian = np.random.default_rng(2).normal(size=(9, 3))
    units = np.array([1e-120, 1.0, 1e90])
    expected = np.linalg.inv(jacobian.T @ jacobian)
    assert_allclose(covariance_of(jacobian * units) * np.outer(units, units), expected, rtol=1e-10)
    assert_allclose(covariance_of(jacobian[:3]), np.linalg.inv(jacobian[:3].T @ jacobian[:3]), rtol=1e-7)


@pytest.mark.parametrize(
    "jacobian",
    [
        np.ones((4, 2)),
        np.array([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]]),
        np.array([[1.0, 2.0]]),
        np.array([[1.0, np.inf], [2.0, 1.0], [0.0, 1.0]]),
        np.array([[1.0, 1.0 + 4e-16], [1.0, 1.0], [1.0, 1.0], [1.0, 1.0]]),
    ],
    ids=["alike", "without influence", "too few samples", "not finite", "alike but for rounding"],
)
def test_a_singular_jacobian_has_no_covariance(jacobian: Any) -> None:
    covariance = covariance_of(jacobian)
    assert covariance.shape == (2, 2)
    assert np.isnan(covariance).all()


def test_a_faint_line_on_a_bright_constant_keeps_its_derivatives() -> None:
    """Rounding leaves eight digits of the line: steps have to be long, and what that costs is extrapolated away."""
    model = Gaussian1D(3.0, 0.4, 1.2) + Const1D(3e8)
    found = jacobian_at(lambda values: model.evaluate(X, *values), model.parameters, (0, 1, 2), model.copy())
    exact = np.transpose(Gaussian1D.fit_deriv(X, 3.0, 0.4, 1.2))
    assert_allclose(found, exact, atol=1e-6 * np.abs(exact).max())
