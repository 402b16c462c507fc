"""Random set-ups: right models are accepted on any scale, and graphs that are wrong in one place are found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pytest
from tests.model.setups import SetUp, set_ups, thick, wrong_in_one_place

from ndfit.model.derive import differentiate
from ndfit.model.interpret import evaluate
from ndfit.model.ir import ModelGraph
from ndfit.model.reasons import NotCompilable
from ndfit.model.rounding import rounding_error
from ndfit.model.trace.tracing import trace
from ndfit.model.verify import Mismatch, verify

FEW, MANY = range(2), range(1000, 1020)


def traced(seeds: Iterable[int]) -> Iterator[tuple[SetUp, ModelGraph]]:
    for seed in seeds:
        for each in set_ups(seed):
            yield each, trace(each.model)


def refused(seeds: Iterable[int]) -> list[str]:
    reasons = []
    for (name, model, coords), graph in traced(seeds):
        try:
            verify(graph, model, coords, model.parameters, tuple(range(len(model.param_names))))
        except NotCompilable as reason:
            reasons.append(f"{name}: {reason}")
    return reasons


def test_right_models_are_not_refused() -> None:
    assert refused(FEW) == []


@pytest.mark.long
def test_no_right_model_of_more_than_a_thousand_is_refused() -> None:
    assert refused(MANY) == []


@pytest.mark.parametrize("tau", [1e-3, 0.1, 5.0, 40.0])
@pytest.mark.parametrize("width", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("samples", [60, 300])
def test_a_thick_line_at_zero_is_not_refused(tau: float, width: float, samples: int) -> None:
    model = thick(tau, 0.0, width)
    verify(trace(model), model, (np.linspace(-1.5, 1.5, samples),), model.parameters, (0, 1, 2))


def differs(wrong: ModelGraph, right: ModelGraph, each: SetUp, rng: np.random.Generator) -> bool:
    """Whether two graphs differ by more than rounding, at the start or near it."""
    coords = tuple(np.ravel(axis) for axis in np.broadcast_arrays(*each.coords))
    for moved in (0.0, 0.3, 0.3):
        parameters = list(each.model.parameters * (1.0 + moved * rng.uniform(-1, 1, len(each.free))))
        with np.errstate(all="ignore"):
            expected, found = (evaluate(graph, parameters, coords)[0] for graph in (right, wrong))
            least = 1e-7 * np.max(np.abs(expected[np.isfinite(expected)]), initial=0.0)
            least = least + 100 * rounding_error(right, parameters, coords)
            if np.any((np.abs(expected - found) > least)[np.isfinite(expected) & np.isfinite(least)]):
                return True
    return False


def values_missed(seeds: Iterable[int]) -> tuple[int, list[str]]:
    """How many graphs were wrong, and the names of those that were accepted."""
    tried, missed = 0, []
    for each, graph in traced(seeds):
        rng = np.random.default_rng(tried)
        wrong = wrong_in_one_place(graph, rng)
        if wrong is not None and differs(wrong, graph, each, rng):
            tried += 1
            try:
                verify(wrong, each.model, each.coords, each.model.parameters, each.free)
                missed.append(each.name)
            except NotCompilable:
                pass
    return tried, missed


def test_graphs_that_are_wrong_in_one_place_are_found() -> None:
    tried, missed = values_missed(FEW)
    assert tried > 80
    assert missed == []


@pytest.mark.long
def test_of_many_wrong_graphs_hardly_one_is_missed() -> None:
    """A jump that one sample sees, or what lies below the rounding of the wrong graph, may be."""
    tried, missed = values_missed(MANY)
    assert tried > 500
    assert len(missed) <= tried / 200, missed


def derivatives_missed(seeds: Iterable[int]) -> tuple[int, list[str]]:
    tried, missed = 0, []
    for each, graph in traced(seeds):
        rng = np.random.default_rng(tried)
        derived = differentiate(graph, each.free)
        wrong = wrong_in_one_place(derived, rng)
        if wrong is None or not derivatives_differ(wrong, derived, each):
            continue
        tried += 1

        def evaluator(parameters, coords, graph=graph, wrong=wrong):
            value, slopes = evaluate(graph, list(parameters), coords), evaluate(wrong, list(parameters), coords)[1:]
            return (*value, *slopes)

        try:
            verify(graph, each.model, each.coords, each.model.parameters, each.free, evaluator)
            missed.append(each.name)
        except Mismatch:
            pass
    return tried, missed


def derivatives_differ(wrong: ModelGraph, right: ModelGraph, each: SetUp) -> bool:
    """Whether a derivative that matters differs by 1 % at a fifth of the samples."""
    coords = tuple(np.ravel(axis) for axis in np.broadcast_arrays(*each.coords))
    parameters = list(each.model.parameters)
    (value, *expected), (_, *found) = (evaluate(graph, parameters, coords) for graph in (right, wrong))
    span = max(float(np.ptp(axis)) for axis in coords)
    for one, other, parameter in zip(expected, found, parameters, strict=True):
        known = np.isfinite(one) & np.isfinite(other) & np.isfinite(value)
        largest, height = (np.max(np.abs(array[known]), initial=0.0) for array in (one, value))
        apart = np.abs(one[known] - other[known]) > 1e-2 * np.abs(one[known]) + 1e-6 * largest
        if known.sum() > 1 and apart.mean() > 0.2 and largest > 1e-3 * height / max(abs(parameter), span):
            return True
    return False


def test_derivatives_that_are_wrong_in_one_place_are_found() -> None:
    tried, missed = derivatives_missed(FEW)
    assert tried > 50
    assert missed == []


@pytest.mark.long
def test_of_many_wrong_derivatives_hardly_one_is_missed() -> None:
    tried, missed = derivatives_missed(MANY)
    assert tried > 500
    assert len(missed) <= tried / 100, missed
