"""A model as data: a frozen expression graph over inputs, parameters and constants.

Flows in: nodes added one by one by a tracer or a differentiator. Flows out: ModelGraph, hashable and picklable, that
code generation and the analysis of parameters read.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import NamedTuple


class Node(NamedTuple):
    """One operation. `args` index earlier nodes of the graph.

    Leaves have no args: op "input" (value = input index), "param" (value = parameter index), "const" (value = float).
    Other ops are rows of the operator table; `value` holds what the operator needs beyond its arguments
    (for example a lookup table, as nested tuples).
    """

    op: str
    args: tuple[int, ...] = ()
    value: Hashable = None


@dataclass(frozen=True)
class ModelGraph:
    """A model with one output.

    Attributes
    ----------
    n_inputs : K
    param_names : P names, in the order of the model.
    nodes : topologically ordered.
    outputs : indices of output nodes. One for a model as traced; value and derivatives after differentiation.
    ties : (parameter index, node index) for each tied parameter; those nodes depend on parameters alone. In
        `nodes`, a tied parameter is already replaced by its expression.
    """

    n_inputs: int
    param_names: tuple[str, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[int, ...]
    ties: tuple[tuple[int, int], ...] = ()
