"""Starting values of a Block from its own samples.

Flows in: a Block and Terms. Flows out: one or two tables of parameters (N, P) to start from.

The background is fitted first, without what stands out; then lines are found one after another, each in what the ones
before have left (as CLEAN does, Hogbom, Astron. Astrophys. Suppl. 15, 417, 1974). Further sweeps fit the background to
what the lines leave, and look for each line again in what all the others leave (backfitting; Buja, Hastie & Tibshirani,
Ann. Statist. 17, 453, 1989). A fixed or tied parameter is a limit from both sides; so are bounds. What a fit's samples
say nothing of starts where the caller said.

Two lines that overlap look like one broad line, with one of the other sign on top. So the first sweep prefers narrow
peaks to the most significant ones, and lines are taken to be of the sign of the first that is found. Where some of them
are in emission and some in absorption is for the fit to say: a second table, without that rule, is given for those fits
in which it finds lines of both signs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ndfit.engine.guess.background import BASES, fit_background, sum_of
from ndfit.engine.guess.profiles import PROFILES, parameters_of
from ndfit.engine.guess.search import Limits, in_world, scales_of, strongest
from ndfit.engine.guess.terms import Term
from ndfit.engine.guess.tile import Tile, tiles
from ndfit.problem.types import Block, FloatArray

__all__ = ["Guess"]

_SWEEPS = 3
# Of the best significance, in the first of several sweeps: a filter of a quarter of a line's width has that much.
_NARROW = 0.7

SetTied = Callable[[FloatArray], None]


@dataclass(frozen=True)
class Guess:
    """How to guess for one problem.

    Attributes
    ----------
    terms : of the model
    free : places of the free parameters
    set_tied : sets the columns of tied parameters, given (n, P) values; None where nothing is tied
    """

    terms: tuple[Term, ...]
    free: tuple[int, ...]
    set_tied: SetTied | None

    def __call__(self, block: Block) -> Iterator[FloatArray]:
        """Tables of starting values, (N, P), inside the bounds. In the second, fits that have no use for it are NaN."""
        yield self._table(block, alike=True)
        if sum(term.is_line for term in self.terms) > 1:
            yield self._table(block, alike=False)

    def _table(self, block: Block, alike: bool) -> FloatArray:
        table = block.start.copy()
        lower, upper = (np.broadcast_to(bound, table.shape) for bound in (block.lower, block.upper))
        for rows, tile in tiles(block):
            with np.errstate(all="ignore"):  # fits without samples come along
                mixed = _TileGuess(self, tile, table[rows], lower[rows], upper[rows], alike).run()
            if not alike:
                table[rows][~mixed] = np.nan
        return table


@dataclass
class _TileGuess:
    """The guess for a tile; `table`, (n, P), is changed in place.

    `alike`: lines are of the sign of the first, where their limits allow it.
    """

    guess: Guess
    tile: Tile
    table: FloatArray
    lower: FloatArray
    upper: FloatArray
    alike: bool

    def __post_init__(self) -> None:
        terms = self.guess.terms
        self.lines = [term for term in terms if term.is_line]
        self.functions: dict[int, FloatArray] = {}
        for term in terms:
            if not term.is_line:
                functions = BASES[term.kind](self.tile.coords, term.scale)
                self.functions.update(zip(term.columns, (term.sign * one for one in functions), strict=True))
        self.is_free = np.isin(np.arange(self.table.shape[1]), self.guess.free)
        self.start = self.table.copy()
        self.scales = scales_of(self.tile)
        self.sign = np.zeros(len(self.table))

    def run(self) -> NDArray[np.bool_]:
        """Guess; returns which fits have lines of both signs."""
        drawn = [np.zeros_like(self.tile.data) for _ in self.lines]
        n_sweeps = _SWEEPS if len(self.lines) + bool(self.functions) > 1 else 1
        for sweep in range(n_sweeps):
            background = self._background(sum(drawn, np.zeros_like(self.tile.data)), clipped=sweep == 0)
            for index, term in enumerate(self.lines):
                others = sum((one for k, one in enumerate(drawn) if k != index), background)
                share = _NARROW if sweep == 0 and len(self.lines) > 1 else 1.0
                drawn[index] = self._find(term, self.tile.data - others, share)
        signs = [one.max(axis=0) > -one.min(axis=0) for one in drawn]
        return np.any(signs, axis=0) & ~np.all(signs, axis=0)

    def _background(self, lines: FloatArray, clipped: bool) -> FloatArray:
        self._set_tied()
        columns = [column for column in self.functions if self.is_free[column]]
        if columns:
            held = [column for column in self.functions if not self.is_free[column]]
            known = lines + self._sum(held)
            functions = [self.functions[column] for column in columns]
            self._write(columns, fit_background(self.tile, self.tile.data - known, functions, clipped))
            self._set_tied()
        return self._sum(list(self.functions))

    def _sum(self, columns: list[int]) -> FloatArray:
        return sum_of([self.functions[i] for i in columns], self.table[:, columns], self.tile.data.shape)

    def _find(self, term: Term, residual: FloatArray, share: float) -> FloatArray:
        """Find the line, write its parameters, and return it as drawn."""
        self._set_tied()
        profile, columns = PROFILES[term.kind], list(term.columns)
        peak = strongest(self.tile, self.scales, residual, self._limits(term), share)
        self.sign = np.where(self.sign == 0, np.sign(peak.height), self.sign)
        world = in_world(peak, self.tile, term.sign)
        turns = profile.angle is not None and bool(self.is_free[columns[profile.angle]])
        values = parameters_of(profile, world, self.start[:, columns], turns)
        values[~peak.found] = np.nan
        self._write(columns, values)
        return np.where(peak.found, peak.height * peak.shape, 0.0)

    def _limits(self, term: Term) -> Limits:
        profile = PROFILES[term.kind]
        per_sigma = profile.per_sigma(self.start[:, list(term.columns)])
        low, high = self._bounds([term.columns[profile.amplitude]])
        if term.sign < 0:
            low, high = -high, -low
        if self.alike:
            low = np.where((self.sign > 0)[:, np.newaxis] & (high > 0), np.maximum(low, 0.0), low)
            high = np.where((self.sign < 0)[:, np.newaxis] & (low < 0), np.minimum(high, 0.0), high)
        narrow, wide = self._bounds([term.columns[i] for i in profile.widths])
        return Limits(
            height=(low[:, 0], high[:, 0]),
            centre=self._bounds([term.columns[i] for i in profile.centre]),
            sigma=(narrow.min(axis=1) / per_sigma, wide.max(axis=1) / per_sigma),
        )

    def _bounds(self, columns: list[int]) -> tuple[FloatArray, FloatArray]:
        """Bounds, which for parameters that are not free are their values; (n, columns) each."""
        held = ~self.is_free[columns]
        values = self.table[:, columns]
        return np.where(held, values, self.lower[:, columns]), np.where(held, values, self.upper[:, columns])

    def _write(self, columns: list[int], values: FloatArray) -> None:
        """Set free parameters, inside their bounds, where there is a number."""
        inside = np.clip(values, self.lower[:, columns], self.upper[:, columns])
        known: NDArray[np.bool_] = np.isfinite(values) & self.is_free[columns]
        self.table[:, columns] = np.where(known, inside, self.table[:, columns])

    def _set_tied(self) -> None:
        if self.guess.set_tied is not None:
            self.guess.set_tied(self.table)
