"""Samples: one description from the whole to rows, and one rule of which of them are used."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ndfit.problem.axes import Axes
from ndfit.problem.samples import Samples

RNG = np.random.default_rng(8)
AXES = Axes((4, 5, 3), (1,))


def samples(**arrays: Any) -> Samples:
    known = {"data": RNG.normal(size=AXES.shape), "coords": (np.arange(5.0).reshape(1, 5, 1),), **arrays}
    return Samples(AXES, **known)


def test_a_region_has_the_iterating_axes_first() -> None:
    whole = samples(weights=RNG.random((1, 5, 1)), mask=np.zeros((4, 1, 3), bool))
    part = whole.region((slice(1, 3), slice(0, 3)))
    assert part.axes == Axes((2, 3, 5), (2,))
    assert_array_equal(part.data, whole.data[1:3].swapaxes(1, 2))
    assert part.weights.shape == (1, 1, 5)
    assert part.mask.shape == (2, 3, 1)
    assert np.shares_memory(part.data, whole.data)


def test_rows_are_those_of_a_region() -> None:
    """From the axes of the data as from those of a region."""
    whole = samples(weights=RNG.random((4, 1, 1)))
    part = whole.region((slice(0, 4), slice(0, 3)))
    for name in ("data", "weights"):
        assert_array_equal(whole.rows(getattr(whole, name)), part.rows(getattr(part, name)))
    assert whole.rows(whole.coords[0]).shape == (1, 5)
    assert whole.coordinate(whole.coords[0]).shape == (5,)


def test_lazy_arrays_are_loaded_together_and_others_stay() -> None:
    whole = samples(data=da.ones(AXES.shape), mask=None)
    loaded = whole.load()
    assert isinstance(loaded.data, np.ndarray)
    assert loaded.mask is None
    assert loaded.coords[0] is whole.coords[0]


@pytest.mark.parametrize(
    "left_out",
    [
        {"mask": lambda where: where},
        {"weights": lambda where: np.where(where, 0.0, 1.0)},
        {"weights": lambda where: np.where(where, -1.0, 1.0)},
        {"weights": lambda where: np.where(where, np.inf, 1.0)},
        {"data": lambda where: np.where(where, np.nan, 1.0)},
        {"coords": lambda where: (np.where(where, np.nan, 1.0),)},
    ],
)
def test_what_is_left_out(left_out: Any) -> None:
    """Whatever says so, the same samples are not used."""
    where = RNG.random(AXES.shape) < 0.3
    region = samples(**{name: make(where) for name, make in left_out.items()}).region((slice(0, 4), slice(0, 3)))
    used = region.used()
    expected = ~where.swapaxes(1, 2).reshape(-1, 5)
    assert used.valid is not None
    assert used.left_out is not None
    assert_array_equal(np.broadcast_to(used.valid, expected.shape), expected)
    assert_array_equal(used.left_out.n_used, expected.sum(axis=1))
    assert_array_equal(used.data[~expected], 0.0)


def test_all_are_used_where_nothing_says_otherwise() -> None:
    used = samples().region((slice(0, 4), slice(0, 3))).used()
    assert used.valid is None
    assert used.left_out is None
