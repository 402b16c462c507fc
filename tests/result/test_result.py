"""FitResult: statistics against their definitions, errors against astropy's, single fits, evaluation."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.modeling.fitting import TRFLSQFitter
from astropy.modeling.models import Const1D, Gaussian1D, Polynomial1D
from astropy.nddata import StdDevUncertainty
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import xlogy

import ndfit
from ndfit.status import Flag, Status

X = np.linspace(-5.0, 5.0, 41)
MEANS = np.array([[-1.0, 0.0, 0.5], [1.0, 0.3, -0.4]])
SIGMA = 0.2
ENGINES = ("compiled", "reference")


def line_cube() -> np.ndarray:
    rng = np.random.default_rng(8)
    line = 5.0 * np.exp(-0.5 * ((X[:, None, None] - MEANS) / 0.9) ** 2)
    return line + 1.0 + SIGMA * rng.normal(size=line.shape)


def start() -> Gaussian1D:
    return Gaussian1D(4.0, 0.0, 1.0) + Const1D(0.5)


@pytest.fixture(params=ENGINES)
def result(request: pytest.FixtureRequest) -> ndfit.FitResult:
    data = line_cube()
    data[3, 0, 1] = np.nan
    data[:, 1, 2] = np.nan
    return ndfit.fit(start(), data, world=X, fitting_axes=0, uncertainty=np.full(41, SIGMA), engine=request.param)


def test_statistics_follow_their_definitions(result: ndfit.FitResult) -> None:
    residual = result.residual()
    used = np.isfinite(residual)
    chi_square = np.where(used, (residual / SIGMA) ** 2, 0.0).sum(axis=0)
    fitted = result.success
    assert_array_equal(fitted, [[True, True, True], [True, True, False]])
    assert_allclose(result.chi_square[fitted], chi_square[fitted], rtol=1e-9)
    assert_array_equal(result.n_samples, [[41, 40, 41], [41, 41, 0]])
    assert_array_equal(result.degrees_of_freedom, result.n_samples - 4)
    assert_allclose(result.reduced_chi_square[fitted], (chi_square / (result.n_samples - 4))[fitted], rtol=1e-9)
    assert_allclose(result.aic[fitted], chi_square[fitted] + 8, rtol=1e-9)
    assert_allclose(result.bic[fitted], chi_square[fitted] + 4 * np.log(result.n_samples[fitted]), rtol=1e-9)
    assert result.status[1, 2] == Status.NO_DATA
    assert np.isnan(result.chi_square[1, 2])


def test_information_criteria_without_known_errors() -> None:
    result = ndfit.fit(start(), line_cube(), world=X, fitting_axes=0)
    deviance = 41 * np.log(result.chi_square / 41)
    assert_allclose(result.aic, deviance + 2 * 5)
    assert_allclose(result.bic, deviance + 5 * np.log(41))


def test_errors_and_covariance_are_those_of_a_single_fit(result: ndfit.FitResult) -> None:
    fitter = TRFLSQFitter(calc_uncertainties=True)
    single = fitter(start(), X, line_cube()[:, 1, 0], weights=np.full(41, 1 / SIGMA))
    assert_allclose(result.covariance[1, 0], single.cov_matrix.cov_matrix, rtol=1e-3, atol=1e-12)
    assert_allclose(result.errors["mean_0"][1, 0], single.mean_0.std, rtol=1e-4)
    assert_allclose(result.model.mean_0.std, result.errors["mean_0"])
    assert result.free_names == ("amplitude_0", "mean_0", "stddev_0", "amplitude_1")


@pytest.mark.parametrize("engine", ENGINES)
def test_relative_uncertainties_scale_by_reduced_chi_square(engine: str) -> None:
    keywords = {"world": X, "fitting_axes": 0, "uncertainty": np.full(41, 1.0), "engine": engine}
    absolute = ndfit.fit(start(), line_cube(), **keywords)
    relative = ndfit.fit(start(), line_cube(), absolute_sigma=False, **keywords)
    expected = absolute.errors["mean_0"] * np.sqrt(absolute.reduced_chi_square)
    assert_allclose(relative.errors["mean_0"], expected, rtol=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_errors_of_fixed_tied_and_bound_parameters(engine: str) -> None:
    model = start()
    model.amplitude_1.fixed = True
    model.amplitude_1 = 1.0
    model.stddev_0.tied = lambda m: 0.18 * m.amplitude_0
    model.mean_0.bounds = (-0.7, 0.7)
    result = ndfit.fit(
        model, line_cube(), world=X, fitting_axes=0, uncertainty=np.full(41, SIGMA), guess=None, engine=engine
    )
    at_bound = np.abs(MEANS) > 0.7
    assert_array_equal((result.flags & Flag.AT_BOUND) > 0, at_bound)
    assert_array_equal(np.isnan(result.errors["mean_0"]), at_bound)
    assert_allclose(result.errors["amplitude_1"], 0.0)
    assert_allclose(result.errors["stddev_0"], 0.18 * result.errors["amplitude_0"], rtol=1e-6)
    held = model.copy()
    held.mean_0 = 0.7
    held.mean_0.fixed = True
    alone = ndfit.fit(held, line_cube()[:, 1, 0], world=X, fitting_axes=0, uncertainty=np.full(41, SIGMA))
    # An interior-point method ends near the bound, not on it.
    assert_allclose(result.errors["amplitude_0"][1, 0], alone.errors["amplitude_0"], rtol=1e-2)


def test_singular_covariance_is_flagged_and_nan() -> None:
    model = Const1D(1.0) + Const1D(2.0)
    result = ndfit.fit(model, line_cube(), world=X, fitting_axes=0, engine="compiled")
    assert (result.flags == Flag.SINGULAR).all()
    assert np.isnan(result.errors["amplitude_0"]).all()
    assert_allclose(result.parameters["amplitude_0"] + result.parameters["amplitude_1"], line_cube().mean(axis=0))


def test_one_fit(result: ndfit.FitResult) -> None:
    one = result[0, 1]
    assert_allclose(one.model.mean_0.value, result.parameters["mean_0"][0, 1])
    assert_array_equal(one.used, np.arange(41) != 3)
    assert_allclose(one.residual[one.used], one.data[one.used] - one.model(X)[one.used])
    assert one.status == result.status[0, 1]
    assert result[1, 2].model is None
    assert result[-1, -1].status == Status.NO_DATA
    with pytest.raises(IndexError, match="2 axes"):
        result[0]


def test_evaluate_on_the_axes_of_the_data(result: ndfit.FitResult) -> None:
    whole = result.evaluate()
    assert whole.shape == (41, 2, 3)
    assert_allclose(whole[:, 1, 0], result[1, 0].model(X))
    assert np.isnan(whole[:, 1, 2]).all()
    assert_array_equal(result.evaluate(lazy=True).compute(), whole)
    assert_allclose(result.model(X), whole, rtol=1e-12)  # the compiled model orders its operations otherwise


def test_units_of_parameters_and_errors() -> None:
    model = Gaussian1D(4 * u.K, 0 * u.m / u.s, 1 * u.km / u.s)
    data = (line_cube() - 1.0) * u.K
    uncertainty = StdDevUncertainty(np.full(41, 1e3 * SIGMA), unit=u.mK)
    result = ndfit.fit(model, data, world=X * u.km / u.s, fitting_axes=0, uncertainty=uncertainty)
    assert result.parameters["mean"].unit == result.errors["mean"].unit == u.m / u.s
    assert_allclose(result.parameters["mean"].to_value(u.km / u.s), MEANS, atol=0.2)
    assert_allclose(np.median(result.reduced_chi_square), 1.0, atol=0.3)


def test_polynomial_far_from_zero_is_reported_in_the_callers_basis() -> None:
    x = 1.4e9 + 1e4 * np.arange(100)
    t = (x - x.mean()) / 1e6
    data = np.stack([1 + 0.2 * t, 2 - 0.5 * t])
    result = ndfit.fit(Polynomial1D(1), data, world=x, fitting_axes=1, fitter=None)
    assert_allclose(result.parameters["c1"], [0.2e-6, -0.5e-6], rtol=1e-6)
    assert_allclose(result.evaluate(), data, atol=1e-6)


def test_summary_counts_each_status_with_its_remedy() -> None:
    data = line_cube()
    data[:, 1, 2] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ndfit.FitWarning)
        result = ndfit.fit(start(), data, world=X, fitting_axes=0, fitter_kwargs={"maxiter": 2})
    text = result.summary()
    assert "every sample is NaN" in text
    assert "raise the limit" in text
    assert "compiled engine" in text
    assert "mean_0" in text


def test_summary_of_one_position_has_no_ranges() -> None:
    lines = ndfit.fit(start(), line_cube()[:, 0, 0], world=X, fitting_axes=0).summary().splitlines()
    assert lines[0].startswith("1 position, compiled engine")
    assert not any(" to " in line for line in lines if "mean_0" in line)


def test_uncertainty_and_weights_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="either uncertainty or weights"):
        ndfit.fit(start(), line_cube(), world=X, fitting_axes=0, uncertainty=np.ones(41), weights=np.ones(41))


def test_criteria_of_counts_are_those_of_their_likelihood() -> None:
    data = np.random.default_rng(12).poisson(5.0, (3, 40)).astype(float)
    result = ndfit.fit(Const1D(4.0), data, fitting_axes=1, statistic="cash")
    mean = data.mean(axis=1, keepdims=True)
    deviance = 2.0 * np.sum(mean - data + xlogy(data, data / mean), axis=1)
    assert_allclose(result.parameters["amplitude"], mean[:, 0], rtol=1e-6)
    assert_allclose(result.aic, deviance + 2.0, rtol=1e-9)
    assert_allclose(result.bic, deviance + np.log(40.0), rtol=1e-9)
    assert_allclose(result.errors["amplitude"], np.sqrt(mean[:, 0] / 40.0), rtol=1e-6)
