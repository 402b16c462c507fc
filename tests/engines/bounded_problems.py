"""Random linear problems with bounds, and scipy's answers to them.

Flows in: a seed. Flows out: a design matrix as a model, samples, weights, bounds of every kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import lsq_linear

from ndfit.arrays import FloatArray
from ndfit.problem.types import Block
from ndfit.status import Status

__all__ = ["Matrix", "Problem", "best_cost", "draw", "slopes_inwards"]


@dataclass(frozen=True)
class Matrix:
    """A linear model without a graph: its design matrix, (M, F), at coordinates that count the samples."""

    matrix: FloatArray
    offset: float = 0.0

    @property
    def free(self) -> tuple[int, ...]:
        return tuple(range(self.matrix.shape[1]))

    def design(self, parameters: FloatArray, coords: Sequence[FloatArray]) -> tuple[FloatArray, FloatArray]:
        """As `ndfit.engines.linear.linear_design.DesignModel` has it; coordinates may be those of each fit."""
        rows = np.broadcast_to(np.asarray(coords[0]).astype(int), (len(parameters), self.matrix.shape[0]))
        return np.full(rows.shape, self.offset), self.matrix[rows]

    def values(self, parameters: FloatArray, coords: Sequence[FloatArray]) -> FloatArray:
        """Values of N fits."""
        offset, matrix = self.design(parameters, coords)
        return offset + np.vecdot(matrix, parameters[:, np.newaxis, :])

    def set_tied(self, parameters: FloatArray) -> None:
        """Nothing is tied."""


@dataclass(frozen=True)
class Problem:
    """A block of fits, and what was drawn; `scale` is the size of the data."""

    model: Matrix
    block: Block
    scale: float

    def system(self, row: int) -> tuple[FloatArray, FloatArray]:
        """Weighted matrix and samples of one fit, over the data's size."""
        block = self.block
        weights = np.ones(block.data.shape[1]) if block.weights is None else block.weights[row]
        weights = weights if block.valid is None else np.where(block.valid[row], weights, 0.0)
        coords = [axis if axis.ndim == 1 else axis[row] for axis in block.coords]
        matrix = self.model.design(block.start[row : row + 1], coords)[1][0]
        target = (block.data[row] - self.model.offset) / self.scale
        return weights[:, np.newaxis] * matrix, weights * target


def draw(seed: int, n_fits: int = 20) -> Problem:
    """A problem with parameters of the size that bounds are of, all kinds mixed."""
    rng = np.random.default_rng([716, seed])
    n_free = int(rng.integers(1, 13))
    n_samples = n_free + int(rng.integers(0, 40))
    scale = float(10.0 ** rng.choice([-30, -3, 0, 0, 0, 4, 30]))
    matrix = rng.normal(size=(n_samples, n_free)) + rng.choice([0.0, 0.0, 3.0])
    matrix *= 10.0 ** rng.uniform(-3, 3, n_free)
    kind = rng.choice(["plain", "plain", "plain", "plain", "twice", "nearly", "zero"])
    if kind == "twice" and n_free > 1:
        matrix[:, 1] = matrix[:, 0]
    elif kind == "nearly" and n_free > 1:
        matrix[:, 1] = matrix[:, 0] * (1.0 + 1e-5 * rng.normal(size=n_samples))
    elif kind == "zero":
        matrix[:, -1] = 0.0
    size = scale / np.linalg.norm(matrix, axis=0).clip(1e-6)
    lower, upper = _bounds(rng, n_free, size)
    truth = rng.normal(size=(n_fits, n_free)) * size
    data = truth @ matrix.T + rng.choice([0.0, 0.3]) * scale * rng.normal(size=(n_fits, n_samples))
    weights = rng.uniform(0.2, 3.0, data.shape) if rng.uniform() < 0.4 else None
    valid = rng.uniform(size=data.shape) > 0.15 if rng.uniform() < 0.4 else None
    if valid is not None:
        data = np.where(valid, data, 0.0)
    x = np.arange(float(n_samples))
    if rng.uniform() < 0.2:
        x = np.stack([rng.permutation(x) for _ in range(n_fits)])
    start = np.clip(np.zeros((n_fits, n_free)), lower, upper)
    ready = np.full(n_fits, Status.READY, np.int16)
    block = Block(data, weights, valid, (x,), start, lower, upper, ready, (n_samples,))
    return Problem(Matrix(matrix), block, scale)


def _bounds(rng: np.random.Generator, n_free: int, size: FloatArray) -> tuple[FloatArray, FloatArray]:
    low, high = np.sort(rng.normal(scale=1.0, size=(2, n_free)), axis=0) * size
    kinds = rng.choice(["none", "lower", "upper", "both", "equal", "zero", "far"], n_free)
    lower = np.where(np.isin(kinds, ["lower", "both", "equal"]), low, -np.inf)
    upper = np.where(np.isin(kinds, ["upper", "both"]), high, np.inf)
    lower[kinds == "zero"] = 0.0
    upper[kinds == "equal"] = low[kinds == "equal"]
    lower[kinds == "far"], upper[kinds == "far"] = (-1e9 * size)[kinds == "far"], (1e9 * size)[kinds == "far"]
    return lower[np.newaxis], upper[np.newaxis]


def best_cost(problem: Problem, row: int) -> float:
    """The least half sum of squares, in units of the data's size, that scipy finds."""
    matrix, target = problem.system(row)
    lower, upper = (limit[0] / problem.scale for limit in (problem.block.lower, problem.block.upper))
    length = np.linalg.norm(matrix, axis=0)
    scale = np.where(length > 0.0, length, 1.0)
    moves = (lower < upper) & (length > 0.0)
    left = target - matrix @ np.where(moves, 0.0, np.clip(0.0, lower, upper))
    if not moves.any():
        return float(0.5 * left @ left)
    limits = lower[moves] * scale[moves], upper[moves] * scale[moves]
    return float(lsq_linear(matrix[:, moves] / scale[moves], left, limits, "bvls", tol=1e-14, max_iter=1000).cost)


def slopes_inwards(problem: Problem, row: int, parameters: FloatArray) -> NDArray[np.float64]:
    """By how much the cost still falls along each parameter, where it may move; for columns of length one."""
    matrix, target = problem.system(row)
    lower, upper = problem.block.lower[0], problem.block.upper[0]
    length = np.linalg.norm(matrix, axis=0)
    residual = target - matrix @ (parameters / problem.scale)
    slope = matrix.T @ residual / np.where(length > 0.0, length, 1.0)
    up, down = np.where(parameters < upper, slope, 0.0), np.where(parameters > lower, -slope, 0.0)
    return np.maximum(np.maximum(up, down), 0.0)
