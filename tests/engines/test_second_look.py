"""Fits that the kernel cannot end: kinks, valleys, and minima that only the whole second derivative finds."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from astropy.modeling.models import Const1D, Const2D, Gaussian2D, Moffat2D, Sersic2D, Trapezoid1D
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from scipy.optimize import least_squares, minimize

import ndfit
from ndfit.engines.certificate import CONVERGED_EDM
from ndfit.engines.compiled import compiled_engine as compiled
from ndfit.engines.compiled.beside import NUDGES
from ndfit.engines.loss import Loss, costs, weights_and_residual
from ndfit.errors import FitWarning
from ndfit.status import converged

FloatArray = NDArray[np.float64]

N_FITS = 100
X = np.linspace(-10.0, 10.0, 53)
PLANE = np.mgrid[:15, :15] - 7.0


def fitted(start: Any, data: FloatArray, coords: Any, **more: Any) -> ndfit.FitResult:
    axes = tuple(range(1, data.ndim))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        return ndfit.fit(start, data, world=coords, fitting_axes=axes, guess=None, engine="compiled", **more)


def trapezoids() -> tuple[Any, FloatArray, Any]:
    """Sides that cross samples: derivatives jump there, and the minimum is often at a jump."""
    truth = Trapezoid1D(5.0, 0.3, 4.0, 2.0)(X)
    noise = np.random.default_rng(1).normal(size=(N_FITS, X.size)) / 5.0
    return Trapezoid1D(4.0, 0.0, 3.0, 1.0) + Const1D(0.0), truth + noise, (X,)


def moffats_on_gaussians() -> tuple[Any, FloatArray, Any]:
    """The wings get ever steeper, and the width with them: a valley that has no end."""
    truth = Gaussian2D(1.0, 0.0, 0.0, 1.4, 1.4)(*PLANE) + 0.5
    noise = np.random.default_rng(2).normal(size=(N_FITS, *truth.shape)) / 20.0
    return Moffat2D(1.0, 0.2, 0.1, 2.0, 2.2) + Const2D(0.5), truth + noise, tuple(PLANE)


def galaxies() -> tuple[Any, FloatArray, Any]:
    """The centre is a cusp between samples."""
    truth = Sersic2D(1.0, 3.0, 1.5, 0.0, 0.0, 0.4, 0.7)(*PLANE)
    noise = np.random.default_rng(3).normal(size=(N_FITS, *truth.shape)) / 20.0
    return Sersic2D(1.0, 3.0, 2.0, 0.1, 0.1, 0.3, 0.5), truth + noise, tuple(PLANE)


PROBLEMS = [trapezoids, moffats_on_gaussians, galaxies]


def lowest_beside(model: Any, values: FloatArray, data: FloatArray, coords: Any) -> float:
    """The sum of squares that scipy reaches from an answer, with and without derivatives."""

    def residual(own: FloatArray) -> FloatArray:
        return (model.evaluate(*coords, *own) - data).ravel()

    with np.errstate(all="ignore"):
        found = [2.0 * least_squares(residual, values, x_scale="jac", max_nfev=200).cost]
        cost = minimize(lambda own: np.sum(residual(own) ** 2), values, method="Nelder-Mead", options={"maxfev": 800})
    return min(*found, float(cost.fun))


@pytest.mark.parametrize("problem", PROBLEMS)
def test_hardly_a_fit_is_stalled(problem: Any) -> None:
    result = fitted(*problem())
    assert np.mean(converged(result.status)) >= 0.97
    assert_array_equal(result.edm[converged(result.status)] <= CONVERGED_EDM, True)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_scipy_finds_nothing_lower_beside_the_answers(problem: Any) -> None:
    """By a tenth of the variance of the noise. A valley without an end gets lower and lower, by less and less."""
    start, data, coords = problem()
    result = fitted(start, data, coords)
    values = np.stack([result.parameters[name] for name in start.param_names], axis=1)
    variance = result.chi_square / (data[0].size - len(start.param_names))
    rows = range(0, N_FITS, 5)
    gained = [result.chi_square[row] - lowest_beside(start, values[row], data[row], coords) for row in rows]
    assert_array_equal(np.array(gained) / variance[list(rows)] < 0.2, True)


def test_a_fit_is_the_same_alone_and_among_others() -> None:
    start, data, coords = trapezoids()
    whole, part = fitted(start, data, coords), fitted(start, data[30:40], coords)
    assert_array_equal(part.chi_square, whole.chi_square[30:40])
    assert_array_equal(part.status, whole.status[30:40])


def test_answers_stay_within_their_bounds() -> None:
    start, data, coords = trapezoids()
    result = fitted(start, data, coords, bounds={"slope_0": (0.0, 2.0), "width_0": (1.0, 3.0)})
    assert_array_equal((result.parameters["slope_0"] >= 0.0) & (result.parameters["slope_0"] <= 2.0), True)
    assert_array_equal((result.parameters["width_0"] >= 1.0) & (result.parameters["width_0"] <= 3.0), True)


def test_the_caller_says_how_long() -> None:
    start, data, coords = moffats_on_gaussians()
    result = fitted(start, data, coords, fitter_kwargs={"maxiter": 20})
    assert result.nfev.max() <= 20 * (1 + NUDGES)


def test_a_plateau_is_searched_around(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the search finds lower is the answer."""
    start, data, coords = moffats_on_gaussians()
    found = fitted(start, data, coords)
    monkeypatch.setattr(compiled.CompiledEngine, "_search_beside", lambda *given: None)
    without = fitted(start, data, coords)
    assert (found.chi_square <= without.chi_square * (1.0 + 1e-12)).all()
    assert (found.nfev >= without.nfev).all()
    assert (found.nfev > without.nfev).any()


@pytest.mark.parametrize("name", ["linear", "huber", "soft_l1", "cauchy", "arctan", "cash"])
def test_gradient_of_each_cost(name: str) -> None:
    """By differences."""
    rng, loss = np.random.default_rng(4), Loss(name, 1.5)
    values, data = rng.uniform(1.0, 9.0, (3, 20)), np.floor(rng.uniform(0.0, 9.0, (3, 20)))
    weights = np.where(rng.random((3, 20)) < 0.2, 0.0, 1.0 if name == "cash" else 2.0)
    factors, residual = weights_and_residual(loss, weights, data, values)
    for sample in range(20):
        step = np.zeros(20)
        step[sample] = 1e-5
        slope = (costs(loss, weights, data, values + step) - costs(loss, weights, data, values - step)) / 2e-5
        assert_allclose((factors * residual)[:, sample], slope, rtol=1e-6, atol=1e-6)


def test_a_cost_that_is_no_number_is_infinite() -> None:
    weights, data = np.ones((2, 2)), np.array([[1.0, 0.0], [1.0, 0.0]])
    values = np.array([[0.0, 1.0], [1.0, -1.0]])
    with np.errstate(all="ignore"):
        assert_array_equal(costs(Loss("cash"), weights, data, values), np.inf)
        assert costs(Loss(), weights, data, np.full((2, 2), np.nan))[0] == np.inf
