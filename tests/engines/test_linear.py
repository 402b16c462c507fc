"""The linear engine against numpy's least squares."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from astropy.modeling import models
from tests.engines.problems import block_for, free_of, take

from ndfit.engines.base import SolveOptions
from ndfit.engines.linear.linear_engine import LinearEngine
from ndfit.model.design import linear_model
from ndfit.model.trace.tracing import trace
from ndfit.status import Status

X = np.linspace(-1.0, 2.0, 30)
OPTIONS = SolveOptions(covariance=True)


def engine_for(model: Any) -> LinearEngine:
    linear = linear_model(trace(model), free_of(model))
    assert linear is not None
    return LinearEngine(linear)


def data_of(n_fits: int) -> Any:
    rng = np.random.default_rng(1)
    return rng.uniform(-1, 1, (n_fits, 3)) @ np.vander(X, 3, increasing=True).T + rng.normal(0, 0.1, (n_fits, len(X)))


def test_shared_design() -> None:
    model, data = models.Polynomial1D(2), data_of(20)
    result = pickle.loads(pickle.dumps(engine_for(model)))(block_for(model, data, (X,)), OPTIONS)
    matrix = np.vander(X, 3, increasing=True)
    expected, residual, *_ = np.linalg.lstsq(matrix, data.T, rcond=None)
    assert np.allclose(result.parameters, expected.T, rtol=1e-10)
    assert np.allclose(result.cost, 0.5 * residual, rtol=1e-10)
    assert np.allclose(result.covariance, np.linalg.inv(matrix.T @ matrix), rtol=1e-10)
    assert set(result.status) == {Status.GTOL}
    assert set(result.nfev) == {1}


@pytest.mark.parametrize("weighted", [True, False])
def test_weights_and_samples_of_each_fit(weighted: bool) -> None:
    model, data, rng = models.Polynomial1D(2), data_of(20), np.random.default_rng(2)
    weights = rng.uniform(0.5, 2.0, data.shape) if weighted else None
    valid = rng.uniform(size=data.shape) > 0.2
    valid[10:] = valid[0]
    x = np.where(valid, X, np.nan) if weighted else X
    result = engine_for(model)(block_for(model, np.where(valid, data, 0.0), (x,), None, weights, valid), OPTIONS)
    for row, used in enumerate(valid):
        scale = weights[row, used] if weighted else np.ones(used.sum())
        matrix = np.vander(X[used], 3, increasing=True) * scale[:, None]
        expected, residual, *_ = np.linalg.lstsq(matrix, data[row, used] * scale, rcond=None)
        assert np.allclose(result.parameters[row], expected, rtol=1e-9)
        assert np.allclose(result.cost[row], 0.5 * residual, rtol=1e-9)
        assert np.allclose(result.covariance[row], np.linalg.inv(matrix.T @ matrix), rtol=1e-9)


def test_coordinates_of_each_fit() -> None:
    """Nothing else tells the fits apart."""
    model, data = models.Polynomial1D(2), data_of(6)
    x = X + 0.1 * np.arange(6)[:, None]
    result = engine_for(model)(block_for(model, data, (x,)), OPTIONS)
    for row, own in enumerate(x):
        expected = np.linalg.lstsq(np.vander(own, 3, increasing=True), data[row], rcond=None)[0]
        assert np.allclose(result.parameters[row], expected, rtol=1e-9)


def test_columns_of_very_different_lengths() -> None:
    """Powers of coordinates of 1e-9, in metres, are no reason to give up one of them."""
    model, data = models.Polynomial1D(2), data_of(4)
    result = engine_for(model)(block_for(model, data, (1e-9 * X,)), OPTIONS)
    expected = np.linalg.lstsq(np.vander(X, 3, increasing=True), data.T, rcond=None)[0].T
    assert np.allclose(result.parameters * [1.0, 1e-9, 1e-18], expected, rtol=1e-9)
    assert np.isfinite(result.covariance).all()


def test_polynomial_of_frequencies() -> None:
    x = 1.4e9 + 1e4 * np.arange(200)
    t = (x - x.mean()) / 1e6
    data = np.stack([1 + 0.2 * t + 0.3 * t**2, 2 - 0.5 * t + 0.1 * t**3])
    model = models.Polynomial1D(3)
    result = engine_for(model)(block_for(model, data, (x,)), OPTIONS)
    fitted = np.stack([model.evaluate(x, *values) for values in result.parameters])
    assert abs(fitted - data).max() < 1e-4


@pytest.mark.parametrize("own_samples", [False, True])
def test_polynomials_far_from_zero_lose_no_digits(own_samples: bool) -> None:
    """Nine terms at 6,500, with one sample far more certain than the rest."""
    y, x = (axis.ravel() * 7.0 + 6500.0 for axis in np.mgrid[:6, :7])
    model = models.Legendre2D(2, 2, c0_0=-16.0, c1_0=-5e-3, c0_1=-4e-3, c1_1=6e-7)
    weights = np.full((4, x.size), 5.0)
    weights[:, 11] = 500.0
    if own_samples:
        weights[np.arange(4), np.arange(4)] = 0.0
    data = model(x, y) + np.random.default_rng(5).normal(0.0, 0.2, (4, x.size))
    result = engine_for(model)(block_for(model, data, (x, y), weights=weights), OPTIONS)
    # The same polynomials about their middle.
    about = [np.vander((axis - 6518.0) / 21.0, 3) for axis in (x, y)]
    matrix = np.einsum("mi,mj->mij", *about).reshape(x.size, 9)
    for row in range(4):
        own = weights[row, :, np.newaxis] * matrix
        best = np.linalg.lstsq(own, weights[row] * data[row], rcond=None)[0]
        residual = weights[row] * data[row] - own @ best
        assert np.isclose(2.0 * result.cost[row], residual @ residual, rtol=1e-4)


def test_fixed_and_tied_parameters() -> None:
    model = models.Polynomial1D(3, c0=0.5, fixed={"c0": True}, tied={"c3": lambda m: 2.0 * m.c1})
    data, start = data_of(10), np.tile(model.parameters, (10, 1))
    start[:, 0] = np.linspace(0.1, 1.0, 10)
    result = engine_for(model)(block_for(model, data, (X,), start), OPTIONS)
    matrix = np.stack([X + 2.0 * X**3, X**2], axis=1)
    expected = np.linalg.lstsq(matrix, (data - start[:, :1]).T, rcond=None)[0].T
    assert np.array_equal(result.parameters[:, 0], start[:, 0])
    assert np.allclose(result.parameters[:, 1:3], expected, rtol=1e-9)
    assert np.array_equal(result.parameters[:, 3], 2.0 * result.parameters[:, 1])


def test_dependent_columns_have_no_covariance() -> None:
    model, data = models.Const1D(1.0) + models.Const1D(1.0), data_of(3)
    result = engine_for(model)(block_for(model, data, (X,)), OPTIONS)
    assert np.allclose(result.parameters, data.mean(axis=1, keepdims=True) / 2.0)
    assert np.isnan(result.covariance).all()


def test_statuses() -> None:
    model = models.Gaussian1D(1.0, 0.0, 1.0, fixed={"mean": True, "stddev": True})
    start = np.array([[1.0, 0.0, 1.0], [1.0, 4000.0, 1.0], [1.0, np.inf, np.inf], [1.0, 0.0, 1.0]])
    status = np.array([-1, -1, -1, Status.NO_DATA], np.int16)
    result = engine_for(model)(block_for(model, data_of(4), (X,), start, status=status), OPTIONS)
    assert list(result.status) == [Status.GTOL, Status.INSENSITIVE, Status.NON_FINITE_MODEL, Status.NO_DATA]
    for array in (result.parameters, result.cost, result.covariance):
        assert list(np.isnan(array.reshape(4, -1)).all(axis=1)) == [False, True, True, True]


@pytest.mark.parametrize("kind", ["plain", "masked", "weighted"])
def test_results_do_not_depend_on_neighbours(kind: str) -> None:
    model, data, rng = models.Polynomial1D(2), data_of(100), np.random.default_rng(3)
    weights = rng.uniform(0.5, 2.0, data.shape) if kind == "weighted" else None
    valid = rng.uniform(size=data.shape) > 0.01 if kind == "masked" else None
    block, engine = block_for(model, data, (X,), None, weights, valid), engine_for(model)
    whole, order = engine(block, OPTIONS), np.random.default_rng(0).permutation(100)
    shuffled = engine(take(block, order), OPTIONS)
    alone = engine(take(block, slice(0, 1)), OPTIONS)
    for name in ("parameters", "cost", "covariance"):
        assert np.array_equal(getattr(whole, name)[order], getattr(shuffled, name))
        assert np.array_equal(getattr(whole, name)[:1], getattr(alone, name))


def test_nonlinear_models_are_declined() -> None:
    assert linear_model(trace(models.Gaussian1D()), (0, 1, 2)) is None
