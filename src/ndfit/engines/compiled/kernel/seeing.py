"""Rows of a model seen through an instrument: of each sample, weighted sums of what they are at the places it sees.

Flows in: the rows at all places of a group of lanes, which columns of the response each sample has, and its
coefficients. Flows out: the rows at the samples.

Which places a sample sees is the same for all fits, so that rows are read lane by lane in vectors. The coefficients are
the same for all fits, or each lane has its own.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from ndfit.compiler.flow import loop
from ndfit.compiler.memory import load, pointer, store, table, width
from ndfit.compiler.values import Int, Lanes, Table
from ndfit.compiler.variables import Local
from ndfit.engines.compiled.kernel.addresses import at, at_group
from ndfit.engines.compiled.kernel.workspace import Field, Sight

__all__ = ["Seeing", "seen_at", "write_places"]

# Sums that are taken together, which registers hold.
_ROWS_AT_ONCE = 8


class Seeing(StrEnum):
    """How samples see a model: at themselves; through a response that all fits share, or of which each has its own."""

    DIRECT = "direct"
    SHARED = "shared"
    OWN = "own"


def write_places(workspace: Table, outputs: Callable[[Int, Int], list[Lanes]]) -> None:
    """Write the rows at all places of a group, given what they are at one."""
    n_places, scratch = workspace[Sight.PLACES], at(workspace, Field.SEEN)
    with loop(n_places) as place:
        for row, value in enumerate(outputs(place, n_places)):
            store(scratch, n_places * row + place, value, width())


def seen_at(workspace: Table, group: Int, sample: Int, n_rows: int, seeing: Seeing) -> list[Lanes]:
    """The rows at a sample."""
    n_places, n_taps = workspace[Sight.PLACES], workspace[Sight.TAPS]
    columns, scratch = table(workspace[Sight.COLUMNS]), at(workspace, Field.SEEN)
    shared, own = pointer(workspace[Sight.COEFFICIENTS]), at_group(workspace, Field.TAPS, group)
    found: list[Any] = []
    for first in range(0, n_rows, _ROWS_AT_ONCE):
        rows = range(first, min(first + _ROWS_AT_ONCE, n_rows))
        sums = [Local(Lanes.of(0.0)) for _ in rows]
        with loop(n_taps) as tap:
            number = sample * n_taps + tap
            place = columns[number]
            coefficient = load(own, number) if seeing == Seeing.OWN else Lanes.of(shared[number])
            for row, total in zip(rows, sums, strict=True):
                total += load(scratch, n_places * row + place, width()) * coefficient
        found.extend(total.value for total in sums)
    return found
