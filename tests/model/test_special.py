"""Special functions that scipy does not have."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import gammainc

from ndfit.model.special import gammainc_grad_a, interp_slope


@pytest.mark.parametrize("a", [0.05, 0.5, 1.0, 3.0, 8.0, 20.0, 60.0])
def test_gammainc_grad_a_is_the_slope_of_gammainc(a: float) -> None:
    x = a * np.array([0.05, 0.3, 0.7, 0.95, 1.0, 1.3, 2.0, 4.0])
    step = 1e-5 * a
    # A fourth-order difference, good to about 1e-11.
    ahead = [gammainc(a + multiple * step, x) for multiple in (-2, -1, 1, 2)]
    slope = (ahead[0] - 8 * ahead[1] + 8 * ahead[2] - ahead[3]) / (12 * step)
    np.testing.assert_allclose(gammainc_grad_a(a, x), slope, rtol=1e-8, atol=1e-10 / a)


@pytest.mark.parametrize("a", [450.0, 550.0, 1e5, 1e8, 1e11])
def test_gammainc_grad_a_of_large_arguments(a: float) -> None:
    """There P nears the normal integral, and terms of its series are too many to be summed."""
    x = a + np.sqrt(a) * np.array([-2.0, -0.5, 0.0, 1.0, 2.0])
    normal = -np.exp(-0.5 * (x - a) ** 2 / a) / np.sqrt(2.0 * np.pi * a)
    np.testing.assert_allclose(gammainc_grad_a(a, x), normal, rtol=2.0 / np.sqrt(a))


def test_gammainc_grad_a_outside_its_domain() -> None:
    np.testing.assert_array_equal(gammainc_grad_a([2.0, 2.0, -1.0, np.nan], [0.0, -1.0, 1.0, 1.0]), [0, *[np.nan] * 3])


def test_interp_slope_is_that_of_each_segment_and_zero_beyond() -> None:
    slopes = interp_slope([-1.0, 0.0, 0.5, 1.0, 2.9, 3.1, np.nan], (0.0, 1.0, 3.0), (1.0, 3.0, 2.0))
    np.testing.assert_array_equal(slopes, [0.0, 2.0, 2.0, -0.5, -0.5, 0.0, np.nan])


def test_gammainc_grad_a_vanishes_where_gammainc_is_one() -> None:
    """There the sums of its series overflow."""
    np.testing.assert_allclose(gammainc_grad_a([2.0, 2.0, 50.0, 0.5], [100.0, 800.0, 1e4, 1e6]), 0.0, atol=1e-13)
