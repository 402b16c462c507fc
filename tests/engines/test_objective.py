"""Derivatives at an answer, whichever way they are taken, and the certificate from them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.modeling import Fittable1DModel, Parameter
from astropy.modeling.models import Const1D, Gaussian1D, Gaussian2D, Polynomial1D, custom_model
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import least_squares

from ndfit.engines.reference.jacobian import FreeParameters
from ndfit.engines.reference.objective import Objective

X = np.linspace(-5.0, 5.0, 41)
LENGTHS = np.array([1.0, 0.5, 0.5])


@custom_model
def line(x, amplitude=1.0, mean=0.0, stddev=1.0):
    return amplitude * np.exp(-0.5 * ((x - mean) / stddev) ** 2)


class WrongDerivative(Fittable1DModel):
    amplitude, mean, stddev = (Parameter(default=value) for value in (1.0, 0.0, 1.0))

    @staticmethod
    def evaluate(x: Any, amplitude: Any, mean: Any, stddev: Any) -> Any:
        return amplitude * np.exp(-0.5 * ((x - mean) / stddev) ** 2)

    @staticmethod
    def fit_deriv(x: Any, amplitude: Any, mean: Any, stddev: Any) -> Any:
        derivatives = Gaussian1D.fit_deriv(x, amplitude, mean, stddev)
        return [derivatives[0], 1.001 * derivatives[1], derivatives[2]]


class RaggedDerivative(WrongDerivative):
    @staticmethod
    def fit_deriv(x: Any, amplitude: Any, mean: Any, stddev: Any) -> Any:
        return [1.0]


def objective(
    model: Any, data: Any, x: Any = X, weights: Any = None, lower: Any = None, upper: Any = None, free: Any = None
) -> Objective:
    free = tuple(range(len(model.param_names))) if free is None else free
    low, high = (
        np.full(len(free), infinite) if bound is None else np.array(bound, float)
        for bound, infinite in ((lower, -np.inf), (upper, np.inf))
    )
    return Objective(model, FreeParameters(model, free), (x,), data, weights, low, high)


def noisy(values: Any, seed: int = 1) -> Any:
    return values + 0.1 * np.random.default_rng(seed).normal(size=np.shape(values))


VALUES = np.array([3.0, 0.4, 0.9])
EXACT = np.transpose(Gaussian1D.fit_deriv(X, *VALUES))


@pytest.mark.parametrize("model", [Gaussian1D(*VALUES), line(*VALUES), WrongDerivative(*VALUES), RaggedDerivative()])
@pytest.mark.parametrize("lengths", [None, LENGTHS, 300.0 * LENGTHS], ids=["none", "right", "too long"])
def test_the_jacobian_is_right_whoever_knows_it(model: Any, lengths: Any) -> None:
    fit = objective(model, noisy(line(*VALUES)(X)), weights=np.full(X.size, 3.0))
    found, accuracy = fit.jacobian(VALUES, lengths, fit.residual(VALUES))
    assert_allclose(found, 3.0 * EXACT, atol=1e-4)
    assert np.abs(found - 3.0 * EXACT).max() <= 10.0 * max(accuracy, 1e-9)
    assert (accuracy == 0.0) == isinstance(model, Gaussian1D)


def test_derivatives_in_rows_of_some_parameters_and_of_planes() -> None:
    cubic = Polynomial1D(3, c0=1.0, c2=-2.0)
    fit = objective(cubic, noisy(X), free=(1, 3))
    found, accuracy = fit.jacobian(np.array(cubic.parameters), None, fit.residual(np.array(cubic.parameters)))
    assert_allclose(found, np.stack([X, X**3], axis=1), rtol=1e-6, atol=1e-9)
    assert accuracy == 0.0
    plane = Gaussian2D(3.0, 0.2, -0.3, 1.1, 0.7, 0.2)
    x, y = np.meshgrid(X[::4], X[::4])
    free = FreeParameters(plane, tuple(range(6)))
    flat = Objective(plane, free, (x, y), noisy(x), None, np.full(6, -np.inf), np.full(6, np.inf))
    values = np.array(plane.parameters)
    found, accuracy = flat.jacobian(values, None, flat.residual(values))
    assert_allclose(found, np.stack([c.ravel() for c in plane.fit_deriv(x, y, *values)], axis=1))
    assert accuracy == 0.0


def test_ties_are_followed() -> None:
    model = Gaussian1D(*VALUES)
    model.stddev.tied = lambda m: 0.3 * m.amplitude
    fit = objective(model, noisy(X), free=(0, 1))
    found, accuracy = fit.jacobian(VALUES, None, fit.residual(VALUES))
    assert_allclose(found[:, 0], EXACT[:, 0] + 0.3 * EXACT[:, 2], atol=1e-7)
    assert accuracy > 0.0


@pytest.mark.parametrize("at", [VALUES[2], VALUES[2] - 1e-9])
def test_nothing_is_asked_for_beyond_the_bounds(at: float) -> None:
    @custom_model
    def strict(x, amplitude=1.0, mean=0.0, stddev=1.0):
        assert stddev >= at
        return amplitude * np.exp(-0.5 * ((x - mean) / stddev) ** 2)

    fit = objective(strict(), noisy(X), lower=[-np.inf, -np.inf, at])
    found, _ = fit.jacobian(VALUES, LENGTHS, fit.residual(VALUES))
    assert_allclose(found, EXACT, atol=1e-6)


def minimum(model: Any, data: Any, weights: Any) -> Any:
    return least_squares(
        lambda p: weights * (model.evaluate(X, *p) - data), VALUES, jac="3-point", xtol=1e-15, ftol=1e-15, gtol=1e-15
    ).x


@pytest.mark.parametrize("model", [Gaussian1D(), line()])
@pytest.mark.parametrize("absolute", [False, True])
def test_edm_is_half_of_what_chi_square_falls_by(model: Any, absolute: bool) -> None:
    data, weights = noisy(line(*VALUES)(X)), np.full(X.size, 10.0)
    best = minimum(model, data, weights)
    fit = objective(model, data, weights=weights)
    assert fit.certify(best, LENGTHS, absolute).converged
    assert fit.certify(best, LENGTHS, absolute).edm < 1e-9
    off = best + 0.5 * np.array([0.03, 0.01, 0.01])
    found, chi_square = fit.certify(off, LENGTHS, absolute), 2.0 * fit.cost(best)
    fall = (2.0 * fit.cost(off) - chi_square) / (1.0 if absolute else 2.0 * fit.cost(off) / (X.size - 3))
    assert_allclose(2.0 * found.edm, fall, rtol=0.1)
    assert not found.converged


@pytest.mark.parametrize("scale", [1e-200, 1e-30, 1.0, 1e30, 1e150])
def test_edm_of_unknown_errors_has_no_unit(scale: float) -> None:
    off = VALUES * 1.01
    data = noisy(line(*VALUES)(X))
    one = objective(line(), data).certify(off, LENGTHS, False)
    units = np.array([scale, 1.0, 1.0])
    other = objective(line(), scale * data).certify(off * units, LENGTHS * units, False)
    assert_allclose(other.edm, one.edm, rtol=1e-6)


def test_data_without_noise_converge_to_rounding() -> None:
    fit = objective(Gaussian1D(), line(*VALUES)(X))
    assert fit.certify(VALUES, LENGTHS, False).converged
    assert fit.certify(VALUES + 3e-16, LENGTHS, False).converged
    assert not fit.certify(VALUES + 1e-10, LENGTHS, False).converged


def test_dates_are_known_to_their_rounding() -> None:
    x = 60000.0 + np.linspace(0.0, 1.0, 60)
    values = np.array([3.0, 60000.4, 0.05])
    fit = objective(Gaussian1D(), line(*values)(x), x=x)
    next_date = np.array([3.0, np.nextafter(60000.4, 1e6), 0.05])
    assert fit.certify(next_date, np.array([1.0, 0.02, 0.02]), False).converged


def test_parameters_that_a_bound_holds_have_no_part() -> None:
    data = noisy(line(*VALUES)(X))
    held = np.array([2.0, 0.4, 0.9])
    best = least_squares(lambda p: line().evaluate(X, 2.0, *p) - data, VALUES[1:], xtol=1e-15, ftol=1e-15).x
    held[1:] = best
    assert objective(Gaussian1D(), data, upper=[2.0, 9.0, 9.0]).certify(held, LENGTHS, False).edm < 1e-9
    assert objective(Gaussian1D(), data, lower=[2.0, -9.0, 0.0]).certify(held, LENGTHS, False).edm > 1.0


def test_what_is_not_determined_has_no_part() -> None:
    model = Const1D(1.0) + Const1D(2.0)
    fit = objective(model, np.array([3.0, 3.2, 2.8]), x=np.arange(3.0))
    assert fit.certify(np.array([1.0, 2.0]), None, False).edm < 1e-20
    assert fit.certify(np.array([1.0, 2.5]), None, False).edm > 0.1


def test_as_many_samples_as_parameters() -> None:
    x, data = np.array([-1.0, 0.5, 1.0]), np.array([1.0, 3.0, 2.0])
    fit = objective(Gaussian1D(), data, x=x)
    best = least_squares(lambda p: line().evaluate(x, *p) - data, VALUES, xtol=1e-15, ftol=1e-15, gtol=1e-15).x
    assert fit.certify(best, LENGTHS, False).converged
    assert not fit.certify(best + 1e-6, LENGTHS, False).converged


def test_a_model_that_is_not_finite_beside_the_answer_is_differentiated_on_one_side() -> None:
    @custom_model
    def root(x, offset=5.0):
        return np.sqrt(x + offset)

    fit = objective(root(), np.zeros(40), x=X[1:])
    with np.errstate(invalid="ignore"):
        found, _ = fit.jacobian(np.array([4.75 + 1e-12]), None, fit.residual(np.array([4.75 + 1e-12])))
    assert_allclose(found[1:, 0], 0.5 / np.sqrt(X[2:] + 4.75), rtol=1e-3)


def test_some_of_the_samples() -> None:
    data, used = noisy(line(*VALUES)(X)), np.arange(X.size) % 3 > 0
    fit = objective(line(), data, weights=np.full(X.size, 2.0)).restricted(used)
    assert_array_equal(fit.residual(VALUES), 2.0 * (line(*VALUES)(X[used]) - data[used]))
