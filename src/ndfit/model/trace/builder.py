"""Builds expression graphs: operations in one by one, node indices out, equal expressions sharing one node.

Every node passes three gates: an operator of constants is computed at once, an algebraic rule (`simplify.py`) may
replace it, and what remains is looked up among the nodes that exist (hash-consing). An index, once given, never
changes, and arguments always have smaller indices than the node that uses them.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from ndfit.model.ir import ModelGraph, Node
from ndfit.model.ops import OPS
from ndfit.model.simplify import RULES

__all__ = ["LEAVES", "GraphBuilder", "needed_for"]

_NAN = float("nan")
LEAVES = frozenset({"input", "param", "const"})
_COMMUTATIVE = frozenset({"add", "multiply", "equal", "logical_and", "logical_or"})


class GraphBuilder:
    """A growing expression graph."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._index: dict[Hashable, int] = {}
        self._input_free: list[bool] = []

    def input(self, index: int) -> int:
        """The coordinate `index` of a point."""
        return self._intern(Node("input", (), index))

    def param(self, index: int) -> int:
        """The parameter `index`."""
        return self._intern(Node("param", (), index))

    def constant(self, value: float | bool) -> int:
        """A number, or a condition that is always true or false (a bool). -0.0 becomes 0.0."""
        if isinstance(value, bool | np.bool_):
            return self._intern(Node("const", (), bool(value)))
        # One NaN for all: two graphs with others would never be equal.
        return self._intern(Node("const", (), _NAN if value != value else float(value) + 0.0))

    def apply(self, op: str, *args: int, value: Hashable = None) -> int:
        """The operator `op` of the nodes `args`."""
        constants = [self.constant_value(arg) for arg in args]
        if value is None and None not in constants:
            return self._fold(op, constants)
        rule = RULES.get(op)
        replaced = rule(self, *args) if rule is not None else None
        if replaced is not None:
            return replaced
        if op in _COMMUTATIVE:
            args = tuple(sorted(args, key=lambda arg: (not self._input_free[arg], arg)))
        return self._intern(Node(op, args, value))

    def add(self, left: int, right: int) -> int:
        return self.apply("add", left, right)

    def sub(self, left: int, right: int) -> int:
        return self.apply("subtract", left, right)

    def mul(self, left: int, right: int) -> int:
        return self.apply("multiply", left, right)

    def div(self, left: int, right: int) -> int:
        return self.apply("divide", left, right)

    def neg(self, operand: int) -> int:
        return self.apply("negative", operand)

    def real(self, node: int) -> int:
        """`node` as a number: a condition becomes 1 or 0."""
        return self.apply("where", node, self.constant(1.0), self.constant(0.0)) if self.is_condition(node) else node

    def truth(self, node: int) -> int:
        """`node` as a condition: a number is true unless it is 0."""
        if self.is_condition(node):
            return node
        return self.apply("logical_not", self.apply("equal", node, self.constant(0.0)))

    def is_condition(self, node: int) -> bool:
        op, _, value = self.nodes[node]
        return isinstance(value, bool) if op == "const" else op not in LEAVES and OPS[op].condition

    def constant_value(self, node: int) -> float | bool | None:
        """The value of a constant, None for any other node."""
        op, _, value = self.nodes[node]
        return value if op == "const" else None  # type: ignore[return-value]

    def input_free(self, node: int) -> bool:
        """Whether the node depends on parameters and constants alone."""
        return self._input_free[node]

    def graph(
        self,
        n_inputs: int,
        param_names: Sequence[str],
        outputs: Sequence[int],
        ties: Sequence[tuple[int, int]] = (),
    ) -> ModelGraph:
        """Freeze what the outputs and the ties need."""
        return needed_for(self.nodes, n_inputs, param_names, outputs, ties)

    def _fold(self, op: str, constants: Sequence[float | bool | None]) -> int:
        with np.errstate(all="ignore"):
            folded = OPS[op].numpy(*constants)
        return self.constant(bool(folded) if OPS[op].condition else float(folded))

    def _intern(self, node: Node) -> int:
        # The type tells True from 1.0; every NaN is one NaN.
        value = "nan" if node.value != node.value else node.value
        key = (node.op, node.args, type(node.value), value)
        if key not in self._index:
            self._index[key] = len(self.nodes)
            self._input_free.append(node.op != "input" and all(self._input_free[arg] for arg in node.args))
            self.nodes.append(node)
        return self._index[key]


def needed_for(
    nodes: Sequence[Node],
    n_inputs: int,
    param_names: Sequence[str],
    outputs: Sequence[int],
    ties: Sequence[tuple[int, int]] = (),
) -> ModelGraph:
    """The graph of those nodes that some outputs and ties need."""
    needed = _reachable(nodes, [*outputs, *(node for _, node in ties)])
    renamed = {old: new for new, old in enumerate(needed)}
    kept = (nodes[old] for old in needed)
    return ModelGraph(
        n_inputs,
        tuple(param_names),
        tuple(Node(op, tuple(renamed[arg] for arg in args), value) for op, args, value in kept),
        tuple(renamed[node] for node in outputs),
        tuple((parameter, renamed[node]) for parameter, node in ties),
    )


def _reachable(nodes: Sequence[Node], roots: Sequence[int]) -> list[int]:
    needed: set[int] = set()
    waiting = list(roots)
    while waiting:
        node = waiting.pop()
        if node not in needed:
            needed.add(node)
            waiting.extend(nodes[node].args)
    return sorted(needed)
