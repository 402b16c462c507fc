"""From a graph to compiled code.

Flows in: a ModelGraph, which parameters are free, which of them may be eliminated. Flows out: ModelCode, plain data
that can be sent to any process, where it becomes two compiled functions on first use: `prepare` computes what depends
on parameters alone, once an evaluation; `write_rows` computes the outputs at a few samples. Their signatures, and how
arrays are laid out, are those of `ndfit.jit`.

The text is a loop over lanes with one statement a node and no branches, which LLVM turns into packed instructions.
Products and sums may be fused (LLVM's `contract`), nothing else of IEEE arithmetic is given up.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ndfit import vmath
from ndfit.graph.derive import differentiate, input_free
from ndfit.graph.dimensions import Dimensions, dimensions
from ndfit.graph.interpret import derivatives_of, tied_values, values_of
from ndfit.graph.ir import ModelGraph, Node
from ndfit.graph.kinks import has_kinks
from ndfit.graph.ops import OPS
from ndfit.graph.separate import separate
from ndfit.graph.widths import widths
from ndfit.jit import LANES, PREPARE, TILE, WRITE_ROWS, compile_cached, files_key
from ndfit.once import kept
from ndfit.vmath.intrinsics import widest

__all__ = ["ModelCode", "ModelFunctions", "generate"]


class ModelFunctions(NamedTuple):
    """Compiled functions of a model, of the signatures PREPARE and WRITE_ROWS."""

    prepare: Any
    write_rows: Any


@dataclass(frozen=True)
class ModelCode:
    """A model as text to compile, and what its outputs are.

    Attributes
    ----------
    graph : the model, for tied parameters.
    text : source of `prepare` and `write_rows`; their names end in a placeholder.
    tables : (name, values) of the constant arrays that the text uses.
    n_prepared : values that `prepare` computes.
    free : the F free parameters, those of `n_linear` linear ones first.
    n_linear : L
    basis : one a derivative: which basis function, -1 for the part without linear parameters.
    variable : one a derivative: which parameter, counted in `free`.
    dimensions : what each parameter is counted in.
    widths : P flags, which parameters are widths.
    kinked : derivatives jump where free parameters move, see `ndfit.graph.kinks`.
    """

    graph: ModelGraph
    text: str
    tables: tuple[tuple[str, tuple[float, ...]], ...]
    n_prepared: int
    free: tuple[int, ...]
    n_linear: int
    basis: tuple[int, ...]
    variable: tuple[int, ...]
    dimensions: Dimensions
    widths: tuple[bool, ...]
    kinked: bool

    @property
    def n_inputs(self) -> int:
        return self.graph.n_inputs

    @property
    def n_params(self) -> int:
        return len(self.graph.param_names)

    def functions(self) -> ModelFunctions:
        """Compile, or load from the cache, the first time in a process."""
        return _compile(self.text, self.tables)

    def values(self, parameters: NDArray[np.float64], coords: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Model values of N fits, shape (N, M), given (N, P) parameters and K coordinates (M,) or (N, M)."""
        return values_of(self.graph, parameters, coords)

    def derivatives(
        self, parameters: NDArray[np.float64], coords: Sequence[NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        """Derivatives by the free parameters in the order of the model, shape (N, F, M); else as `values`."""
        return derivatives_of(differentiate(self.graph, tuple(sorted(self.free))), parameters, coords)

    def set_tied(self, parameters: NDArray[np.float64]) -> None:
        """Set the columns of tied parameters, given (N, P) values with the others in place."""
        for index, value in tied_values(self.graph, tuple(parameters.T)).items():
            parameters[:, index] = value


_SUFFIX = "SUFFIX"
_KEPT = 32  # models


@kept
def _compile(text: str, tables: tuple[tuple[str, tuple[float, ...]], ...]) -> ModelFunctions:
    key = f"{text} {tables} {files_key(Path(vmath.__file__).parent)}"
    # Symbols of code from the cache meet in one process: the names of different functions must differ.
    suffix = sha256(key.encode()).hexdigest()[:16]
    namespace: dict[str, Any] = {"__name__": __name__, "math": math, "vm": vmath, "widest": widest}
    namespace.update((name, np.array(values)) for name, values in tables)
    exec(compile(text.replace(_SUFFIX, suffix), "<ndfit model>", "exec"), namespace)
    return ModelFunctions(
        *(
            compile_cached(namespace[f"{name}_{suffix}"], signature, key, fastmath={"contract"})
            for name, signature in (("prepare", PREPARE), ("write_rows", WRITE_ROWS))
        )
    )


@lru_cache(_KEPT)
def generate(graph: ModelGraph, free: tuple[int, ...], eliminable: tuple[int, ...]) -> ModelCode:
    """Generate the code of a model. What comes out is kept, for calls with the same model again.

    Parameters
    ----------
    graph : one output.
    free : indices of the free parameters.
    eliminable : those of them that a solver may eliminate where the model is linear in them.

    Raises
    ------
    NotDifferentiable : naming an operator without a derivative.
    """
    rows = separate(graph, free, eliminable)
    writer = _Writer(rows.graph)
    return ModelCode(
        graph,
        writer.text(),
        tuple(writer.tables),
        max(1, len(writer.slots)),
        rows.linear + rows.nonlinear,
        len(rows.linear),
        rows.basis,
        rows.variable,
        dimensions(graph),
        widths(graph),
        has_kinks(graph, free),
    )


class _Writer:
    """Writes the two functions of a graph.

    `slots` are the nodes that `prepare` hands to `write_rows`: they depend on parameters alone, and something that
    depends on the inputs, or an output, uses them.
    """

    def __init__(self, graph: ModelGraph) -> None:
        self._graph = graph
        self._input_free = input_free(graph)
        used = {arg for i, node in enumerate(graph.nodes) if not self._input_free[i] for arg in node.args}
        used.update(graph.outputs)
        self.slots = [i for i in sorted(used) if self._input_free[i] and graph.nodes[i].op != "const"]
        self.tables: list[tuple[str, tuple[float, ...]]] = []

    def text(self) -> str:
        return "\n".join((*self._prepare(), "", *self._write_rows(), ""))

    def _prepare(self) -> Iterator[str]:
        yield f"def prepare_{_SUFFIX}(params, prepared):"
        yield f"    for w in range({LANES}):"
        for i, node in enumerate(self._graph.nodes):
            if self._input_free[i]:
                yield from self._statement(i, node)
        for slot, i in enumerate(self.slots):
            yield f"        prepared[w + {slot * LANES}] = {self._name(i)}"
        if not self.slots:
            yield "        pass"

    def _write_rows(self) -> Iterator[str]:
        yield f"def write_rows_{_SUFFIX}(coords, prepared, rows, samples, count):"
        yield "    widest()"
        for k in range(self._graph.n_inputs):
            yield f"    input{k} = {k} * samples * {LANES}"
        yield "    for i in range(count):"
        yield f"        s = i * {LANES}"
        yield f"        for w in range({LANES}):"
        for slot, i in enumerate(self.slots):
            yield f"            {self._name(i)} = prepared[w + {slot * LANES}]"
        for i, node in enumerate(self._graph.nodes):
            if not self._input_free[i]:
                yield from ("    " + line for line in self._statement(i, node))
        for row, i in enumerate(self._graph.outputs):
            yield f"            rows[s + w + {row * TILE * LANES}] = {self._name(i)}"

    def _statement(self, i: int, node: Node) -> Iterator[str]:
        if node.op == "const":
            return
        if node.op == "param":
            expression = f"params[w + {node.value * LANES}]"  # type: ignore[operator]
        elif node.op == "input":
            expression = f"coords[input{node.value} + s + w]"
        else:
            names = (self._name(arg) for arg in node.args)
            expression = OPS[node.op].source.format(*names, **self._arrays(i, node))
        yield f"        {self._name(i)} = {expression}"

    def _arrays(self, i: int, node: Node) -> dict[str, str]:
        """Names of the arrays of a lookup table."""
        if node.value is None:
            return {}
        names = {}
        for field, values in zip(("points", "values"), node.value, strict=True):  # type: ignore[call-overload]
            names[field] = f"{field}{i}"
            self.tables.append((names[field], tuple(values)))
        return names

    def _name(self, i: int) -> str:
        node = self._graph.nodes[i]
        if node.op != "const":
            return f"n{i}"
        if isinstance(node.value, float) and not math.isfinite(node.value):
            return f"math.{'nan' if math.isnan(node.value) else 'inf'}" if not node.value < 0 else "(-math.inf)"
        return repr(node.value)
