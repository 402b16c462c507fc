"""Which parameters a model is linear in, each by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.modeling import custom_model, models

from ndfit.engines.linearity import linear_columns
from ndfit.model.catalogue import example, fittable_classes
from ndfit.model.derive import depends, differentiate
from ndfit.model.ir import Node
from ndfit.model.reasons import NotCompilable
from ndfit.model.trace.tracing import trace

X = np.linspace(0.0, 9.0, 16)


def linear(model: Any, sample: Any = (X,)) -> set[str]:
    everything = tuple(range(len(model.param_names)))
    return {model.param_names[i] for i in linear_columns(model, everything, sample)}


@pytest.mark.parametrize("cls", fittable_classes(), ids=lambda cls: cls.__name__)
def test_the_catalogue(cls: type) -> None:
    """As derivatives tell: a model is linear in what its derivative by it does not depend on."""
    model, coords = example(cls)
    everything = tuple(range(len(model.param_names)))
    try:
        derived = differentiate(trace(model), everything)
    except NotCompilable:
        pytest.skip("has no derivatives")
    expected = {
        name
        for i, (name, node) in enumerate(zip(model.param_names, derived.outputs[1:], strict=True))
        if i not in {leaf.value for leaf in depends(derived, node) if leaf.op == "param"}
        and derived.nodes[node] != Node("const", (), 0.0)
    }
    found = linear(model, tuple(np.ravel(axis) for axis in coords))
    assert found == expected, cls.__name__


def test_compounds() -> None:
    line, constant = models.Gaussian1D(2.0, 4.0, 0.01), models.Const1D(1.0)
    assert linear(line + constant) == {"amplitude_0", "amplitude_1"}
    assert linear((line - constant) * models.Linear1D(1.0, 1.0)) == {
        "amplitude_0",
        "amplitude_1",
        "slope_2",
        "intercept_2",
    }
    assert linear(constant / line) == {"amplitude_0"}
    assert linear(line | models.Scale(2.0)) == {"factor_1"}
    assert linear(models.Shift(1.0) | line) == {"amplitude_1"}
    assert linear(line**constant) == set()


def test_a_parameter_that_another_is_tied_to_may_enter_in_any_way() -> None:
    model = models.Gaussian1D()
    model.mean.tied = lambda m: m.amplitude
    assert linear(model) == set()


def test_a_model_that_raises() -> None:
    @custom_model
    def fussy(x: Any, a: float = 1.0) -> Any:
        raise ValueError("not now")

    assert linear(fussy()) == set()
