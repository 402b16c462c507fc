"""Tied parameters: what callables may read, the order they run in, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from astropy.modeling import fix_inputs, models

from ndfit.model.derive import differentiate
from ndfit.model.interpret import evaluate, tied_values
from ndfit.model.trace.tracing import Untraceable, trace
from ndfit.model.verify import verify

X = np.linspace(0.0, 9.0, 31)


def doublet() -> Any:
    return (
        models.Gaussian1D(3.0, 3.0, 0.8, name="first")
        + models.Gaussian1D(1.0, 6.0, 0.7, name="second")
        + models.Const1D(0.5)
    )


TIES: dict[str, Callable[[Any], Any]] = {
    "name": lambda m: m.amplitude_0 / 2.98,
    "value": lambda m: 0.5 * m.amplitude_0.value,
    "position": lambda m: m[0].amplitude * 0.3 + m[2].amplitude,
    "submodel name": lambda m: m["first"].amplitude.value / 3.0,
    "left": lambda m: m.left.left.amplitude + m.right.amplitude,
    "all parameters": lambda m: m.parameters[0] / 3.0,
    "index of a name": lambda m: m.parameters[m.param_names.index("amplitude_0")] / 3.0,
    "property": lambda m: m[0].fwhm / 4.0,
    "function": lambda m: np.sqrt(m.amplitude_0.value**2 + 1.0),
    "constant": lambda m: 1.25,
    "where": lambda m: np.where(m.amplitude_0 > 1.0, m.amplitude_0, 1.0),
}


@pytest.mark.parametrize("name", TIES)
def test_what_a_callable_may_read(name: str) -> None:
    model = doublet()
    model.amplitude_1.tied = TIES[name]
    graph = trace(model)
    assert [index for index, _ in graph.ties] == [3]
    free = (0, 1, 2, 4, 5, 6)
    verify(graph, model, (X,), model.parameters, free)
    assert tied_values(graph, model.parameters)[3] == pytest.approx(float(TIES[name](model)))


def test_derivatives_follow_the_chain_rule_and_keep_the_ties() -> None:
    model = models.Linear1D(2.0, 3.0)
    model.intercept.tied = lambda m: m.slope**2
    derived = differentiate(trace(model), (0,))
    assert tied_values(derived, [2.0, np.nan]) == {1: 4.0}
    np.testing.assert_allclose(evaluate(derived, [2.0, np.nan], [X]), [2.0 * X + 4.0, X + 4.0])


def test_ties_see_those_computed_before_them() -> None:
    model = doublet()
    model.mean_1.tied = lambda m: m.mean_0 + 3.0
    model.stddev_1.tied = lambda m: m.mean_1 / 8.0
    values = tied_values(trace(model), model.parameters)
    assert values == {4: 6.0, 5: 0.75}


def test_ties_reach_through_fix_inputs() -> None:
    model = fix_inputs(models.Gaussian2D(1.0, 3.0, 4.0, 1.0, 2.0, 0.3), {"y": 4.5}) + models.Const1D(1.0)
    model.y_stddev_0.tied = lambda m: m[0].x_stddev * 2.0
    free = tuple(i for i, name in enumerate(model.param_names) if name != "y_stddev_0")
    graph = trace(model)
    verify(graph, model, (X,), model.parameters, free)
    assert tied_values(graph, model.parameters) == {model.param_names.index("y_stddev_0"): 2.0}


@pytest.mark.parametrize(
    ("tie", "reason"),
    [
        (lambda m: m.mean_0 if m.mean_0 > 2.0 else 3.0, "the tie of amplitude_1: Python branches on a value"),
        (lambda m: m.stddev_1, "reads stddev_1, which is tied itself and not computed before it"),
        (lambda m: m.meta["ratio"], "reads CompoundModel.meta"),
        (lambda m: m(3.0), "the tie of amplitude_1: TypeError"),
        (lambda m: float(m.mean_0), "needs the number behind a value computed from mean_0"),
    ],
)
def test_refusals_name_the_tie(tie: Callable[[Any], Any], reason: str) -> None:
    model = doublet()
    model.amplitude_1.tied = tie
    model.stddev_1.tied = lambda m: m.stddev_0
    with pytest.raises(Untraceable, match=reason):
        trace(model)


def test_a_submodel_is_found_by_its_name_beside_one_with_fixed_inputs() -> None:
    model = fix_inputs(models.Gaussian2D(2.0, 1.0, 0.0, name="cut"), {"y": 0.5}) + models.Const1D(name="level")
    model.amplitude_2.tied = lambda m: 0.25 * m["cut"].amplitude
    assert tied_values(trace(model), list(model.parameters)) == {6: 0.5}
    model.amplitude_2.tied = False
    model.amplitude_0.tied = lambda m: 4.0 * m["level"].amplitude
    assert tied_values(trace(model), [0.0, *model.parameters[1:6], 3.0]) == {0: 12.0}
