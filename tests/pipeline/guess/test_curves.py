"""Curves that are no lines: what the guess makes of them, in fits and without noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.modeling import models
from astropy.modeling.models import (
    Const1D,
    Cosine1D,
    Exponential1D,
    Gaussian1D,
    Linear1D,
    PowerLaw1D,
    Sine1D,
)
from numpy.testing import assert_allclose, assert_array_equal
from tests.engines.problems import block_for, bounds_of, engine_for, free_of

from ndfit.engines.base import SolveOptions
from ndfit.pipeline.guess.guess import Guess
from ndfit.pipeline.guess.terms import depends_on_start, parse_terms

X = np.linspace(1.0, 9.0, 90)
RNG = np.random.default_rng(17)


def guessed(model: Any, data: np.ndarray, x: np.ndarray = X) -> np.ndarray:
    tied = any(model.tied.values())
    guess = Guess(parse_terms(model), free_of(model), engine_for(model).model.set_tied if tied else None)
    return next(guess(block_for(model, np.atleast_2d(data), (x,))))


def lowered(model: Any, data: np.ndarray, x: np.ndarray = X) -> np.ndarray:
    """Chi-square of the fits from the guess."""
    block = block_for(model, data, (x,), start=guessed(model, data, x))
    return 2.0 * engine_for(model)(block, SolveOptions()).cost


CURVES = [
    Exponential1D(3.0, -2.0),
    Exponential1D(0.2, 3.0) + Const1D(-4.0),
    models.Logarithmic1D(3.0, 2.5),
    PowerLaw1D(5.0, 1.0, 1.7, fixed={"x_0": True}),
    PowerLaw1D(5.0, 1.0, -1.2, fixed={"x_0": True}) + Const1D(3.0),
    models.BrokenPowerLaw1D(4.0, 5.0, -1.0, 2.0),
    models.SmoothlyBrokenPowerLaw1D(4.0, 5.0, -1.0, 2.0, 0.5, fixed={"delta": True}),
    models.ExponentialCutoffPowerLaw1D(4.0, 1.0, -0.7, 4.0, fixed={"x_0": True}),
    models.LogParabola1D(4.0, 1.0, -1.0, 0.6, fixed={"x_0": True}),
    Sine1D(4.0, 0.83, 0.3),
    Cosine1D(4.0, 2.21, 0.3) + Linear1D(0.4, -9.0),
    models.Sersic1D(2.0, 3.0, 1.4),
    models.Plummer1D(900.0, 4.0),
]


# The amplitude of a smoothly broken power law is bounded in astropy.
BOTH_SIGNS = [(truth, sign) for truth in CURVES for sign in (1.0, -1.0) if sign > 0 or bounds_of(truth)[0][0, 0] < 0]


@pytest.mark.parametrize(
    ("truth", "sign"), BOTH_SIGNS, ids=[f"{'+'.join(truth.param_names)}, {sign:+.0f}" for truth, sign in BOTH_SIGNS]
)
def test_fits_from_the_guess_reach_the_cost_of_the_truth(truth: Any, sign: float) -> None:
    model = truth.copy()
    kept = [name for name, fixed in model.fixed.items() if fixed]
    model.parameters = [getattr(truth, name).value if name in kept else 1.0 for name in truth.param_names]
    clean = sign * truth(X)
    noise = 0.02 * np.abs(clean).max() * RNG.normal(size=(20, X.size))
    assert np.median(lowered(model, clean + noise) / np.sum(noise**2, axis=1)) < 1.0
    assert (lowered(model, clean + noise) < 1.05 * np.sum(noise**2, axis=1)).all()


@pytest.mark.parametrize("kind", [Sine1D, Cosine1D])
@pytest.mark.parametrize("phase", [0.0, 0.2, 0.45, 0.7, 0.95])
def test_waves_are_found_with_their_phase(kind: Any, phase: float) -> None:
    model = kind(1.0, 1.0, 0.0)
    amplitude, frequency, found = guessed(model, kind(3.0, 1.37, phase)(X))[0]
    assert_allclose([amplitude, frequency], [3.0, 1.37], rtol=1e-3)
    assert_allclose(np.exp(2j * np.pi * found), np.exp(2j * np.pi * phase), atol=1e-2)


def test_uneven_samples_of_a_wave() -> None:
    x = np.sort(RNG.uniform(0.0, 100.0, 120))
    data = Sine1D(3.0, 0.337, 0.1)(x) + 5.0 + RNG.normal(size=(30, 120))
    found = guessed(Sine1D() + Const1D(), data, x)
    assert_allclose(found[:, 1], 0.337, rtol=5e-3)


def test_bounds_and_fixed_parameters_of_a_wave() -> None:
    data = (Sine1D(3.0, 0.6, 0.1) + Sine1D(1.0, 2.3, 0.4))(X)
    bounded = Sine1D(1.0, 2.0, 0.0, bounds={"frequency": (1.5, 3.0), "amplitude": (None, 0.0)})
    low, high = bounds_of(bounded)
    found = guessed(bounded, data)
    assert ((found >= low) & (found <= high)).all()
    assert_allclose(found[0, :2], [-1.0, 2.3], rtol=0.1)
    held = Sine1D(1.0, 0.6, 0.25, fixed={"phase": True})
    assert_array_equal(guessed(held, Sine1D(3.0, 0.6, 0.25)(X))[0, 2], 0.25)
    assert_allclose(guessed(held, Sine1D(3.0, 0.6, 0.25)(X))[0, :2], [3.0, 0.6], rtol=1e-3)


def test_two_exponentials_are_told_apart() -> None:
    truth = Exponential1D(30.0, -0.8) + Exponential1D(5.0, -6.0) + Const1D(1.0)
    noise = 0.02 * RNG.normal(size=(20, X.size))
    model = Exponential1D(1.0, -1.0) + Exponential1D(1.0, -2.0) + Const1D(0.0)
    assert (lowered(model, truth(X) + noise) < 1.02 * np.sum(noise**2, axis=1)).all()


def test_a_line_on_a_power_law() -> None:
    x = np.linspace(4800.0, 6800.0, 300)
    truth = PowerLaw1D(5.0, 5500.0, 1.5) + Gaussian1D(3.0, 6200.0, 25.0)
    model = PowerLaw1D(1.0, 5500.0, 0.0, fixed={"x_0": True}) + Gaussian1D(1.0, 5500.0, 20.0)
    found = guessed(model, truth(x) + 0.2 * RNG.normal(size=(20, 300)), x)
    assert_allclose(found[:, 4], 6200.0, atol=15.0)
    assert_allclose(found[:, 2], 1.5, atol=0.2)


def test_what_overflows_starts_where_the_caller_said() -> None:
    x = 60000.0 + X
    model = Exponential1D(2.0, 0.01)
    assert_array_equal(guessed(Exponential1D(2.0, 0.01, fixed={"tau": True}), X[np.newaxis], x), [[2.0, 0.01]])
    assert np.isfinite(guessed(model, X[np.newaxis], x)).all()


def test_only_shapes_depend_on_the_start() -> None:
    terms = parse_terms(PowerLaw1D() + Const1D())
    assert not depends_on_start(terms, (0, 3))
    assert depends_on_start(terms, (0, 2))
