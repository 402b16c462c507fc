"""What is done to every engine's results: counts, flags, and the covariance where a bound or the data leave it open.

Flows in: a Block and the BlockResult of an engine. Flows out: the BlockResult with `n_samples`, `flags` and
`parameter_flags`.

A parameter at its bound is fixed there: with C the covariance as if it were free, that of the others is the Schur
complement C_ij - C_ik C_kj / C_kk, which is the inverse of the information matrix without row and column k. A parameter
is at its bound where its distance from it is below 1e-8 of the bound; or below both a thousandth of its standard error
and 1e-6 of what it could move by: interior-point methods never reach a bound.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial, reduce

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.engines.base import BlockResult, Engine, SolveOptions
from ndfit.engines.rows import bounds_of
from ndfit.options import SQUARE
from ndfit.pipeline.flags import Answers, FlagRules, flags_of_lines, flags_of_parameters
from ndfit.pipeline.left_open import LeftOpen, look_closer
from ndfit.pipeline.outlying import mostly_outliers
from ndfit.problem.types import Block
from ndfit.status import Flag, usable

__all__ = ["set_flags"]

# Of a bound or the room up to the other, of a standard error, and of the distance to the start or to the other bound.
_NEAR, _NEAR_IN_ERRORS, _NEAR_IN_ALL = 1e-8, 1e-3, 1e-6
_LAST_DIGITS = 4.0 * float(np.finfo(float).eps)


def set_flags(
    result: BlockResult,
    block: Block,
    options: SolveOptions,
    engine: Engine,
    rules: FlagRules,
    unmoved: NDArray[np.bool_] | None = None,
) -> BlockResult:
    """Fill in what engines leave to whoever made the block.

    Parameters
    ----------
    result : of the engine
    block : that it solved
    options : that it was given
    engine : whose derivatives are asked for again, for those fits whose covariance is no matrix of numbers
    rules : of the model
    unmoved : shape (N, F), free parameters that ended where they had started. Where there is no covariance, derivatives
        by them are looked at instead. None for none.
    """
    answered, n_samples = usable(result.status), _count_samples(block)
    size = _size_of_errors(result, options, n_samples, len(rules.free))
    error = partial(_error, result.covariance, size)
    at_bound = _at_bound(result.parameters, error, block, rules.free)
    if result.covariance is not None:
        rows = np.flatnonzero(answered & _not_finite(result.covariance))
    else:
        rows = np.flatnonzero(answered & _any(unmoved, at_bound))
    left_open = look_closer(result, block, options, engine, rows, rules.free) if rows.size else None
    if left_open is not None:
        lower, upper = (bounds_of(limit, rows) for limit in (block.lower, block.upper))
        of_rows = replace(block, start=block.start[rows], lower=lower, upper=upper)
        alone = left_open.errors * size[rows, None]
        at_bound[rows] |= _at_bound(result.parameters[rows], lambda own: alone[:, own], of_rows, rules.free)
        left_open = left_open.at_bounds(at_bound[rows])
    answers = Answers(block, rules, result.parameters, error, at_bound)
    flags, whole = flags_of_parameters(answers), flags_of_lines(answers)
    whole[n_samples == len(rules.free)] |= np.uint32(Flag.NO_FREEDOM)
    whole[mostly_outliers(result, block, options, engine)] |= np.uint32(Flag.MOSTLY_OUTLIERS)
    covariance = None if result.covariance is None else _held_at_bounds(result.covariance, at_bound)
    if left_open is not None:
        covariance = _with_the_rest(covariance, rows, left_open)
        flags[rows] |= _flags_of_open(flags[rows], left_open, covariance is not None)
    flags[~answered] = whole[~answered] = 0
    return replace(
        result,
        covariance=covariance,
        flags=reduce(np.bitwise_or, flags.T, whole),
        parameter_flags=flags,
        n_samples=n_samples,
        edm=np.full(block.n_fits, np.nan) if result.edm is None else np.where(answered, result.edm, np.nan),
    )


def _any(unmoved: NDArray[np.bool_] | None, at_bound: NDArray[np.bool_]) -> NDArray[np.bool_]:
    if unmoved is None:
        return np.zeros(len(at_bound), dtype=bool)
    return np.asarray((unmoved & ~at_bound).any(axis=1))


def _with_the_rest(covariance: FloatArray | None, rows: NDArray[np.intp], left_open: LeftOpen) -> FloatArray | None:
    """The covariance with what the data do determine put in."""
    if covariance is None:
        return None
    covariance = covariance.copy()
    covariance[rows] = left_open.covariance
    return covariance


def _flags_of_open(flags: NDArray[np.uint32], left_open: LeftOpen, with_covariance: bool) -> NDArray[np.uint32]:
    """Flags of the parameters that the data leave open; a width at zero has its own."""
    no_effect = left_open.no_effect & ((flags & Flag.AT_ZERO) == 0)
    found = np.where(no_effect, np.uint32(Flag.NO_EFFECT), np.uint32(0))
    if with_covariance:
        unknown = ~np.isfinite(np.diagonal(left_open.covariance, axis1=1, axis2=2))
        explained = (flags & (Flag.AT_ZERO | Flag.AT_BOUND)) != 0
        found[unknown & ~left_open.no_effect & ~explained] = np.uint32(Flag.SINGULAR)
    return found


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


def _size_of_errors(
    result: BlockResult, options: SolveOptions, n_samples: NDArray[np.int32], n_free: int
) -> FloatArray:
    """What the square roots of the covariance are to be multiplied by, shape (N,); NaN where nothing tells."""
    if options.absolute_sigma or options.loss != SQUARE:
        return np.ones(len(result.cost))
    degrees = n_samples - n_free
    with np.errstate(invalid="ignore"):
        return np.sqrt(2.0 * np.divide(result.cost, degrees, out=np.full(degrees.shape, np.nan), where=degrees > 0))


def _error(covariance: FloatArray | None, size: FloatArray, own: int) -> FloatArray | None:
    if covariance is None:
        return None
    with np.errstate(invalid="ignore"):
        return np.asarray(np.sqrt(covariance[:, own, own]) * size)


def _at_bound(
    parameters: FloatArray, error_of: Callable[[int], FloatArray | None], block: Block, free: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Which free parameters ended at a bound, shape (N, F)."""
    near = np.zeros((len(free), len(parameters)), dtype=bool).T  # one parameter after another
    for column, parameter in enumerate(free):
        values, start = parameters[:, parameter], block.start[:, parameter]
        low, high = block.lower[:, parameter], block.upper[:, parameter]
        if not (np.isfinite(low).any() or np.isfinite(high).any()):
            continue
        error = error_of(column)
        extent = np.where(np.isfinite(low) & np.isfinite(high), high - low, 0.0)
        for bound in (low, high):
            if np.isfinite(bound).any():
                with np.errstate(invalid="ignore"):
                    near[:, column] |= _is_near(values, bound, error, extent, np.abs(start - bound))
    return near


def _is_near(
    values: FloatArray, bound: FloatArray, error: FloatArray | None, between: FloatArray, moved: FloatArray
) -> NDArray[np.bool_]:
    """Whether values are at a bound, given how far it is to the other one, 0 where there is none, and to the start."""
    distance = np.where(np.isfinite(bound), np.abs(values - bound), np.inf)
    room = np.where(between > 0.0, np.fmin(np.abs(bound), between), np.abs(bound))  # dates are large in little room
    near = np.isfinite(bound) & (distance <= np.maximum(_NEAR * room, _LAST_DIGITS * np.abs(bound)))
    if error is not None:
        size = np.fmax(np.abs(bound), np.fmax(between, moved))
        size = np.where(size == 0.0, error, size)
        near |= (distance < _NEAR_IN_ERRORS * error) & (distance <= _NEAR_IN_ALL * size)
    return near


def _held_at_bounds(covariance: FloatArray, at_bound: NDArray[np.bool_]) -> FloatArray:
    """Covariance with the parameters at bounds fixed there; NaN in their rows and columns."""
    if not at_bound.any():
        return covariance
    conditional = covariance.copy()
    for k in range(at_bound.shape[1]):
        rows = np.flatnonzero(at_bound[:, k])
        column = conditional[rows, :, k]
        with np.errstate(invalid="ignore", divide="ignore"):
            # Divided first: variances of 1e200 occur where a line left the samples, and their product overflows.
            conditional[rows] -= column[:, :, None] * (column[:, None, :] / column[:, k, None, None])
        conditional[rows, k, :] = conditional[rows, :, k] = 0.0
    row_or_column = at_bound[:, :, None] | at_bound[:, None, :]
    return np.where(row_or_column, np.nan, conditional)
