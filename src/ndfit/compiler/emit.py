"""From the graph of a model to code: values of its nodes at a sample, given parameters and inputs.

Flows in: a ModelGraph, the parameters and the inputs as lanes. Flows out: its outputs as lanes.

What depends on parameters alone is computed once, before the samples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ndfit.compiler.functions import OPERATORS
from ndfit.compiler.values import Lanes
from ndfit.model.constants import SLOT
from ndfit.model.derive import input_free
from ndfit.model.ir import ModelGraph, Node

__all__ = ["emit_outputs", "emit_prepared"]

Known = Mapping[int, Any]
"""Values by the index of their node."""


def emit_prepared(graph: ModelGraph, parameter: Callable[[int], Lanes], constant: Callable[[int], Lanes]) -> Known:
    """Write the code of what depends on parameters alone.

    Parameters
    ----------
    graph : the model.
    parameter : gives the value of a parameter, by its index.
    constant : gives that of a slot, see `ndfit.model.constants`.
    """
    leaves: dict[str, Callable[[Any], Lanes]] = {"param": parameter, SLOT: constant}
    known: dict[int, Any] = {}
    for i, (node, free) in enumerate(zip(graph.nodes, input_free(graph), strict=True)):
        if free:
            known[i] = leaves[node.op](node.value) if node.op in leaves else _value(node, known)
    return known


def emit_outputs(graph: ModelGraph, prepared: Known, inputs: Sequence[Lanes]) -> list[Lanes]:
    """Write the code of what depends on the inputs; return the outputs of the graph."""
    known = dict(prepared)
    for i, node in enumerate(graph.nodes):
        if i not in known:
            known[i] = inputs[node.value] if node.op == "input" else _value(node, known)  # type: ignore[call-overload]
    return [Lanes.of(known[i]) for i in graph.outputs]


def _value(node: Node, known: Known) -> Any:
    """A constant stays a number of Python's; a node with a lookup table has it as its last arguments."""
    if node.op == "const":
        return node.value
    arguments = [known[i] for i in node.args]
    tables: Any = () if node.value is None else node.value
    return OPERATORS[node.op](*arguments, *tables)
