"""The compiled engine against scipy, and what must never change its results."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from astropy.modeling import custom_model, models
from tests.engines.problems import block_for, engine_for, take, with_scipy

from ndfit.engines.base import SolveOptions
from ndfit.model.interpret import evaluate
from ndfit.model.trace.tracing import trace
from ndfit.problem.types import Block
from ndfit.status import Status

X = np.linspace(-10.0, 10.0, 53)
OPTIONS = SolveOptions(ftol=1e-8, gtol=1e-8)


def lines(model: Any, n_fits: int, noise: float = 0.5, seed: int = 1, spread: float = 0.1, x: Any = X) -> Any:
    """Data of a model with parameters scattered around its own."""
    rng = np.random.default_rng(seed)
    parameters = model.parameters * (1.0 + spread * rng.standard_normal((n_fits, len(model.parameters))))
    clean = np.stack([model.evaluate(x, *values) for values in parameters])
    return clean + noise * rng.standard_normal(clean.shape), parameters


def assert_matches_scipy(model: Any, block: Block, result: Any, rows: range, tolerance: float = 1e-5) -> None:
    free = list(engine_for(model).model.free)
    for row in rows:
        found = with_scipy(model, block, row, result.parameters[row])
        free = sorted(free)
        assert abs(result.parameters[row, free] - found.x).max() <= tolerance * found.sigma.max()
        assert np.all(abs(result.parameters[row, free] - found.x) <= tolerance * found.sigma + 1e-9 * abs(found.x))
        assert result.cost[row] <= found.cost * (1 + 1e-9)


@pytest.mark.parametrize("eliminate", [True, False])
def test_converges_where_scipy_does(eliminate: bool) -> None:
    model = models.Gaussian1D(7.0, 1.0, 2.0)
    data, _ = lines(model, 40)
    block = block_for(model, data, (X,))
    result = engine_for(model, eliminate)(block, OPTIONS)
    assert set(result.status) <= {Status.GTOL, Status.FTOL, Status.XTOL, Status.FTOL_XTOL}
    assert_matches_scipy(model, block, result, range(40))


def test_weights_masks_and_coordinates_of_each_fit() -> None:
    model = models.Gaussian1D(7.0, 1.0, 2.0) + models.Const1D(1.0)
    rng = np.random.default_rng(3)
    x = X + rng.uniform(-0.1, 0.1, (30, 53))
    data, _ = lines(model, 30)
    weights = rng.uniform(0.5, 2.0, data.shape)
    valid = rng.uniform(size=data.shape) > 0.2
    weights[:, 5] = 0.0
    block = block_for(model, np.where(valid, data, 0.0), (np.where(valid, x, np.nan),), None, weights, valid)
    result = engine_for(model)(block, OPTIONS)
    assert_matches_scipy(model, block, result, range(30))


def test_two_inputs() -> None:
    model = models.Gaussian2D(5.0, 0.5, -0.5, 1.5, 2.0, 0.3)
    y, x = np.mgrid[-6:7, -6:7].astype(float).reshape(2, -1)
    clean = model.evaluate(x, y, *model.parameters)
    data = clean + 0.1 * np.random.default_rng(4).standard_normal((12, clean.size))
    block = block_for(model, data, (x, y), (4.0, 0.0, 0.0, 1.0, 1.7, 0.2))
    result = engine_for(model)(block, OPTIONS)
    assert_matches_scipy(model, block, result, range(12))


def test_fixed_and_tied_parameters() -> None:
    model = models.Gaussian1D(7.0, -3.0, 1.0) + models.Gaussian1D(4.0, 3.0, 1.0) + models.Const1D(0.5)
    model.mean_1.tied = lambda m: m.mean_0 + 6.0
    model.stddev_1.tied = lambda m: m.stddev_0
    model.amplitude_2.fixed = True
    data, _ = lines(model, 20, noise=0.3, spread=0.03)
    block = block_for(model, data, (X,))
    result = engine_for(model)(block, OPTIONS)
    assert_matches_scipy(model, block, result, range(20))
    assert np.all(result.parameters[:, 6] == 0.5)
    assert np.allclose(result.parameters[:, 4], result.parameters[:, 1] + 6.0, rtol=1e-15)
    assert np.array_equal(result.parameters[:, 5], result.parameters[:, 2])


def test_bounds() -> None:
    model = models.Gaussian1D(7.0, 1.0, 2.0, bounds={"mean": (0.9, 1.1), "stddev": (1.8, None), "amplitude": (0, 7.2)})
    data, _ = lines(model, 60, noise=1.0)
    block = block_for(model, data, (X,))
    result = engine_for(model)(block, OPTIONS)
    assert np.all((result.parameters >= block.lower) & (result.parameters <= block.upper))
    on_bound = (result.parameters == block.lower) | (result.parameters == block.upper)
    assert on_bound.any(axis=0).all()
    for row in range(60):
        inside = np.clip(result.parameters[row], block.lower[0] + 1e-6, block.upper[0] - 1e-6)
        found = with_scipy(model, block, row, inside)
        assert result.cost[row] <= found.cost * (1 + 1e-9)


@pytest.mark.parametrize(("limits", "start"), [((2.3, None), 2.6), ((None, 1.7), 1.3)], ids=["lower", "upper"])
def test_one_bound_alone(limits: tuple[float | None, float | None], start: float) -> None:
    """The others are those of a fit with the parameter fixed at its bound."""
    (bound,) = (limit for limit in limits if limit is not None)
    truth = models.Gaussian1D(7.0, 1.0, 2.0) + models.Const1D(1.0)
    data, _ = lines(truth, 20, noise=0.1, spread=0.0)
    model, fixed = truth.copy(), truth.copy()
    model.stddev_0, model.stddev_0.bounds = start, limits
    fixed.stddev_0, fixed.stddev_0.fixed = bound, True
    result, expected = (engine_for(each)(block_for(each, data, (X,)), OPTIONS) for each in (model, fixed))
    assert np.all(result.parameters[:, 2] == bound)
    assert np.allclose(result.parameters, expected.parameters, rtol=1e-5)


def test_covariance_is_in_the_order_of_the_parameters() -> None:
    """The linear parameter, which comes first in the solver, is the last of the model's."""
    fixed = {"amplitude": True, "stddev": True}
    model = models.Gaussian1D(7.0, 1.0, 2.0, fixed=fixed) + models.Const1D(1.0)
    data, _ = lines(model, 3)
    result = engine_for(model)(block_for(model, data, (X,)), SolveOptions(covariance=True))
    for parameters, covariance in zip(result.parameters, result.covariance, strict=True):
        slopes = np.stack([models.Gaussian1D.fit_deriv(X, *parameters[:3])[1], np.ones_like(X)], axis=1)
        assert np.allclose(covariance, np.linalg.inv(slopes.T @ slopes), rtol=1e-8)


@pytest.mark.parametrize("factor", [2.0**-30, 1.0, 2.0**20])
@pytest.mark.parametrize("side", [0, 1])
def test_a_bound_that_a_fit_starts_on_is_left_whatever_the_scale(factor: float, side: int) -> None:
    bound = (0.5, None) if side == 0 else (None, 1.5)
    model = models.Gaussian1D(7.0 * factor, bound[side], 2.0, bounds={"mean": bound})
    truth = models.Gaussian1D(7.0 * factor, 1.0, 2.0)
    result = engine_for(model)(block_for(model, truth(X)[np.newaxis], (X,)), OPTIONS)
    assert np.allclose(result.parameters[0], truth.parameters, rtol=1e-8)


def test_only_components_that_end_upside_down_are_fitted_twice() -> None:
    truth = models.Gaussian1D(7.0, 1.0, 2.0)
    data = truth(X) + 0.05 * np.random.default_rng(0).normal(size=(40, X.size))
    upright, turned = (
        engine_for(model)(block_for(model, data, (X,)), OPTIONS)
        for model in (models.Gaussian1D(5.0, 1.2, 2.3), models.Gaussian1D(-5.0, 1.2, 2.3))
    )
    assert np.allclose(turned.parameters, upright.parameters, rtol=1e-5)
    assert turned.nfev.min() > upright.nfev.max()


def test_noise_free_data_are_recovered() -> None:
    model = models.Gaussian1D(7.0, 1.0, 2.0) + models.Linear1D(0.1, 1.0)
    data, parameters = lines(model, 50, noise=0.0)
    result = engine_for(model)(block_for(model, data, (X,)), OPTIONS)
    assert np.allclose(result.parameters, parameters, rtol=1e-10)
    assert np.all(result.status > 0)


@pytest.mark.parametrize("eliminate", [True, False])
@pytest.mark.parametrize("factor", [2.0**-60, 2.0**20])
def test_scale_of_the_data_does_not_matter(eliminate: bool, factor: float) -> None:
    model = models.Gaussian1D(7.0, 1.0, 2.0)
    data, _ = lines(model, 50)
    engine, powers = engine_for(model, eliminate), np.array([factor, 1.0, 1.0])
    plain = engine(block_for(model, data, (X,)), OPTIONS)
    scaled = engine(block_for(model, data * factor, (X,), model.parameters * powers), OPTIONS)
    assert np.array_equal(scaled.parameters, plain.parameters * powers)
    assert np.array_equal(scaled.nfev, plain.nfev)


def test_results_do_not_depend_on_neighbours() -> None:
    model = models.Gaussian1D(7.0, 1.0, 2.0) + models.Const1D(1.0)
    data, _ = lines(model, 150, noise=2.0)
    cube = np.ascontiguousarray(data.T).T
    block, engine = block_for(model, cube, (X,)), engine_for(model)
    options = SolveOptions(covariance=True)
    whole = engine(block, options)
    order = np.random.default_rng(0).permutation(150)
    shuffled = engine(take(block, order), options)
    for name in ("parameters", "status", "nfev", "cost", "covariance"):
        assert np.array_equal(getattr(whole, name)[order], getattr(shuffled, name), equal_nan=True)
    for size in (1, 7, 64):
        pieces = [engine(take(block, slice(i, i + size)), options) for i in range(0, 21, size)]
        joined = np.concatenate([piece.parameters for piece in pieces])
        assert np.array_equal(joined, whole.parameters[: len(joined)], equal_nan=True)


def test_threads_share_an_engine() -> None:
    model = models.Gaussian1D(7.0, 1.0, 2.0)
    data, _ = lines(model, 2000)
    block, engine = block_for(model, data, (X,)), pickle.loads(pickle.dumps(engine_for(model)))
    whole = engine(block, OPTIONS)
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda i: engine(take(block, slice(i, i + 100)), OPTIONS), range(0, 2000, 100)))
    assert np.array_equal(np.concatenate([part.parameters for part in parts]), whole.parameters)


def test_covariance_is_that_of_the_jacobian() -> None:
    model = models.Gaussian1D(7.0, 1.0, 2.0) + models.Polynomial1D(1, c0=1.0, c1=0.2)
    data, _ = lines(model, 40)
    weights = np.random.default_rng(2).uniform(0.5, 2.0, data.shape)
    block = block_for(model, data, (X,), None, weights)
    for eliminate in (True, False):
        result = engine_for(model, eliminate)(block, SolveOptions(covariance=True))
        for row in range(40):
            parameters = result.parameters[row]
            slopes = [*models.Gaussian1D.fit_deriv(X, *parameters[:3]), np.ones_like(X), X]
            q_r = np.linalg.qr(weights[row][:, None] * np.stack(slopes, axis=1), mode="r")
            inverse = np.linalg.inv(q_r)
            assert np.allclose(result.covariance[row], inverse @ inverse.T, rtol=1e-8, atol=1e-12)


def test_covariance_is_nan_where_singular() -> None:
    model = models.Const1D(1.0) + models.Const1D(2.0) + models.Gaussian1D(5.0, 0.0, 1.0)
    data, _ = lines(model, 3)
    result = engine_for(model)(block_for(model, data, (X,)), SolveOptions(covariance=True))
    assert np.isnan(result.covariance).all()
    assert np.isfinite(result.parameters).all()


def test_fits_that_are_not_ready_pass_through() -> None:
    model = models.Gaussian1D(7.0, 1.0, 2.0)
    data, _ = lines(model, 5)
    status = np.array([-1, Status.NO_DATA, -1, Status.ALL_MASKED, -1], np.int16)
    result = engine_for(model)(block_for(model, data, (X,), status=status), SolveOptions(covariance=True))
    assert list(result.status[[1, 3]]) == [Status.NO_DATA, Status.ALL_MASKED]
    for array in (result.parameters, result.cost, result.covariance):
        assert np.isnan(array[[1, 3]]).all()
        assert np.isfinite(array[[0, 2, 4]]).all()
    assert np.array_equal(result.nfev > 0, status == -1)


def test_a_model_that_is_not_finite_at_the_start() -> None:
    model = models.PowerLaw1D(1.0, 1.0, 2.0)
    x = np.linspace(1.0, 5.0, 20)
    data = np.ones((2, 20))
    start = [[1.0, -1.0, 2.5], [1.0, 1.0, 2.0]]
    result = engine_for(model)(block_for(model, data, (x,), start), OPTIONS)
    assert result.status[0] == Status.NON_FINITE_MODEL
    assert np.isnan(result.parameters[0]).all()
    assert result.status[1] > 0


@pytest.mark.parametrize("eliminate", [True, False])
def test_a_model_without_effect_at_the_start(eliminate: bool) -> None:
    model = models.Gaussian1D(7.0, 4000.0, 2.0)
    data, _ = lines(models.Gaussian1D(7.0, 1.0, 2.0), 2)
    result = engine_for(model, eliminate)(block_for(model, data, (X,)), OPTIONS)
    assert set(result.status) == {Status.INSENSITIVE}


@pytest.mark.parametrize("eliminate", [True, False])
def test_data_that_are_zero(eliminate: bool) -> None:
    model = models.Gaussian1D(7.0, 1.0, 2.0)
    result = engine_for(model, eliminate)(block_for(model, np.zeros((3, 53)), (X,)), OPTIONS)
    assert np.all(result.status > 0)
    assert np.allclose(result.parameters[:, 0], 0.0, atol=1e-12)
    assert np.allclose(result.cost, 0.0, atol=1e-20)


def test_limit_of_evaluations() -> None:
    model = models.Gaussian1D(7.0, 3.0, 4.0)
    data, _ = lines(models.Gaussian1D(7.0, 1.0, 2.0), 30)
    result = engine_for(model)(block_for(model, data, (X,)), SolveOptions(max_nfev=3))
    assert set(result.status) == {Status.EVALUATION_LIMIT}
    assert set(result.nfev) == {3}
    assert np.isfinite(result.parameters).all()


def test_the_step_from_the_callers_amplitude_finds_the_line() -> None:
    # At these starting means the best amplitude of a line of the starting width is often negative.
    rng = np.random.default_rng(0)
    x, mean = np.linspace(-5.0, 5.0, 53), rng.uniform(-2.0, 2.0, (200, 1))
    data = 5.0 * np.exp(-0.5 * ((x - mean) / 0.8) ** 2) + 0.5 * rng.standard_normal((200, 53))
    model = models.Gaussian1D(4.0, 0.0, 1.0) + models.Const1D(0.0)
    result = engine_for(model)(block_for(model, data, (x,)), OPTIONS)
    assert np.all(result.parameters[:, 0] > 3.0)
    assert np.all(2.0 * result.cost < 53 * 0.5**2 * 2.0)


def test_the_cost_is_that_of_the_parameters() -> None:
    # Where fwhm_L goes to zero and amplitude_L to infinity, only their product matters.
    model = models.Voigt1D(0.0, 10.0, 1.0, 1.0)
    data, _ = lines(model, 300, noise=1.0)
    block = block_for(model, data, (X,), (0.3, 8.0, 0.8, 1.2))
    result = engine_for(model)(block, SolveOptions(max_nfev=1000))
    assert abs(result.parameters[:, 2]).min() < 1e-3
    graph = trace(model)
    true = [
        0.5 * np.sum((evaluate(graph, row, (X,))[0] - y) ** 2) for row, y in zip(result.parameters, data, strict=True)
    ]
    assert np.allclose(result.cost, true, rtol=1e-9)


def test_rounding_shows_no_cost_that_no_point_has() -> None:
    """On the way exponentials change by many orders of magnitude, and with them the residuals before elimination."""

    @custom_model
    def resistance(x: Any, a: float = 2.0, b: float = 400_000.0, c: float = 25_000.0) -> Any:
        return a * np.exp(b / (x + c))

    x = np.arange(50.0, 126.0, 5.0)
    data = np.tile(resistance.evaluate(x, 0.0056, 6180.0, 345.0), (24, 1)) + np.random.default_rng(2).normal(size=16)
    block = block_for(resistance(), data, (x,))
    start = block.start * (1.0 + 1e-13 * np.arange(24.0)[:, np.newaxis])
    result = engine_for(resistance())(replace(block, start=start), SolveOptions(ftol=1e-8, gtol=1e-8, max_nfev=1000))
    assert np.all(result.status > 0)
    assert np.ptp(result.cost) < 1e-6 * result.cost.min()
    assert result.cost[0] < 16.0


@pytest.mark.parametrize("factor", [0.01, 1.0, 100.0])
def test_a_wrong_height_at_the_start_does_no_harm(factor: float) -> None:
    model = models.Gaussian1D(5.0 * factor, 0.0, 1.0) + models.Const1D(0.0)
    clean = models.Gaussian1D(5.0, 1.0, 1.2)(X)
    data = clean + 0.3 * np.random.default_rng(5).standard_normal((100, 53))
    result = engine_for(model)(block_for(model, data, (X,)), OPTIONS)
    assert np.all(abs(result.parameters[:, 1] - 1.0) < 0.5)


@custom_model
def decays(x, a=1.2, p=0.3, b=5.6, q=5.5, c=6.5, r=7.6):  # type: ignore[no-untyped-def]
    return a * np.exp(-p * x) + b * np.exp(-q * x) + c * np.exp(-r * x)


def test_a_component_that_ends_upside_down_is_fitted_again() -> None:
    # Sums of three that are hard to tell apart: with elimination, two of them coalesce with opposite signs.
    model, x = decays(), np.linspace(0.0, 1.15, 24)
    clean = decays(0.0951, 1.0, 0.8607, 3.0, 1.5576, 5.0)(x)
    block = block_for(model, np.outer(np.linspace(1.0, 1.2, 40), clean), (x,))
    options = SolveOptions(ftol=1e-15, xtol=1e-15, gtol=1e-15, max_nfev=1000)
    engine = engine_for(model)
    result = engine(block, options)
    assert np.isclose(np.sort(result.parameters[:, 1::2]), (1.0, 3.0, 5.0), rtol=1e-3).all(axis=1).mean() > 0.8
    assert np.all(result.nfev <= 1000)
    for row in (0, 17, 39):
        alone = engine(take(block, slice(row, row + 1)), options)
        for name in ("parameters", "status", "nfev", "cost"):
            assert np.array_equal(getattr(alone, name)[0], getattr(result, name)[row])


def test_fits_that_cannot_start_take_nothing_from_those_before_them() -> None:
    """Some start where the model overflows, after others whose parts cannot be told apart."""
    model, x = decays(), np.linspace(0.0, 1.15, 24)
    start = np.tile([1.0, 2.0, 1.0, 2.0, 1.0, 2.0], (200, 1))
    start[70:, 1] = -1e4
    data = np.outer(np.linspace(1.0, 1.2, 200), np.exp(-2.0 * x))
    engine = engine_for(model, eliminate=False)
    result = engine(block_for(model, data, (x,), start), SolveOptions(max_nfev=300))
    assert (result.status[70:] == Status.NON_FINITE_MODEL).all()
    assert (result.nfev[70:] == 1).all()


def test_fits_whose_start_is_evaluated_again_take_nothing_from_those_before_them() -> None:
    """Some start with an amplitude whose square overflows, and wait in their lane for a better one."""
    model, x = models.Gaussian1D(1, 30, 5) + models.Gaussian1D(1, 20, 5) + models.Const1D(0), np.arange(60.0)
    rng = np.random.default_rng(0)
    line = 20.0 * np.exp(-0.5 * ((x - 32.0) / 6.0) ** 2) + 20.0 * np.exp(-0.5 * ((x - 70.0) / 2.0) ** 2)
    data = line + 2.0 * rng.normal(size=(200, x.size))
    start = np.tile([20.0, 30.0, 5.0, 20.0, 25.0, 4.0, 1.0], (200, 1))
    far = {3: 10.0 ** rng.uniform(140.0, 154.3, 100), 4: rng.uniform(60.0, 180.0, 100), 5: rng.uniform(1.0, 8.0, 100)}
    for place, values in far.items():
        start[100:, place] = values
    engine, options = engine_for(model), SolveOptions(max_nfev=200)
    block = block_for(model, data, (x,), start)
    result = engine(block, options)
    for row in range(100, 200):
        alone = engine(take(block, slice(row, row + 1)), options)
        for name in ("parameters", "status", "nfev", "cost"):
            np.testing.assert_array_equal(getattr(alone, name)[0], getattr(result, name)[row])
