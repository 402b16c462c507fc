"""The best of several fits of the same block.

Flows in: an engine, a Block, and tables of starting values. Flows out: one BlockResult; `nfev` counts every evaluation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.engines.base import BlockResult, Engine, SolveOptions
from ndfit.problem.types import Block
from ndfit.status import Status, usable

__all__ = ["Solve", "Watched", "best_of", "better", "from_start", "take_rows"]

Solve = Callable[[Block, SolveOptions], BlockResult]
_STARTABLE = [Status.READY, Status.NON_FINITE_START]


def best_of(engine: Solve, block: Block, options: SolveOptions, starts: Iterable[FloatArray]) -> BlockResult:
    """Fit from each start, and keep for each position the fit of the lowest cost, the first of equals.

    Parameters
    ----------
    starts : tables (N, P), at least one. Positions with a value that is not finite are left out.
    """
    tables = iter(starts)
    best = from_start(engine, block, options, next(tables))
    for table in tables:
        best = better(best, from_start(engine, block, options, table))
    return best


def from_start(engine: Solve, block: Block, options: SolveOptions, table: FloatArray) -> BlockResult:
    """Fit from one table of starting values."""
    return engine(_started(block, table), options)


class Watched:
    """An engine of which it is known where free parameters did not move, or came out as zero, in any of its calls.

    Where there is no covariance to tell, a parameter without effect is one of these.
    """

    def __init__(self, engine: Engine, free: tuple[int, ...]) -> None:
        self._engine, self._free = engine, list(free)
        self.unmoved: NDArray[np.bool_] | None = None

    def __call__(self, block: Block, options: SolveOptions) -> BlockResult:
        result = self._engine(block, options)
        if not options.covariance:
            values = result.parameters[:, self._free]
            unmoved = (values == block.start[:, self._free]) | (values == 0.0)
            self.unmoved = unmoved if self.unmoved is None else self.unmoved | unmoved
        return result

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)


def _started(block: Block, start: FloatArray) -> Block:
    """The block with other starting values, clipped into the bounds."""
    if start is block.start:
        return block
    inside = np.clip(start, block.lower, block.upper)
    ready = np.where(np.isfinite(inside).all(axis=1), Status.READY, Status.NON_FINITE_START)
    status = np.where(np.isin(block.status, _STARTABLE), ready, block.status).astype(np.int16)
    return replace(block, start=inside, status=status)


def better(first: BlockResult, second: BlockResult) -> BlockResult:
    """Row by row the result of the lower cost, the first of equals; `nfev` counts both."""
    one, other = (np.where(usable(each.status), each.cost, np.inf) for each in (first, second))
    unknown = (first.status == Status.NON_FINITE_START) & ~np.isfinite(other)
    return take_rows(first, replace(second, nfev=first.nfev + second.nfev), (other < one) | unknown)


def take_rows(first: BlockResult, second: BlockResult, taken: NDArray[np.bool_]) -> BlockResult:
    """The second result in the rows that are taken, the first in the others; `nfev` is the second's everywhere.

    Where the first has flags and the second has none, rows that are taken lose theirs.
    """

    def pick(left: Any, right: Any) -> Any:
        if left is None:
            return None
        return np.where(taken.reshape(-1, *(1,) * (left.ndim - 1)), right, left)

    return replace(
        first,
        parameters=pick(first.parameters, second.parameters),
        status=pick(first.status, second.status),
        nfev=second.nfev,
        cost=pick(first.cost, second.cost),
        covariance=pick(first.covariance, second.covariance),
        errors=_of_rows(first.errors, ~taken) | _of_rows(second.errors, taken),
        warnings=_of_rows(first.warnings, ~taken) | _of_rows(second.warnings, taken),
        info=pick(first.info, second.info),
        edm=pick(first.edm, second.edm),
        flags=pick(first.flags, np.zeros_like(first.flags) if second.flags is None else second.flags),
    )


def _of_rows(messages: Any, rows: NDArray[np.bool_]) -> dict[int, Any]:
    return {row: message for row, message in messages.items() if rows[row]}
