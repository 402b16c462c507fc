"""Each row of the table of losses agrees with itself, by finite differences."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from numpy.testing import assert_allclose

from ndfit.loss_functions import ROBUST, LossKind

# Off the kink of huber.
U = np.array([-40.0, -3.0, -1.2, -0.8, -0.1, 0.2, 0.7, 1.3, 2.5, 30.0])
STEP = 1e-5


def rho(name: str, u: np.ndarray) -> np.ndarray:
    return u**2 * ROBUST[name].ratio_and_slope(u, np)[0]


def psi(name: str, u: np.ndarray) -> np.ndarray:
    return u * ROBUST[name].ratio_and_slope(u, np)[1]


@pytest.mark.parametrize("name", ROBUST)
def test_the_slope_is_the_derivative_of_rho(name: str) -> None:
    """rho is of z = u^2, so that its derivative by u is 2 psi."""
    found = (rho(name, U + STEP) - rho(name, U - STEP)) / (4.0 * STEP)
    assert_allclose(found, psi(name, U), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", ROBUST)
def test_the_curvature_is_the_derivative_of_the_pull(name: str) -> None:
    found = (psi(name, U + STEP) - psi(name, U - STEP)) / (2.0 * STEP)
    assert_allclose(ROBUST[name].curvature(U, np), found, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", ROBUST)
def test_a_pull_that_falls_is_known(name: str) -> None:
    assert (psi(name, np.array([30.0])) < psi(name, np.array([1.0]))) == ROBUST[name].redescending


@pytest.mark.parametrize("name", ROBUST)
def test_small_residuals_count_as_their_square(name: str) -> None:
    with np.errstate(all="ignore"):
        assert_allclose(ROBUST[name].ratio_and_slope(np.array([0.0, 1e-9]), np), 1.0)


def test_names_are_those_that_type_checkers_know() -> None:
    assert get_args(LossKind) == ("linear", *ROBUST)
