"""Whether the derivatives of a model jump: between the points of a table, at the corners of a trapezoid.

Flows in: a ModelGraph and its free parameters. Flows out: yes or no. Where they jump while a free parameter moves, the
cost has a corner at each sample that is passed, and may have a minimum between any two.
"""

from __future__ import annotations

from ndfit.graph.ir import ModelGraph, Node

__all__ = ["has_kinks"]

# Operators whose derivatives jump where their first argument crosses some value.
_KINKED = frozenset({"absolute", "remainder", "where", "interp"})


def has_kinks(graph: ModelGraph, free: tuple[int, ...]) -> bool:
    """Whether derivatives jump at some place along the inputs that free parameters move."""
    inputs, moved = (_dependent(graph, op, of) for op, of in (("input", None), ("param", frozenset(free))))
    crossing = (node.args[0] for node in graph.nodes if node.op in _KINKED)
    return any(inputs[own] and moved[own] for own in crossing)


def _dependent(graph: ModelGraph, op: str, of: frozenset[int] | None) -> list[bool]:
    """For each node, whether it depends on a leaf of that kind; `of` says on which, None for any."""

    def is_one(node: Node) -> bool:
        return node.op == op and (of is None or node.value in of)

    found: list[bool] = []
    for node in graph.nodes:
        found.append(is_one(node) or any(found[own] for own in node.args))
    return found
