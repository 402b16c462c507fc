"""One attempt to find every line of a tile.

Flows in: a Tile, starting values and bounds, and the Terms of the model. Flows out: parameters, and how well they
describe the samples.

The background is fitted first, without what stands out. Lines are then found one after another, each in what those
before have left (as CLEAN does, Hogbom, Astron. Astrophys. Suppl. 15, 417, 1974), and all that were found are fitted
together before the next is looked for, so that a faint one is found beside a brighter one. A fixed or tied parameter is
a limit from both sides; so are bounds. What the samples say nothing of stays where the caller started it.

Two lines that overlap are found as one broad line, and no other peak is left. So for each line found before, a next one
is also made by splitting that line in two, and what leaves least is kept.

Lines whose centres are tied to one another are found as one group: whichever of them the strongest peak may be, the
others follow, and the assignment that leaves least is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.once import cached_property
from ndfit.pipeline.guess.background import BASES, fit_background, fit_beside
from ndfit.pipeline.guess.curves import Sought, best_curve
from ndfit.pipeline.guess.groups import Group, Setting, groups_of
from ndfit.pipeline.guess.left import left_over
from ndfit.pipeline.guess.line_shapes import SHAPES
from ndfit.pipeline.guess.profiles import PROFILES, parameters_of
from ndfit.pipeline.guess.refit import Found, Refit, orthonormal, value_of
from ndfit.pipeline.guess.search import Limits, in_world, strongest
from ndfit.pipeline.guess.split import is_splittable, splits
from ndfit.pipeline.guess.terms import Term
from ndfit.pipeline.guess.tile import total

__all__ = ["Attempt", "attempt"]

# Of the best significance, where several lines are sought: a filter of a quarter of a line's width has that much.
_NARROW = 0.7
_FEW_STEPS, _STEPS = 6, 12
# Lines that are found as they are. There is nothing to choose where there is but one, and the fit that follows goes the
# same way from there as steps here would.
_FOUND_WHOLE = ("Gaussian1D", "Gaussian2D")


@dataclass(frozen=True)
class Attempt:
    """What was found.

    Attributes
    ----------
    table : parameters, (n, P)
    mixed : which fits have lines of both signs, (n,)
    sign : of the first line, (n,)
    leave : computes what the parameters leave of the data, (M, n), and half its weighted squares, (n,)
    """

    table: FloatArray
    mixed: NDArray[np.bool_]
    sign: FloatArray
    leave: Callable[[], tuple[FloatArray, FloatArray]]

    def with_rows(self, rows: NDArray[np.bool_], other: Attempt) -> Attempt:
        """With the other's fits, made for some rows, where they leave less."""
        (left, cost), (others_left, others_cost) = self.leave(), other.leave()
        lower = others_cost < cost[rows]
        taken = np.flatnonzero(rows)[lower]
        table, mixed, sign = self.table.copy(), self.mixed.copy(), self.sign.copy()
        table[taken], mixed[taken], sign[taken] = other.table[lower], other.mixed[lower], other.sign[lower]
        left, cost = left.copy(), cost.copy()
        left[:, taken], cost[taken] = others_left[:, lower], others_cost[lower]
        return Attempt(table, mixed, sign, lambda: (left, cost))


def attempt(setting: Setting, alike: bool, beside: FloatArray | None = None, backwards: bool = False) -> Attempt:
    """Find every line; those `alike` are of the sign of the first, where their limits allow it.

    Parameters
    ----------
    beside : signs of lines, (n,), that may fill most of the range; the first background is what they stand on. None
        where it is what does not stand out.
    backwards : the last lines of the model are sought first, and what they are tied to follows them
    """
    return _Search(setting, alike, beside, backwards).run()


class _Search:
    """The state of one attempt."""

    def __init__(self, setting: Setting, alike: bool, beside: FloatArray | None, backwards: bool) -> None:
        self.setting, self.tile, self.alike, self.beside = setting, setting.tile, alike, beside
        self.table = setting.start.copy()
        self.sign = np.zeros(len(self.table))
        self._set_tied()
        self.functions: dict[int, FloatArray] = {}
        for term in setting.terms:
            if term.kind in BASES:
                functions = BASES[term.kind](self.tile.coords, term.scale)
                self.functions.update(zip(term.columns, (term.sign * one for one in functions), strict=True))
        self.background = [column for column in self.functions if setting.free[column]]
        self.groups = groups_of(setting, self.table, across=backwards)[:: -1 if backwards else 1]
        everywhere = np.ones(len(self.table), dtype=bool)
        self.found = [Found(term, everywhere) for group in self.groups if not group.free for term in group.terms]

    @cached_property
    def basis(self) -> list[FloatArray]:
        """Of the background, orthonormal in the weights."""
        return orthonormal([self.functions[column] for column in self.background], self.tile.weights)

    def run(self) -> Attempt:
        groups = sorted((group for group in self.groups if group.free), key=lambda group: not group.terms[0].is_curve)
        share = _NARROW if sum(group.terms[0].is_line for group in groups) > 1 else 1.0
        # A curve would be taken for what stands out.
        self._fit_background(clipped=not any(group.terms[0].is_curve for group in groups))
        for number, group in enumerate(groups, start=1):
            before = self.table
            lines = self._seek(group, self._left(self.functions, self.found, self.table), share)
            steps = _STEPS if number == len(groups) else _FEW_STEPS
            if len(groups) > 1 or group.terms[0].kind not in _FOUND_WHOLE:
                cost = self._refit(self.table, [*self.found, *lines], steps)
            for line in self.found:
                if not is_splittable(line.term, group, self.setting):
                    continue
                for trial in splits(before, line.term, group.terms[0], self.setting):
                    tried = self._refit(trial, [*self.found, Found(group.terms[0], line.rows)], steps)
                    lower = line.rows & (tried < cost)
                    self.table = np.where(lower[:, np.newaxis], trial, self.table)
                    cost = np.where(lower, tried, cost)
            self.found.extend(lines)
            self._fit_background(clipped=False)
        return self._ended()

    def _ended(self) -> Attempt:
        """What is left, and the signs of the lines that are there."""
        signs = [
            line.signs * self.table[:, line.term.columns[PROFILES[line.term.kind].amplitude]]
            for line in self.found
            if line.term.is_line
        ]
        positive = [sign > 0.0 for sign in signs]
        mixed = np.any(positive, axis=0) & ~np.all(positive, axis=0) if signs else np.zeros(len(self.table), dtype=bool)
        return Attempt(
            self.table, mixed, self.sign, partial(left_over, self.tile, self.functions, self.found, self.table)
        )

    def _left(self, columns: Iterable[int], lines: Sequence[Found], table: FloatArray) -> FloatArray:
        """Data without columns of the background, and without lines."""
        background = {column: self.functions[column] for column in columns}
        return left_over(self.tile, background, lines, table)[0] if background or lines else self.tile.data

    def _held(self) -> list[int]:
        """Columns of the background that are not free."""
        return [column for column in self.functions if column not in self.background]

    def _fit_background(self, clipped: bool) -> None:
        """Write the coefficients of the background."""
        if self.background:
            functions = [self.functions[column] for column in self.background]
            left = self._left(self._held(), self.found, self.table)
            if clipped and self.beside is not None:
                coefficients = fit_beside(self.tile, left, functions, self.beside)
            else:
                coefficients = fit_background(self.tile, left, functions, clipped)
            self._write(self.background, coefficients)
            self._set_tied()

    def _refit(self, table: FloatArray, lines: Sequence[Found], steps: int) -> FloatArray:
        setting, (lower, upper) = self.setting, self._limited()
        refit = Refit(
            self.tile, self._left(self._held(), [], table), self.basis, setting.free, lower, upper, setting.set_tied
        )
        return refit(table, lines, steps)

    def _limited(self) -> tuple[FloatArray, FloatArray]:
        """Bounds, with those of amplitudes that keep lines alike."""
        lower, upper = self.setting.lower.copy(), self.setting.upper.copy()
        for term in self.setting.terms if self.alike else ():
            if term.is_line:
                column, sign = term.columns[PROFILES[term.kind].amplitude], term.sign * self.sign
                low, high = lower[:, column], upper[:, column]
                lower[:, column] = np.where((sign > 0) & (high > 0), np.maximum(low, 0.0), low)
                upper[:, column] = np.where((sign < 0) & (low < 0), np.minimum(high, 0.0), high)
        return lower, upper

    def _seek(self, group: Group, left: FloatArray, share: float) -> list[Found]:
        """Find the lines of a group, or the curve that it is, and write their parameters."""
        if group.terms[0].is_curve:
            return [self._place_curve(group.terms[0], left)]
        if len(group.terms) == 1:
            rows = self._place(group, group.terms[0], left, share)
            return [Found(group.terms[0], rows)]
        before, best, least = self.table, self.table, np.full(len(self.table), np.inf)
        found = np.zeros(len(self.table), dtype=bool)
        for term, part in product(group.terms, (_NARROW, 1.0)):  # the one that is the strongest peak, or all are
            self.table = before.copy()
            rows = self._place(group, term, left, part)
            lines = [Found(other, rows) for other in group.terms]
            cost = self._refit(self.table, [*self.found, *lines], _FEW_STEPS)
            lower = rows & (cost < least)
            best = np.where(lower[:, np.newaxis], self.table, best)
            least, found = np.where(lower, cost, least), found | rows
        self.table = best
        return [Found(term, found) for term in group.terms]

    def _place(self, group: Group, term: Term, left: FloatArray, share: float) -> NDArray[np.bool_]:
        """Take the strongest peak for one line of a group; returns which fits have one."""
        profile, columns = PROFILES[term.kind], term.columns
        peak = strongest(self.setting.scales, left, self._limits(group, term), share)
        self.sign = np.where(self.sign == 0, np.sign(peak.height), self.sign)
        turns = profile.angle is not None and bool(self.setting.free[columns[profile.angle]])
        world = in_world(peak, self.tile, term.sign)
        values = parameters_of(profile, world, self.setting.start[:, list(columns)], turns)
        values[~peak.found] = np.nan
        first = (*profile.centre, *profile.widths)
        for place in (*first, *(place for place in range(len(columns)) if place not in first)):
            self._aim(group, columns[place], values[:, place])
        for other in group.terms:
            if other is not term:
                self._raise(other, left - value_of(Found(term, peak.found), self.table, self.tile), peak.found)
        return peak.found

    def _place_curve(self, term: Term, left: FloatArray) -> Found:
        columns = list(term.columns)
        lower, upper = self.setting.lower[:, columns], self.setting.upper[:, columns]
        sought = Sought(term.kind, self.table[:, columns], lower, upper, self.setting.free[columns])
        values = best_curve(self.tile, term.sign * left, self.basis, sought)
        self._write(columns, values)
        self._set_tied()
        known: NDArray[np.bool_] = np.isfinite(values)
        return Found(term, np.asarray(known.all(axis=1)))

    def _raise(self, term: Term, left: FloatArray, rows: NDArray[np.bool_]) -> None:
        """Set the amplitude of a line that is in its place, where it is free."""
        profile = PROFILES[term.kind]
        column = term.columns[profile.amplitude]
        parameters = [self.table[:, one] for one in term.columns]
        shape = term.sign * SHAPES[term.kind](self.tile.coords, parameters)[1][profile.amplitude]
        weighted = self.tile.weights * shape
        height = np.where(rows, total(weighted * left) / total(weighted * shape), np.nan)
        lower, upper = self._limited()
        if self.setting.free[column]:
            self._write([column], np.clip(height, lower[:, column], upper[:, column])[:, np.newaxis])
            self._set_tied()

    def _aim(self, group: Group, column: int, values: FloatArray) -> None:
        """Set a parameter, or that of its group which it is tied to."""
        if self.setting.free[column]:
            self._write([column], values[:, np.newaxis])
        for free, slope in group.ties(column):
            self._write([free], (self.table[:, free] + (values - self.table[:, column]) / slope)[:, np.newaxis])
        self._set_tied()

    def _limits(self, group: Group, term: Term) -> Limits:
        profile, (lower, upper) = PROFILES[term.kind], self._limited()

        def bounds(places: Sequence[int]) -> tuple[FloatArray, FloatArray]:
            """Those of free parameters; of others their values, or what follows from the bounds of free ones."""
            pairs = [self._bounds(group, term.columns[place], lower, upper) for place in places]
            return np.stack([low for low, _ in pairs], axis=1), np.stack([high for _, high in pairs], axis=1)

        low, high = bounds([profile.amplitude])
        if term.sign < 0:
            low, high = -high, -low
        narrow, wide = bounds(profile.widths)
        per_sigma = profile.per_sigma(self.setting.start[:, list(term.columns)])
        return Limits(
            height=(low[:, 0], high[:, 0]),
            centre=bounds(profile.centre),
            sigma=(narrow.min(axis=1) / per_sigma, wide.max(axis=1) / per_sigma),
        )

    def _bounds(self, group: Group, column: int, lower: FloatArray, upper: FloatArray) -> tuple[FloatArray, FloatArray]:
        if self.setting.free[column]:
            return lower[:, column], upper[:, column]
        value = self.table[:, column]
        for free, slope in group.ties(column):
            ends = [value + slope * (bound[:, free] - self.table[:, free]) for bound in (lower, upper)]
            return np.minimum(*ends), np.maximum(*ends)
        return value, value

    def _write(self, columns: list[int], values: FloatArray) -> None:
        """Set free parameters, inside their bounds, where there is a number."""
        inside = np.clip(values, self.setting.lower[:, columns], self.setting.upper[:, columns])
        known: NDArray[np.bool_] = np.isfinite(values) & self.setting.free[columns]
        self.table[:, columns] = np.where(known, inside, self.table[:, columns])

    def _set_tied(self) -> None:
        if self.setting.set_tied is not None:
            self.setting.set_tied(self.table)
