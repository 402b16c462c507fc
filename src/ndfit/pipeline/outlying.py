"""Fits to a minority of the samples, with losses that hardly count the others.

The pull psi of a sample on a fit (`ndfit.engines.loss`) is largest at the scale of the loss for `cauchy`, at 0.76 of it
for `arctan`, and falls from there on. Where most samples are beyond, what they say is hardly heard, and any few of them
that agree make a minimum of their own: no estimator withstands that more than half of the samples are wrong (P. J.
Huber, Robust Statistics, 1981, section 1.4).

Flows in: the answers to a block, and its samples. Flows out: numbers of the fits that are such.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ndfit.engines.base import BlockResult, Engine, SolveOptions
from ndfit.pipeline.graduated import is_redescending
from ndfit.problem.types import Block
from ndfit.status import usable

__all__ = ["mostly_outliers"]

# In scales of the loss.
_BEYOND = 2.0
_NUMBERS_AT_ONCE = 2**22


def mostly_outliers(result: BlockResult, block: Block, options: SolveOptions, engine: Engine) -> NDArray[np.intp]:
    """Fits more than half of whose samples are further from the model than twice the scale of such a loss.

    A model that raises here leaves the answer as it is: what it raises belongs to the fit.
    """
    if not is_redescending(options.loss):
        return np.zeros(0, dtype=np.intp)
    rows = np.flatnonzero(usable(result.status))
    size = max(1, _NUMBERS_AT_ONCE // block.data.shape[1])
    parts = [rows[first : first + size] for first in range(0, rows.size, size)]
    return np.concatenate([part[_outvoted(result, block, options, engine, part)] for part in parts] or [rows])


def _outvoted(
    result: BlockResult, block: Block, options: SolveOptions, engine: Engine, rows: NDArray[np.intp]
) -> NDArray[np.bool_]:
    try:
        with np.errstate(all="ignore"):
            values = engine.values(result.parameters[rows], block.places.take(rows))
            residual = np.abs(values - block.data[rows])
    except Exception:  # the caller's own code
        return np.zeros(rows.size, dtype=bool)
    if block.weights is not None:
        residual = residual * block.weights[rows]
    used = np.ones(residual.shape, dtype=bool) if block.valid is None else block.valid[rows]
    beyond = np.sum(residual > _BEYOND * options.f_scale, axis=1, where=used)
    return np.asarray(2 * beyond > used.sum(axis=1))
