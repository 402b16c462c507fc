"""Lines fitted together, against scipy's least squares."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.modeling.models import Gaussian1D
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import least_squares

from ndfit.arrays import FloatArray
from ndfit.pipeline.guess.refit import Found, Refit, orthonormal, value_of
from ndfit.pipeline.guess.terms import parse_terms
from ndfit.pipeline.guess.tile import Tile

RNG = np.random.default_rng(11)
X = np.linspace(0.0, 60.0, 61)
TRUTH = np.array([30.0, 25.0, 3.0, 4.0, 36.0, 2.5])
START = np.array([27.0, 25.4, 3.6, 3.0, 35.5, 2.0])
TERMS = parse_terms(Gaussian1D() + Gaussian1D())
ALL = np.ones(6, dtype=bool)


def model(values: FloatArray) -> FloatArray:
    one, other = (Gaussian1D(*values[first : first + 3])(X) for first in (0, 3))
    return np.asarray(one + other)


def refit_of(data: FloatArray, weights: FloatArray, **changed: object) -> Refit:
    tile = Tile(data, weights, (X[:, np.newaxis],), X.shape)
    lower, upper = (np.full((data.shape[1], 6), bound) for bound in (-np.inf, np.inf))
    functions = [X[:, np.newaxis], np.ones((61, 1))]
    keywords = {"basis": orthonormal(functions, weights), "free": ALL, "lower": lower, "upper": upper, "set_tied": None}
    return Refit(tile, data, **(keywords | changed))  # type: ignore[arg-type]


def noisy(n_fits: int) -> tuple[FloatArray, FloatArray]:
    sigma = RNG.uniform(0.1, 0.3, (61, n_fits))
    background = RNG.normal(size=n_fits) + 0.1 * X[:, np.newaxis]
    return model(TRUTH)[:, np.newaxis] + background + sigma * RNG.normal(size=sigma.shape), sigma**-2


def found(n_fits: int) -> list[Found]:
    return [Found(term, np.ones(n_fits, dtype=bool)) for term in TERMS]


def test_the_minimum_is_that_of_all_parameters_with_the_background_eliminated() -> None:
    data, weights = noisy(7)
    table = np.tile(START, (7, 1))
    cost = refit_of(data, weights)(table, found(7), 20)
    for fit in range(7):
        root = np.sqrt(weights[:, fit])

        def residual(values: FloatArray, fit: int = fit, root: FloatArray = root) -> FloatArray:
            return root * (model(values[:6]) + values[6] + values[7] * X - data[:, fit])

        best = least_squares(residual, [*START, 0.0, 0.0], xtol=1e-12, ftol=1e-12)
        assert_allclose(cost[fit], best.cost, rtol=1e-3)
        assert_allclose(table[fit], best.x[:6], rtol=0.02)


def test_bounds_and_parameters_that_are_not_free_hold() -> None:
    data, weights = noisy(3)
    upper = np.full((3, 6), np.inf)
    upper[:, 1] = 24.5
    free = ALL.copy()
    free[5] = False
    table = np.tile(START, (3, 1))
    table[:, 1] = 24.0
    refit_of(data, weights, upper=upper, free=free)(table, found(3), 20)
    assert_allclose(table[:, 1], 24.5)
    assert_array_equal(table[:, 5], START[5])


def test_tied_parameters_follow_and_their_derivatives_count() -> None:
    data, weights = noisy(3)

    def set_tied(values: FloatArray) -> None:
        values[:, 4] = values[:, 1] + 11.0

    free = ALL.copy()
    free[4] = False
    table = np.tile(START, (3, 1))
    refit_of(data, weights, free=free, set_tied=set_tied)(table, found(3), 20)
    assert_allclose(table[:, 4] - table[:, 1], 11.0)
    assert_allclose(table[:, 1], 25.0, atol=0.1)
    assert_allclose(table[:, 3], 4.0, rtol=0.15)


def test_a_line_that_a_fit_does_not_have_is_zero_there_and_stays() -> None:
    data, weights = noisy(2)
    table = np.tile(START, (2, 1))
    lines = found(2)
    lines[1] = Found(TERMS[1], np.array([True, False]))
    refit_of(data, weights)(table, lines, 20)
    assert_array_equal(table[1, 3:], START[3:])
    assert_allclose(table[0, 4], 36.0, atol=0.3)
    assert_array_equal(value_of(lines[1], table, refit_of(data, weights).tile)[:, 1], 0.0)


def test_no_bit_depends_on_the_fits_beside() -> None:
    data, weights = noisy(40)
    starts = START * RNG.uniform(0.9, 1.1, (40, 6))
    together = starts.copy()
    cost = refit_of(data, weights)(together, found(40), 12)
    for fit in range(0, 40, 7):
        one = slice(fit, fit + 1)
        alone = starts[one].copy()
        own = refit_of(np.ascontiguousarray(data[:, one]), np.ascontiguousarray(weights[:, one]))(alone, found(1), 12)
        assert_array_equal(alone, together[one])
        assert_array_equal(own, cost[one])


@pytest.mark.parametrize("origin", [0.0, 6500.0, 2460000.0])
def test_an_orthonormal_basis_spans_the_functions(origin: float) -> None:
    x = origin + np.linspace(0.0, 0.5, 30)[:, np.newaxis]
    weights = RNG.uniform(0.5, 2.0, (30, 2))
    basis = orthonormal([x, np.ones_like(x), 2.0 * x], weights)
    products = np.einsum("imn,jmn->ijn", np.stack(basis[:2]) * weights, np.stack(basis[:2]))
    assert_allclose(products, np.eye(2)[:, :, np.newaxis] * np.ones(2), atol=1e-6)
    assert_allclose(basis[2], 0.0, atol=1e-3 if origin > 1e6 else 1e-6)
