"""A trace that says something else than its model is never accepted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from astropy.modeling import custom_model, models

from ndfit.model.comparison_points import probes
from ndfit.model.derive import differentiate
from ndfit.model.interpret import evaluate
from ndfit.model.ir import ModelGraph
from ndfit.model.trace.tracing import trace
from ndfit.model.verify import Mismatch, verify

X = np.linspace(0.3, 9.0, 41)


def check(model: Any, coords: Sequence[Any] = (X,), **kwargs: Any) -> None:
    free = tuple(range(len(model.param_names)))
    verify(trace(model), model, coords, model.parameters, free, **kwargs)


class BranchesOnItself(models.Gaussian1D):
    """Branches on the parameter of the instance, which tracing does not see."""

    def evaluate(self, x: Any, amplitude: Any, mean: Any, stddev: Any) -> Any:
        return amplitude * x if self.amplitude.value > 0 else x * mean


class CatchesTheRefusal(models.Linear1D):
    """Branches on a value, and hides that tracing refuses it."""

    @staticmethod
    def evaluate(x: Any, slope: Any, intercept: Any) -> Any:
        try:
            return slope * x if slope > 0 else intercept * x
        except Exception:
            return slope * x


class IgnoresItsArgument(models.Linear1D):
    """Uses the instance's parameter in place of the argument."""

    def evaluate(self, x: Any, slope: Any, intercept: Any) -> Any:
        return self.slope.value * x + intercept


class CountsPoints(models.Linear1D):
    """Depends on how many points there are."""

    @staticmethod
    def evaluate(x: Any, slope: Any, intercept: Any) -> Any:
        return slope * x / x.size + intercept


@pytest.mark.parametrize(
    "model",
    [
        BranchesOnItself(1.0, 2.0, 1.0),
        CatchesTheRefusal(1.0, 2.0),
        IgnoresItsArgument(1.0, 2.0),
        CountsPoints(1.0, 2.0),
    ],
    ids=lambda model: type(model).__name__,
)
def test_what_tracing_did_not_see_is_found_by_numbers(model: Any) -> None:
    with pytest.raises(Mismatch, match=r"the traced model differs|the derivative by"):
        check(model)


def test_hidden_state_is_found() -> None:
    calls = []

    @custom_model
    def fading(x, a=1.0):
        calls.append(1)
        return a * x / len(calls)

    with pytest.raises(Mismatch):
        check(fading())


@pytest.mark.parametrize("scale", [1.0, 1e-18, 1e15])
def test_wrong_values_derivatives_and_nan_are_found_in_any_evaluator(scale: float) -> None:
    model = models.Gaussian1D(scale, 4.0, 1.0)
    derived = differentiate(trace(model), (0, 1, 2))

    def spoiled(output: int, change: Any) -> Any:
        def evaluator(parameters: Any, coords: Any) -> Any:
            found = [np.array(array) for array in evaluate(derived, parameters, coords)]
            found[output] = change(found[output])
            return found

        return evaluator

    check(model, evaluator=spoiled(0, lambda array: array))
    for output, change, reason in (
        (0, lambda array: array * (1 + 1e-7), "differs from the model"),
        (0, lambda array: np.where(array > 0.9 * scale, np.nan, array), "differs from the model"),
        (1, lambda array: array * 1.001, "derivative by amplitude"),
        (2, lambda array: -array, "derivative by mean"),
        (3, lambda array: array * np.nan, "derivative by stddev"),
    ):
        with pytest.raises(Mismatch, match=reason):
            check(model, evaluator=spoiled(output, change))


def test_numbers_where_the_model_has_none_are_found() -> None:
    model = models.Logarithmic1D(1.0, 2.0)
    graph = trace(models.Exponential1D(1.0, 2.0))
    with pytest.raises(Mismatch, match="finite where the model is not"):
        verify(graph, model, (np.linspace(-1.0, 0.0, 5),), model.parameters, (0, 1))


def test_a_pole_among_the_samples_is_no_mismatch() -> None:
    check(models.PowerLaw1D(1.0, 2.0, 1.5), (np.arange(6.0),))


def test_a_model_that_is_finite_nowhere_is_refused() -> None:
    with pytest.raises(Mismatch, match="is finite nowhere"):
        check(models.ArcSine1D(amplitude=1e-3))


def test_a_model_that_always_raises_is_refused_with_its_error() -> None:
    model = models.Gaussian1D(1.0, 4.0, 1.0)
    graph = trace(model)
    model.stddev.tied = lambda m: 1.0 / 0.0
    with pytest.raises(Mismatch, match="raises ZeroDivisionError"):
        verify(graph, model, (X,), model.parameters, (0, 1))


def test_parameters_stay_within_their_bounds() -> None:
    seen = []

    @custom_model
    def watched(x, a=1.0):
        if isinstance(x, np.ndarray):
            seen.append(float(np.squeeze(a)))
        return a * x

    model = watched()
    model.a.bounds = (0.9, 1.05)
    check(model)
    assert 0.9 - 1e-4 < min(seen) < 1.0 < max(seen) < 1.05 + 1e-4


def test_kinks_at_the_start_values_are_no_mismatch() -> None:
    y, x = np.mgrid[0.0:9.0, 0.0:9.0]
    check(models.Sersic2D(1.0, 2.0, 4.0, 4.0, 4.0, 0.0, 0.0), (x, y))
    check(models.Box1D(1.0, 5.0, 2.0), (np.arange(10.0),))
    check(models.Disk2D(1.0, 4.0, 4.0, 3.0), (x, y))


def test_a_wrong_derivative_of_a_narrow_line_far_from_zero_is_found() -> None:
    model = models.Gaussian1D(1.0, 1e9, 50.0)
    model.amplitude.fixed = model.stddev.fixed = True
    derived = differentiate(trace(model), (1,))
    coords = (np.linspace(1e9 - 300.0, 1e9 + 300.0, 41),)
    verify(trace(model), model, coords, model.parameters, (1,))

    def reversed_slope(parameters: Any, coords: Any) -> Any:
        value, slope = evaluate(derived, parameters, coords)
        return value, -slope

    with pytest.raises(Mismatch, match="derivative by mean"):
        verify(trace(model), model, coords, model.parameters, (1,), evaluator=reversed_slope)


@pytest.mark.parametrize("scale", [1e-18, 1.0, 1e6])
def test_the_scale_of_the_data_does_not_matter(scale: float) -> None:
    check(models.Gaussian1D(2.0 * scale, 4000.0, 500.0) + models.Const1D(scale), (np.linspace(2e3, 6e3, 53),))


def test_a_graph_of_another_model_is_found_at_a_few_points_too() -> None:
    graph: ModelGraph = trace(models.Linear1D(1.0, 0.0))
    model = models.Linear1D(1.0, 0.0) + models.Const1D(1e-6)
    padded = ModelGraph(1, model.param_names, graph.nodes, graph.outputs)
    with pytest.raises(Mismatch):
        verify(padded, model, ([1.0, 2.0],), model.parameters, (0, 1))


def test_the_model_is_not_changed() -> None:
    model = models.Gaussian1D(1.0, 4.0, 1.0)
    model.stddev.tied = lambda m: m.mean / 4.0
    verify(trace(model), model, (X,), model.parameters, (0, 1))
    assert list(model.parameters) == [1.0, 4.0, 1.0]


def test_derivatives_of_a_known_graph_are_compared_once_and_values_every_time() -> None:
    calls: list[int] = []

    @custom_model
    def counted(x, a=1.0, b=2.0):
        calls.append(1)
        return a * np.exp(-b * x)

    def evaluations(*start: float) -> int:
        before = len(calls)
        check(counted(*start))
        return len(calls) - before

    first, again, elsewhere = evaluations(1.0, 2.0), evaluations(1.0, 2.0), evaluations(1.5, 2.5)
    assert again == elsewhere < first - 4
    assert again >= len(probes(np.ones(2), (0, 1), (np.full(2, -np.inf), np.full(2, np.inf)), 1.0))


def test_a_known_graph_is_refused_where_the_model_has_become_another_one() -> None:
    factor = 1.0

    @custom_model
    def line(x, a=1.0, b=2.0):
        return a * x * factor + b

    graph = trace(line())
    verify(graph, line(), (X,), (1.0, 2.0), (0, 1))
    factor = 1.001
    with pytest.raises(Mismatch, match="differs from the model"):
        verify(graph, line(), (X,), (1.0, 2.0), (0, 1))
