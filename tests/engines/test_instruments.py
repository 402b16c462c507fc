"""Fits through instruments: both engines, against scipy's optimiser with the matrix written out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from astropy.modeling import CompoundModel, FittableModel, Parameter
from astropy.modeling.fitting import TRFLSQFitter
from astropy.modeling.models import Const1D, Const2D, Exponential1D, Gaussian1D, Gaussian2D, Polynomial1D
from scipy.optimize import least_squares
from tests.normalized import normalize
from tests.problem.test_places import dense

import ndfit
import ndfit.engines.fitters
import ndfit.engines.select
from ndfit import Instrument
from ndfit.problem.places import Places
from ndfit.result.fitted_model import reported_model

M = 40
X = np.arange(M, dtype=float)
T = 0.2 * np.arange(64)
SIGMA = 0.1


class Resolved(FittableModel):
    """A Gaussian whose instrumental width is its second input, 'y'."""

    n_inputs = 2
    n_outputs = 1

    amplitude = Parameter(default=8.0)
    mean = Parameter(default=20.0)
    sigma = Parameter(default=1.5)
    level = Parameter(default=0.5)

    @staticmethod
    def evaluate(x, width, amplitude, mean, sigma, level):  # astropy takes annotations here for units
        whole = (sigma**2 + width**2) ** 0.5
        return amplitude * sigma / whole * np.exp(-0.5 * ((x - mean) / whole) ** 2) + level


def line() -> CompoundModel:
    return Gaussian1D(9.0, 20.5, 2.0) + Const1D(0.5)


def decay() -> CompoundModel:
    return Exponential1D(4.0, -1.5) + Const1D(0.1)


@dataclass(frozen=True)
class Case:
    """A fit of four positions.

    Attributes
    ----------
    make : the model where it starts
    true : parameters that data are made of
    instrument, others : arguments of the fit
    coords : of the samples
    """

    make: Callable[[], Any]
    true: tuple[float, ...]
    instrument: Instrument | None
    others: dict[str, Any] = field(default_factory=dict)
    coords: tuple[np.ndarray, ...] = (X,)
    fitting_axes: Any = 1


LINE = (10.0, 20.2, 1.6, 1.0)
RNG = np.random.default_rng(3)
Y, XX = np.mgrid[:11, :11].astype(float)
PLANE = (4.0, 5.3, 4.8, 1.2, 1.6, 0.3, 1.0)
CASES: dict[str, Case] = {
    "a spread": Case(line, LINE, Instrument.gaussian(sigma=1.2)),
    "of each position": Case(line, LINE, Instrument.gaussian(fwhm=np.linspace(2.0, 3.0, 4))),
    "of each sample": Case(line, LINE, Instrument.gaussian(sigma=np.linspace(1.0, 2.0, M))),
    "of both, and bins": Case(line, LINE, Instrument.bins() @ Instrument.gaussian(sigma=1 + 0.1 * RNG.random((4, M)))),
    "a kernel": Case(line, LINE, Instrument.kernel([1.0, 2.0, 3.0, 2.0, 1.0])),
    "a matrix": Case(line, LINE, Instrument.matrix(RNG.random((5, M)))),
    "matrices and bins": Case(line, LINE, Instrument.matrix(RNG.random((4, 5, M))) @ Instrument.bins()),
    "a prompt": Case(
        decay, (5.0, -1.7, 0.2), Instrument.prompt(np.exp(-0.5 * (np.arange(20) / 2 - 4) ** 2)), coords=(T,)
    ),
    "correlated noise": Case(line, LINE, Instrument.correlated_noise(length=2.0)),
    "a correlation": Case(
        line, LINE, Instrument.correlated_noise(correlation=np.exp(-np.abs(np.subtract.outer(X, X)) / 2.0))
    ),
    "noise through a spread": Case(
        line, LINE, Instrument.correlated_noise(length=2.0) @ Instrument.gaussian(sigma=1.2)
    ),
    "a linear model": Case(lambda: Polynomial1D(2, c0=1.0), (1.0, 0.2, -0.01), Instrument.gaussian(sigma=1.2)),
    "a known input": Case(Resolved, LINE, None, {"inputs": {"y": np.linspace(0.9, 1.1, M)}}),
    "a known input through bins": Case(Resolved, LINE, Instrument.bins(), {"inputs": {"y": np.linspace(0.9, 1.1, 4)}}),
    "a plane": Case(
        lambda: Gaussian2D(5.0, 5.0, 5.0, 1.2, 1.4, 0.2) + Const2D(0.9),
        PLANE,
        Instrument.bins(nodes=3) @ Instrument.gaussian(sigma=0.5, nodes=3),
        coords=(XX.T[:, 0] * 0 + np.arange(11.0), np.arange(11.0)),
        fitting_axes=(2, 1),
    ),
}


def made(case: Case, gaps: bool) -> tuple[np.ndarray, dict[str, Any]]:
    """Data of four positions that samples see of the true model, with noise; and the arguments of their fit."""
    shape = (4, *(len(axis) for axis in reversed(case.coords)))
    call = {
        "fitting_axes": case.fitting_axes,
        "world": case.coords,
        "uncertainty": SIGMA,
        "instrument": case.instrument,
        "guess": None,
        **case.others,
    }
    model = case.make()
    described = {name: value for name, value in call.items() if name != "guess"}
    problem = normalize(model=model, data=np.ones(shape), **described)
    places, _ = problem.samples.load().places()
    values = values_of(model, case.true, places)
    clean = np.broadcast_to(places.seen(values), (4, int(np.prod(shape[1:]))))
    axes = problem.axes
    ordered = clean.reshape(4, *axes.fitting_shape).transpose(np.argsort(axes.iterating + axes.fitting))
    data = ordered + SIGMA * np.random.default_rng(1).normal(size=shape)
    if gaps:
        data[:, 3] = np.nan
        data[2, 18:21] = np.nan
    return data, call


def values_of(model: Any, parameters: Any, places: Places) -> np.ndarray:
    """At the places, (N or 1, L)."""
    own = model.copy()
    own.parameters = parameters
    inputs = np.broadcast_arrays(*map(np.atleast_2d, places.inputs))
    return np.broadcast_to(np.asarray(own(*inputs), dtype=float), inputs[0].shape)


@pytest.mark.parametrize("gaps", [False, True], ids=["whole", "with gaps"])
@pytest.mark.parametrize("name", CASES)
def test_engines_agree_with_each_other_and_with_scipy(name: str, gaps: bool) -> None:
    case = CASES[name]
    data, call = made(case, gaps)
    compiled, reference = (ndfit.fit(case.make(), data, **call, engine=engine) for engine in ("compiled", "reference"))
    for parameter in compiled.model.param_names:
        error = compiled.errors[parameter]
        apart = np.abs(compiled.parameters[parameter] - reference.parameters[parameter])
        assert np.nanmax(apart / error) < 2e-3, parameter
        np.testing.assert_allclose(error, reference.errors[parameter], rtol=1e-4)
    np.testing.assert_allclose(compiled.evaluate(), reference.evaluate(), atol=2e-3 * SIGMA)
    _check_with_scipy(case, data, compiled)


def _check_with_scipy(case: Case, data: np.ndarray, result: Any) -> None:
    """At the third position, with matrix, weights and noise written out."""
    problem = result._problem
    region = (slice(2, 3),)
    samples = problem.samples.region(region).load()
    places, _ = samples.places()
    used = samples.used()
    valid = np.ones(places.n_samples, dtype=bool) if used.valid is None else used.valid[0]
    flat = samples.rows(samples.data)[0]
    one = Places(tuple(np.atleast_2d(axis)[0] for axis in places.inputs), places.shape)
    matrix = np.eye(places.n_samples)
    if places.response is not None:
        matrix = dense(places.response, None if places.response.is_shared else 0)
    noise = samples.instrument and samples.instrument.noise
    white = np.eye(places.n_samples)
    if noise:
        covariance = np.linalg.inv(dense(noise.whitening(places.n_samples, None)))
        covariance = covariance @ covariance.T
        white = np.zeros(covariance.shape)
        white[np.ix_(valid, valid)] = np.linalg.inv(np.linalg.cholesky(covariance[np.ix_(valid, valid)]))
    model = reported_model(problem)
    free = list(problem.params.free)

    def residual(values: np.ndarray) -> np.ndarray:
        own = values_of(model, values, one)[0]
        return white @ np.where(valid, (np.where(valid, flat, 0.0) - matrix @ own) / SIGMA, 0.0)

    found = np.array([result.parameters[name][2] for name in problem.params.names])
    scale = np.maximum(np.array([result.errors[name][2] for name in problem.params.names]), 1e-12)
    best = least_squares(residual, found + 0.3 * scale, x_scale=scale, xtol=1e-15, ftol=1e-15, gtol=1e-15)
    mine = 0.5 * np.sum(residual(found) ** 2)
    assert mine - best.cost < 1e-4
    assert result.chi_square[2] == pytest.approx(2.0 * mine, rel=1e-9)
    covariance = np.linalg.inv(best.jac.T @ best.jac)
    np.testing.assert_allclose(np.sqrt(np.diagonal(covariance))[free], scale[free], rtol=2e-3)


def test_derivatives_through_an_instrument_are_those_of_differences() -> None:
    case = CASES["of both, and bins"]
    data, call = made(case, gaps=False)
    result = ndfit.fit(case.make(), data, **call)
    samples = result._problem.samples.load()
    places, _ = samples.places()
    engine = ndfit.engines.select.select_engine(
        result._problem, ndfit.engines.fitters.parse_fitter(TRFLSQFitter(), None), "compiled", ()
    ).engine
    table = np.stack([result.parameters[name] for name in result.model.param_names], axis=1)
    derivatives = engine.derivatives(table, places)
    for place in range(table.shape[1]):
        step = np.zeros(table.shape[1])
        step[place] = 1e-5
        difference = engine.values(table + step, places) - engine.values(table - step, places)
        np.testing.assert_allclose(derivatives[:, place], difference / 2e-5, atol=1e-8)
