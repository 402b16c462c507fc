"""Several fits of one block: which is kept, position by position, and what is counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ndfit.arrays import FloatArray
from ndfit.engines.base import BlockResult, SolveOptions
from ndfit.pipeline.multistart import best_of, better, take_rows
from ndfit.problem.types import Block
from ndfit.status import Status


def result_of(cost: Sequence[float], status: Sequence[int] | None = None, number: float = 0.0) -> BlockResult:
    n_fits = len(cost)
    ended = np.full(n_fits, Status.FTOL) if status is None else np.array(status)
    return BlockResult(
        np.full((n_fits, 2), number),
        ended.astype(np.int16),
        np.full(n_fits, 3, np.int32),
        np.array(cost, dtype=float),
        np.full((n_fits, 2, 2), number),
        dict.fromkeys(range(n_fits), f"error {number}"),
        dict.fromkeys(range(n_fits), (f"warning {number}",)),
    )


def test_the_lower_cost_is_kept_and_the_first_of_equals() -> None:
    kept = better(result_of([1.0, 2.0, 3.0], number=1.0), result_of([2.0, 1.0, 3.0], number=2.0))
    assert_array_equal(kept.parameters[:, 0], [1.0, 2.0, 1.0])
    assert_array_equal(kept.covariance[:, 1, 0], [1.0, 2.0, 1.0])
    assert_array_equal(kept.cost, [1.0, 1.0, 3.0])
    assert_array_equal(kept.nfev, 6)
    assert dict(kept.errors) == {0: "error 1.0", 1: "error 2.0", 2: "error 1.0"}
    assert dict(kept.warnings) == {0: ("warning 1.0",), 1: ("warning 2.0",), 2: ("warning 1.0",)}


def test_an_answer_is_better_than_none_whatever_the_cost() -> None:
    failed = [Status.USER_ERROR, Status.NON_FINITE_MODEL, Status.FTOL]
    kept = better(result_of([0.1, 0.1, 0.5], failed), result_of([9.0, np.nan, 0.1], [1, -16, -18]))
    assert_array_equal(kept.status, [Status.GTOL, Status.NON_FINITE_MODEL, Status.FTOL])


def test_a_start_that_was_no_number_says_less_than_any_other_failure() -> None:
    first = result_of([np.nan] * 3, [Status.NON_FINITE_START, Status.NON_FINITE_START, Status.USER_ERROR])
    second = result_of([np.nan] * 3, [Status.INSENSITIVE, Status.NON_FINITE_START, Status.INSENSITIVE])
    assert_array_equal(better(first, second).status, [Status.INSENSITIVE, Status.NON_FINITE_START, Status.USER_ERROR])
    assert better(first, result_of([1.0] * 3)).status[0] == Status.FTOL


def test_what_neither_fit_has_stays_away() -> None:
    bare = BlockResult(np.zeros((1, 1)), np.ones(1, np.int16), np.ones(1, np.int32), np.ones(1))
    taken = take_rows(bare, bare, np.array([True]))
    assert taken.covariance is None
    assert taken.info is None


class Distance:
    """An engine whose fits end where they start, at the cost of the start itself."""

    name, chunk_size, releases_gil, pointwise, seconds_per_fit = "distance", 1, True, True, 0.0
    calls_fitter, packages, set_tied, dimensions = False, (), None, None

    def __init__(self) -> None:
        self.blocks: list[Block] = []

    def make_ready(self, options: SolveOptions) -> None:
        pass

    def __call__(self, block: Block, options: SolveOptions) -> BlockResult:
        self.blocks.append(block)
        ended = np.where(block.status == Status.READY, Status.FTOL, block.status).astype(np.int16)
        return BlockResult(block.start, ended, np.ones(len(ended), np.int32), block.start[:, 0])

    def values(self, parameters: FloatArray, coords: Sequence[FloatArray]) -> FloatArray:
        raise NotImplementedError


def block_of(start: Any, status: Sequence[int]) -> Block:
    values = np.array(start, dtype=float)[:, np.newaxis]
    bounds = np.array([[0.0]]), np.array([[10.0]])
    data = np.zeros((len(values), 4))
    return Block(data, None, None, (np.arange(4.0),), values, *bounds, np.array(status, np.int16), (4,))


def test_starts_are_clipped_and_those_that_are_no_numbers_left_out() -> None:
    engine = Distance()
    block = block_of([5.0, 5.0, np.nan, 5.0], [Status.READY, Status.READY, Status.NON_FINITE_START, Status.NO_DATA])
    table = np.array([[-3.0], [np.nan], [4.0], [1.0]])
    kept = best_of(engine, block, SolveOptions(), [block.start, table])
    assert engine.blocks[0] is block
    assert_array_equal(engine.blocks[1].start[:, 0], [0.0, np.nan, 4.0, 1.0])
    assert_array_equal(engine.blocks[1].status, [Status.READY, Status.NON_FINITE_START, Status.READY, Status.NO_DATA])
    assert_array_equal(kept.parameters[:3, 0], [0.0, 5.0, 4.0])
    assert_array_equal(kept.status, [Status.FTOL, Status.FTOL, Status.FTOL, Status.NO_DATA])
    assert_array_equal(kept.nfev, 2)


def test_one_number_that_is_none_leaves_a_start_out() -> None:
    engine, block = Distance(), block_of([5.0, 5.0], [Status.READY] * 2)
    two = replace(block, start=np.full((2, 2), 5.0), lower=np.zeros((1, 2)), upper=np.full((1, 2), 10.0))
    best_of(engine, two, SolveOptions(), [two.start, np.array([[1.0, np.nan], [1.0, 1.0]])])
    assert_array_equal(engine.blocks[1].status, [Status.NON_FINITE_START, Status.READY])


@pytest.mark.parametrize("number", [1, 3])
def test_each_start_is_fitted_once(number: int) -> None:
    engine = Distance()
    block = block_of([5.0], [Status.READY])
    best_of(engine, block, SolveOptions(), [np.full((1, 1), float(i)) for i in range(number)])
    assert len(engine.blocks) == number
