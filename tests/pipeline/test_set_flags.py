"""What is said of every fit: its samples, whether it ended at a bound, whether its covariance is one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ndfit.engines.base import BlockResult, SolveOptions
from ndfit.pipeline.flags import FlagRules
from ndfit.pipeline.set_flags import _held_at_bounds, set_flags
from ndfit.problem.types import Block, ParamTable
from ndfit.status import Flag, Status


@pytest.mark.parametrize("scale", [1.0, 1e200])
def test_covariance_with_a_parameter_held_at_its_bound(scale: float) -> None:
    """The block of the others in the inverse of the curvature without the row and column of the one that is held."""
    curvature = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]])
    held = _held_at_bounds(scale * np.linalg.inv(curvature)[None], np.array([[False, True, False]]))[0]
    others = np.ix_([0, 2], [0, 2])
    np.testing.assert_allclose(held[others], scale * np.linalg.inv(curvature[others]), rtol=1e-12)
    assert np.isnan(held[1]).all()
    assert np.isnan(held[:, 1]).all()


NAMES, NOTHING = ("amplitude", "power", "offset"), (np.zeros(1),) * 3
PARAMS = ParamTable(NAMES, NOTHING, NOTHING, NOTHING, (False, True, False), (False,) * 3, (False,) * 3)
NO_BOUND = np.inf
AT_BOUND = Flag.AT_BOUND | Flag.NONLINEAR_AT_BOUND


def finished(
    parameters: Any,
    status: Any = None,
    covariance: Any = None,
    valid: Any = None,
    slopes: Any = ((1.0, 1.0, 1.0, 1.0), (0.0, 1.0, 2.0, 3.0)),
    unmoved: Any = None,
    data: float = 0.0,
    linear: tuple[int, ...] = (),
) -> BlockResult:
    """Fits with amplitude in [0, 10], a fixed power in [1, 2], and an offset above -1e5."""
    values = np.array(parameters, dtype=float)
    n_fits = len(values)
    ended = np.full(n_fits, Status.GTOL, np.int16) if status is None else np.array(status, np.int16)
    bounds = np.array([[0.0, 1.0, -1e5]]), np.array([[10.0, 2.0, NO_BOUND]])
    samples = np.full((n_fits, 4), data)
    block = Block(samples, None, valid, (np.arange(4.0),), values, *bounds, np.full(n_fits, -1, np.int16), (4,))
    result = BlockResult(values, ended, np.ones(n_fits, np.int32), np.ones(n_fits), covariance)
    return set_flags(result, block, SolveOptions(), Slopes(slopes), FlagRules(PARAMS.free, linear=linear), unmoved)


class Slopes:
    """Stands for an engine: the model has the same derivatives at every fit."""

    def __init__(self, slopes: Any) -> None:
        self.slopes = None if slopes is None else np.array(slopes)

    def derivatives(self, parameters: Any, coords: Any) -> Any:
        if self.slopes is None:
            raise ValueError("the model raises")
        return np.broadcast_to(self.slopes, (len(parameters), *self.slopes.shape))


@pytest.mark.parametrize(
    ("parameters", "at_bound"),
    [
        ((5.0, 1.0, 0.0), False),
        ((0.0, 1.5, 0.0), True),
        ((1e-12, 1.5, 0.0), False),
        ((10.0 * (1 - 9e-9), 1.5, 0.0), True),
        ((10.0 * (1 - 1.1e-8), 1.5, 0.0), False),
        ((5.0, 1.5, -1e5 * (1 - 9e-9)), True),
        ((5.0, 1.5, -1e5 * (1 - 1.1e-8)), False),
        ((0.0, 1.5, -1e5), True),
        ((np.nan, np.nan, np.nan), False),
    ],
)
def test_free_parameters_within_a_hundred_millionth_of_a_bound_are_at_it(
    parameters: tuple[float, ...], at_bound: bool
) -> None:
    assert finished([parameters]).flags == (AT_BOUND if at_bound else 0)


def test_bounds_that_some_fits_have_and_others_not() -> None:
    parameters = np.array([[5.0, 1.5, 0.0], [5.0, 1.5, 0.0], [5.0, 1.5, 2.0]])
    upper = np.array([[5.0, 2.0, NO_BOUND], [NO_BOUND, 2.0, NO_BOUND], [9.0, 2.0, 2.0]])
    data, ready = np.zeros((3, 4)), np.full(3, Status.READY, np.int16)
    block = Block(data, None, None, (np.arange(4.0),), parameters, np.full((1, 3), -NO_BOUND), upper, ready, (4,))
    result = BlockResult(parameters, np.full(3, Status.FTOL, np.int16), np.ones(3, np.int32), np.ones(3))
    found = set_flags(result, block, SolveOptions(), Slopes(None), FlagRules(PARAMS.free))
    assert_array_equal(found.flags, [AT_BOUND, 0, AT_BOUND])


def test_covariances_that_are_no_numbers_are_flagged_where_there_is_an_answer() -> None:
    good, corner, infinite = np.eye(2), np.array([[1.0, np.nan], [np.nan, 1.0]]), np.array([[np.inf, 0], [0, -np.inf]])
    huge = np.full((2, 2), 1e308)  # the sum overflows, each is a number
    covariance = np.stack([good, corner, infinite, huge, corner])
    status = [*[Status.FTOL] * 4, Status.USER_ERROR]
    result = finished([(5.0, 1.5, 0.0)] * 5, status, covariance, slopes=[[1.0] * 4, [2.0] * 4])
    assert_array_equal(result.flags, [0, Flag.SINGULAR, Flag.SINGULAR, 0, 0])
    assert_array_equal(result.parameter_flags, result.flags[:, None] * np.array([1, 1]))
    assert result.covariance is not None
    assert_array_equal(result.covariance[[0, 3, 4]], covariance[[0, 3, 4]])
    assert np.isnan(result.covariance[1:3]).all()
    assert_array_equal(finished([(5.0, 1.5, 0.0)] * 5).flags, 0)


def test_the_others_keep_their_errors_where_one_has_no_effect() -> None:
    unknown = np.full((2, 2, 2), np.nan)
    result = finished([(5.0, 1.5, 0.0)] * 2, covariance=unknown, slopes=[[0.0] * 4, [0.0, 1.0, 2.0, 3.0]])
    assert_array_equal(result.parameter_flags, [[Flag.NO_EFFECT, 0]] * 2)
    np.testing.assert_allclose(result.covariance, [[[np.nan, np.nan], [np.nan, 1 / 14]]] * 2, rtol=1e-14)


def test_a_derivative_that_is_the_far_tail_of_something_is_none() -> None:
    unknown = np.full((1, 2, 2), np.nan)
    result = finished([(5.0, 1.5, 0.0)], covariance=unknown, slopes=[[0.0, 0.0, 0.0, 1e-180], [1.0] * 4], data=1e-20)
    assert_array_equal(result.parameter_flags, [[Flag.NO_EFFECT, 0]])


def test_without_a_covariance_those_that_did_not_move_are_looked_at() -> None:
    unmoved = np.array([[True, False], [False, True], [False, False]])
    result = finished([(5.0, 1.5, 0.0)] * 3, slopes=[[0.0] * 4, [1.0] * 4], unmoved=unmoved)
    assert_array_equal(result.parameter_flags, [[Flag.NO_EFFECT, 0]] * 2 + [[0, 0]])


def test_a_model_that_raises_leaves_everything_open() -> None:
    result = finished([(5.0, 1.5, 0.0)], covariance=np.full((1, 2, 2), np.nan), slopes=None)
    assert_array_equal(result.flags, [Flag.SINGULAR])
    assert np.isnan(result.covariance).all()


@pytest.mark.parametrize(("error", "at_bound"), [(1e-2, True), (1e-12, False), (np.nan, False)])
def test_interior_points_near_a_bound_in_terms_of_the_error(error: float, at_bound: bool) -> None:
    """A cost of 1 and two degrees of freedom: the noise has size 1."""
    covariance = np.array([[[error**2, 0.0], [0.0, 1.0]]])
    found = finished([(1e-13, 1.5, 0.0)], covariance=covariance, slopes=[[np.nan] * 4, [1.0] * 4])
    assert bool(found.flags[0] & Flag.AT_BOUND) == at_bound


def test_a_parameter_that_is_hardly_determined_is_not_at_every_bound() -> None:
    covariance = np.array([[[1e12, 0.0], [0.0, 1.0]]])
    assert_array_equal(finished([(5.0, 1.5, 0.0)], covariance=covariance).flags, [0])


def test_a_linear_parameter_at_its_bound_is_an_answer() -> None:
    flags = finished([(0.0, 1.5, 0.0), (5.0, 1.5, -1e5)], linear=(0,)).flags
    assert_array_equal(flags, [Flag.AT_BOUND, AT_BOUND])


def test_as_many_parameters_as_samples() -> None:
    valid = np.array([[True, True, False, False], [True, True, True, False]])
    assert_array_equal(finished([(5.0, 1.5, 0.0)] * 2, valid=valid).flags, [Flag.NO_FREEDOM, 0])


def test_a_parameter_at_its_bound_may_have_a_singular_covariance_too() -> None:
    result = finished([(0.0, 1.5, 0.0), (0.0, 1.5, 0.0)], covariance=np.stack([np.full((2, 2), np.nan), np.eye(2)]))
    assert_array_equal(result.flags, [AT_BOUND, AT_BOUND])
    np.testing.assert_allclose(result.covariance, [[[np.nan, np.nan], [np.nan, 1 / 14]], [[np.nan] * 2, [np.nan, 1.0]]])


def test_samples_are_counted() -> None:
    parameters = [(5.0, 1.5, 0.0)] * 2
    assert_array_equal(finished(parameters).n_samples, [4, 4])
    valid = np.array([[True, False, True, True], [False, False, True, False]])
    assert_array_equal(finished(parameters, valid=valid).n_samples, [3, 1])
