"""Exact derivatives of whole graphs, and which parameters are linear."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from astropy.modeling import custom_model, models
from hypothesis import assume, given
from hypothesis import strategies as st

from ndfit.model.derive import depends, differentiate, input_free, linear_parameters
from ndfit.model.interpret import evaluate
from ndfit.model.ir import ModelGraph, Node
from ndfit.model.ops import OPS
from ndfit.model.reasons import NotDifferentiable
from ndfit.model.trace.builder import GraphBuilder
from ndfit.model.trace.tracing import trace

X = np.array([0.4, 0.9, 1.3, 2.1])
SMOOTH = [
    op.name
    for op in OPS.values()
    if op.partials is not None and not op.condition and not op.jumps and not op.name.startswith("interp")
    and op.name not in ("where", "gammainc", "gammaincinv", "arccosh", "arcsin", "arccos", "arctanh")
]  # fmt: skip


@st.composite
def expressions(draw: st.DrawFn) -> ModelGraph:
    """Random expressions of one input and three parameters, with branches."""
    b = GraphBuilder()
    nodes = [b.input(0), b.param(0), b.param(1), b.param(2), b.constant(0.7)]
    for _ in range(draw(st.integers(3, 14))):
        name = draw(st.sampled_from([*SMOOTH, "where"]))
        args = [draw(st.sampled_from(nodes)) for _ in range(OPS[name].arity)]
        if name == "where":
            args[0] = b.apply("less", args[0], draw(st.sampled_from(nodes)))
        nodes.append(b.apply(name, *args))
    return b.graph(1, ("p", "q", "r"), [b.real(nodes[-1])])


@given(expressions(), st.tuples(*[st.floats(0.3, 2.0)] * 3))
def test_random_expressions_have_the_derivatives_of_their_differences(
    graph: ModelGraph, start: tuple[float, float, float]
) -> None:
    with np.errstate(all="ignore"):
        every = evaluate(replace(graph, outputs=tuple(range(len(graph.nodes)))), start, [X])
    assume(all(np.isfinite(values).all() for values in every))  # at a pole of a part there is no derivative
    value, *found = evaluate(differentiate(graph, (0, 1, 2)), start, [X])
    np.testing.assert_array_equal(value, evaluate(graph, start, [X])[0])
    for index, derivative in enumerate(found):
        slopes = []
        for step in (1e-4, 5e-5, 2.5e-5):
            ahead, behind = np.array(start), np.array(start)
            ahead[index] += step
            behind[index] -= step
            with np.errstate(all="ignore"):
                high, low = evaluate(graph, ahead, [X])[0], evaluate(graph, behind, [X])[0]
                slopes.append((high - low) / (2 * step))
        with np.errstate(all="ignore"):
            # Two Richardson extrapolations of central differences; where they differ, the differences tell nothing.
            best, check = (4 * slopes[2] - slopes[1]) / 3, (4 * slopes[1] - slopes[0]) / 3
            error = np.abs(best - check)
            size = np.abs(value) + np.abs(best)
            telling = np.isfinite(error) & (error < 1e-4 * np.abs(best) + 1e-9) & (size < 1e8)
        assume(telling.any())
        tolerance = 10 * error + 1e-6 * np.abs(best) + 1e-9 * (1.0 + np.abs(value))
        assert np.all(np.abs(derivative - best)[telling] <= tolerance[telling])


def test_the_branch_not_taken_leaves_no_trace() -> None:
    @custom_model
    def guarded(x, a=1.0, b=2.0):
        return np.where(x > b, a * np.sqrt(x - b) * np.log(x - b), a)

    x = np.array([0.0, 1.0, 2.0, 3.0, 5.0])
    found = evaluate(differentiate(trace(guarded()), (0, 1)), [1.0, 2.0], [x])
    assert np.isfinite(found).all()


def test_a_radius_has_a_finite_slope_at_its_centre() -> None:
    for model in (models.AiryDisk2D(1, 2, 2, 3), models.Sersic2D(1, 2, 3, 2, 2, 0.3, 0.4), models.TrapezoidDisk2D()):
        free = tuple(range(len(model.param_names)))
        centre = model.x_0.value, model.y_0.value
        found = evaluate(differentiate(trace(model), free), model.parameters, [np.array([c]) for c in centre])
        assert np.isfinite(found).all()


def test_derivatives_share_the_expensive_function_of_the_value() -> None:
    derived = differentiate(trace(models.Gaussian1D()), (0, 1, 2))
    assert sum(node.op == "exp" for node in derived.nodes) == 1
    per_point = [node for node, free in zip(derived.nodes, input_free(derived), strict=True) if not free]
    # x, x - mean, its square, the exponent, exp, value, two products and the two scaled by parameters
    assert len(per_point) == 10


def test_an_operator_without_a_rule_names_itself() -> None:
    b = GraphBuilder()
    graph = b.graph(0, ["p"], [b.apply("digamma", b.param(0))])
    with pytest.raises(NotDifferentiable, match="digamma"):
        differentiate(graph, (0,))
    assert len(differentiate(graph, ()).outputs) == 1


def test_depends_lists_leaves() -> None:
    graph = trace(models.Gaussian1D())
    assert depends(graph, graph.outputs[0]) == {Node("input", (), 0), *(Node("param", (), i) for i in range(3))}
    assert input_free(graph).count(False) == 6


@pytest.mark.parametrize(
    ("model", "names"),
    [
        (models.Gaussian1D() + models.Gaussian1D() + models.Linear1D(), "amplitude_0 amplitude_1 slope_2 intercept_2"),
        (models.Gaussian1D() * models.Const1D(2.0), "amplitude_0"),
        (models.Gaussian1D() * models.Polynomial1D(2), "c0_1 c1_1 c2_1"),
        (models.Linear1D() | models.Exponential1D(), "amplitude_1"),
        (models.Linear1D() | models.Scale(), "slope_0 intercept_0"),
        (models.Box1D(), "amplitude"),
        (models.Trapezoid1D(), ""),
        (models.Sine1D(), "amplitude"),
        (models.Polynomial2D(1), "c0_0 c1_0 c0_1"),
    ],
    ids=str,
)
def test_linear_parameters(model: object, names: str) -> None:
    graph = trace(model)
    every = tuple(range(len(graph.param_names)))
    assert [graph.param_names[i] for i in linear_parameters(graph, every)] == names.split()


def test_only_free_parameters_are_candidates() -> None:
    graph = trace(models.Gaussian1D() * models.Const1D(2.0))
    assert linear_parameters(graph, (1, 2, 3)) == (3,)


def test_linear_through_a_tie() -> None:
    model = models.Gaussian1D() + models.Gaussian1D()
    model.amplitude_1.tied = lambda m: m.amplitude_0 / 3.0
    assert linear_parameters(trace(model), (0, 1, 2, 4, 5)) == (0,)
    model.amplitude_1.tied = lambda m: m.amplitude_0**2
    assert linear_parameters(trace(model), (0, 1, 2, 4, 5)) == ()
