"""Polynomials in a basis that is well conditioned, and the way back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.modeling.models import Chebyshev1D, Legendre2D, Polynomial1D
from numpy.testing import assert_allclose

from ndfit.problem.basis import set_linear_basis

X = np.linspace(1.0, 5.0, 9)


@pytest.mark.parametrize("limits", [(1.0, 5.0), (-3.0, 1.5), (1.4e9, 1.4001e9)])
def test_a_power_series_is_fitted_in_a_scaled_coordinate_and_returned_in_the_caller_s(
    limits: tuple[float, float],
) -> None:
    x = np.linspace(*limits, 9)
    model, fitted = Polynomial1D(3), np.array([1.0, -0.5, 0.25, 2.0])
    transform = set_linear_basis(model, (np.append(x, np.nan),))
    assert transform is not None
    assert (model.domain, model.window) == (limits, (-1.0, 1.0))
    reported = np.polynomial.Polynomial(fitted, domain=limits).convert(domain=[-1, 1]).coef
    assert_allclose(transform @ fitted, reported, rtol=1e-6, atol=1e-12)
    t = (2.0 * x - sum(limits)) / (limits[1] - limits[0])
    assert_allclose(model.evaluate(x, *fitted), np.polynomial.polynomial.polyval(t, fitted), rtol=1e-9)
    # What the power series itself loses: 1e-16 of the terms, which are up to 1e13 times the sum.
    assert_allclose(Polynomial1D(3).evaluate(x, *(transform @ fitted)), model.evaluate(x, *fitted), atol=0.1)


@pytest.mark.parametrize(
    "arguments",
    [
        {"fixed": {"c0": True}},
        {"tied": {"c1": lambda m: m.c0}},
        {"bounds": {"c2": (0.0, None)}},
        {"domain": (0.0, 10.0), "window": (-1.0, 1.0)},
    ],
    ids=lambda arguments: next(iter(arguments)),
)
def test_constraints_and_domains_of_the_caller_keep_the_caller_s_powers(arguments: dict[str, Any]) -> None:
    model = Polynomial1D(2, **arguments)
    domain = model.domain
    assert set_linear_basis(model, (X,)) is None
    assert model.domain == domain


def test_one_coordinate_alone_spans_no_domain() -> None:
    assert set_linear_basis(Polynomial1D(0), (np.full(4, 3.0),)) is None


def test_orthogonal_polynomials_get_the_range_of_the_coordinates_as_their_domain() -> None:
    chebyshev = Chebyshev1D(2)
    assert set_linear_basis(chebyshev, (np.array([[2.0, 3.0], [4.0, np.nan]]),)) is None
    assert chebyshev.domain == (2.0, 4.0)
    legendre = Legendre2D(1, 1, y_domain=(0.0, 1.0))
    set_linear_basis(legendre, (np.array([5.0, 7.0]), np.array([0.2, 0.8])))
    assert (legendre.x_domain, legendre.y_domain) == ((5.0, 7.0), (0.0, 1.0))
