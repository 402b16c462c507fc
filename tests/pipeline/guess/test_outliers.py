"""Samples that stand alone."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ndfit.pipeline.guess.outliers import without_outliers
from ndfit.pipeline.guess.tile import Tile

RNG = np.random.default_rng(3)
X = np.arange(60.0)[:, np.newaxis]


def left_out(data: np.ndarray, grid: tuple[int, ...], weights: np.ndarray | None = None) -> list[int]:
    tile = Tile(data, np.ones((len(data), 1)) if weights is None else weights, (X,), grid)
    clean = without_outliers(tile)
    return [int(index) for index in np.flatnonzero(np.broadcast_to(clean.weights, data.shape)[:, 0] == 0)]


def test_spikes_of_either_sign_have_no_weight() -> None:
    data = RNG.normal(size=(60, 1)) + 0.5 * X
    data[20] += 30.0
    data[41] -= 15.0
    assert left_out(data, (60,)) == [20, 41]


@pytest.mark.parametrize("stddev", [0.7, 1.0, 4.0])
def test_lines_stay(stddev: float) -> None:
    data = 0.1 * RNG.normal(size=(60, 1)) + 30.0 * np.exp(-0.5 * ((X - 30.2) / stddev) ** 2)
    assert left_out(data, (60,)) == []


@pytest.mark.parametrize("at", [0, 1, 59])
def test_edges_and_samples_that_are_not_used_are_no_neighbours(at: int) -> None:
    data, weights = RNG.normal(size=(60, 1)), np.ones((60, 1))
    data[at] += 40.0
    weights[30] = 0.0
    assert left_out(data, (60,), weights) == sorted([at, 30])


def test_noise_and_constants_stay() -> None:
    assert_array_equal(left_out(np.zeros((60, 1)), (60,)), [])
    assert len(left_out(RNG.normal(size=(60, 1)), (60,))) == 0


def test_in_images_a_ridge_is_no_outlier() -> None:
    image = RNG.normal(size=(12, 15))
    image[:, 7] += 40.0
    image[5, 3] += 40.0
    assert left_out(image.reshape(-1, 1), (12, 15)) == [5 * 15 + 3]
