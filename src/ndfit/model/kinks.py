"""Whether the derivatives of a model jump: between the points of a table, at the corners of a trapezoid.

Flows in: a ModelGraph and its free parameters. Flows out: yes or no. Where they jump while a free parameter moves, the
cost has a corner at each sample that is passed, and may have a minimum between any two.
"""

from __future__ import annotations

from ndfit.model.derive import depends
from ndfit.model.ir import ModelGraph
from ndfit.model.ops import OPS
from ndfit.model.trace.builder import LEAVES

__all__ = ["has_kinks"]


def has_kinks(graph: ModelGraph, free: tuple[int, ...]) -> bool:
    """Whether derivatives jump at some place along the inputs that free parameters move."""
    crossing = (node.args[0] for node in graph.nodes if node.op not in LEAVES and OPS[node.op].kinked)
    return any(_is_moved(graph, argument, free) for argument in crossing)


def _is_moved(graph: ModelGraph, node: int, free: tuple[int, ...]) -> bool:
    leaves = depends(graph, node)
    return any(leaf.op == "input" for leaf in leaves) and any(
        leaf.op == "param" and leaf.value in free for leaf in leaves
    )
