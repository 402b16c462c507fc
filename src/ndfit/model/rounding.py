"""How far rounding may move what a graph says: running error analysis.

Flows in: a graph, parameters, coordinates. Flows out: for each sample a bound of the value's rounding error, infinite
where rounding decides which side of a jump is taken.

A value is computed from values that are rounded themselves: 1 - exp(-tau) of a thin line keeps the rounding of 1,
however small it is. Every node passes the errors of its arguments on (N. J. Higham, Accuracy and Stability of Numerical
Algorithms, 2nd ed., SIAM 2002, section 3.3): the operator is computed again with each argument moved by its error, up
and down, and the largest changes are added to the operator's own rounding. That needs no derivatives, and holds at
kinks, jumps and edges of domains.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ndfit.arrays import FloatArray
from ndfit.model.interpret import node_values
from ndfit.model.ir import ModelGraph, Node
from ndfit.model.ops import OPS
from ndfit.model.trace.builder import LEAVES

__all__ = ["rounding_error"]


_EPS = float(np.finfo(float).eps)

# Of an operator's result, in units of its last place: arithmetic is rounded once, elementary functions come within a
# few, and scipy states 1e-13 for its special functions.
_EXACT, _ELEMENTARY, _SPECIAL = 1.0, 4.0, 500.0


def rounding_error(
    graph: ModelGraph, parameters: Sequence[ArrayLike], coords: Sequence[ArrayLike], output: int = 0
) -> FloatArray:
    """Bound the rounding error of one of a graph's outputs.

    Parameters
    ----------
    graph : as for `ndfit.model.interpret.evaluate`
    parameters : P scalars
    coords : K arrays of shape (M,)
    output : which

    Returns
    -------
    shape (M,); infinite or NaN where nothing can be said
    """
    values = node_values(graph, parameters, coords)
    errors: list[Any] = []
    with np.errstate(all="ignore"):
        for node, value in zip(graph.nodes, values, strict=True):
            errors.append(_error(node, value, values, errors))
    shape = np.broadcast_shapes(*(np.shape(item) for item in coords))
    return np.broadcast_to(np.asarray(errors[graph.outputs[output]], dtype=float), shape)


def _error(node: Node, value: Any, values: Sequence[Any], errors: Sequence[Any]) -> Any:
    """Of one node: a number of the size of its value; of a condition, whether rounding may turn it."""
    if node.op in LEAVES:
        return 0.0
    arguments, moves = [values[arg] for arg in node.args], [errors[arg] for arg in node.args]
    known = _KNOWN.get(node.op)
    if known is not None:
        return known(value, arguments, moves)
    apply, extra = OPS[node.op].numpy, () if node.value is None else node.value
    if OPS[node.op].condition:
        return _may_turn(apply, value, arguments, moves)
    own = _own_rounding(node.op) * _EPS * np.abs(value)
    return own + sum(
        _largest_change(apply, value, arguments, place, moves[place], extra) for place in range(len(moves))
    )


def _own_rounding(op: str) -> float:
    if OPS[op].exact:
        return _EXACT
    return _ELEMENTARY if isinstance(OPS[op].numpy, np.ufunc) else _SPECIAL


def _largest_change(
    apply: Callable[..., Any], value: Any, arguments: Sequence[Any], place: int, move: Any, extra: Any
) -> Any:
    changes = [
        np.abs(apply(*arguments[:place], arguments[place] + sign * move, *arguments[place + 1 :], *extra) - value)
        for sign in (-1.0, 1.0)
    ]
    # Where an argument is not a number nothing changes: both sides are NaN.
    return np.where(np.isnan(value), 0.0, np.maximum(*changes))


def _may_turn(apply: Callable[..., Any], value: Any, arguments: Sequence[Any], moves: Sequence[Any]) -> Any:
    turned = np.zeros(np.shape(value), dtype=bool)
    for signs in itertools.product((-1.0, 1.0), repeat=len(arguments)):
        moved = (argument + sign * move for argument, sign, move in zip(arguments, signs, moves, strict=True))
        turned = turned | (apply(*moved) != value)
    return turned


def _of_sum(value: Any, arguments: Sequence[Any], moves: Sequence[Any]) -> Any:
    return _EPS * np.abs(value) + sum(moves)


def _of_product(value: Any, arguments: Sequence[Any], moves: Sequence[Any]) -> Any:
    one, other = arguments
    return _EPS * np.abs(value) + np.abs(other) * moves[0] + np.abs(one) * moves[1]


def _of_choice(value: Any, arguments: Sequence[Any], moves: Sequence[Any]) -> Any:
    """Where the condition may turn, the other branch is as likely."""
    condition, yes, no = arguments
    may_turn, of_yes, of_no = moves
    taken = np.where(condition, of_yes, of_no)
    # Equal infinities and NaN of both branches are no difference.
    apart = np.where((yes == no) | (np.isnan(yes) & np.isnan(no)), 0.0, np.abs(np.subtract(yes, no)))
    return np.where(may_turn, np.nan_to_num(apart, nan=np.inf) + np.maximum(of_yes, of_no), taken)


def _of_conditions(value: Any, arguments: Sequence[Any], moves: Sequence[Any]) -> Any:
    return np.logical_or.reduce(np.broadcast_arrays(*moves))


_KNOWN: dict[str, Callable[[Any, Sequence[Any], Sequence[Any]], Any]] = {
    "add": _of_sum,
    "subtract": _of_sum,
    "multiply": _of_product,
    "negative": lambda value, arguments, moves: moves[0],
    "absolute": lambda value, arguments, moves: moves[0],
    "where": _of_choice,
    "logical_and": _of_conditions,
    "logical_or": _of_conditions,
    "logical_not": _of_conditions,
}
"""Operators whose errors are had without computing them again, and those of conditions."""
