"""Every way to write a problem means what it says: the maps are those of a loop over positions."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from numpy.testing import assert_allclose, assert_array_equal
from tests.property.problems import cost, fit_in_a_loop, problems

from ndfit import parallel_fit_dask

UNHURRIED = {"suppress_health_check": [HealthCheck.too_slow]}


def maps_of(fitted, problem):
    """P maps; a parameter's `value` is a number where its map has one position."""
    return np.array([np.reshape(getattr(fitted, name).value, problem.data.shape[:-1]) for name in fitted.param_names])


@settings(max_examples=120, **UNHURRIED)
@given(problem=problems())
def test_reference_engine_is_a_loop(problem):
    before = {
        name: np.array(problem.keywords[name]) for name in ("data", "mask", "weights") if name in problem.keywords
    }
    parameters = problem.model.parameters.copy()
    expected = fit_in_a_loop(problem)

    fitted = parallel_fit_dask(**problem.keywords, engine="reference", scheduler="synchronous")

    found = maps_of(fitted, problem)
    # astropy's fitters stop where the cost can still fall: LevMarLSQFitter beside a bound.
    better = cost(problem, found) < cost(problem, expected) * (1 - 1e-9)
    assert_allclose(found[:, ~better], expected[:, ~better], rtol=1e-9, atol=1e-12)
    for name, values in before.items():
        assert_array_equal(np.array(problem.keywords[name]), values, err_msg=f"{name} of the caller")
    assert_array_equal(problem.model.parameters, parameters)


@settings(max_examples=60, **UNHURRIED)
@given(problem=problems())
def test_compiled_engine_reaches_a_cost_as_low(problem):
    reference = parallel_fit_dask(**problem.keywords, engine="reference", scheduler="synchronous")
    compiled = parallel_fit_dask(**problem.keywords, engine="compiled", scheduler="synchronous")

    there, here = cost(problem, maps_of(reference, problem)), cost(problem, maps_of(compiled, problem))
    assert_array_equal(np.isnan(maps_of(compiled, problem)), np.isnan(maps_of(reference, problem)))
    within = np.isnan(there) | (here <= there * (1 + 1e-9) + 1e-12)
    assert within.all(), f"cost {here[~within]} against {there[~within]}"
    tied_or_fixed = [name for name in problem.model.param_names if problem.model.fixed[name]]
    for name in tied_or_fixed:
        assert_array_equal(np.asarray(getattr(compiled, name).value), np.asarray(getattr(reference, name).value))


@settings(max_examples=40, **UNHURRIED)
@given(problem=problems(dtypes=("float64",)))
def test_threads_and_chunks_change_no_bit(problem):
    once = parallel_fit_dask(**problem.keywords | {"chunk_n_max": None}, scheduler="synchronous")
    again = parallel_fit_dask(**problem.keywords | {"chunk_n_max": 1}, scheduler="threads")
    assert_array_equal(maps_of(again, problem), maps_of(once, problem))
