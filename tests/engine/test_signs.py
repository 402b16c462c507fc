"""Widths come out positive, with what depends on their sign."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.modeling.models import Gaussian1D
from numpy.testing import assert_array_equal

from ndfit.engine.signs import positive_widths, update_ties
from ndfit.problem.types import BlockResult, ParamTable, Status


def table(tied: tuple[bool, ...] = (False, False, False), even: tuple[bool, ...] = (False, False, True)) -> ParamTable:
    nothing = (np.zeros(1),) * 3
    return ParamTable(("amplitude", "mean", "stddev"), nothing, nothing, nothing, (False,) * 3, tied, even)


def fits(parameters: Any, n_free: int = 3) -> BlockResult:
    values = np.array(parameters, dtype=float)
    ended = np.full(len(values), Status.GTOL, np.int16)
    covariance = np.arange(1.0, 1.0 + len(values) * n_free**2).reshape(len(values), n_free, n_free)
    return BlockResult(values, ended, np.ones(len(values), np.int32), np.ones(len(values)), covariance)


def test_negative_widths_are_turned_and_their_covariances_with_others() -> None:
    found = fits([[-1.0, -2.0, -3.0], [-1.0, 2.0, 3.0]])
    turned = positive_widths(found, table(), Gaussian1D())
    assert_array_equal(turned.parameters, [[-1.0, -2.0, 3.0], [-1.0, 2.0, 3.0]])
    assert_array_equal(
        turned.covariance, found.covariance * np.array([[[1, 1, -1], [1, 1, -1], [-1, -1, 1]], np.ones((3, 3))])
    )


def test_covariance_of_the_free_parameters_alone() -> None:
    model = Gaussian1D()
    model.mean.tied = lambda m: m.amplitude
    found = fits([[5.0, 5.0, -3.0]], n_free=2)
    turned = positive_widths(found, table(tied=(False, True, False)), model)
    assert_array_equal(turned.covariance, found.covariance * np.array([[1, -1], [-1, 1]]))


def test_ties_follow_the_sign_where_it_turned_and_stay_elsewhere() -> None:
    model = Gaussian1D(1.0, 0.0, 1.0)
    model.amplitude.tied = lambda m: 10.0 * m.stddev
    found = fits([[-20.0, 1.0, -2.0], [7.0, 1.0, 3.0]], n_free=2)
    turned = positive_widths(found, table(tied=(True, False, False)), model)
    assert_array_equal(turned.parameters, [[20.0, 1.0, 2.0], [7.0, 1.0, 3.0]])
    assert_array_equal(found.parameters[0], [-20.0, 1.0, -2.0])
    assert_array_equal(model.parameters, [1.0, 0.0, 1.0])


def test_nothing_to_turn() -> None:
    found = fits([[-1.0, -2.0, 3.0], [1.0, 0.0, 0.0]])
    assert positive_widths(found, table(), Gaussian1D()) is found


def test_no_covariance_to_turn() -> None:
    found = fits([[1.0, 2.0, -3.0]])
    bare = BlockResult(found.parameters, found.status, found.nfev, found.cost)
    assert positive_widths(bare, table(), Gaussian1D()).covariance is None


def test_ties_of_ties_are_set_in_the_order_of_the_parameters() -> None:
    model = Gaussian1D()
    model.mean.tied = lambda m: 2.0 * m.amplitude
    model.stddev.tied = lambda m: 2.0 * m.mean
    values = np.array([[1.0, 0.0, 0.0], [3.0, 0.0, 0.0]])
    update_ties(values, table(tied=(False, True, True)), model)
    assert_array_equal(values, [[1.0, 2.0, 4.0], [3.0, 6.0, 12.0]])
