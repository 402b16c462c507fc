"""Starting values, bounds: what engines are given of the caller's model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.modeling import fix_inputs
from astropy.modeling.models import (
    Const1D,
    Gaussian1D,
    Gaussian2D,
)
from numpy.testing import assert_allclose, assert_array_equal
from tests.normalized import normalize

from ndfit.problem.types import FitProblem


def problem_of(model: Any, shape: tuple[int, ...] = (12, 3), axes: Any = 0, **keywords: Any) -> FitProblem:
    return normalize(model=model, data=np.ones(shape), fitting_axes=axes, **keywords)


def test_maps_of_starting_values() -> None:
    mean = np.array([np.nan, 2.0, 3.0])
    problem = problem_of(Gaussian1D(1.0, mean, np.ones((1,))))
    assert_array_equal(problem.params.start[1], mean)
    assert problem.params.start[2].size == 1
    assert_allclose(problem.model.parameters, [1.0, 2.0, 1.0])
    with pytest.raises(ValueError, match=r"parameter 'mean' has shape \(4,\)"):
        problem_of(Gaussian1D(1.0, np.ones(4), np.ones(4)))


def test_maps_of_bounds() -> None:
    problem = problem_of(Gaussian1D(1.0, 5.0, 1.0), bounds={"mean": ([1.0, 2.0, 3.0], None)})
    assert_array_equal(problem.params.lower[1], [1.0, 2.0, 3.0])
    assert problem.model.mean.bounds == (None, None)
    with pytest.raises(ValueError, match="a bound of 'mean' has shape"):
        problem_of(Gaussian1D(1.0, 5.0, 1.0), bounds={"mean": (np.ones(4), None)})
    with pytest.raises(ValueError, match="should be a pair"):
        problem_of(Gaussian1D(1.0, 5.0, 1.0), bounds={"mean": 3.0})


def test_the_callers_model_is_left_alone() -> None:
    model = fix_inputs(Gaussian2D(1.0, 3.0, 0.0, 2.0, 1.0), {"y": 0.5})
    before = model.parameters.copy()
    kind = type(model)
    unitless = problem_of(model).model
    assert type(model) is kind
    assert_array_equal(model.parameters, before)
    x = np.arange(4.0)
    assert_allclose(unitless.evaluate(x, *unitless.parameters), model(x))


def test_bounds_that_contradict_themselves_are_shown() -> None:
    line = Gaussian1D(1.0, 5.0, 1.0)
    with pytest.raises(ValueError, match=r"lower bound of 'mean' exceeds its upper bound: 6.0, 5.5$"):
        problem_of(line, bounds={"mean": (6.0, 5.5)})
    with pytest.raises(ValueError, match=r"lower bound of 'mean' exceeds its upper bound: 1.0 to 9.0, 5.0$"):
        problem_of(line, bounds={"mean": ([1.0, 9.0, 2.0], 5.0)})
    problem_of(line, bounds={"mean": (5.0, 5.0)})


def test_starts_that_are_all_outside_their_bounds_are_refused() -> None:
    bounds = {"mean": (2.0, 4.0)}
    with pytest.raises(
        ValueError, match=r"every starting value of 'mean' is outside its bounds: 5 is not in \[2.0, 4.0\]"
    ):
        problem_of(Gaussian1D(1.0, [np.nan, 5.0, 1.0], 1.0), bounds=bounds)
    for mean in (2.0, 4.0, [np.nan, 9.0, 3.0], [np.nan] * 3):
        problem_of(Gaussian1D(1.0, mean, 1.0), bounds=bounds)
    outside = Gaussian1D(1.0, 5.0, 1.0, fixed={"mean": True})
    assert problem_of(outside, bounds=bounds).params.fixed == (False, True, False)
    tied = Gaussian1D(1.0, 5.0, 1.0, tied={"mean": lambda m: 3.0 * m.stddev})
    assert problem_of(tied, bounds=bounds).params.tied == (False, True, False)


def test_maps_of_one_number_serve_every_position() -> None:
    problem = problem_of(Gaussian1D(np.ones((1, 1)), np.ones(1), 1.0))
    assert [np.size(values) for values in problem.params.start] == [1, 1, 1]
    with pytest.raises(ValueError, match=r"parameter 'amplitude' has shape \(2,\)"):
        problem_of(Gaussian1D(np.ones(2), np.ones(2), np.ones(2)), shape=(12, 3))


def test_parts_of_a_compound_with_maps_take_their_own_parameters() -> None:
    maps = [Gaussian1D(np.full(3, float(i)), np.full(3, 3.0 + i), np.full(3, 1.0)) for i in range(1, 5)]
    x = np.arange(12.0)
    left, right = (maps[0] + maps[1]) + maps[2], maps[0] + (maps[1] + maps[2])
    for compound in (left, right, (maps[0] + maps[1]) - (maps[2] + maps[3])):
        unitless = problem_of(compound).model
        assert_allclose(unitless.evaluate(x, *unitless.parameters), unitless(x))
        assert unitless(x).shape == x.shape


@pytest.mark.parametrize("first", [True, False])
def test_fixed_inputs_anywhere_in_a_compound_can_be_fitted(first: bool) -> None:
    cut, other = fix_inputs(Gaussian2D(1.0, 3.0, 0.0, 2.0, 1.0), {"y": 0.5}), Const1D(1.0)
    unitless = problem_of((cut + other) * Const1D(1.0) if first else Const1D(1.0) * (other + cut)).model
    assert unitless.fittable
    assert_allclose(unitless.evaluate(np.arange(4.0), *unitless.parameters), unitless(np.arange(4.0)))


def test_constraints_of_a_model_that_does_not_pass_them_on() -> None:
    model = Gaussian1D(1.0, 5.0, 1.0) + Const1D(1.0)
    model.sync_constraints = False
    model.mean_0.fixed = True
    assert problem_of(model).params.fixed == (False, True, False, False)


@pytest.mark.parametrize("pair", [(np.nan, 6.0), (3.0, np.nan), (np.nan, np.nan), (np.full(3, np.nan), None)])
@pytest.mark.parametrize("fixed", [False, True])
def test_a_bound_that_is_no_number(pair: Any, fixed: bool) -> None:
    line = Gaussian1D(1.0, 5.0, 1.0, fixed={"mean": fixed})
    with pytest.raises(ValueError, match=r"bounds of 'mean' should be numbers, got \(.*nan.*\): give None where"):
        problem_of(line, bounds={"mean": pair})


def test_a_bound_that_is_no_number_in_units() -> None:
    line = Gaussian1D(1.0 * u.K, 5.0 * u.km / u.s, 1.0 * u.km / u.s)
    call: dict[str, Any] = {"data_unit": u.K, "world": (np.arange(12.0) * u.km / u.s,)}
    with pytest.raises(ValueError, match=r"bounds of 'mean' should be numbers, got \(nan, 6.0\)"):
        problem_of(line, bounds={"mean": (np.nan * u.m / u.s, 6.0 * u.km / u.s)}, **call)
    with pytest.raises(ValueError, match=r"lower bound of 'mean' exceeds its upper bound: 6.0, 0.003"):
        problem_of(line, bounds={"mean": (6.0 * u.km / u.s, 3.0 * u.m / u.s)}, **call)
    with pytest.raises(ValueError, match=r"fixed value of 'mean' should be a finite number, got inf"):
        problem_of(Gaussian1D(1.0 * u.K, np.inf * u.km / u.s, 1.0 * u.km / u.s, fixed={"mean": True}), **call)


@pytest.mark.parametrize("limit", ["six", 1j, [[1.0], [2.0, 3.0]]])
def test_a_bound_that_is_something_else(limit: Any) -> None:
    with pytest.raises(TypeError, match="a bound of 'mean' should be a number, a map of numbers or None"):
        problem_of(Gaussian1D(1.0, 5.0, 1.0), bounds={"mean": (limit, None)})


def test_gaps_in_a_map_of_bounds_are_left_to_their_positions() -> None:
    problem = problem_of(Gaussian1D(1.0, 5.0, 1.0), bounds={"mean": ([1.0, np.nan, 3.0], None)})
    assert_array_equal(problem.params.lower[1], [1.0, np.nan, 3.0])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_value_fixed_at_no_number(value: float) -> None:
    with pytest.raises(ValueError, match=r"of 'mean' should be a finite number, got (nan|inf): give the value"):
        problem_of(Gaussian1D(1.0, value, 1.0, fixed={"mean": True}))
