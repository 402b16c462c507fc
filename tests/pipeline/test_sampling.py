"""Ranges and spacings of samples: even and uneven, shared and not, masked, along lines and in tilted planes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ndfit.pipeline.sampling import mean_step, range_of, spacing_at, spacing_bound
from ndfit.problem.types import Block

RNG = np.random.default_rng(4)


def block_of(*coords: Any, valid: Any = None, n_fits: int = 3, shape: Any = None) -> Block:
    size = np.shape(coords[0])[-1]
    nothing = np.zeros((n_fits, 1))
    fitting = (size,) if shape is None else shape
    return Block(
        np.zeros((n_fits, size)), None, valid, coords, nothing, nothing, nothing, np.full(n_fits, -1, np.int16), fitting
    )


def test_ranges_of_the_samples_that_are_used() -> None:
    x = RNG.permutation(np.array([0.0, 1.0, 3.0, 7.0, 20.0]))
    valid = RNG.random((50, 5)) > 0.5
    valid[7] = False
    for coords in (x, np.broadcast_to(x, (50, 5)).copy()):
        low, high = range_of(block_of(coords, valid=valid, n_fits=50), 0)
        for own, first, last in zip(valid, low, high, strict=True):
            assert (first, last) == ((x[own].min(), x[own].max()) if own.any() else (np.inf, -np.inf))
    assert range_of(block_of(x), 0) == (0.0, 20.0)
    low, high = range_of(block_of(np.stack([x, x + 1, 2 * x])), 0)
    assert_array_equal((low, high), [[0, 1, 0], [20, 21, 40]])


@pytest.mark.parametrize("shared", [True, False])
def test_distance_of_the_samples_on_either_side(shared: bool) -> None:
    x = np.array([7.0, 0.0, 20.0, 1.0, 3.0])
    coords = x if shared else np.stack([x] * 3)
    block = block_of(coords)
    rows, centre = np.array([0, 1, 2]), np.array([2.0, 15.0, -5.0])
    (steps,) = spacing_at(block, rows, [centre], [])
    assert_array_equal(steps, [2.0, 13.0, 1.0])
    assert spacing_bound(block) >= 13.0
    assert_array_equal(np.broadcast_to(mean_step(block, 0), 3), [5.0] * 3)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("turn", [0.0, 0.3, 1.9])
def test_distance_in_a_plane_whose_lattice_is_turned(turn: float, shared: bool) -> None:
    """Steps of 2 along the first axis of the lattice and of 0.5 along the second."""
    first, second = np.meshgrid(2.0 * np.arange(6.0), 0.5 * np.arange(5.0), indexing="ij")
    x, y = np.cos(turn) * first - np.sin(turn) * second, np.sin(turn) * first + np.cos(turn) * second
    coords = [axis.ravel() for axis in (x, y)]
    if not shared:
        coords = [np.stack([axis] * 3) for axis in coords]
    block = block_of(*coords, shape=(6, 5))
    rows = np.array([0, 2])
    centre = [np.full(2, axis.mean()) for axis in (x, y)]
    along, across, between = spacing_at(block, rows, centre, [np.full(2, turn + a) for a in (0.0, np.pi / 2, 0.7)])
    assert_allclose(along, 2.0)
    assert_allclose(across, 0.5)
    assert_allclose(between, 1.0 / np.hypot(np.cos(0.7) / 2.0, np.sin(0.7) / 0.5))
    assert spacing_bound(block) >= 2.0


def test_one_sample_has_no_neighbours() -> None:
    assert spacing_bound(block_of(np.array([3.0]))) == 0.0
    assert spacing_bound(block_of(np.arange(4.0), np.arange(4.0), shape=(4, 1))) == 0.0
    assert mean_step(block_of(np.array([3.0])), 0) == 0.0
