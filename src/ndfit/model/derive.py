"""Exact derivatives of a graph, and what they tell: a graph in, a graph of value and derivatives out.

Derivatives are accumulated backwards from the output, one rule a row of the operator table. `where` is a border: its
derivative is the `where` of its branches' derivatives, each accumulated on its own, never their sum weighted by 0 and
1, because 0 times the infinity or NaN of the branch not taken would be NaN.
"""

from __future__ import annotations

from functools import lru_cache
from heapq import heapify, heappop, heappush
from typing import Any

from ndfit.model.ir import ModelGraph, Node
from ndfit.model.ops import OPS
from ndfit.model.reasons import NotDifferentiable
from ndfit.model.trace.builder import LEAVES, GraphBuilder

__all__ = ["depends", "differentiate", "input_free", "linear_parameters"]

_KEPT = 64  # graphs


def depends(graph: ModelGraph, node: int) -> frozenset[Node]:
    """The inputs and parameters that a node depends on, conditions included."""
    return _leaves(graph)[node]


def input_free(graph: ModelGraph) -> tuple[bool, ...]:
    """For each node, whether it depends on parameters and constants alone: computed once a fit, not once a point."""
    return tuple(all(leaf.op != "input" for leaf in leaves) for leaves in _leaves(graph))


@lru_cache(_KEPT)
def differentiate(graph: ModelGraph, wrt: tuple[int, ...]) -> ModelGraph:
    """Add first derivatives. What comes out is kept, for calls with the same model again.

    Parameters
    ----------
    graph : model with one output.
    wrt : parameter indices.

    Returns
    -------
    ModelGraph with 1 + len(wrt) outputs: the value, then its derivative with respect to each of `wrt`.

    Raises
    ------
    NotDifferentiable : naming the operator without a rule.
    """
    builder, placed = _rebuild(graph)
    (output,) = (placed[node] for node in graph.outputs)
    gradient = _Gradients(builder, frozenset(wrt)).of(output)
    zero = builder.constant(0.0)
    outputs = [output, *(gradient.get(parameter, zero) for parameter in wrt)]
    ties = [(parameter, placed[node]) for parameter, node in graph.ties]
    return builder.graph(graph.n_inputs, graph.param_names, outputs, ties)


def linear_parameters(graph: ModelGraph, wrt: tuple[int, ...]) -> tuple[int, ...]:
    """A maximal set among `wrt` in which the model is jointly affine: no member's derivative depends on a member.

    Parameters that exclude fewest others are taken first, so that sums keep all their linear coefficients. Those that
    an operator with jumps depends on (the edges of a box) are never members: their derivatives don't tell the jumps.
    Nor are parameters that the model does not depend on.
    """
    derived = differentiate(graph, wrt)
    leaves = _leaves(derived)
    needs = {
        parameter: {leaf.value for leaf in leaves[node] if leaf.op == "param"}
        for parameter, node in zip(wrt, derived.outputs[1:], strict=True)
    }
    excludes = {one: {other for other in wrt if other in needs[one] or one in needs[other]} for one in wrt}
    chosen: list[int] = []
    for parameter in sorted(_used(graph) & set(wrt) - _with_jumps(graph), key=lambda one: (len(excludes[one]), one)):
        if parameter not in excludes[parameter] and excludes[parameter].isdisjoint(chosen):
            chosen.append(parameter)
    return tuple(sorted(chosen))


def _used(graph: ModelGraph) -> set[Any]:
    return {leaf.value for leaf in _leaves(graph)[graph.outputs[0]] if leaf.op == "param"}


def _with_jumps(graph: ModelGraph) -> set[Any]:
    """Parameters that the argument of an operator with jumps depends on."""
    leaves = _leaves(graph)
    jumping = (leaves[i] for i, node in enumerate(graph.nodes) if node.op not in LEAVES and OPS[node.op].jumps)
    return {leaf.value for reached in jumping for leaf in reached if leaf.op == "param"}


def _leaves(graph: ModelGraph) -> list[frozenset[Node]]:
    leaves: list[frozenset[Node]] = []
    for node in graph.nodes:
        own = frozenset({node}) if node.op in ("input", "param") else frozenset()
        leaves.append(own.union(*(leaves[arg] for arg in node.args)))
    return leaves


def _rebuild(graph: ModelGraph) -> tuple[GraphBuilder, list[int]]:
    """A builder that holds the graph, and where each of its nodes went."""
    builder = GraphBuilder()
    placed: list[int] = []
    for op, args, value in graph.nodes:
        if op in LEAVES:
            make = {"input": builder.input, "param": builder.param, "const": builder.constant}[op]
            placed.append(make(value))  # type: ignore[arg-type]
        else:
            placed.append(builder.apply(op, *(placed[arg] for arg in args), value=value))
    return builder, placed


class _Gradients:
    """Gradients of nodes, as {parameter: node of the derivative}; parameters without influence are left out."""

    def __init__(self, builder: GraphBuilder, wrt: frozenset[int]) -> None:
        self._builder = builder
        self._wrt = wrt
        self._active = self._mark_active()
        self._known: dict[int, dict[int, int]] = {}

    def of(self, node: int) -> dict[int, int]:
        if not self._active[node]:
            return {}
        if node not in self._known:
            is_where = self._builder.nodes[node].op == "where"
            self._known[node] = self._of_where(node) if is_where else self._swept_back_from(node)
        return self._known[node]

    def _mark_active(self) -> list[bool]:
        """Whether a node depends on one of the parameters."""
        active: list[bool] = []
        for op, args, value in self._builder.nodes:
            active.append(value in self._wrt if op == "param" else any(active[arg] for arg in args))
        return active

    def _of_where(self, node: int) -> dict[int, int]:
        condition, yes, no = self._builder.nodes[node].args
        if_yes, if_no = self.of(yes), self.of(no)
        zero = self._builder.constant(0.0)
        return {
            parameter: self._builder.apply("where", condition, if_yes.get(parameter, zero), if_no.get(parameter, zero))
            for parameter in sorted(if_yes.keys() | if_no.keys())
        }

    def _swept_back_from(self, root: int) -> dict[int, int]:
        gradient: dict[int, int] = {}
        adjoints = {root: self._builder.constant(1.0)}
        waiting = [-root]
        heapify(waiting)
        while waiting:
            node = -heappop(waiting)
            adjoint = adjoints[node]
            op, args, value = self._builder.nodes[node]
            if op == "param":
                self._accumulate(gradient, value, adjoint)  # type: ignore[arg-type]
            elif op == "where":
                for parameter, slope in self.of(node).items():
                    self._accumulate(gradient, parameter, self._builder.mul(adjoint, slope))
            else:
                for arg, partial in zip(args, self._partials(node), strict=True):
                    if partial is None or not self._active[arg]:
                        continue
                    if arg not in adjoints:
                        heappush(waiting, -arg)
                    self._accumulate(adjoints, arg, self._builder.mul(adjoint, partial))
        return gradient

    def _partials(self, node: int) -> tuple[int | None, ...]:
        op, args, _ = self._builder.nodes[node]
        rule = OPS[op].partials
        if rule is None:
            raise NotDifferentiable(f"the operator {op} has no derivative rule")
        return rule(self._builder, args, node)

    def _accumulate(self, sums: dict[int, int], key: int, term: int) -> None:
        sums[key] = self._builder.add(sums[key], term) if key in sums else term
