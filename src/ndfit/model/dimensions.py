"""What each parameter is counted in: powers of the coordinates' units, or of the data's, found by dimensional analysis.

Flows in: a ModelGraph. Flows out: for each parameter its exponents, and whether it is a place: a coordinate that enters
by its difference from an input alone.

Terms of a sum have one dimension, arguments of exponentials and the like have none, and the value of the model has the
data's. Each of these is a linear equation for the exponents of the parameters; they are solved one after the other, and
one that contradicts those before it is left out: a constant may carry a dimension that nobody wrote down. Bare numbers
in sums count as such only where nothing else tells.

The natural scale of a parameter, by which a solver knows how far a step may go, follows from the span of the
coordinates: a width of a line goes with the span, a frequency with one over it, an angle or an exponent with one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ndfit.arrays import FloatArray
from ndfit.model.ir import ModelGraph, Node

__all__ = ["Dimensions", "dimensions"]


_SAME = frozenset({"add", "subtract", "remainder", "less", "less_equal", "equal", "arctan2"})
_KEEPS = frozenset({"negative", "absolute", "floor", "ceil", "add", "subtract", "remainder"})
_POWERS = {"reciprocal": -1.0, "sqrt": 0.5, "cbrt": 1.0 / 3.0}
_TABLES = frozenset({"interp", "interp_slope"})
_LEAST = 1e-9


@dataclass(frozen=True)
class Dimensions:
    """Exponents of each parameter, and which are places.

    Attributes
    ----------
    exponents : for each of P parameters, K + 1 exponents: those of the inputs' units and that of the data's; None where
        the model does not tell.
    places : P flags
    """

    exponents: tuple[tuple[float, ...] | None, ...]
    places: tuple[bool, ...]

    def scales(self, spans: FloatArray) -> FloatArray:
        """Natural scale of each parameter, infinite where the coordinates do not set it.

        Parameters
        ----------
        spans : shape (N, K), of the coordinates

        Returns
        -------
        shape (N, P)
        """
        scales = np.full((len(spans), len(self.exponents)), np.inf)
        for parameter, exponents in enumerate(self.exponents):
            if exponents is not None and exponents[-1] == 0.0:
                with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
                    scales[:, parameter] = np.prod(spans ** np.array(exponents[:-1]), axis=1)
        return np.where(np.isfinite(scales) & (scales > 0.0), scales, np.inf)


@lru_cache(64)
def dimensions(graph: ModelGraph) -> Dimensions:
    """Analyse a model with one output."""
    n_params, n_units = len(graph.param_names), graph.n_inputs + 1
    forms = _forms(graph, n_params, n_units)
    solved = _Solved(n_params)
    data_unit = np.zeros(n_params + n_units)
    data_unit[-1] = 1.0
    for equation in (*_equations(graph, forms), forms[graph.outputs[0]] - data_unit, *_numbers(graph, forms)):
        solved.add(equation)
    return Dimensions(tuple(solved.exponents(i, n_units) for i in range(n_params)), _places(graph))


def _forms(graph: ModelGraph, n_params: int, n_units: int) -> list[FloatArray]:
    """Dimension of each node, as a sum of those of parameters and of units."""
    forms: list[FloatArray] = []
    for op, args, value in graph.nodes:
        form = np.zeros(n_params + n_units)
        if op in ("param", "input"):
            form[int(value) + (n_params if op == "input" else 0)] = 1.0  # type: ignore[call-overload]
        elif op == "multiply":
            form = forms[args[0]] + forms[args[1]]
        elif op == "divide":
            form = forms[args[0]] - forms[args[1]]
        elif op in _POWERS:
            form = forms[args[0]] * _POWERS[op]
        elif op == "power" and graph.nodes[args[1]].op == "const":
            form = forms[args[0]] * float(graph.nodes[args[1]].value)  # type: ignore[arg-type]
        elif op in _KEEPS or op == "where":
            # A number beside it says nothing of the dimension.
            terms = args[1:] if op == "where" else args
            form = next((forms[arg] for arg in terms if graph.nodes[arg].op != "const"), forms[args[-1]])
        forms.append(form)
    return forms


def _equations(graph: ModelGraph, forms: list[FloatArray]) -> Iterator[FloatArray]:
    """What has to be zero, as rows of coefficients."""
    for op, args, _ in graph.nodes:
        if not args or op in ("multiply", "divide", "sign") or op in _POWERS or op in _TABLES:
            continue
        terms = args[1:] if op == "where" else args
        if op in _SAME or op == "where":
            if not any(graph.nodes[arg].op == "const" for arg in terms):
                yield forms[terms[0]] - forms[terms[1]]
        elif op == "power":
            if graph.nodes[args[1]].op != "const":
                yield from (forms[args[0]], forms[args[1]])
        elif op not in _KEEPS:
            yield from (forms[arg] for arg in args)


def _numbers(graph: ModelGraph, forms: list[FloatArray]) -> Iterator[FloatArray]:
    """Sums with unitless numbers, which are taken to be without dimension."""
    for op, args, _ in graph.nodes:
        if op in _SAME and any(graph.nodes[arg].op == "const" for arg in args):
            yield from (forms[arg] for arg in args if graph.nodes[arg].op != "const")


class _Solved:
    """Equations in echelon form: each row has one at its own parameter, and none at those of the rows before it."""

    def __init__(self, n_params: int) -> None:
        self._n_params = n_params
        self._rows: dict[int, FloatArray] = {}

    def add(self, equation: FloatArray) -> None:
        """Take an equation, unless it follows from those before it or contradicts them."""
        row = equation.copy()
        for known in np.flatnonzero(row[: self._n_params]).tolist():
            if known in self._rows:
                row -= row[known] * self._rows[known]
        free = np.flatnonzero(np.abs(row[: self._n_params]) > _LEAST)
        if free.size == 0:
            return
        own = int(free[0])
        row /= row[own]
        for other, earlier in self._rows.items():
            if abs(earlier[own]) > _LEAST:
                self._rows[other] = earlier - earlier[own] * row
        self._rows[own] = row

    def exponents(self, parameter: int, n_units: int) -> tuple[float, ...] | None:
        """Those of a parameter; None where another's is free."""
        row = self._rows.get(parameter)
        if row is None:
            return None
        others = np.delete(row[: self._n_params], parameter)
        return None if np.any(np.abs(others) > _LEAST) else tuple((-row[-n_units:]).tolist())


def _places(graph: ModelGraph) -> tuple[bool, ...]:
    """Which parameters are used in differences from an input alone."""
    found: set[object] = set()
    used_elsewhere: set[object] = set()
    nodes: tuple[Node, ...] = graph.nodes
    for op, args, _ in nodes:
        for arg in args:
            if nodes[arg].op == "param":
                other = args[1 - args.index(arg)] if op == "subtract" and args[0] != args[1] else None
                is_place = other is not None and nodes[other].op == "input"
                (found if is_place else used_elsewhere).add(nodes[arg].value)
    return tuple(i in found and i not in used_elsewhere for i in range(len(graph.param_names)))
