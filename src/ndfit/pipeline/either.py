"""Two fits of the same samples, one from the caller's start and one from the guess: which is kept, and whether they are
two minima that the samples do not tell apart.

Flows in: a Block and two BlockResults. Flows out: one BlockResult, with the flag AMBIGUOUS.

Chi-square is counted in units of the noise variance (`ndfit.engines.certificate`). The caller's fit is kept where its
chi-square is at most 4 above the guess's, two standard deviations of one parameter: the caller may know what the
samples do not tell. Where the two then are different minima, the position is ambiguous; a valley is none, and what
SETTLED in one yields to a guess that is no worse. Where outliers will be left
out, no residual counts for more than the limit beyond which they are: which samples they are depends on the fit.

Two fits are the same minimum if the models differ by little: with f and g the model values of both and s^2 the noise
variance, d^2 = sum(w (f - g)^2) / s^2 is the square of their distance in standard errors. So it does not matter which
component is called the first, what an angle is modulo pi, or what the samples do not determine. A converged fit has an
EDM of 0.01 at most and is sqrt(0.02) from its minimum; two of the same minimum have d^2 <= 0.08.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.engines.base import BlockResult, Engine, SolveOptions
from ndfit.engines.certificate import noise_variance
from ndfit.once import cached_property
from ndfit.options import CASH
from ndfit.pipeline.guess.tile import median
from ndfit.pipeline.multistart import take_rows
from ndfit.problem.types import Block
from ndfit.status import Flag, Status, converged, usable

__all__ = ["ALIKE", "caller_or_guess"]

ALIKE = 4.0
"""Chi-squares that differ by no more than this count as equal."""

_SAME = 0.1
_TO_DEVIATION = 1.4826
# Numbers of an array in memory together.
_NUMBERS = 2**18


def caller_or_guess(
    engine: Engine,
    block: Block,
    options: SolveOptions,
    caller: BlockResult,
    guessed: BlockResult,
    n_free: int,
    limit: float | None = None,
) -> BlockResult:
    """Keep one of two fits for each position; `nfev` counts both.

    Parameters
    ----------
    caller, guessed : fits of the block from the caller's start and from the guess
    n_free : free parameters
    limit : standard deviations beyond which samples will be left out as outliers, None where none will
    """
    pair = _Pair(engine, block.whitened, options, caller, guessed, n_free)
    one, other = pair.chi_squares() if limit is None else pair.limited_chi_squares(limit)
    with np.errstate(invalid="ignore"):  # where neither has an answer
        gain = one - other
        alike = np.abs(gain) <= ALIKE
    ended, other_ended = (converged(each.status) & (each.status != Status.SETTLED) for each in (caller, guessed))
    unknown = (caller.status == Status.NON_FINITE_START) & ~np.isfinite(one)
    taken = (gain > ALIKE) | (alike & other_ended & ~ended & (gain >= 0.0)) | unknown
    rows = np.flatnonzero(alike & ended & other_ended)
    rows = rows[(caller.parameters[rows] != guessed.parameters[rows]).any(axis=1)]
    flags = np.zeros(block.n_fits, dtype=np.uint32)
    flags[rows[pair.distances(rows) > _SAME]] = Flag.AMBIGUOUS
    kept = take_rows(caller, replace(guessed, nfev=caller.nfev + guessed.nfev), taken)
    return replace(kept, flags=flags)


@dataclass(frozen=True)
class _Pair:
    """Two fits of each position of a block."""

    engine: Engine
    block: Block
    options: SolveOptions
    caller: BlockResult
    guessed: BlockResult
    n_free: int

    def chi_squares(self) -> tuple[FloatArray, FloatArray]:
        """In units of the noise variance, (N,) each; infinite where there is no answer."""
        one, other = self._costs()
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):  # where neither has an answer
            return 2.0 * one / self.variance, 2.0 * other / self.variance

    def limited_chi_squares(self, limit: float) -> tuple[FloatArray, FloatArray]:
        """The same with no residual beyond the limit, in robust standard deviations of the better fit."""
        found = (np.full(self.block.n_fits, np.inf), np.full(self.block.n_fits, np.inf))
        answered = [usable(result.status) for result in (self.caller, self.guessed)]
        for part in self._parts(np.flatnonzero(answered[0] | answered[1])):
            sizes = [np.abs(self._weighted(part, self.block.data[part] - values)) for values in self._values(part)]
            sizes = [np.where(fits[part, None], size, np.inf) for size, fits in zip(sizes, answered, strict=True)]
            used = np.ones((1, 1), bool) if self.block.valid is None else self.block.valid[part]
            scale = np.minimum(*(_TO_DEVIATION * median(size.T, np.broadcast_to(used, size.shape).T) for size in sizes))
            least = np.finfo(float).tiny
            for chi_square, size, fits in zip(found, sizes, answered, strict=True):
                limited = np.minimum(size / np.maximum(scale, least)[:, None], limit)
                chi_square[part] = np.where(fits[part], np.sum(np.where(used, limited, 0.0) ** 2, axis=1), np.inf)
        return found

    def distances(self, rows: NDArray[np.intp]) -> FloatArray:
        """d^2 of some rows."""
        squares = [np.zeros(0)]
        for part in self._parts(rows):
            values, others = self._values(part)
            apart = self._weighted(part, values - others, values)
            squares.append(np.einsum("nm,nm->n", apart, apart))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.concatenate(squares) / self.variance[rows])

    def _costs(self) -> list[FloatArray]:
        return [np.where(usable(result.status), result.cost, np.inf) for result in (self.caller, self.guessed)]

    @cached_property
    def variance(self) -> FloatArray:
        """Of the noise of a weighted residual, (N,); that of the better fit where it is not known."""
        block = self.block
        known = self.options.absolute_sigma or self.options.loss == CASH
        squares = [np.zeros(0)]
        for part in self._parts(np.arange(block.n_fits)):
            weighted = self._weighted(part, np.asarray(block.data[part], dtype=float))
            with np.errstate(over="ignore"):
                squares.append(np.einsum("nm,nm->n", weighted, weighted))
        power = np.concatenate(squares)
        n_samples = block.data.shape[1] if block.valid is None else block.valid.sum(axis=1)
        return noise_variance(np.minimum(*self._costs()), n_samples, self.n_free, power, known)

    def _values(self, rows: NDArray[np.intp]) -> tuple[FloatArray, FloatArray]:
        """Of the model at both solutions."""
        places = self.block.places.take(rows)
        with np.errstate(all="ignore"):
            one, other = (self.engine.values(each.parameters[rows], places) for each in (self.caller, self.guessed))
        return one, other

    def _weighted(self, rows: NDArray[np.intp], values: FloatArray, expected: FloatArray | None = None) -> FloatArray:
        """Values over the standard deviation of their samples, 0 where a sample is not used.

        Counts have the variance that is expected of them.
        """
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            if self.options.loss == CASH and expected is not None:
                values = np.where(expected > 0.0, values / np.sqrt(expected), 0.0)
            elif self.block.weights is not None:
                values = values * self.block.weights[rows]
        return values if self.block.valid is None else np.where(self.block.valid[rows], values, 0.0)

    def _parts(self, rows: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
        size = max(1, _NUMBERS // max(1, self.block.data.shape[1]))
        for first in range(0, rows.size, size):
            yield rows[first : first + size]
