"""How far a cost can fall, against what a minimiser finds."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import lsq_linear

from ndfit.engines.distance import Distance, distance_to_minimum


def fall_of(found: Distance) -> float:
    return found.fall * found.size**2


RNG = np.random.default_rng(5)
J = RNG.normal(size=(20, 4)) * np.array([1e-12, 1.0, 1e7, 3.0])
R = RNG.normal(size=20)
FREE = np.full(4, np.inf)


def test_without_bounds_it_is_the_gauss_newton_step() -> None:
    found = distance_to_minimum(J, R, FREE, FREE)
    unit = 1.0 / np.linalg.norm(J, axis=0)
    step = unit * np.linalg.lstsq(J * unit, -R)[0]
    assert_allclose(found.step, step, rtol=1e-9)
    assert_allclose(fall_of(found), 0.5 * (R @ R - np.sum((R + J @ step) ** 2)), rtol=1e-9)
    assert_allclose(found.lengths, 1.0 / unit)


@pytest.mark.parametrize("scale", [1e-150, 1e-30, 1e100])
def test_scales_of_data_and_parameters_do_not_matter(scale: float) -> None:
    one, other = (distance_to_minimum(J, factor * R, FREE, FREE) for factor in (1.0, scale))
    assert_allclose(other.fall, one.fall, rtol=1e-12)
    assert_allclose(other.step / scale, one.step, rtol=1e-12)


def test_within_bounds_it_is_the_minimum_of_the_box() -> None:
    unit = 1.0 / np.linalg.norm(J, axis=0)
    free = distance_to_minimum(J, R, FREE, FREE).step
    for limits in RNG.uniform(0.0, 1.5, (50, 2, 4)) * np.abs(free):
        found = distance_to_minimum(J, R, limits[0], limits[1])
        expected = lsq_linear(J * unit, -R, bounds=(-limits[0] / unit, limits[1] / unit), method="bvls", tol=1e-14)
        assert_allclose(fall_of(found), 0.5 * R @ R - expected.cost, rtol=1e-7)
        assert (found.step >= -limits[0] * (1 + 1e-12)).all()
        assert (found.step <= limits[1] * (1 + 1e-12)).all()


def test_a_parameter_at_a_bound_beyond_which_the_cost_falls_has_no_part() -> None:
    push = distance_to_minimum(J, R, FREE, FREE).step[1]
    below, above = FREE.copy(), FREE.copy()
    (above if push > 0 else below)[1] = 0.0
    held = distance_to_minimum(J, R, below, above)
    without = distance_to_minimum(J[:, [0, 2, 3]], R, FREE[:3], FREE[:3])
    assert held.step[1] == 0.0
    assert_allclose(fall_of(held), fall_of(without), rtol=1e-9)
    assert_allclose(held.step[[0, 2, 3]], without.step, rtol=1e-9)
    (below if push > 0 else above)[1] = 0.0
    (above if push > 0 else below)[1] = np.inf
    inwards = distance_to_minimum(J, R, below, above)
    assert_allclose(fall_of(inwards), fall_of(distance_to_minimum(J, R, FREE, FREE)), rtol=1e-9)


def test_all_at_bounds_leaves_nothing() -> None:
    found = distance_to_minimum(J, R, np.zeros(4), np.zeros(4))
    assert found.fall == 0.0
    assert_array_equal(found.step, 0.0)


def test_directions_that_are_not_determined_are_left_out() -> None:
    twice = np.column_stack([J[:, 1], J[:, 1], np.zeros(20), J[:, 3]])
    found = distance_to_minimum(twice, R, FREE, FREE)
    assert_allclose(fall_of(found), fall_of(distance_to_minimum(J[:, [1, 3]], R, FREE[:2], FREE[:2])), rtol=1e-9)
    assert found.step[2] == 0.0
    assert_allclose(found.step[0], found.step[1], rtol=1e-6)
    nearly = np.column_stack([J[:, 1], J[:, 1] + 1e-11 * RNG.normal(size=20)])
    assert distance_to_minimum(nearly, R, FREE[:2], FREE[:2], accuracy=1e-9).fall < found.fall
    assert_allclose(np.abs(distance_to_minimum(nearly, R, FREE[:2], FREE[:2], accuracy=1e-9).step).max(), 0.5, atol=0.5)


def test_at_the_minimum_and_without_residuals_there_is_no_distance() -> None:
    Q, _ = np.linalg.qr(J)
    at_minimum = R - Q @ (Q.T @ R)
    assert distance_to_minimum(J, at_minimum, FREE, FREE).fall < 1e-28
    assert distance_to_minimum(J, np.zeros(20), FREE, FREE).fall == 0.0
    assert distance_to_minimum(np.zeros((20, 4)), R, FREE, FREE).fall == 0.0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_has_no_distance(bad: float) -> None:
    spoilt = J.copy()
    spoilt[3, 2] = bad
    assert np.isnan(distance_to_minimum(spoilt, R, FREE, FREE).fall)
    assert_array_equal(distance_to_minimum(spoilt, R, FREE, FREE).step, 0.0)
    assert np.isnan(distance_to_minimum(J, np.where(np.arange(20) == 3, bad, R), FREE, FREE).fall)
