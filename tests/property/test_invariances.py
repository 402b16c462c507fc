"""The reference engine's answers do not depend on how a problem is written: units, order, bounds that hold nothing."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from astropy.modeling import custom_model
from astropy.modeling.fitting import DogBoxLSQFitter, LevMarLSQFitter, TRFLSQFitter
from astropy.modeling.models import Const1D, Gaussian1D
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ndfit

CHANGE = 1e-3  # of the standard errors

N_SAMPLES = 50


@custom_model
def decay(x, amplitude=1.0, rate=1.0, floor=0.0):
    return amplitude * np.exp(-rate * x) + floor


# Name -> model at its start, truth, and which powers of the data's and the coordinates' unit each parameter has.
MODELS = {
    "line": (
        Gaussian1D(4.0, 4.5, 1.3) + Const1D(0.3),
        (5.0, 4.9, 1.0, 0.5),
        ((1, 0), (0, 1), (0, 1), (1, 0)),
    ),
    "decay": (decay(3.0, 0.7, 0.3), (5.0, 0.45, 0.5), ((1, 0), (0, -1), (1, 0))),
}
FITTERS = {"trf": TRFLSQFitter, "dogbox": DogBoxLSQFitter, "levmar": LevMarLSQFitter}


class Written(NamedTuple):
    """One way to write a problem."""

    unit: float = 1.0
    length: float = 1.0
    origin: float = 0.0
    order: Any = slice(None)
    bounds: bool = False


def answer(name: str, fitter: str, seed: int, noise: float, known: bool, written: Written) -> tuple[Any, Any]:
    """Parameters and their errors, both in the units of the plain problem."""
    model, truth, powers = MODELS[name]
    rng, x = np.random.default_rng(seed), np.linspace(0.0, 10.0, N_SAMPLES)
    sigma = noise * rng.uniform(0.7, 1.5, N_SAMPLES)
    data = model.evaluate(x, *np.array(truth)) + sigma * rng.standard_normal(N_SAMPLES)
    units = np.array([written.unit**power * written.length**other for power, other in powers])
    shift = np.array([written.origin if name == "line" and index == 1 else 0.0 for index in range(len(truth))])
    start = model.copy()
    start.parameters = (np.array(model.parameters) + shift) * units
    if written.bounds:
        for parameter, value in zip(start.param_names, (np.array(truth) + shift) * units, strict=True):
            getattr(start, parameter).bounds = (value - 50.0 * abs(value), value + 50.0 * abs(value))
    result = ndfit.fit(
        start,
        (data * written.unit)[written.order],
        world=(((x + written.origin) * written.length)[written.order],),
        fitting_axes=0,
        uncertainty=(sigma * written.unit)[written.order] if known else None,
        fitter=FITTERS[fitter](),
        engine="reference",
        progress=False,
    )
    assert result.success.all()
    found, errors = (
        np.array([np.ravel(maps[parameter])[0] for parameter in start.param_names])
        for maps in (result.parameters, result.errors)
    )
    return found / units - shift, errors / units


def assert_same(written: Written, name: str, fitter: str, seed: int, noise: float, known: bool) -> None:
    plain, errors = answer(name, fitter, seed, noise, known, Written())
    other, other_errors = answer(name, fitter, seed, noise, known, written)
    assert (np.abs(other - plain) <= CHANGE * errors).all()
    assert (np.abs(other_errors - errors) <= CHANGE * errors).all()


def problems(function: Any) -> Any:
    drawn = given(
        fitter=st.sampled_from(sorted(FITTERS)),
        seed=st.integers(0, 10_000),
        noise=st.floats(0.002, 0.2),
        known=st.booleans(),
        draw=st.data(),
    )
    suppressed = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    return pytest.mark.parametrize("name", sorted(MODELS))(suppressed(drawn(function)))


@problems
def test_unit_of_data_and_uncertainties(name, fitter, seed, noise, known, draw):
    unit = 10.0 ** draw.draw(st.floats(-25.0, 25.0))
    assert_same(Written(unit=unit), name, fitter, seed, noise, known)


@problems
def test_unit_of_coordinates(name, fitter, seed, noise, known, draw):
    length = 10.0 ** draw.draw(st.floats(-12.0, 15.0))
    assert_same(Written(length=length), name, fitter, seed, noise, known)


@problems
def test_order_of_samples(name, fitter, seed, noise, known, draw):
    order = np.random.default_rng(draw.draw(st.integers(0, 1000))).permutation(N_SAMPLES)
    assert_same(Written(order=order), name, fitter, seed, noise, known)


@problems
def test_bounds_that_hold_nothing(name, fitter, seed, noise, known, draw):
    assert_same(Written(bounds=True), name, fitter, seed, noise, known)


@problems
def test_all_at_once(name, fitter, seed, noise, known, draw):
    written = Written(
        unit=10.0 ** draw.draw(st.floats(-20.0, 20.0)),
        length=10.0 ** draw.draw(st.floats(-6.0, 6.0)),
        origin=draw.draw(st.sampled_from([0.0, 3e3, 6e4])) if name == "line" else 0.0,
        bounds=draw.draw(st.booleans()),
    )
    assert_same(written, name, fitter, seed, noise, known)
