"""LazyElementwise arrays: cut as arrays are, and converted only where they are cut."""

from __future__ import annotations

import pickle
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ndfit.problem.deferred import LazyElementwise

VALUES = np.arange(24.0).reshape(2, 3, 4)
MASK = np.arange(4) % 2 == 1


def masked(values: Any, mask: Any) -> Any:
    return np.where(mask, -1.0, values)


WHOLE = masked(VALUES, MASK)


@pytest.mark.parametrize(
    "index", [1, (slice(None), 2), (..., slice(1, 3)), (None, 0, slice(2)), (slice(0, 0),)], ids=str
)
def test_it_is_cut_as_what_it_becomes(index: Any) -> None:
    cut = LazyElementwise(masked, float, VALUES, MASK)[index]
    assert cut.shape == WHOLE[index].shape
    assert cut.size == WHOLE[index].size
    assert cut.nbytes == WHOLE[index].nbytes
    assert_array_equal(cut, WHOLE[index])


def test_axes_are_moved() -> None:
    moved = LazyElementwise(masked, float, VALUES, MASK).transpose((2, 0, 1))
    assert len(moved) == 4
    assert_array_equal(moved, WHOLE.transpose(2, 0, 1))


def test_only_what_is_cut_is_converted() -> None:
    seen: list[int] = []

    def convert(values: Any) -> Any:
        seen.append(values.size)
        return 2.0 * values

    assert_array_equal(LazyElementwise(convert, float, VALUES)[:, 1, :2], 2.0 * VALUES[:, 1, :2])
    assert seen == [4]


def test_it_travels() -> None:
    there = pickle.loads(pickle.dumps(LazyElementwise(partial(np.multiply, 3.0), float, VALUES)[0]))
    assert_array_equal(there, 3.0 * VALUES[0])


def test_dtypes() -> None:
    deferred = LazyElementwise(np.sqrt, np.float32, VALUES)
    assert np.asarray(deferred).dtype == deferred.dtype == np.float32
    assert np.asarray(deferred, dtype=float).dtype == float
    with pytest.raises(ValueError, match="cannot be had without a copy"):
        np.asarray(deferred, copy=False)
