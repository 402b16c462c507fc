"""From a peak's height, centre and covariance to the parameters of a profile."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.modeling.models import Moffat1D
from numpy.testing import assert_allclose

from ndfit.pipeline.guess.profiles import PROFILES, WorldPeak, parameters_of

CENTRES = np.array([[2.0, -3.0], [5.0, 1.0]])
MAJOR, MINOR, ANGLES = np.array([3.0, 2.0]), np.array([1.0, 0.5]), np.array([0.4, -1.2])


def ellipses() -> WorldPeak:
    turn = np.array([[[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]] for a in ANGLES])
    axes = np.stack([np.diag([a**2, b**2]) for a, b in zip(MAJOR, MINOR, strict=True)])
    return WorldPeak(np.array([7.0, -4.0]), CENTRES, turn @ axes @ turn.swapaxes(1, 2))


def test_an_ellipse_follows_the_covariance() -> None:
    found = parameters_of(PROFILES["Gaussian2D"], ellipses(), np.zeros((2, 6)), turns=True)
    assert_allclose(found, np.column_stack([[7.0, -4.0], CENTRES, MAJOR, MINOR, ANGLES]), rtol=1e-12)


def test_an_ellipse_of_a_held_angle_has_the_widths_along_and_across() -> None:
    start = np.zeros((2, 6))
    start[:, 5] = [0.4 + np.pi / 2, 0.3]
    found = parameters_of(PROFILES["Gaussian2D"], ellipses(), start, turns=False)
    assert_allclose(found[0, 3:], [1.0, 3.0, 0.4 + np.pi / 2], rtol=1e-12)
    for direction, width in ((0.3, found[1, 3]), (0.3 + np.pi / 2, found[1, 4])):
        along = np.array([np.cos(direction), np.sin(direction)])
        assert_allclose(width**2, along @ ellipses().covariance[1] @ along, rtol=1e-12)


def test_a_round_profile_has_the_area_of_the_ellipse() -> None:
    start = np.tile([1.0, 0.0, 0.0, 1.0, 2.5], (2, 1))
    found = parameters_of(PROFILES["Moffat2D"], ellipses(), start, turns=False)
    per_sigma = PROFILES["Moffat2D"].per_sigma(start)
    assert_allclose(found[:, 3], per_sigma * np.sqrt(MAJOR * MINOR), rtol=1e-12)
    assert_allclose(found[:, 1:3], CENTRES)
    assert_allclose(found[:, 4], 2.5)


def test_the_widths_of_a_voigt_profile_start_equal() -> None:
    peak = WorldPeak(np.array([2.0]), np.array([[5.0]]), np.array([[[4.0]]]))
    found = parameters_of(PROFILES["Voigt1D"], peak, np.ones((1, 4)), turns=False)
    assert_allclose(found, [[5.0, 3.0, 2.079 / 1.6376 * 2.0, 2.079 / 1.6376 * 2.0]])


@pytest.mark.parametrize(("alpha", "full_width"), [(1e9, 2.355), (1.0, 1.808)])
def test_moffat_s_profile_is_between_lorentz_s_and_a_gaussian(alpha: float, full_width: float) -> None:
    per_sigma = PROFILES["Moffat1D"].per_sigma(np.array([[1.0, 0.0, 1.0, alpha]]))
    assert_allclose(Moffat1D(gamma=float(per_sigma[0]), alpha=alpha).fwhm, full_width, rtol=1e-6)


def test_an_exponent_of_no_use_is_taken_for_one_half() -> None:
    ratios = PROFILES["Moffat1D"].per_sigma(np.array([[1.0, 0.0, 1.0, alpha] for alpha in (0.0, 0.5, -0.5, -2.0, 2.0)]))
    assert_allclose(ratios[[0, 2]], ratios[1])
    assert_allclose(ratios[3], ratios[4])
    assert (ratios > 0.0).all()
