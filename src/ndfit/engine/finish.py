"""What is done to every engine's results: counts, flags, and the covariance at bounds.

Flows in: a Block and the BlockResult of an engine. Flows out: the BlockResult with `n_samples` and `flags`.

A parameter at its bound is fixed there: with C the covariance as if it were free, that of the others is the Schur
complement C_ij - C_ik C_kj / C_kk, which is the inverse of the information matrix without row and column k.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ndfit.problem.types import Block, BlockResult, Flag, FloatArray, ParamTable, usable

__all__ = ["finish"]

# Interior-point methods stop this close to a bound, in relation to it.
_NEAR = 1e-8


def finish(result: BlockResult, block: Block, params: ParamTable) -> BlockResult:
    """Fill in what engines leave to whoever made the block.

    Parameters
    ----------
    result : of any engine
    block : that it solved
    params : ParamTable
    """
    at_bound = _at_bound(result, block, params)
    covariance = None if result.covariance is None else _held_at_bounds(result.covariance, at_bound)
    flags = np.zeros(block.n_fits, dtype=np.uint32)
    if at_bound.any():
        flags[at_bound.any(axis=1)] = Flag.AT_BOUND
    if result.covariance is not None:
        rows = np.flatnonzero(_not_finite(result.covariance))
        flags[rows[usable(result.status[rows])]] |= np.uint32(Flag.SINGULAR)
    return replace(
        result, covariance=covariance, flags=flags, n_samples=_count_samples(block), edm=_edm_of_answers(result)
    )


def _edm_of_answers(result: BlockResult) -> FloatArray:
    """The estimated distance to the minimum; NaN where there is no answer, and where the engine knows none."""
    if result.edm is None:
        return np.full(result.cost.shape, np.nan)
    return np.where(usable(result.status), result.edm, np.nan)


def _not_finite(covariance: FloatArray) -> NDArray[np.bool_]:
    """Which matrices hold anything but numbers; a sum that is a number tells most of the others at once."""
    with np.errstate(invalid="ignore", over="ignore"):
        suspect = ~np.isfinite(np.einsum("nij->n", covariance))
    suspect[suspect] = ~np.isfinite(covariance[suspect]).all(axis=(1, 2))
    return suspect


def _count_samples(block: Block) -> NDArray[np.int32]:
    if block.valid is None:
        return np.full(block.n_fits, block.data.shape[1], dtype=np.int32)
    return block.valid.sum(axis=1, dtype=np.int32)


def _at_bound(result: BlockResult, block: Block, params: ParamTable) -> NDArray[np.bool_]:
    """Which free parameters ended at a bound, shape (N, F)."""
    near = np.zeros((len(result.parameters), len(params.free)), dtype=bool)
    for bounds in (block.lower, block.upper):
        for column, parameter in enumerate(params.free):
            bound, values = bounds[:, parameter], result.parameters[:, parameter]
            if np.isfinite(bound).any():
                with np.errstate(invalid="ignore"):
                    near[:, column] |= np.isfinite(bound) & (np.abs(values - bound) <= _NEAR * np.abs(bound))
    return near


def _held_at_bounds(covariance: FloatArray, at_bound: NDArray[np.bool_]) -> FloatArray:
    """Covariance with the parameters at bounds held there; NaN in their rows and columns."""
    if not at_bound.any():
        return covariance
    held = covariance.copy()
    for k in range(at_bound.shape[1]):
        rows = np.flatnonzero(at_bound[:, k])
        column = held[rows, :, k]
        with np.errstate(invalid="ignore", divide="ignore"):
            # Divided first: variances of 1e200 occur where a line left the samples, and their product overflows.
            held[rows] -= column[:, :, None] * (column[:, None, :] / column[:, k, None, None])
        held[rows, k, :] = held[rows, :, k] = 0.0
    row_or_column = at_bound[:, :, None] | at_bound[:, None, :]
    return np.where(row_or_column, np.nan, held)
