"""One task: inputs of a region -> BlockResult, wherever it runs.

Flows in: Inputs, in memory or lazy. Flows out: BlockResult. A Work is picklable and all that workers need.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ndfit.engine.finish import finish
from ndfit.engine.signs import positive_widths
from ndfit.engine.starting import Starting
from ndfit.engine.trials import best_of
from ndfit.problem.types import STATUS, Block, BlockResult, Engine, FloatArray, ParamTable, SolveOptions, Status
from ndfit.run.load import Inputs, make_block

__all__ = ["Work"]

_LIMIT = STATUS[Status.EVALUATION_LIMIT]
_LEFT_OUT = "Non-finite input data has been left out of the fit."


@dataclass(frozen=True)
class Work:
    """How to solve any region of one problem."""

    engine: Engine
    options: SolveOptions
    params: ParamTable
    model: Any
    filter_non_finite: bool
    starting: Starting

    def __call__(self, inputs: Inputs) -> BlockResult:
        block = make_block(inputs)
        starts = self.starting(block) if inputs.trials is None else self._trials(block, inputs.trials)
        result = positive_widths(best_of(self.engine, block, self.options, starts), self.params, self.model)
        result = replace(finish(result, block, self.params), warnings=_with_limits(result))
        return _note_left_out(result, block, inputs) if self.filter_non_finite else result

    def _trials(self, block: Block, trials: FloatArray) -> Iterator[FloatArray]:
        """Tables of starting values, with the block's own values of what is not free."""
        free = np.isin(np.arange(block.start.shape[1]), self.params.free)
        for trial in trials:
            yield np.where(free, trial.reshape(len(trial), -1).T, block.start)


def _with_limits(result: BlockResult) -> dict[int, tuple[str, ...]]:
    """Fits stopped at their limit warn of it, whatever the engine."""
    stopped = np.flatnonzero(result.status == Status.EVALUATION_LIMIT)
    message = (f"The fit may be unsuccessful: {_LIMIT.meaning}",)
    return {**dict.fromkeys((int(row) for row in stopped), message), **result.warnings}


def _note_left_out(result: BlockResult, block: Block, inputs: Inputs) -> BlockResult:
    """Fits that lost non-finite samples warn of it, as astropy's fitters do."""
    if block.valid is None:
        return result
    finite = np.isfinite(np.asarray(inputs.data).reshape(block.data.shape))
    rows = np.flatnonzero(~finite.all(axis=1) & (block.status == Status.READY))
    warned = {int(row): (*result.warnings.get(int(row), ()), _LEFT_OUT) for row in rows}
    return replace(result, warnings={**result.warnings, **warned})
