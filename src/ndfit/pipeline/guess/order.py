"""Lines that could be exchanged, in the order in which the caller has them.

Flows in: guessed parameters, and the caller's. Flows out: the same lines, each in the place of the caller's line that
it is nearest to, where the model and its bounds are the same whichever line is called the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.pipeline.guess.curves import CURVES
from ndfit.pipeline.guess.groups import SetTied, slopes_of
from ndfit.pipeline.guess.profiles import PROFILES
from ndfit.pipeline.guess.terms import Term
from ndfit.problem.types import Block

__all__ = ["in_the_callers_order"]

# All orders of more lines than this take too long to compare; along one axis there is no need to.
_MOST_COMPARED = 5


def in_the_callers_order(
    table: FloatArray, block: Block, terms: Sequence[Term], free: Sequence[int], set_tied: SetTied | None
) -> FloatArray:
    """The table (N, P) with exchangeable lines ordered by the centres that the block starts from."""
    ordered = table.copy()
    for lines in _exchangeable(block, terms, free, set_tied):
        columns = np.array([line.columns for line in lines])
        centre = columns[:, _places(lines[0])]
        wanted, found = block.start[:, centre], table[:, centre]
        same = (wanted == wanted[:, :1]).all(axis=(1, 2)) | ~np.isfinite(wanted).all(axis=(1, 2))
        order = np.where(same[:, np.newaxis], np.arange(len(lines)), _nearest(wanted, found))
        for place, own in enumerate(columns):
            ordered[:, own] = np.take_along_axis(table, columns[order[:, place]], axis=1)
    return ordered


def _places(term: Term) -> list[int]:
    """Of the parameters that tell one line, or curve, from another."""
    return list(PROFILES[term.kind].centre) if term.is_line else [CURVES[term.kind].divided or 0]


def _nearest(wanted: FloatArray, found: FloatArray) -> NDArray[np.intp]:
    """Which of the lines found belongs in each place, (N, lines): the order with the least squared distance."""
    n_lines, n_axes = wanted.shape[1:]
    if n_axes == 1:  # sorted numbers are nearest to sorted numbers
        ranks = np.argsort(np.argsort(wanted[:, :, 0], axis=1, kind="stable"), axis=1, kind="stable")
        by_place: NDArray[np.intp] = np.argsort(found[:, :, 0], axis=1, kind="stable")
        return np.asarray(np.take_along_axis(by_place, ranks, axis=1))
    orders = np.array(list(permutations(range(n_lines))) if n_lines <= _MOST_COMPARED else [range(n_lines)])
    distances = [((found[:, order] - wanted) ** 2).sum(axis=(1, 2)) for order in orders]
    return np.asarray(orders[np.argmin(distances, axis=0)])


def _exchangeable(
    block: Block, terms: Sequence[Term], free: Sequence[int], set_tied: SetTied | None
) -> list[list[Term]]:
    """Sets of lines of which everything is free, nothing is tied, and the bounds are the same."""
    is_free = np.isin(np.arange(block.start.shape[1]), free)
    involved = {column for pair in slopes_of(set_tied, is_free, block.start[:1], free) for column in pair}
    lines = [term for term in terms if (term.is_line or term.is_curve) and is_free[list(term.columns)].all()]
    lines = [line for line in lines if involved.isdisjoint(line.columns)]
    sets: list[list[Term]] = []
    for line in lines:
        for others in sets:
            if _are_alike(block, line, others[0]):
                others.append(line)
                break
        else:
            sets.append([line])
    return [lines for lines in sets if len(lines) > 1]


def _are_alike(block: Block, one: Term, other: Term) -> bool:
    same_kind = (one.kind, one.sign) == (other.kind, other.sign)
    bounds = (block.lower, block.upper)
    return same_kind and all(np.array_equal(bound[:, one.columns], bound[:, other.columns]) for bound in bounds)
