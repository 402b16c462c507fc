"""The bootstrap: what is drawn, and that the covariance of the fits is that at the solution where this holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.modeling.models import Const1D, Gaussian1D, Linear1D
from numpy.testing import assert_allclose, assert_array_equal

import ndfit
from ndfit.engine.bootstrap import Bootstrap, parse_bootstrap
from ndfit.problem.types import Status

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


def test_what_is_drawn_follows_from_what_is_known() -> None:
    def kind(loss: str, known: bool) -> str:
        drawing = parse_bootstrap(10, None, 0, (0,), loss, known)
        assert isinstance(drawing, Bootstrap)
        return drawing.kind

    assert kind("linear", True) == "parametric"
    assert kind("linear", False) == "residual"
    assert kind("cash", False) == "parametric"
    assert kind("huber", True) == "residual"
    assert parse_bootstrap(0, None, 0, (0,), "linear", True) is None


@pytest.mark.parametrize(
    ("count", "resample", "loss", "message"),
    [
        (1, None, "linear", "bootstrap should be the number of fits"),
        (-5, None, "linear", "bootstrap should be the number of fits"),
        (2.5, None, "linear", "bootstrap should be the number of fits"),
        (10, "cases", "linear", "resample should be None, 'parametric' or 'residual'"),
        (10, "residual", "cash", "counts have no residuals"),
        (10, "parametric", "huber", "are not normal"),
    ],
)
def test_what_cannot_be_drawn_is_refused(count: Any, resample: Any, loss: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_bootstrap(count, resample, 0, (0,), loss, True)
