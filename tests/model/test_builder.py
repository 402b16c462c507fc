"""Graphs as they are built: shared nodes, folded constants, algebraic rules that keep the value."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ndfit.model.interpret import evaluate
from ndfit.model.ir import ModelGraph, Node
from ndfit.model.trace.builder import GraphBuilder

X = np.array([-2.5, -0.7, 0.3, 1.9])


def test_equal_expressions_share_one_node() -> None:
    b = GraphBuilder()
    x, p = b.input(0), b.param(0)
    assert b.add(x, p) == b.add(p, x)
    assert b.mul(b.apply("sin", x), p) == b.mul(p, b.apply("sin", x))
    assert b.sub(x, p) != b.sub(p, x)
    count = len(b.nodes)
    b.apply("sin", x)
    assert len(b.nodes) == count


def test_operators_of_constants_are_computed() -> None:
    b = GraphBuilder()
    assert b.constant_value(b.apply("exp", b.constant(0.0))) == 1.0
    assert b.constant_value(b.apply("less", b.constant(1.0), b.constant(2.0))) is True
    assert np.isnan(b.constant_value(b.apply("log", b.constant(-1.0))))  # type: ignore[arg-type]


def test_true_and_one_and_the_zeros_are_told_apart() -> None:
    b = GraphBuilder()
    assert b.constant(True) != b.constant(1.0)
    assert b.constant(0.0) == b.constant(-0.0)
    assert b.constant(float("nan")) == b.constant(np.nan)


def test_only_what_outputs_need_is_kept() -> None:
    b = GraphBuilder()
    x, p = b.input(0), b.param(0)
    b.apply("sin", x)
    graph = b.graph(1, ["p"], [b.mul(p, x)], [(0, p)])
    assert [node.op for node in graph.nodes] == ["input", "param", "multiply"]
    assert graph.ties == ((0, 1),)


def test_graphs_hash_and_pickle() -> None:
    def build() -> ModelGraph:
        b = GraphBuilder()
        return b.graph(1, ["p"], [b.apply("interp", b.input(0), value=((0.0, 1.0), (2.0, 3.0)))])

    graph = build()
    assert graph == build()
    assert hash(graph) == hash(build())
    assert pickle.loads(pickle.dumps(graph)) == graph


def test_factors_of_parameters_are_merged_into_one() -> None:
    b = GraphBuilder()
    x, p, q = b.input(0), b.param(0), b.param(1)
    product = b.mul(p, b.neg(b.mul(b.div(x, q), b.mul(x, q))))
    op, (factor, rest), _ = b.nodes[product]
    assert op == "multiply"
    assert b.input_free(factor)
    assert b.nodes[rest] == Node("multiply", (x, x))


@pytest.mark.parametrize("exponent", [-32.0, -3.0, -2.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 7.0, 32.0])
def test_whole_and_half_powers_are_products(exponent: float) -> None:
    b = GraphBuilder()
    graph = b.graph(1, [], [b.apply("power", b.input(0), b.constant(exponent))])
    assert all(node.op != "power" for node in graph.nodes)
    with np.errstate(invalid="ignore"):
        expected = X**exponent
    np.testing.assert_allclose(evaluate(graph, [], [X])[0], expected, rtol=1e-14)


@pytest.mark.parametrize("exponent", [0.3, 0.25, 1.25, 33.0, np.nan, np.inf])
def test_other_powers_stay_powers(exponent: float) -> None:
    b = GraphBuilder()
    assert b.nodes[b.apply("power", b.input(0), b.constant(exponent))].op == "power"


def test_powers_of_positive_bases_share_their_logarithm() -> None:
    b = GraphBuilder()
    x, width, exponent = b.input(0), b.param(0), b.param(1)
    scaled = b.div(x, width)
    base = b.add(b.constant(1.0), b.mul(scaled, scaled))
    graph = b.graph(1, ["width", "exponent"], [b.apply("power", base, exponent)])
    assert [node.op for node in graph.nodes][-3:] == ["log", "multiply", "exp"]
    np.testing.assert_allclose(evaluate(graph, [0.7, -2.3], [X])[0], (1 + (X / 0.7) ** 2) ** -2.3, rtol=1e-14)
    assert b.nodes[b.apply("power", b.add(b.apply("exp", x), b.constant(0.5)), exponent)].op == "exp"
    assert b.nodes[b.apply("power", scaled, exponent)].op == "power"
    assert b.nodes[b.apply("power", b.add(b.constant(1.0), x), exponent)].op == "power"


def test_a_base_that_is_not_seen_to_be_positive_stays_under_its_power() -> None:
    """1 + p x, and x^2 - 2 written as 1 + (x^2 - 3), are negative somewhere: their squares are not."""
    b = GraphBuilder()
    x, slope, exponent = b.input(0), b.param(0), b.param(1)
    square = b.mul(x, x)
    bases = [
        b.add(b.constant(1.0), b.mul(slope, x)),
        b.add(b.add(square, b.constant(-3.0)), b.constant(1.0)),
        b.add(b.constant(-1.0), square),
        b.add(b.constant(0.0), b.mul(slope, square)),
    ]
    graph = b.graph(1, ["slope", "exponent"], [b.apply("power", base, exponent) for base in bases])
    expected = [(1.0 - 2.0 * X) ** 2, (X**2 - 2.0) ** 2, (X**2 - 1.0) ** 2, (2.0 * X**2) ** 2]
    np.testing.assert_allclose(evaluate(graph, [-2.0, 2.0], [X]), expected, rtol=1e-13)


def test_nothing_is_taken_for_zero_that_may_be_infinite() -> None:
    b = GraphBuilder()
    x, p = b.input(0), b.param(0)
    grown = b.apply("exp", x)
    assert b.constant_value(b.sub(x, x)) == 0.0
    assert b.constant_value(b.mul(p, b.constant(0.0))) == 0.0
    graph = b.graph(1, ["p"], [b.sub(grown, grown), b.mul(b.constant(0.0), grown), b.mul(grown, b.constant(0.0))])
    with np.errstate(all="ignore"):
        found = evaluate(graph, [1.0], [np.array([1.0, 1e3])])
    np.testing.assert_array_equal(found, [[0.0, np.nan]] * 3)


def test_nothing_is_done_for_neutral_numbers_and_negations_on_either_side() -> None:
    b = GraphBuilder()
    x, p = b.input(0), b.param(0)
    zero, one, less = b.constant(0.0), b.constant(1.0), b.neg(p)
    assert (b.add(x, zero), b.add(zero, x), b.sub(x, zero)) == (x, x, x)
    assert (b.mul(x, one), b.mul(one, x), b.div(x, one)) == (x, x, x)
    assert b.add(x, less) == b.add(less, x) == b.sub(x, p)
    assert b.sub(x, less) == b.add(x, p)
    assert b.sub(zero, x) == b.neg(x) == b.mul(b.constant(-1.0), x) == b.mul(x, b.constant(-1.0))
    assert b.neg(b.neg(x)) == x
    assert b.neg(b.sub(x, p)) == b.sub(p, x)
    assert b.add(x, x) == b.mul(b.constant(2.0), x)


def test_conditions_that_are_known_decide() -> None:
    b = GraphBuilder()
    x, p = b.input(0), b.param(0)
    condition, yes, no = b.apply("less", x, p), b.constant(True), b.constant(False)
    for known, neutral in ((yes, "logical_and"), (no, "logical_or")):
        other = "logical_or" if neutral == "logical_and" else "logical_and"
        assert b.apply(neutral, known, condition) == b.apply(neutral, condition, known) == condition
        assert b.apply(other, known, condition) == b.apply(other, condition, known) == known
        assert b.apply(other, condition, condition) == condition
    inverse = b.apply("logical_not", condition)
    assert b.apply("logical_not", inverse) == condition
    assert b.apply("where", inverse, x, p) == b.apply("where", condition, p, x)
    assert (b.apply("where", yes, x, p), b.apply("where", no, x, p), b.apply("where", condition, x, x)) == (x, p, x)


UNARY = {"negative": np.negative, "reciprocal": np.reciprocal, "absolute": np.absolute, "sqrt": np.sqrt}
BINARY = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide, "power": np.power}
CONDITIONS = {"less": np.less, "less_equal": np.less_equal, "equal": np.equal}


@given(st.data())
def test_rules_keep_the_value(data: st.DataObject) -> None:
    """Random expressions, built through the rules, against numpy on the same arguments.

    A quotient is rounded twice in a graph (it is a product with a reciprocal), so that no comparison is drawn of
    computed numbers that rounding alone tells apart.
    """
    b = GraphBuilder()
    parameters = [1.5, -0.5]
    known: list[tuple[int, np.ndarray]] = [(b.input(0), X)]
    known += [(b.param(i), np.full_like(X, value)) for i, value in enumerate(parameters)]
    known += [(b.constant(value), np.full_like(X, value)) for value in (0.0, 1.0, -1.0, 2.0, 3.0)]
    given_nodes = {node for node, _ in known}
    with np.errstate(all="ignore"):
        for _ in range(data.draw(st.integers(1, 12))):
            kind = data.draw(st.sampled_from(["unary", "binary", "where"]))
            drawn = [data.draw(st.sampled_from(known)) for _ in range(4)]
            nodes, values = [node for node, _ in drawn], [value for _, value in drawn]
            if kind == "unary":
                name = data.draw(st.sampled_from(sorted(UNARY)))
                made = b.apply(name, nodes[0]), UNARY[name](values[0])
            elif kind == "binary":
                name = data.draw(st.sampled_from(sorted(BINARY)))
                made = b.apply(name, *nodes[:2]), BINARY[name](*values[:2])
            else:
                name = data.draw(st.sampled_from(sorted(CONDITIONS)))
                if not given_nodes.issuperset(nodes[:2]) and np.any(np.isclose(*values[:2], rtol=1e-9, atol=1e-9)):
                    continue
                condition = b.apply("logical_not", b.apply(name, *nodes[:2]))
                made = b.apply("where", condition, *nodes[2:]), np.where(CONDITIONS[name](*values[:2]), *values[:1:-1])
            if not np.all(np.isfinite(made[1])) or np.max(np.abs(made[1])) > 1e6:
                continue  # the rules hold for finite numbers
            known.append(made)
    graph = b.graph(1, ["p", "q"], [node for node, _ in known])
    for found, (_, expected) in zip(evaluate(graph, parameters, [X]), known, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
