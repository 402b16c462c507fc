"""Blocks: what is known of each fit before it is made, and how left-out samples are handed on."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
from astropy.modeling.models import Gaussian1D, Planar2D
from numpy.testing import assert_array_equal
from tests.normalized import normalize

from ndfit.problem.block import inputs_of, make_block
from ndfit.problem.types import Block
from ndfit.run.load import load
from ndfit.status import Status

M = 6


def block_of(data: Any, model: Any = None, region: Any = None, **keywords: Any) -> Block:
    keywords = {"fitting_axes": 0, **keywords}
    problem = normalize(model=Gaussian1D(1.0, 2.0, 1.0) if model is None else model, data=data, **keywords)
    whole = tuple(slice(0, size) for size in problem.axes.iterating_shape)
    return make_block(load(inputs_of(problem, whole if region is None else region)))


def test_status_of_what_cannot_be_fitted() -> None:
    data = np.ones((M, 6))
    data[:, 1] = np.nan
    data[2, 2] = np.nan
    data[:3, 3] = np.nan
    mask = np.zeros(data.shape, dtype=bool)
    mask[:3, 3] = True
    mask[:, 4] = True
    mask[:4, 5] = True
    block = block_of(data, mask=mask)
    expected = [
        Status.READY,
        Status.NO_DATA,
        Status.NON_FINITE_DATA,
        Status.READY,
        Status.ALL_MASKED,
        Status.TOO_FEW_SAMPLES,
    ]
    assert_array_equal(block.status, expected)


@pytest.mark.parametrize(("n_samples", "status"), [(2, Status.TOO_FEW_SAMPLES), (3, Status.READY)])
@pytest.mark.parametrize("masked", [False, True])
def test_as_many_samples_as_free_parameters_are_needed(n_samples: int, status: Status, masked: bool) -> None:
    data = np.ones((n_samples + masked, 2))
    mask = np.zeros(data.shape, dtype=bool)
    mask[-1] = masked
    assert_array_equal(block_of(data, mask=mask).status, status)


def test_of_several_causes_the_first_is_told() -> None:
    data = np.full((M, 4), np.nan)
    data[0, 1] = np.inf
    data[:3, 2] = 1.0
    mask = np.zeros(data.shape, dtype=bool)
    mask[:, :2] = True
    start = Gaussian1D(1.0, np.full(4, np.nan), 1.0)
    expected = [Status.NO_DATA, Status.ALL_MASKED, Status.NON_FINITE_DATA, Status.NO_DATA]
    assert_array_equal(block_of(data, mask=mask, model=start).status, expected)


def test_non_finite_samples_are_left_out_when_asked() -> None:
    data = np.ones((M, 3))
    data[2, 0] = np.inf
    data[:, 1] = -np.inf
    block = block_of(data, filter_non_finite=True)
    assert_array_equal(block.status, [Status.READY, Status.NO_DATA, Status.READY])
    assert block.valid is not None
    assert_array_equal(block.valid[0], np.arange(M) != 2)
    assert np.isfinite(block.data).all()


def test_start_that_is_not_finite() -> None:
    block = block_of(np.ones((M, 3)), model=Gaussian1D(1.0, np.array([1.0, np.nan, 2.0]), 1.0))
    assert_array_equal(block.status, [Status.READY, Status.NON_FINITE_START, Status.READY])


def test_start_outside_its_bounds_moves_to_the_bound() -> None:
    model = Gaussian1D(1.0, np.array([1.0, 9.0, 2.0]), 1.0, bounds={"mean": (0.0, 5.0)})
    assert_array_equal(block_of(np.ones((M, 3)), model=model).start[:, 1], [1.0, 5.0, 2.0])


def test_weights_that_are_zero_negative_or_not_finite_leave_samples_out() -> None:
    weights = np.full((M, 2), 2.0)
    weights[0, 0], weights[1, 0], weights[2, 0], weights[3, 0] = 0.0, np.inf, np.nan, -3.0
    block = block_of(np.ones((M, 2)), weights=weights)
    assert block.valid is not None
    assert block.weights is not None
    assert_array_equal(block.valid[0], [False, False, False, False, True, True])
    assert_array_equal(block.weights[0], [0, 0, 0, 0, 2, 2])
    assert_array_equal(block.n_invalid, [2, 0])  # infinite and negative


def test_coordinates_are_shared_or_one_set_a_fit() -> None:
    shared = block_of(np.ones((M, 3)), world=np.arange(6.0))
    assert shared.coords[0].shape == (M,)
    own = block_of(np.ones((M, 3)), world=np.arange(18.0).reshape(M, 3))
    assert_array_equal(own.coords[0][1], [1, 4, 7, 10, 13, 16])


def test_samples_without_a_coordinate_are_left_out() -> None:
    world = np.arange(6.0)
    world[4] = np.nan
    block = block_of(np.ones((M, 3)), world=world)
    assert block.valid is not None
    assert_array_equal(block.valid[2], np.arange(M) != 4)
    assert_array_equal(block.status, Status.READY)


def test_two_fitting_axes_in_the_order_of_the_inputs() -> None:
    data = np.arange(2 * 3 * 4.0).reshape(2, 3, 4)
    block = block_of(data, model=Planar2D(), fitting_axes=(2, 1))
    assert_array_equal(block.data[1].reshape(4, 3), data[1].T)
    assert_array_equal(block.coords[0].reshape(4, 3)[:, 0], np.arange(4))
    assert_array_equal(block.coords[1].reshape(4, 3)[0], np.arange(3))


@pytest.mark.parametrize("lazy", [False, True])
def test_region_of_the_iterating_axes(lazy: bool) -> None:
    data = np.arange(M * 4 * 5.0).reshape(M, 4, 5)
    source = da.from_array(data, chunks=(2, 2, 5)) if lazy else data
    block = block_of(source, region=(slice(1, 3), slice(2, 4)))
    assert_array_equal(block.data, data[:, 1:3, 2:4].reshape(M, 4).T)


def test_data_are_not_copied_where_they_need_not_be() -> None:
    data = np.ones((M, 7))
    assert np.shares_memory(block_of(data).data, data)


def test_positions_are_numbered_in_the_order_of_the_iterating_axes() -> None:
    data = np.ones((M, 4, 5))
    assert_array_equal(block_of(data, region=(slice(1, 3), slice(2, 4))).positions, [7, 8, 12, 13])


def test_maps_of_starts_and_bounds_are_cut_with_the_region() -> None:
    mean = np.arange(20.0).reshape(4, 5)
    bounds = {"mean": (mean - 1.0, mean + 1.0)}
    block = block_of(np.ones((M, 4, 5)), Gaussian1D(1.0, mean, 1.0), (slice(1, 3), slice(2, 4)), bounds=bounds)
    assert_array_equal(block.start, [[1, 7, 1], [1, 8, 1], [1, 12, 1], [1, 13, 1]])
    assert_array_equal(block.lower[:, 1], [6, 7, 11, 12])
    assert_array_equal(block.upper[:, 1], [8, 9, 13, 14])
