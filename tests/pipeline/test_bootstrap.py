"""The bootstrap: what is drawn, and that the covariance of the fits is that at the solution where this holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.modeling.models import Const1D, Gaussian1D, Linear1D
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import kstest, poisson

import ndfit
from ndfit.engines.base import BlockResult, SolveOptions
from ndfit.options import Errors
from ndfit.pipeline.bootstrap import Bootstrap, bootstrap_of
from ndfit.problem.types import Block
from ndfit.status import Status

X = np.linspace(-5.0, 5.0, 60)


def line() -> Any:
    return Gaussian1D(5.0, 0.0, 1.0) + Const1D(1.0)


def noisy(n_fits: int, sigma: float = 0.3) -> Any:
    return line()(X) + sigma * np.random.default_rng(6).normal(size=(n_fits, X.size))


def fit(model: Any, data: Any, **keywords: Any) -> Any:
    return ndfit.fit(model, data, world=(X,), fitting_axes=1, scheduler="synchronous", **keywords)


@pytest.mark.parametrize("resample", ["parametric", "residual"])
@pytest.mark.parametrize("sigma", [None, 0.3])
def test_errors_are_those_at_the_solution(resample: str, sigma: float | None) -> None:
    data = noisy(70)
    uncertainty = None if sigma is None else np.full(X.size, sigma)
    drawn = fit(line(), data, uncertainty=uncertainty, bootstrap=400, resample=resample)
    # Own residuals stand for errors of their own size, whatever is said of it.
    scaled = fit(line(), data, uncertainty=uncertainty, absolute_sigma=sigma is not None and resample == "parametric")
    for name in drawn.param_names:
        ratio = np.asarray(drawn.errors[name]) / np.asarray(scaled.errors[name])
        assert_allclose(np.mean(ratio), 1.0, atol=0.05)
    assert_array_equal(drawn.parameters["mean_0"], scaled.parameters["mean_0"])


def test_weights_move_with_the_residuals() -> None:
    """The errors of half the samples are ten times those of the others."""
    sigma = np.where(np.arange(X.size) % 2, 0.1, 1.0)
    data = 2.0 * X + 1.0 + sigma * np.random.default_rng(7).normal(size=(100, X.size))
    drawn = fit(Linear1D(), data, uncertainty=sigma, bootstrap=300, resample="residual")
    expected = fit(Linear1D(), data, uncertainty=sigma)
    for name in ("slope", "intercept"):
        assert_allclose(np.median(drawn.errors[name] / expected.errors[name]), 1.0, atol=0.05)


def test_counts_are_drawn_from_poisson_s_distribution() -> None:
    data = np.random.default_rng(8).poisson(50.0 * line()(X), (30, X.size)).astype(float)
    model = line()
    model.amplitude_0, model.amplitude_1 = 250.0, 50.0
    drawn = fit(model, data, statistic="cash", bootstrap=300)
    expected = fit(model, data, statistic="cash")
    for name in model.param_names:
        assert_allclose(np.median(drawn.errors[name] / expected.errors[name]), 1.0, atol=0.05)


def test_draws_belong_to_positions() -> None:
    data = noisy(23)
    whole = fit(line(), data, bootstrap=20, seed=4)
    pieces = fit(line(), data, bootstrap=20, seed=4, chunk_n_max=5)
    other = fit(line(), data, bootstrap=20, seed=5)
    assert_array_equal(whole.covariance, pieces.covariance)
    assert (whole.covariance != other.covariance).all()


def test_left_out_samples_are_not_drawn() -> None:
    data = noisy(5)
    used = np.arange(X.size) % 5 > 0
    part = fit(line(), np.where(used, data, np.nan), bootstrap=50)
    masked = fit(line(), np.where(used, data, 1e9), mask=~used, bootstrap=50)
    assert_array_equal(part.covariance, masked.covariance)
    assert np.isfinite(part.covariance).all()


def test_positions_without_an_answer_have_no_errors() -> None:
    data = noisy(3)
    data[1] = np.nan
    result = fit(line(), data, bootstrap=10)
    assert result.status[1] == Status.NO_DATA
    assert np.isnan(result.covariance[1]).all()
    assert np.isfinite(result.covariance[[0, 2]]).all()


def test_the_reference_engine_draws_as_well() -> None:
    data = noisy(2)
    ways = [fit(line(), data, bootstrap=10, engine=engine) for engine in ("compiled", "reference")]
    assert_allclose(ways[0].covariance, ways[1].covariance, rtol=1e-3)


SIZES = np.array([0.5, 1.0, 2.0, 1.0, 0.25, 4.0])
EXPECTED = np.array([[3.0], [0.2]])


def drawn_by(kind: str, refit: Any, count: int, known: bool = True, loss: str = "linear") -> tuple[Block, BlockResult]:
    """Two fits of six samples, of which the second lacks two, by a model that is its second parameter everywhere."""
    rng = np.random.default_rng(4)
    valid = np.array([[True] * 6, [True, False, True, True, False, True]])
    data = np.where(valid, EXPECTED + SIZES * rng.normal(size=(2, 6)), 0.0)
    weights = np.where(valid, 1.0 / SIZES, 0.0)
    start = np.hstack([[[1e8], [1e8]], EXPECTED, [[7.0], [7.0]]])
    bounds = np.full((1, 3), -np.inf), np.full((1, 3), np.inf)
    ready = np.full(2, Status.READY, np.int16)
    block = Block(data, weights, valid, (np.arange(6.0),), start, *bounds, ready, (6,), np.array([11, 12]))
    cost = 0.5 * np.sum((weights * (data - EXPECTED)) ** 2, axis=1)
    result = BlockResult(start, np.full(2, Status.FTOL, np.int16), np.ones(2, np.int32), cost, np.zeros((2, 2, 2)))
    bootstrap = Bootstrap(count, 3, kind, (0, 1), known)
    return block, bootstrap(
        refit, lambda values, _: values[:, 1:2] + 0.0 * X[:6], block, SolveOptions(loss=loss), result
    )


class Refit:
    """Keeps the data, and answers with two numbers of each, all but every fifth fit."""

    def __init__(self) -> None:
        self.data: list[Any] = []
        self.parameters: list[Any] = []

    def __call__(self, block: Block, options: SolveOptions) -> BlockResult:
        first, second = block.data.sum(axis=1), block.data.max(axis=1)
        parameters = np.column_stack([block.start[:, 0] + first, second, block.start[:, 2]])
        failed = len(self.data) + np.arange(block.n_fits) // 2 % 5 == 4
        parameters[failed] = np.nan
        status = np.where(failed, Status.USER_ERROR, Status.FTOL).astype(np.int16)
        self.data.extend(block.data.reshape(-1, 2, 6))
        self.parameters.extend(parameters.reshape(-1, 2, 3))
        return BlockResult(parameters, status, np.ones(block.n_fits, np.int32), np.ones(block.n_fits))


def test_the_covariance_is_that_of_the_fits_that_have_an_answer() -> None:
    refit = Refit()
    _, result = drawn_by("parametric", refit, 23)
    answers = np.array(refit.parameters)
    answers = answers[np.isfinite(answers).all(axis=(1, 2))]
    assert len(refit.parameters) == 23
    assert len(answers) == 19
    for row in range(2):
        # Far from zero: numbers of 1e8 whose scatter is of the order of one.
        expected = np.cov(answers[:, row, :2] - [1e8, 0.0], rowvar=False)
        assert_allclose(result.covariance[row], expected, rtol=1e-6)


@pytest.mark.parametrize("count", [1, 2])
def test_one_answer_has_no_scatter(count: int) -> None:
    _, result = drawn_by("parametric", Refit(), count)
    assert np.isfinite(result.covariance).all() == (count > 1)


@pytest.mark.parametrize("known", [True, False])
def test_parametric_draws_are_normal_with_the_size_of_the_errors(known: bool) -> None:
    refit = Refit()
    block, _ = drawn_by("parametric", refit, 600, known)
    drawn = np.array(refit.data)
    for row, used in enumerate(block.valid):
        residual = (block.data[row] - EXPECTED[row])[used] / SIZES[used]
        size = 1.0 if known else np.sqrt(np.sum(residual**2) / (used.sum() - 2))
        normal = (drawn[:, row, used] - EXPECTED[row]) / (size * SIZES[used])
        assert kstest(normal.ravel(), "norm").pvalue > 0.01
        assert_array_equal(drawn[:, row, ~used], 0.0)


def test_residual_draws_are_the_own_residuals_made_as_large_as_the_errors() -> None:
    refit = Refit()
    block, _ = drawn_by("residual", refit, 200)
    drawn = np.array(refit.data)
    for row, used in enumerate(block.valid):
        own = (block.data[row] - EXPECTED[row])[used] / SIZES[used] * np.sqrt(used.sum() / (used.sum() - 2))
        chosen = (drawn[:, row, used] - EXPECTED[row]) / SIZES[used]
        nearest = np.abs(chosen[..., np.newaxis] - own).argmin(axis=-1)
        assert_allclose(chosen, own[nearest], rtol=1e-9)
        assert_allclose(np.bincount(nearest.ravel()) / nearest.size, 1 / used.sum(), atol=0.05)
        assert_array_equal(drawn[:, row, ~used], 0.0)


def test_counts_are_poisson_s_also_where_few_are_expected() -> None:
    refit = Refit()
    block, _ = drawn_by("parametric", refit, 800, loss="cash")
    drawn = np.array(refit.data)
    for row, used in enumerate(block.valid):
        share = np.bincount(drawn[:, row, used].ravel().astype(int), minlength=3)[:3] / drawn[:, row, used].size
        assert_allclose(share, poisson.pmf([0, 1, 2], EXPECTED[row]), atol=0.03)
        assert_array_equal(drawn[:, row, ~used], 0.0)


def test_what_is_drawn_follows_from_what_is_known() -> None:
    def kind(loss: str, known: bool) -> str:
        drawing = bootstrap_of(Errors(bootstrap=10), 0, (0,), loss, known)
        assert isinstance(drawing, Bootstrap)
        return drawing.kind

    assert kind("linear", True) == "parametric"
    assert kind("linear", False) == "residual"
    assert kind("cash", False) == "parametric"
    assert kind("huber", True) == "residual"
    assert bootstrap_of(Errors(), 0, (0,), "linear", True) is None


@pytest.mark.parametrize(
    ("count", "resample", "loss", "message"),
    [
        (1, None, "linear", "bootstrap should be the number of fits"),
        (-5, None, "linear", "bootstrap should be the number of fits"),
        (2.5, None, "linear", "bootstrap should be the number of fits"),
        (10, "cases", "linear", "resample should be one of None, parametric, residual"),
        (10, "residual", "cash", "counts have no residuals"),
        (10, "parametric", "huber", "are not normal"),
    ],
)
def test_what_cannot_be_drawn_is_refused(count: Any, resample: Any, loss: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bootstrap_of(Errors(True, count, resample), 0, (0,), loss, True)
