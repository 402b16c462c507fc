"""The returned model is an ordinary astropy model: it copies, pickles, evaluates, and starts the next run."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from astropy import units as u
from astropy.modeling.fitting import TRFLSQFitter
from astropy.modeling.models import Const1D, Gaussian1D, Gaussian2D
from numpy.testing import assert_allclose
from tests.parity.synthetic import MEANS, X, cube, start


@pytest.fixture
def fitted(fit):
    return fit(model=start(), fitter=TRFLSQFitter(), data=cube(MEANS), world=(X,), fitting_axes=0)


def pickled(model):
    return pickle.loads(pickle.dumps(model))


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, pickled, lambda model: model.copy()], ids=["deep", "pickle", "copy"]
)
def test_copies_evaluate_like_the_original(fitted, duplicate):
    twin = duplicate(fitted)
    assert type(twin) is Gaussian1D
    assert_allclose(twin(X), fitted(X), rtol=0)
    twin.amplitude = 2 * fitted.amplitude.value
    assert_allclose(twin(X), 2 * fitted(X), rtol=1e-12)


def test_coordinates_of_the_maps_shape_go_position_by_position(fitted):
    assert_allclose(fitted(MEANS), np.full(MEANS.shape, 2.0), rtol=1e-6)


def test_compound_model(fit):
    fitted = fit(
        model=start() + Const1D(0.1), fitter=TRFLSQFitter(), data=cube(MEANS) + 0.5, world=(X,), fitting_axes=0
    )
    assert_allclose(fitted(X), cube(MEANS) + 0.5, atol=1e-5)
    assert_allclose(fitted.copy()(X), cube(MEANS) + 0.5, atol=1e-5)


def test_model_of_two_inputs(fit):
    y, x = np.meshgrid(np.arange(12.0), np.arange(14.0), indexing="ij")
    stack = np.stack([a * np.exp(-0.5 * ((y - 5.5) ** 2 / 4 + (x - 7.2) ** 2 / 9)) for a in (5.0, 8.0, 6.0)])
    model = Gaussian2D(6, 6, 7, 2.2, 2.8, theta=0, fixed={"theta": True})
    fitted = fit(model=model, fitter=TRFLSQFitter(), data=stack, fitting_axes=(1, 2))
    assert_allclose(fitted(y, x), np.moveaxis(stack, 0, -1), atol=1e-5)


def test_starts_the_next_run(fit):
    """With units other than the model's, bounds that hold, and a position without a fit."""
    model = Gaussian1D(1.5 * u.K, 5 * u.km / u.s, 1 * u.km / u.s, bounds={"amplitude": (0.5, 1.8)})
    data = cube(MEANS, amplitude=2000.0) * u.mK
    data[:, 0, 1] = np.nan
    common = {"data": data, "world": (X * 1000 * u.m / u.s,), "fitting_axes": 0}
    first = fit(model=model, fitter=TRFLSQFitter(), **common)
    second = fit(model=first, fitter=TRFLSQFitter(), **common)
    for name, unit in {"amplitude": u.K, "mean": u.km / u.s, "stddev": u.km / u.s}.items():
        once, twice = (getattr(fitted, name).quantity.to_value(unit) for fitted in (first, second))
        assert_allclose(twice, once, rtol=1e-4, err_msg=name)
    expected = np.where(np.isnan(data[0].value), np.nan, 1.8)
    assert_allclose(second.amplitude.quantity.to_value(u.K), expected, rtol=1e-4)
