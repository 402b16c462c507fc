"""Losses other than the square: the minimum that scipy finds, likelihoods of counts, and the sizes of errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.modeling.models import Const1D, Gaussian1D
from numpy.testing import assert_allclose
from scipy.optimize import least_squares
from scipy.special import xlogy
from tests.engines.problems import FloatArray, block_for, engine_for

from ndfit.engines.base import SolveOptions
from ndfit.engines.loss import Loss, huber_factor, loss_of
from ndfit.options import CASH, Objective
from ndfit.problem.types import Block
from ndfit.status import Status

X = np.linspace(-5.0, 5.0, 60)
ROBUST = ["huber", "soft_l1", "cauchy", "arctan"]
SIGMA = 0.3


def line(start: tuple[float, ...] = (5.0, 0.2, 1.1, 1.0)) -> Any:
    amplitude, mean, stddev, level = start
    return Gaussian1D(amplitude, mean, stddev) + Const1D(level)


def values(parameters: FloatArray) -> FloatArray:
    amplitude, mean, stddev, level = np.atleast_2d(parameters).T[:, :, np.newaxis]
    return np.asarray(amplitude * np.exp(-0.5 * ((X - mean) / stddev) ** 2) + level)


def truth(n_fits: int, seed: int = 1) -> FloatArray:
    rng = np.random.default_rng(seed)
    low, high = (4.0, -0.5, 0.9, 0.8), (6.0, 0.5, 1.3, 1.5)
    return rng.uniform(low, high, (n_fits, 4))


def contaminated(n_fits: int, seed: int = 2) -> Block:
    """Lines with noise of SIGMA, of which every twelfth sample is off by much."""
    rng = np.random.default_rng(seed)
    data = values(truth(n_fits)) + SIGMA * rng.normal(size=(n_fits, X.size))
    data += (rng.random(data.shape) < 1 / 12) * rng.exponential(3.0, data.shape)
    return block_for(line(), data, (X,), weights=np.full(data.shape, 1 / SIGMA))


def options(loss: str, scale: float = 1.0, covariance: bool = False) -> SolveOptions:
    return SolveOptions(1e-8, 1e-7, 1e-8, 1000, covariance, loss, scale)


@pytest.mark.parametrize("scale", [1.0, 2.5])
@pytest.mark.parametrize("loss", ROBUST)
def test_the_minimum_is_scipy_s(loss: str, scale: float) -> None:
    block = contaminated(40)
    result = engine_for(line())(block, options(loss, scale))
    assert (result.status > 0).all()
    for row, data in enumerate(block.data):
        # From the solution, so that both are in the same of several minima.
        expected = least_squares(
            lambda p, data=data: (values(p)[0] - data) / SIGMA,
            result.parameters[row],
            loss=loss,
            f_scale=scale,
            ftol=1e-12,
            xtol=1e-12,
            gtol=1e-12,
        )
        assert_allclose(result.cost[row], expected.cost, rtol=1e-6)


@pytest.mark.parametrize("loss", ["huber", "soft_l1", "cauchy"])
def test_starts_far_off_end_where_scipy_s_do(loss: str) -> None:
    block, far = contaminated(40), (3.0, 1.2, 1.8, 0.0)
    block.start[:] = far
    result = engine_for(line(far))(block, options(loss))
    for row, data in enumerate(block.data):
        expected = least_squares(lambda p, data=data: (values(p)[0] - data) / SIGMA, far, loss=loss)
        assert result.cost[row] < expected.cost * (1 + 1e-6)


@pytest.mark.parametrize("loss", ROBUST)
def test_huber_s_covariance_is_the_scatter(loss: str) -> None:
    block = contaminated(2000)
    result = engine_for(line())(block, options(loss, 1.5, covariance=True))
    assert result.covariance is not None
    pulls = (result.parameters - truth(2000)) / np.sqrt(np.diagonal(result.covariance, axis1=1, axis2=2))
    # Outliers are rare and one-sided: the width of the core is what is compared.
    width = 0.5 * np.subtract(*np.percentile(pulls[:, 1], (84.13, 15.87)))
    assert_allclose(width, 1.0, atol=0.08)


def test_huber_s_factor_of_the_square_is_the_variance() -> None:
    residual = np.random.default_rng(3).normal(size=(5, 50))
    factor = huber_factor(Loss("huber", 1e9), residual, np.ones((1, 1), bool), 4)
    assert_allclose(factor, (residual**2).sum(axis=1) / 46)


def test_huber_s_factor_ignores_samples_that_are_not_used() -> None:
    residual = np.random.default_rng(3).normal(size=(5, 50))
    used = np.arange(50) < 40
    spoiled = np.where(used, residual, 1e6)
    expected = huber_factor(Loss("cauchy"), residual[:, :40], np.ones((1, 1), bool), 4)
    assert_allclose(huber_factor(Loss("cauchy"), spoiled, used, 4), expected)


RHO = {
    "huber": lambda z: np.where(z <= 1.0, z, 2.0 * np.sqrt(z) - 1.0),
    "soft_l1": lambda z: 2.0 * (np.sqrt(1.0 + z) - 1.0),
    "cauchy": np.log1p,
    "arctan": np.arctan,
}


@pytest.mark.parametrize("scale", [1.0, 0.7])
@pytest.mark.parametrize("loss", ROBUST)
def test_huber_s_factor_is_his_formula_with_the_derivatives_of_the_loss(loss: str, scale: float) -> None:
    rng = np.random.default_rng(5)
    residual, used, p, h = rng.normal(0.0, 0.5, (4, 30)), rng.random((4, 30)) > 0.3, 3, 1e-4
    low, middle, high = (0.5 * scale**2 * RHO[loss](((residual + step) / scale) ** 2) for step in (-h, 0.0, h))
    factor = huber_factor(Loss(loss, scale), residual, used, p)
    for row, own in enumerate(used):
        psi, slope = ((high - low) / (2 * h))[row, own], ((high - 2 * middle + low) / h**2)[row, own]
        correction = 1 + p / own.sum() * slope.var() / slope.mean() ** 2
        expected = correction**2 * np.sum(psi**2) / (own.sum() - p) / slope.mean() ** 2
        assert_allclose(factor[row], expected, rtol=1e-5)


def test_residuals_that_do_not_say_how_large_errors_are() -> None:
    ones = np.ones((1, 1), bool)
    assert np.isnan(huber_factor(Loss("huber"), np.full((1, 4), 0.5), ones, 4))
    assert np.isfinite(huber_factor(Loss("huber"), np.full((1, 5), 0.5), ones, 4))
    # All of them beyond the scale: a curvature of zero, or less.
    assert np.isnan(huber_factor(Loss("huber"), np.full((1, 9), 3.0), ones, 4))
    assert np.isnan(huber_factor(Loss("cauchy"), np.full((1, 9), 3.0), ones, 4))


def counts(n_fits: int, scale: float, seed: int = 4) -> FloatArray:
    return np.random.default_rng(seed).poisson(scale * values(truth(n_fits))).astype(float)


def deviance(data: FloatArray, expected: FloatArray) -> FloatArray:
    """Half the likelihood ratio of counts."""
    return np.asarray((expected - data + xlogy(data, data / expected)).sum(axis=-1))


@pytest.mark.parametrize("scale", [0.7, 30.0])
def test_cash_is_the_likelihood_and_its_gradient_vanishes(scale: float) -> None:
    data = counts(50, scale)
    result = engine_for(line())(block_for(line((5 * scale, 0.2, 1.1, scale)), data, (X,)), options(CASH))
    assert (result.status > 0).all()
    assert_allclose(result.cost, deviance(data, values(result.parameters)), rtol=1e-10)  # a last step may be foretold
    for index in range(4):
        step = np.zeros(4)
        step[index] = 1e-4 * scale if index in (0, 3) else 1e-4
        for sign in (1.0, -1.0):
            assert (deviance(data, values(result.parameters + sign * step)) > result.cost).all()


def test_cash_s_covariance_is_fisher_s() -> None:
    result = engine_for(line())(block_for(line(), counts(5, 3.0), (X,)), options(CASH, covariance=True))
    assert result.covariance is not None
    for row, parameters in enumerate(result.parameters):
        steps = 1e-5 * np.eye(4)
        jacobian = np.concatenate([(values(parameters + h) - values(parameters - h)) / 2e-5 for h in steps])
        expected = np.linalg.inv((jacobian / values(parameters)[0]) @ jacobian.T)
        assert_allclose(result.covariance[row], expected, rtol=1e-5, atol=1e-10)


def test_no_counts_at_all_are_fitted_by_nothing() -> None:
    model = Const1D(1.0, bounds={"amplitude": (0.0, None)})
    result = engine_for(model)(block_for(model, np.zeros((1, X.size)), (X,)), options(CASH))
    assert result.status[0] > 0
    assert_allclose(result.parameters, 0.0, atol=1e-6)


def test_cash_leaves_samples_out() -> None:
    data, used = counts(3, 3.0), np.arange(X.size) % 7 > 0
    whole = engine_for(line())(block_for(line(), data[:, used], (X[used],)), options(CASH, covariance=True))
    valid = np.broadcast_to(used, data.shape)
    block = block_for(line(), np.where(used, data, 0.0), (X,), valid=valid)
    part = engine_for(line())(block, options(CASH, covariance=True))
    assert_allclose(part.parameters, whole.parameters, rtol=1e-6)
    assert_allclose(part.covariance, whole.covariance, rtol=1e-5)


def test_negative_counts_have_a_status() -> None:
    data = counts(3, 3.0)
    data[1, 5] = -1.0
    result = engine_for(line())(block_for(line(), data, (X,)), options(CASH))
    assert result.status[1] == Status.NEGATIVE_COUNTS
    assert np.isnan(result.parameters[1]).all()
    assert (result.status[[0, 2]] > 0).all()


def test_a_model_that_is_negative_at_the_start_has_a_status() -> None:
    start = (5.0, 0.2, 1.1, -1.0)
    result = engine_for(line(start))(block_for(line(start), counts(1, 3.0), (X,)), options(CASH))
    assert result.status[0] == Status.NON_FINITE_MODEL


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"loss": "hubert"}, "loss should be one of linear, huber"),
        ({"statistic": "cstat"}, "statistic should be one of chi2, cash"),
        ({"f_scale": 0.0}, "f_scale should be a positive number"),
        ({"f_scale": "1"}, "f_scale should be a positive number"),
        ({"f_scale": True}, "f_scale should be a positive number"),
        ({"f_scale": np.inf}, "f_scale should be a positive number"),
        ({"loss": "huber", "statistic": "cash"}, "cannot be combined"),
        ({"statistic": "cash", "weighted": True}, "leave out the weights and uncertainties"),
        ({"loss": "cauchy", "absolute_sigma": False}, "absolute_sigma is for least squares"),
    ],
)
def test_what_contradicts_itself_is_refused(arguments: dict[str, Any], message: str) -> None:
    arguments = dict(arguments)
    weighted = arguments.pop("weighted", False)
    with pytest.raises(ValueError, match=message):
        loss_of(Objective(**arguments), weighted)


def test_what_is_asked_for() -> None:
    assert loss_of(Objective(absolute_sigma=False), weighted=True) == Loss("linear", 1.0)
    assert loss_of(Objective("huber", np.float32(0.5)), weighted=True) == Loss("huber", 0.5)
    assert loss_of(Objective(f_scale=3, statistic="cash"), weighted=False) == Loss("cash", 1.0)
