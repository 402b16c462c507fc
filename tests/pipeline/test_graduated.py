"""Losses with many minima are fitted by way of one with few."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.modeling.models import Const1D, Gaussian1D, Voigt1D
from numpy.testing import assert_array_equal
from tests.engines.problems import block_for, engine_for

import ndfit
from ndfit.engines.base import SolveOptions
from ndfit.pipeline.graduated import better_by_way_of_a_convex_loss, options_of_all_fits
from ndfit.status import Status

X = np.linspace(-5.0, 5.0, 60)
RNG = np.random.default_rng(12)


def lines(n_fits: int) -> np.ndarray:
    """Lines of 5 sigma to 20 sigma, of whose samples every twelfth is off by much."""
    data = RNG.uniform(2.0, 8.0, (n_fits, 1)) * np.exp(-0.5 * (X / 1.2) ** 2) + 0.4 * RNG.normal(size=(n_fits, X.size))
    return data + (RNG.random(data.shape) < 1 / 12) * RNG.exponential(6.0, data.shape)


@pytest.mark.parametrize("loss", ["arctan", "cauchy"])
def test_the_cost_is_never_higher_and_often_lower(loss: str) -> None:
    model = Voigt1D(2.5, 3.0, 0.5, 0.5) + Const1D(1.0)
    data = lines(200)
    block = block_for(model, data, (X,), weights=np.full(data.shape, 2.5))
    options = SolveOptions(1e-8, 1e-7, 1e-8, 1000, False, loss, 1.0)
    engine = engine_for(model)
    one = engine(block, options)
    found = better_by_way_of_a_convex_loss(engine, block, options, one)
    assert (found.cost <= one.cost).all()
    assert np.sum(found.cost < one.cost - 0.1) >= 20
    assert (found.nfev > one.nfev).all()


@pytest.mark.parametrize("loss", ["linear", "huber", "soft_l1", "cash"])
def test_losses_with_few_minima_are_fitted_once(loss: str) -> None:
    options = SolveOptions(loss=loss)
    assert options_of_all_fits(options) == (options,)
    model = Gaussian1D(3.0, 0.5, 1.0)
    block = block_for(model, lines(3), (X,))
    best = engine_for(model)(block, SolveOptions())
    assert better_by_way_of_a_convex_loss(engine_for(model), block, options, best) is best


def test_positions_without_an_answer_stay_without() -> None:
    data = lines(4)
    data[1] = np.nan
    result = ndfit.fit(Gaussian1D(3.0, 0.5, 1.0), data, world=(X,), fitting_axes=1, loss="arctan", f_scale=0.5)
    assert_array_equal(result.status == Status.NO_DATA, [False, True, False, False])
