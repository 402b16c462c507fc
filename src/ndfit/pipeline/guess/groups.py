"""Lines that are found together because their centres are tied to one another.

Flows in: the Terms of a model, and starting values. Flows out: Groups, those of lines that others are tied to first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.pipeline.guess.profiles import PROFILES
from ndfit.pipeline.guess.search import Scales
from ndfit.pipeline.guess.terms import Term
from ndfit.pipeline.guess.tile import Tile

__all__ = ["Group", "SetTied", "Setting", "Slopes", "groups_of", "slopes_of"]

SetTied = Callable[[FloatArray], None]
Slopes = Mapping[tuple[int, int], FloatArray]

# Of the parameter, or as it is where that is zero; ties are differentiated by it.
_STEP = 1e-5


@dataclass(frozen=True)
class Setting:
    """What attempts at a tile share.

    Attributes
    ----------
    start, lower, upper : shape (n, P)
    free : shape (P,)
    set_tied : sets the columns of tied parameters, given (n, P) values; None where nothing is tied
    """

    scales: Scales
    terms: tuple[Term, ...]
    start: FloatArray
    lower: FloatArray
    upper: FloatArray
    free: NDArray[np.bool_]
    set_tied: SetTied | None

    @property
    def tile(self) -> Tile:
        return self.scales.tile

    def take(self, rows: NDArray[np.bool_]) -> Setting:
        """Some of the fits."""
        start, lower, upper = (array[rows] for array in (self.start, self.lower, self.upper))
        return Setting(Scales(self.scales.tile.take(rows)), self.terms, start, lower, upper, self.free, self.set_tied)


@dataclass(frozen=True)
class Group:
    """Lines, and how their tied parameters follow free ones, of the same lines or of any.

    Attributes
    ----------
    slopes : (tied column, free column) -> derivative, shape (n,)
    free : whether anything of the lines is free
    """

    terms: tuple[Term, ...]
    slopes: Slopes
    free: bool

    def ties(self, column: int) -> Iterator[tuple[int, FloatArray]]:
        """The free parameter that a tied one follows, and the derivative by it: one, or none."""
        for (tied, free), slope in self.slopes.items():
            if tied == column:
                yield free, slope
                return


def groups_of(setting: Setting, table: FloatArray, across: bool = False) -> list[Group]:
    """The lines of a model, group by group.

    `across`: with the ties of their parameters to those of other groups as well.
    """
    lines = [term for term in setting.terms if term.is_line or term.is_curve]
    columns = [column for term in lines for column in term.columns if setting.free[column]]
    slopes = slopes_of(setting.set_tied, setting.free, table, columns)
    followers = {index: _leader(term, lines, slopes) for index, term in enumerate(lines)}
    groups = []
    for index in (index for index, leader in followers.items() if leader is None):
        members = (lines[index], *(lines[other] for other, leader in followers.items() if leader == index))
        own = {column for term in members for column in term.columns}
        inside = {pair: slope for pair, slope in slopes.items() if own.issuperset(pair[:1] if across else pair)}
        groups.append(Group(members, inside, any(setting.free[column] for column in own)))
    return groups


def _leader(term: Term, lines: Sequence[Term], slopes: Slopes) -> int | None:
    """The line whose centre that of another is tied to."""
    tied = {free for centre in _centre(term) for column, free in slopes if column == centre}
    for index, other in enumerate(lines):
        if other is not term and tied.intersection(_centre(other)):
            return index
    return None


def _centre(term: Term) -> list[int]:
    return [term.columns[place] for place in PROFILES[term.kind].centre] if term.is_line else []


def slopes_of(
    set_tied: SetTied | None, free: NDArray[np.bool_], table: FloatArray, columns: Sequence[int]
) -> dict[tuple[int, int], FloatArray]:
    """Derivative of each tied parameter by each of the columns, (n,), where it is not zero everywhere."""
    slopes: dict[tuple[int, int], FloatArray] = {}
    if set_tied is None:
        return slopes
    before = np.nan_to_num(table, nan=1.0)
    set_tied(before)
    for column in columns:
        step = np.where(before[:, column] == 0.0, 1.0, np.abs(before[:, column])) * _STEP
        after = before.copy()
        after[:, column] += step
        set_tied(after)
        for tied in np.flatnonzero((after != before).any(axis=0)):
            if not free[tied]:
                slopes[int(tied), column] = (after[:, tied] - before[:, tied]) / step
    return slopes
