"""The reference interpreter: a graph, parameters and coordinates in, the outputs as numpy arrays out.

Slow and simple: one numpy call a node. Compiled code is tested against it, and verification uses it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ndfit.model.ir import ModelGraph, Node
from ndfit.model.ops import OPS

__all__ = ["derivatives_of", "evaluate", "node_values", "tied_values", "values_of"]


def evaluate(
    graph: ModelGraph, parameters: Sequence[ArrayLike], coords: Sequence[ArrayLike]
) -> tuple[NDArray[np.float64], ...]:
    """Evaluate every output of a graph.

    Parameters
    ----------
    graph : ModelGraph
    parameters : P scalars, or arrays broadcastable to the coordinates. Values given for tied parameters are not used.
    coords : K arrays, broadcastable to each other.

    Returns
    -------
    One float64 array an output, each of the shape of parameters and coordinates broadcast together.
    """
    values = node_values(graph, parameters, coords)
    shape = np.broadcast_shapes(*(np.shape(item) for item in (*parameters, *coords)))
    return tuple(np.broadcast_to(np.asarray(values[node], dtype=float), shape) for node in graph.outputs)


def values_of(
    graph: ModelGraph, parameters: NDArray[np.float64], coords: Sequence[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Values of N fits, shape (N, M), given (N, P) parameters and K coordinates of shape (M,) or (N, M)."""
    return evaluate(graph, [column[:, np.newaxis] for column in parameters.T], coords)[0]


def derivatives_of(
    graph: ModelGraph, parameters: NDArray[np.float64], coords: Sequence[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Every output but the first of a graph that was differentiated, shape (N, outputs - 1, M); else as `values_of`."""
    _, *slopes = evaluate(graph, [column[:, np.newaxis] for column in parameters.T], coords)
    return np.stack(slopes, axis=1)


def tied_values(graph: ModelGraph, parameters: Sequence[ArrayLike]) -> dict[int, Any]:
    """Values of the tied parameters, by parameter index, from those of the others."""
    if not graph.ties:
        return {}
    values = node_values(graph, parameters, [np.nan] * graph.n_inputs)
    return {parameter: values[node] for parameter, node in graph.ties}


def node_values(graph: ModelGraph, parameters: Sequence[ArrayLike], coords: Sequence[ArrayLike]) -> list[Any]:
    """Values of every node of a graph, each as large as what it depends on."""
    leaves: dict[str, Sequence[ArrayLike]] = {
        "param": [np.asarray(value, dtype=float) for value in parameters],
        "input": [np.asarray(value, dtype=float) for value in coords],
    }
    values: list[Any] = []
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            values.append(_value(node, values, leaves))
    return values


def _value(node: Node, values: Sequence[Any], leaves: dict[str, Sequence[ArrayLike]]) -> Any:
    if node.op == "const":
        return node.value
    if node.op in leaves:
        return leaves[node.op][node.value]  # type: ignore[call-overload]
    extra = () if node.value is None else node.value
    return OPS[node.op].numpy(*(values[arg] for arg in node.args), *extra)  # type: ignore[misc]
