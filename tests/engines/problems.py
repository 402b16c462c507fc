"""Blocks of fits for tests of the compiled engine: a model and arrays in, an engine or a Block out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import OptimizeResult, least_squares

from ndfit.engines.compiled.compiled_engine import CompiledEngine
from ndfit.engines.compiled.kernel.accumulate import ModelInCode
from ndfit.engines.compiled.kernel.workspace import Structure
from ndfit.model.interpret import evaluate
from ndfit.model.model_code import generate
from ndfit.model.trace.tracing import trace
from ndfit.problem.types import Block
from ndfit.status import Status

FloatArray = NDArray[np.float64]


def free_of(model: Any) -> tuple[int, ...]:
    return tuple(i for i, name in enumerate(model.param_names) if not (model.fixed[name] or model.tied[name]))


def bounds_of(model: Any) -> tuple[FloatArray, FloatArray]:
    pairs = [model.bounds[name] for name in model.param_names]
    lower = [-np.inf if low is None else low for low, _ in pairs]
    upper = [np.inf if high is None else high for _, high in pairs]
    return np.array([lower], float), np.array([upper], float)


def engine_for(model: Any, eliminate: bool = True) -> CompiledEngine:
    lower, upper = bounds_of(model)
    free = free_of(model)
    unbounded = tuple(i for i in free if np.isinf(lower[0, i]) and np.isinf(upper[0, i]))
    return CompiledEngine(generate(trace(model), free, unbounded if eliminate else ()))


def in_code(model: Any, loss: str = "linear", weighted: bool = False, eliminate: bool = True) -> ModelInCode:
    """What the code of a model is made from."""
    code = engine_for(model, eliminate).model
    widths = tuple(code.widths[i] for i in code.free)
    structure = Structure(code.n_params, code.n_linear, code.free, code.basis, code.variable, widths)
    return ModelInCode(code.rows, structure, loss, weighted)


def block_for(
    model: Any,
    data: FloatArray,
    coords: tuple[FloatArray, ...],
    start: ArrayLike | None = None,
    weights: FloatArray | None = None,
    valid: NDArray[np.bool_] | None = None,
    status: NDArray[np.int16] | None = None,
) -> Block:
    n_fits, n_samples = data.shape
    lower, upper = bounds_of(model)
    start = np.array(np.broadcast_to(model.parameters if start is None else start, (n_fits, len(model.param_names))))
    status = np.full(n_fits, Status.READY, np.int16) if status is None else status
    return Block(data, weights, valid, coords, start, lower, upper, status, (n_samples,))


def take(block: Block, rows: Any) -> Block:
    """The same with some fits, in another order."""

    def cut(array: Any) -> Any:
        return array[rows] if array is not None and len(array) == block.n_fits and array.ndim == 2 else array

    return Block(
        block.data[rows],
        cut(block.weights),
        cut(block.valid),
        tuple(cut(axis) for axis in block.coords),
        block.start[rows],
        cut(block.lower),
        cut(block.upper),
        block.status[rows],
        block.fitting_shape,
    )


def with_scipy(model: Any, block: Block, row: int, start: FloatArray) -> OptimizeResult:
    """One fit of a block by scipy, to rounding; `x` are the free parameters, `sigma` their standard errors."""
    graph, free = trace(model), list(free_of(model))
    used = np.ones(block.data.shape[1], bool) if block.valid is None else block.valid[row]
    weight = 1.0 if block.weights is None else block.weights[row, used]
    coords = tuple((axis if axis.ndim == 1 else axis[row])[used] for axis in block.coords)

    def residual(values: FloatArray) -> FloatArray:
        parameters = block.start[row].copy()
        parameters[free] = values
        return weight * (evaluate(graph, parameters, coords)[0] - block.data[row, used])

    def broadcast(bound: FloatArray) -> FloatArray:
        return np.broadcast_to(bound, block.start.shape)[row, free]

    tight = {"ftol": 1e-15, "xtol": 1e-15, "gtol": 1e-15, "max_nfev": 2000}
    found = least_squares(
        residual,
        start[free],
        jac="3-point",
        bounds=(broadcast(block.lower), broadcast(block.upper)),
        x_scale=np.abs(start[free]) + 1e-3,
        **tight,
    )
    scale = 2.0 * found.cost / max(1, used.sum() - len(free))
    found.sigma = np.sqrt(scale * np.diagonal(np.linalg.pinv(found.jac.T @ found.jac)))
    return found
