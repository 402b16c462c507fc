"""Every row of the operator table: its derivative rule against finite differences, its function."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special
from scipy.special import wofz

from ndfit.compiler.functions import OPERATORS
from ndfit.model.interpret import evaluate
from ndfit.model.ops import OPS, Op
from ndfit.model.trace.builder import GraphBuilder

TABLE = ((0.0, 0.25, 0.5, 1.0), (1.0, 3.0, 2.0, 5.0))
# Those of ndfit alone are tested in `test_special.py`.
NAMESAKES = [op for op in OPS.values() if op.name not in ("interp", "interp_slope", "gammainc_grad_a")]
DIFFERENTIABLE = [op for op in OPS.values() if op.partials is not None]


def named(op: Op) -> str:
    return op.name


def node_value(op: Op) -> tuple[tuple[float, ...], ...] | None:
    return TABLE if op.name.startswith("interp") else None


def conditions_among(op: Op) -> int:
    """How many of an operator's arguments, the first ones, are conditions."""
    return 1 if op.name == "where" else op.arity if op.name.startswith("logical") else 0


def graph_of_partials(op: Op) -> tuple[GraphBuilder, int, list[int]]:
    """The operator of parameters, and its partial derivatives; conditions are made from the parameters."""
    b = GraphBuilder()
    args = [b.param(i) for i in range(op.arity)]
    conditions = conditions_among(op)
    args[:conditions] = [b.apply("less", b.constant(0.0), arg) for arg in args[:conditions]]
    out = b.apply(op.name, *args, value=node_value(op))
    assert op.partials is not None
    partials = op.partials(b, tuple(args), out)
    return b, out, [b.constant(0.0) if node is None else node for node in partials]


def draws(op: Op, count: int) -> np.ndarray:
    random = np.random.default_rng(len(op.name))
    return np.array([random.uniform(low, high, count) for low, high in op.domain])


@pytest.mark.parametrize("op", DIFFERENTIABLE, ids=named)
def test_partials_are_the_slopes_of_the_operator(op: Op) -> None:
    b, out, partials = graph_of_partials(op)
    graph = b.graph(0, ["p"] * op.arity, [b.real(out), *partials])
    points = draws(op, 40)
    if node_value(op) is not None:
        points = points[:, np.abs(points[0] * 4 - np.round(points[0] * 4)) > 1e-3]
    found = evaluate(graph, list(points), [])[1:]
    step = 1e-6
    for index, partial in enumerate(found):
        shift = np.zeros_like(points)
        shift[index] = step
        ahead = evaluate(graph, list(points + shift), [])[0]
        behind = evaluate(graph, list(points - shift), [])[0]
        smooth = np.sign(points[index] - step) == np.sign(points[index] + step)
        slope = (ahead - behind) / (2 * step)
        np.testing.assert_allclose(partial[smooth], slope[smooth], rtol=2e-7, atol=2e-8)


@pytest.mark.parametrize("op", OPS.values(), ids=named)
def test_a_function_of_the_compiler_has_the_name_of_each_operator(op: Op) -> None:
    """What it computes is compared with numpy in `tests/compiler/test_functions.py`."""
    assert op.name in OPERATORS


@pytest.mark.parametrize("op", NAMESAKES, ids=named)
def test_the_value_is_that_of_the_function_of_the_same_name(op: Op) -> None:
    own = {"faddeeva_real": lambda x, y: wofz(x + 1j * y).real, "faddeeva_imag": lambda x, y: wofz(x + 1j * y).imag}
    namesake = own.get(op.name) or getattr(np, op.name, None) or getattr(special, op.name)
    arguments = draws(op, 20)
    conditions = conditions_among(op)
    arguments = [*(arguments[:conditions] > 0.0), *arguments[conditions:]]
    np.testing.assert_array_equal(op.numpy(*arguments), namesake(*arguments))


@pytest.mark.parametrize("op", OPS.values(), ids=named)
def test_numpy_gives_finite_numbers_in_the_domain_and_conditions_where_stated(op: Op) -> None:
    table = node_value(op) or ()
    values = np.asarray(op.numpy(*draws(op, 20), *table))
    assert np.isfinite(values).all()
    assert (values.dtype == bool) == op.condition


@pytest.mark.parametrize(
    ("op", "args", "partial"),
    [
        ("sqrt", (0.0,), (0.0,)),
        ("cbrt", (0.0,), (0.0,)),
        ("power", (0.0, 0.3), (0.0, 0.0)),
        ("power", (0.0, 1.0), (1.0, 0.0)),
        ("power", (0.0, 2.5), (0.0, 0.0)),
        ("absolute", (0.0,), (0.0,)),
        ("j1", (0.0,), (0.5,)),
    ],
)
def test_derivatives_at_the_edge_of_a_domain_are_finite(
    op: str, args: tuple[float, ...], partial: tuple[float, ...]
) -> None:
    b, _, partials = graph_of_partials(OPS[op])
    assert evaluate(b.graph(0, ["p"] * len(args), partials), args, []) == partial


def test_faddeeva_derivatives_hold_far_from_the_line_and_close_to_the_axis() -> None:
    b, out, partials = graph_of_partials(OPS["faddeeva_real"])
    graph = b.graph(0, ["x", "y"], [out, *partials])
    x, y = np.array([0.0, 5.0, 30.0, 100.0, 3.0]), np.array([1e-6, 1e-3, 0.5, 20.0, 5.0])
    _, by_x, by_y = evaluate(graph, [x, y], [])
    step = 1e-4 * np.maximum(y, 1e-4)
    slope_x = (evaluate(graph, [x + step, y], [])[0] - evaluate(graph, [x - step, y], [])[0]) / (2 * step)
    slope_y = (evaluate(graph, [x, y + step], [])[0] - evaluate(graph, [x, y - step], [])[0]) / (2 * step)
    np.testing.assert_allclose(by_x, slope_x, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(by_y, slope_y, rtol=1e-5, atol=1e-7)
