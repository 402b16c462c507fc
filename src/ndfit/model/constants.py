"""Constants of a model apart from its code, so that models which differ in these alone are compiled once.

Flows in: a ModelGraph. Flows out: the same with slots in the places of constants, and the constants.

What a loop changes from call to call, such as a rest wavelength in a closure, is a constant of the graph. Short numbers
stay, because they are those of formulas.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from ndfit.model.ir import ModelGraph, Node

__all__ = ["SLOT", "without_constants"]

SLOT = "slot"
"""Operator of a leaf whose value is one of the constants, given by its index."""

# Multiples of a sixteenth up to here are written into the code.
_SHORT, _LARGEST = 16.0, 16.0
_KEPT = 64  # models


@lru_cache(_KEPT)
def without_constants(graph: ModelGraph) -> tuple[ModelGraph, tuple[float, ...]]:
    """Return a graph with slots, and what belongs in them."""
    nodes: list[Node] = []
    constants: list[float] = []
    for node in graph.nodes:
        if node.op == "const" and isinstance(node.value, float) and not _is_short(node.value):
            nodes.append(Node(SLOT, (), len(constants)))
            constants.append(node.value)
        else:
            nodes.append(node)
    return replace(graph, nodes=tuple(nodes)), tuple(constants)


def _is_short(value: float) -> bool:
    return abs(value) <= _LARGEST and (value * _SHORT).is_integer()
