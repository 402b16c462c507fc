"""Where things are in the tables of the kernel: scratch, views of the caller's arrays, packed triangles."""

from __future__ import annotations

from typing import Any

from ndfit.compiler.memory import pointer, shift, width
from ndfit.compiler.values import Int, Pointer, Table, choose, value_of
from ndfit.engines.compiled.kernel.workspace import FIT_TO_FIT, VIEW_COLUMNS


def at(addresses: Table, field: int) -> Pointer:
    """Pointer to the array whose address is in a table."""
    return pointer(addresses[field])


def at_group(addresses: Table, field: int, group: Any) -> Pointer:
    """Pointer to the array whose address is in a table, at a group of lanes."""
    return shift(at(addresses, field), group * width())


def address(views: Table, view: Any, fit: Any, column: Any) -> Int:
    """Where a value of a 2-D view is, given the table of views and which of its rows to use."""
    row = VIEW_COLUMNS * view
    return views[row] + views[row + FIT_TO_FIT] * fit + views[row + FIT_TO_FIT + 1] * column


def entry(i: Any, j: Any) -> Int:
    """Row of entry (i, j) of a packed lower triangle; for j > i, that of (j, i)."""
    i, j = value_of(i), value_of(j)
    ordered = i >= j
    row, column = choose(ordered, i, j), choose(ordered, j, i)
    return (row * (row + 1) >> 1) + column
