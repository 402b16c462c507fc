"""Starting values of a Block from its own samples.

Flows in: a Block and Terms. Flows out: one or two tables of parameters (N, P) to start from.

What is looked for, and how, is the matter of `ndfit.pipeline.guess.attempt`. Here are the tiles, and which attempts are
made. Two lines that overlap look like one broad line, with one of the other sign on top. So lines are taken to be of
the sign of the first that is found. Whether some of them are in emission and some in absorption is for the fit to say:
where a peak of the other sign is left that noise does not explain, lines are sought without that rule as well, and
those fits in which both signs are found and less is left have a row in the second table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.pipeline.guess.attempt import Attempt, attempt
from ndfit.pipeline.guess.groups import SetTied, Setting
from ndfit.pipeline.guess.intrinsic import made_intrinsic
from ndfit.pipeline.guess.line_shapes import OF_SCIPY
from ndfit.pipeline.guess.order import in_the_callers_order
from ndfit.pipeline.guess.outliers import without_outliers
from ndfit.pipeline.guess.search import Limits, Scales, strongest
from ndfit.pipeline.guess.terms import Term
from ndfit.pipeline.guess.tile import Tile, tiles
from ndfit.problem.types import Block

__all__ = ["Guess"]

# Square of a peak's score in units of the noise variance. Noise alone has some 10 at its strongest peak of either sign.
_NOISE = 6.0
# That above which other ways are tried to place lines with ties. Noise has it at every other position; more would leave
# wrong places that are hardly worse than right ones.
_MORE = 7.0


@dataclass(frozen=True)
class Guess:
    """How to guess for one problem.

    Attributes
    ----------
    terms : of the model
    free : places of the free parameters
    set_tied : sets the columns of tied parameters, given (n, P) values; None where nothing is tied
    outliers : samples that stand alone are no lines
    """

    terms: tuple[Term, ...]
    free: tuple[int, ...]
    set_tied: SetTied | None
    outliers: bool = False

    def make_ready(self) -> None:
        """Import, in this thread, what profiles take."""
        if any(term.kind in OF_SCIPY for term in self.terms):
            import scipy.special  # noqa: F401 -- 65 ms that other profiles don't need

    def __call__(self, block: Block) -> Iterator[FloatArray]:
        """Tables of starting values, (N, P), inside the bounds. In the second, fits that have no use for it are NaN."""
        first, second = block.start.copy(), np.full(block.start.shape, np.nan)
        lower, upper = (np.broadcast_to(bound, first.shape) for bound in (block.lower, block.upper))
        for rows, tile in tiles(block):
            with np.errstate(all="ignore"):  # fits without samples come along
                clean = without_outliers(tile) if self.outliers else tile
                self._guess(clean, lower[rows], upper[rows], first[rows], second[rows])
        first, second = (made_intrinsic(table, block, self.terms, self.free) for table in (first, second))
        if self.set_tied is not None and block.places.response is not None:
            for table in (first, second):
                self.set_tied(table)
        yield first
        if np.isfinite(second).all(axis=1).any():
            yield second

    def in_the_callers_order(self, table: FloatArray, block: Block) -> FloatArray:
        """A table with lines that could be exchanged in the order of the block's starting values."""
        return in_the_callers_order(table, block, self.terms, self.free, self.set_tied)

    def _guess(self, tile: Tile, lower: FloatArray, upper: FloatArray, first: FloatArray, second: FloatArray) -> None:
        """Fill in the rows of both tables; the second holds NaN."""
        free = np.isin(np.arange(first.shape[1]), self.free)
        setting = Setting(Scales(tile), self.terms, first.copy(), lower, upper, free, self.set_tied)
        best = attempt(setting, alike=True)
        if self.set_tied is not None and sum(term.is_line for term in self.terms) > 1:
            best = _with_ties(setting, best)
        first[:] = best.table
        if sum(term.is_line for term in self.terms) > 1:
            residual, cost = best.leave()
            rows = _unlike(setting, best, residual, cost)
            if rows.any():
                other = attempt(setting.take(rows), alike=False)
                better = np.flatnonzero(rows)[other.mixed & (other.leave()[1] < cost[rows])]
                second[better] = other.table[np.isin(np.flatnonzero(rows), better)]


def _with_ties(setting: Setting, best: Attempt) -> Attempt:
    """The attempt, or others where it leaves more than noise: steps do not lead out of a wrong place that ties hold.

    Where lines fill most of the range, what lies between them stands out and is of the other sign; and the strongest
    need not be the first of lines whose heights are tied.
    """
    for backwards, side in ((False, -1.0), (True, 1.0), (True, -1.0)):
        rows = _more_is_left(setting, best)
        if rows.any():
            sides = side * best.sign[rows]
            best = best.with_rows(rows, attempt(setting.take(rows), True, beside=sides, backwards=backwards))
    return best


def _unlike(setting: Setting, found: Attempt, residual: FloatArray, cost: FloatArray) -> NDArray[np.bool_]:
    """Which fits are left with a peak of the other sign that noise does not explain."""
    anywhere = np.full(residual.shape[1], np.inf)
    height = (np.where(found.sign > 0, -anywhere, 0.0), np.where(found.sign > 0, 0.0, anywhere))
    return _has_peak(setting, residual, cost, height, _NOISE)


def _more_is_left(setting: Setting, found: Attempt) -> NDArray[np.bool_]:
    """Which fits are left with a peak of either sign that noise does not explain."""
    residual, cost = found.leave()
    anywhere = np.full(residual.shape[1], np.inf)
    return _has_peak(setting, residual, cost, (-anywhere, anywhere), _MORE)


def _has_peak(
    setting: Setting, residual: FloatArray, cost: FloatArray, height: tuple[FloatArray, FloatArray], noise: float
) -> NDArray[np.bool_]:
    tile = setting.tile
    n_fits, n_axes = residual.shape[1], len(tile.grid)
    anywhere = np.full((n_fits, n_axes), np.inf)
    limits = Limits(height, (-anywhere, anywhere), (np.zeros(n_fits), np.full(n_fits, np.inf)))
    peak = strongest(setting.scales, residual, limits, 1.0)
    used = np.broadcast_to(np.count_nonzero(tile.weights, axis=0), n_fits)
    left = np.maximum(cost - 0.5 * peak.score**2, 0.0)
    return peak.found & (peak.score**2 * np.maximum(used - np.count_nonzero(setting.free), 1) > noise * 2.0 * left)
