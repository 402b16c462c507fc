"""Lines that could be exchanged, in the caller's order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from astropy.modeling.models import Const1D, Gaussian1D, Gaussian2D, Lorentz1D
from numpy.testing import assert_array_equal
from tests.engines.problems import block_for, engine_for, free_of

from ndfit.pipeline.guess.order import in_the_callers_order
from ndfit.pipeline.guess.terms import parse_terms

X = np.linspace(0.0, 100.0, 101)


def ordered(model: Any, table: Any) -> np.ndarray:
    coords = (X,) if model.n_inputs == 1 else (X, X)
    block = block_for(model, np.zeros((len(table), X.size)), coords)
    set_tied = engine_for(model).model.set_tied if any(model.tied.values()) else None
    return in_the_callers_order(np.array(table, float), block, parse_terms(model), free_of(model), set_tied)


def test_lines_take_the_places_of_those_that_start_nearest() -> None:
    model = Gaussian1D(1, 60, 2) + Const1D(0) + Gaussian1D(1, 20, 2) + Gaussian1D(1, 40, 2)
    table = [[3, 25, 1, 9, 5, 45, 2, 7, 70, 3], [7, 70, 3, 9, 3, 25, 1, 5, 45, 2]]
    assert_array_equal(ordered(model, table), [[7, 70, 3, 9, 3, 25, 1, 5, 45, 2]] * 2)


def test_starts_in_one_place_leave_the_order() -> None:
    table = [[3, 25, 1, 5, 45, 2], [5, 45, 2, 3, 25, 1]]
    assert_array_equal(ordered(Gaussian1D(1, 20, 2) + Gaussian1D(1, 20, 2), table), table)


@pytest.mark.parametrize("what", ["another class", "bounds", "fixed", "tied", "subtracted"])
def test_lines_that_are_not_alike_stay(what: str) -> None:
    first, second = Gaussian1D(1, 60, 2), (Lorentz1D if what == "another class" else Gaussian1D)(1, 20, 2)
    if what == "bounds":
        second.mean.bounds = (0, 50)
    model = first - second if what == "subtracted" else first + second
    if what == "fixed":
        model.stddev_1.fixed = True
    if what == "tied":
        model.stddev_1.tied = lambda m: m.stddev_0
    table = [[3, 25, 1, 5, 45, 2]]
    assert_array_equal(ordered(model, table), table)


def test_images_are_compared_order_by_order() -> None:
    model = Gaussian2D(1, 10, 50) + Gaussian2D(1, 50, 10) + Gaussian2D(1, 50, 50)
    one, other, third = [3, 12, 48, 1, 2, 0], [4, 52, 9, 1, 2, 0], [5, 47, 52, 1, 2, 0]
    assert_array_equal(ordered(model, [[*third, *one, *other]]), [[*one, *other, *third]])


def test_each_position_has_its_own_start() -> None:
    model = Gaussian1D() + Gaussian1D()
    block = block_for(model, np.zeros((2, X.size)), (X,))
    block = replace(block, start=np.array([[1, 20, 1, 1, 60, 1], [1, 60, 1, 1, 20, 1]], float))
    table = np.tile([3.0, 25.0, 1.0, 5.0, 45.0, 2.0], (2, 1))
    found = in_the_callers_order(table, block, parse_terms(model), range(6), None)
    assert_array_equal(found, [[3, 25, 1, 5, 45, 2], [5, 45, 2, 3, 25, 1]])
