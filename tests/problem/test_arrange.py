"""Views of the data with the iterating axes first, and a few coordinates to try a model at."""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_array_equal

from ndfit.problem.arrange import sample_coordinates, take_map, take_region
from ndfit.problem.axes import Axes

AXES = Axes((4, 3, 5, 2), (2, 0))
DATA = np.arange(120.0).reshape(4, 3, 5, 2)


def test_a_region_has_the_iterating_axes_first_and_the_inputs_in_their_order() -> None:
    found = take_region(DATA, AXES, (slice(1, 3), slice(0, 1)))
    assert found.shape == (2, 1, 5, 4)
    for i, j, k in np.ndindex(2, 5, 4):
        assert found[i, 0, j, k] == DATA[k, 1 + i, j, 0]
    assert np.shares_memory(found, DATA)


def test_axes_of_length_one_stay_so_wherever_the_region_lies() -> None:
    assert_array_equal(take_region(DATA[:, :1, :, :1], AXES, (slice(2, 3), slice(1, 2)))[0, 0], DATA[:, 0, :, 0].T)


def test_maps_are_cut_like_the_data() -> None:
    region = (slice(1, 3), slice(0, 2))
    values = np.arange(6.0).reshape(3, 2)
    assert_array_equal(take_map(values, AXES, region), values[1:3])
    assert_array_equal(take_map(values[:, :1], AXES, region), [[2.0, 2.0], [4.0, 4.0]])
    assert take_map(np.full((1, 1), 7.0), AXES, region).shape == ()


def test_coordinates_to_try_a_model_at_are_those_of_the_first_position_from_end_to_end() -> None:
    axes = Axes((3, 50), (1,))
    x = np.arange(50.0) + 100.0 * np.arange(3)[:, np.newaxis]
    (found,) = sample_coordinates((x,), axes, 8)
    assert_array_equal(found, np.linspace(0, 49, 8).astype(int))
    (every,) = sample_coordinates((x,), axes, 1000)
    assert_array_equal(every, np.arange(50.0))


def test_places_where_one_coordinate_is_no_number_are_left_out() -> None:
    x, y = np.arange(3.0).reshape(1, 1, 3), np.arange(2.0).reshape(1, 2, 1)
    x[..., 1], y[:, 0] = np.nan, np.inf
    found = sample_coordinates((y, x), Axes((4, 2, 3), (1, 2)), 100)
    assert_array_equal(found, [[1.0, 1.0], [0.0, 2.0]])
