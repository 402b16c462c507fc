"""A few fits laid out samples first: sums, medians, and samples in the order of their coordinates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ndfit.pipeline.guess.tile import TILE_NUMBERS, median, tiles, total
from ndfit.problem.types import Block
from ndfit.status import Status

RNG = np.random.default_rng(1)


def block_of(data: Any, coords: Any, weights: Any = None, valid: Any = None, shape: Any = None) -> Block:
    n_fits, n_samples = data.shape
    nothing = np.zeros((n_fits, 1))
    ready = np.full(n_fits, Status.READY, np.int16)
    return Block(data, weights, valid, coords, nothing, nothing, nothing, ready, shape or (n_samples,))


@pytest.mark.parametrize("n_samples", [1, 2, 7, 8])
def test_the_median_is_that_of_the_samples_used(n_samples: int) -> None:
    values = RNG.normal(size=(n_samples, 50))
    used = RNG.random(values.shape) > 0.4
    used[:, 0] = False
    expected = [np.median(column[own]) if own.any() else np.inf for column, own in zip(values.T, used.T, strict=True)]
    assert_array_equal(median(values, used), expected)
    assert_array_equal(median(values, np.ones((n_samples, 1), bool)), np.median(values, axis=0))


def test_sums_are_over_samples() -> None:
    values = RNG.normal(size=(9, 5))
    assert_allclose(total(values), values.sum(axis=0), rtol=1e-13)


def test_tiles_cover_the_block_with_squared_weights() -> None:
    data, weights = RNG.normal(size=(2400, 400)), RNG.random((2400, 400))
    valid = RNG.random((2400, 400)) > 0.2
    x = np.arange(400.0)
    cut = list(tiles(block_of(data, (x,), weights, valid)))
    assert len(cut) > 2
    assert np.concatenate([np.arange(2400)[rows] for rows, _ in cut]).tolist() == list(range(2400))
    for rows, tile in cut:
        assert_array_equal(tile.data, data[rows].T)
        assert_allclose(tile.weights, np.where(valid, weights**2, 0.0)[rows].T, rtol=1e-15)
        assert_array_equal(tile.coords[0], x[:, np.newaxis])
        assert tile.data.flags.c_contiguous
        assert tile.data.size <= TILE_NUMBERS


def test_without_weights_every_sample_counts_the_same() -> None:
    ((_, tile),) = tiles(block_of(np.ones((2, 3)), (np.arange(3.0),)))
    assert_array_equal(tile.weights, np.ones((3, 1)))


@pytest.mark.parametrize("own", [False, True], ids=["shared", "of each fit"])
def test_samples_come_in_the_order_of_their_coordinate(own: bool) -> None:
    x = np.array([[3.0, 1.0, 2.0], [5.0, 9.0, 7.0]]) if own else np.array([3.0, 1.0, 2.0])
    data, weights = 10.0 * x + np.zeros((2, 3)), 1.0 + x + np.zeros((2, 3))
    ((_, tile),) = tiles(block_of(data, (x,), weights))
    ordered = np.sort(np.broadcast_to(x, (2, 3)), axis=1).T
    assert_array_equal(tile.data, 10.0 * ordered)
    assert_array_equal(tile.weights, (1.0 + ordered) ** 2)
    assert_array_equal(np.broadcast_to(tile.coords[0], (3, 2)), ordered)


@pytest.mark.parametrize("x", [[1.0, 2.0, 4.0], [4.0, 2.0, 1.0]])
def test_coordinates_that_go_one_way_stay(x: list[float]) -> None:
    ((_, tile),) = tiles(block_of(np.array([[1.0, 2.0, 3.0]]), (np.array(x),)))
    assert_array_equal(tile.coords[0][:, 0], x)
    assert_array_equal(tile.data[:, 0], [1.0, 2.0, 3.0])


def test_images_stay_on_their_grid() -> None:
    x = np.array([3.0, 1.0, 2.0, 0.0])
    ((_, tile),) = tiles(block_of(np.arange(4.0)[np.newaxis], (x, x), shape=(2, 2)))
    assert_array_equal(tile.data[:, 0], np.arange(4.0))
    assert tile.grid == (2, 2)
