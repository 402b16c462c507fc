"""What lies under the lines, against numpy's least squares."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.modeling.models import (
    Chebyshev1D,
    Const1D,
    Const2D,
    Hermite1D,
    Legendre1D,
    Linear1D,
    Planar2D,
    Polynomial1D,
)
from numpy.testing import assert_allclose

from ndfit.pipeline.guess.background import BASES, fit_background, sum_of
from ndfit.pipeline.guess.tile import Tile

RNG = np.random.default_rng(2)
X = np.linspace(-2.0, 6.0, 40)[:, np.newaxis]
LINE = [X, np.ones_like(X)]


@pytest.mark.parametrize(
    ("model", "scale"),
    [
        (Const1D(3.0), ()),
        (Linear1D(0.5, -1.0), ()),
        (Polynomial1D(3, c0=1.0, c1=-2.0, c2=0.5, c3=0.25), (3.0, 1.0, 0.0)),
        (Chebyshev1D(3, c0=1.0, c1=-2.0, c2=0.5, c3=0.25), (3.0, 1.0, 0.0)),
        (Legendre1D(3, c0=1.0, c1=-2.0, c2=0.5, c3=0.25), (3.0, 1.0, 0.0)),
        (Hermite1D(3, c0=1.0, c1=-2.0, c2=0.5, c3=0.25), (3.0, 1.0, 0.0)),
        (Const2D(3.0), ()),
        (Planar2D(0.5, -1.0, 2.0), ()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_bases_are_what_the_parameters_multiply(model: Any, scale: Any) -> None:
    coords = (X, X**2)[: model.n_inputs]
    functions = BASES[type(model).__name__](coords, scale)
    found = sum_of(functions, model.parameters[np.newaxis], X.shape)
    assert_allclose(found, np.broadcast_to(model(*coords), X.shape), rtol=1e-13)


def test_a_polynomial_is_one_of_the_scaled_coordinate() -> None:
    functions = BASES["Polynomial1D"]((X,), (2.0, 0.5, 3.0))
    assert_allclose(np.hstack(functions), np.vander((0.5 * X + 3.0)[:, 0], 3, increasing=True))


@pytest.mark.parametrize("length", [1.0, 1e-9, 1e9])
@pytest.mark.parametrize("shared", [True, False])
def test_coefficients_are_those_of_weighted_least_squares(length: float, shared: bool) -> None:
    weights = RNG.uniform(0.1, 2.0, (40, 1 if shared else 3))
    weights[5] = 0.0
    values = RNG.normal(size=(40, 3))
    functions = [length * X, np.ones_like(X)]
    found = fit_background(Tile(values, weights, (X,), (40,)), values, functions, clipped=False)
    for fit in range(3):
        root = np.sqrt(np.broadcast_to(weights, values.shape)[:, fit])
        matrix = root[:, np.newaxis] * np.hstack(LINE)
        expected = np.linalg.lstsq(matrix, root * values[:, fit], rcond=None)[0]
        assert_allclose(found[fit] * [length, 1.0], expected, rtol=1e-8)


def test_what_stands_out_is_left_out_in_the_units_of_its_error() -> None:
    sigma = np.where(X < 0.0, 5.0, 0.2)
    noise = RNG.normal(size=(40, 1))
    values = 2.0 * X - 1.0 + np.clip(noise, -1.5, 1.5) * sigma
    spoiled = values.copy()
    spoiled[20:24] += 30.0
    tile = Tile(spoiled, sigma**-2, (X,), (40,))
    kept = np.ones(40, bool)
    kept[20:24] = False
    root = 1.0 / sigma[kept]
    expected = np.linalg.lstsq(root * np.hstack(LINE)[kept], (root * values[kept])[:, 0], rcond=None)[0]
    assert_allclose(fit_background(tile, spoiled, LINE, clipped=True)[0], expected, rtol=1e-8)
    assert np.abs(fit_background(tile, spoiled, LINE, clipped=False)[0] - expected).max() > 1.0


def test_samples_beyond_two_and_a_half_deviations_are_left_out_until_none_is_left() -> None:
    """The rounds, made by hand."""
    values = RNG.standard_t(2, size=(40, 1))
    found = fit_background(Tile(values, np.ones((40, 1)), (X,), (40,)), values, LINE, clipped=True)[0]
    expected = np.linalg.lstsq(np.hstack(LINE), values[:, 0], rcond=None)[0]
    for _ in range(5):
        residual = np.abs(values[:, 0] - np.hstack(LINE) @ expected)
        near = residual <= 2.5 * 1.4826 * np.median(residual)
        expected = np.linalg.lstsq(np.hstack(LINE)[near], values[near, 0], rcond=None)[0]
    assert_allclose(found, expected, rtol=1e-9)


def test_of_functions_that_are_alike_the_first_describes_what_they_could() -> None:
    values = 4.0 + np.zeros((40, 1))
    found = fit_background(Tile(values, np.ones((40, 1)), (X,), (40,)), values, [np.ones_like(X)] * 2, clipped=False)
    assert_allclose(found, [[4.0, 0.0]])


def test_a_fit_without_samples_has_nothing_under_its_lines() -> None:
    values, weights = np.ones((40, 2)), np.ones((40, 2))
    weights[:, 0] = 0.0
    found = fit_background(Tile(values, weights, (X,), (40,)), values, LINE, clipped=False)
    assert_allclose(found, [[0.0, 0.0], [0.0, 1.0]], atol=1e-12)
