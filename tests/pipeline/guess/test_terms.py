"""Models as sums of terms."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.modeling.models import Const1D, Gaussian1D, Linear1D, Polynomial1D, Voigt1D
from numpy.testing import assert_allclose

from ndfit.pipeline.guess.terms import parse_terms


def test_terms_know_their_parameters_and_their_sign() -> None:
    terms = parse_terms(Const1D() - (Voigt1D() - (Linear1D() + Gaussian1D())))
    assert [(term.kind, term.columns, term.sign, term.is_line) for term in terms] == [
        ("Const1D", (0,), 1.0, False),
        ("Voigt1D", (1, 2, 3, 4), -1.0, True),
        ("Linear1D", (5, 6), 1.0, False),
        ("Gaussian1D", (7, 8, 9), 1.0, True),
    ]
    assert [term.sign for term in parse_terms((Const1D() - Gaussian1D()) - Gaussian1D())] == [1.0, -1.0, -1.0]


@pytest.mark.parametrize(
    "arguments", [{}, {"domain": (2.0, 10.0)}, {"domain": (2.0, 10.0), "window": (0.0, 4.0)}, {"window": (3.0, 5.0)}]
)
def test_polynomials_are_scaled_as_astropy_scales_them(arguments: dict[str, tuple[float, float]]) -> None:
    x, coefficients = np.linspace(-3.0, 12.0, 7), (1.0, 2.0, -0.5)
    (term,) = parse_terms(Polynomial1D(2, **arguments))
    degree, factor, offset = term.scale
    expected = Polynomial1D(2, **arguments)
    expected.parameters = coefficients
    assert degree == 2.0
    assert_allclose(np.polynomial.polynomial.polyval(x * factor + offset, coefficients), expected(x))


def test_the_second_term_of_a_sum_that_cannot_be_guessed_for_is_found_too() -> None:
    with pytest.raises(ValueError, match=r"operator '\*'"):
        parse_terms(Const1D() + (Gaussian1D() * Const1D()))
