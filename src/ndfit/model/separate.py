"""Splits a model into what its linear parameters multiply, and derives each part.

Flows in: a graph with one output, its free parameters, those of them that may be eliminated. Flows out: Rows, a graph
whose outputs are the value, the basis functions and their derivatives, and what each output belongs to.

With linear parameters c, f(x; a, c) = f_0(x; a) + sum_j c_j phi_j(x; a). A solver that knows phi_j and the derivatives
of f_0 and of each phi_j by a can change c without evaluating the model again.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from ndfit.model.derive import differentiate, linear_parameters
from ndfit.model.ir import ModelGraph
from ndfit.model.trace.builder import GraphBuilder, needed_for

__all__ = ["Rows", "basis_functions", "separate", "without_linear"]

_MOST_EXTRA_ROWS = 1.5


@dataclass(frozen=True)
class Rows:
    """Value and derivatives, by basis function.

    Attributes
    ----------
    graph : outputs are the value, one basis function a linear parameter, then the derivatives.
    linear : the L linear parameters.
    nonlinear : the other free parameters.
    basis : one a derivative: which basis function, -1 for the part without linear parameters.
    variable : one a derivative: which parameter, counted in `linear` then `nonlinear`.
    """

    graph: ModelGraph
    linear: tuple[int, ...]
    nonlinear: tuple[int, ...]
    basis: tuple[int, ...]
    variable: tuple[int, ...]


def separate(graph: ModelGraph, free: tuple[int, ...], eliminable: tuple[int, ...]) -> Rows:
    """Split a model by its linear parameters.

    Parameters
    ----------
    graph : one output.
    free : indices of the free parameters.
    eliminable : those of them that may be eliminated. Those that the model is linear in are split off, unless
        that would take many more derivatives than there are parameters.

    Raises
    ------
    NotDifferentiable : naming an operator without a rule.
    """
    whole = _split(graph, (), free)
    linear = linear_parameters(graph, eliminable) if eliminable else ()
    if not linear:
        return whole
    split = _split(graph, linear, tuple(index for index in free if index not in linear))
    most = _MOST_EXTRA_ROWS * (len(whole.graph.outputs) + 1)
    return split if len(split.graph.outputs) <= most else whole


def _split(graph: ModelGraph, linear: tuple[int, ...], nonlinear: tuple[int, ...]) -> Rows:
    builder = GraphBuilder()
    by_linear = differentiate(graph, linear)
    first, *bases = (_part(by_linear, output) for output in by_linear.outputs)
    without = without_linear(graph, linear)
    outputs = [_add(builder, part)[0] for part in (first, *bases)]
    basis, variable = [], []
    for which, part in enumerate((without, *bases), -1):
        slopes = _add(builder, differentiate(part, nonlinear))[1:]
        for place, slope in enumerate(slopes, len(linear)):
            if builder.constant_value(slope) != 0.0:
                outputs.append(slope)
                basis.append(which)
                variable.append(place)
    rows = builder.graph(graph.n_inputs, graph.param_names, outputs)
    return Rows(rows, linear, nonlinear, tuple(basis), tuple(variable))


def basis_functions(graph: ModelGraph, linear: tuple[int, ...]) -> ModelGraph:
    """The derivative by each linear parameter, which depends on none of them."""
    derived = differentiate(graph, linear)
    return ModelGraph(derived.n_inputs, derived.param_names, derived.nodes, derived.outputs[1:])


def _part(graph: ModelGraph, output: int) -> ModelGraph:
    return needed_for(graph.nodes, graph.n_inputs, graph.param_names, [output])


def without_linear(graph: ModelGraph, linear: tuple[int, ...]) -> ModelGraph:
    """The model with its linear parameters at zero."""
    if not linear:
        return _part(graph, graph.outputs[0])
    builder = GraphBuilder()
    zero = builder.constant(0.0)
    (output,) = _add(builder, graph, dict.fromkeys(linear, zero))
    return builder.graph(graph.n_inputs, graph.param_names, [output])


def _add(builder: GraphBuilder, graph: ModelGraph, given: Mapping[int, int] | None = None) -> list[int]:
    """Add a graph's nodes to a builder, some parameters replaced by nodes; return where its outputs went."""
    leaves: dict[str, Callable[[Any], int]] = {
        "input": builder.input,
        "param": builder.param,
        "const": builder.constant,
    }
    placed: list[int] = []
    for op, args, value in graph.nodes:
        if op == "param" and given and value in given:
            placed.append(given[value])  # type: ignore[index]
        elif op in leaves:
            placed.append(leaves[op](value))
        else:
            placed.append(_apply(builder, op, [placed[arg] for arg in args], value))
    return [placed[output] for output in graph.outputs]


def _apply(builder: GraphBuilder, op: str, args: list[int], value: Hashable) -> int:
    """Apply an operator; zero times anything is zero, which the builder cannot say of what may be infinite.

    Where it is infinite the value of the model is not finite either, and a solver does not use its derivatives.
    """
    factors = {"multiply": args, "divide": args[:1]}.get(op, [])
    if any(builder.constant_value(factor) == 0.0 for factor in factors):
        return builder.constant(0.0)
    return builder.apply(op, *args, value=value)
