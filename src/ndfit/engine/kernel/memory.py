"""Raw memory of the kernel: pointers to flat scratch and to the caller's arrays.

Flows in: addresses, which the caller keeps alive. Flows out: pointers and values, without the sign checks and shape
arithmetic of array indexing.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from ndfit.engine.kernel.values import Bool, Float, Int, Pointer, Table, builder, value_of
from ndfit.engine.kernel.workspace import FIT_TO_FIT, VIEW_COLUMNS

_BYTE, _SINGLE = ir.IntType(8), ir.FloatType()


def pointer(address: Int) -> Pointer:
    """Pointer to the float64 values at an address."""
    return Pointer(builder().inttoptr(address.own, Pointer.kind))


def table(address: Int) -> Table:
    """The table of int64 values at an address."""
    return Table(builder().inttoptr(address.own, Table.kind))


def shift(base: Pointer, count: Any) -> Pointer:
    """``base + count`` values."""
    return Pointer(builder().gep(base.own, [Int.of(count).own], inbounds=True))


def at(addresses: Table, field: int) -> Pointer:
    """Pointer to the array whose address is in a table."""
    return pointer(addresses[field])


def address(views: Table, view: Any, fit: Any, column: Any) -> Int:
    """Where a value of a 2-D view is, given the table of views and which of its rows to use."""
    row = VIEW_COLUMNS * view
    return views[row] + views[row + FIT_TO_FIT] * fit + views[row + FIT_TO_FIT + 1] * column


def entry(i: Any, j: Any) -> Int:
    """Row of entry (i, j) of a packed lower triangle; for j > i, that of (j, i)."""
    i, j = value_of(i), value_of(j)
    ordered = i >= j
    row, column = select(ordered, i, j), select(ordered, j, i)
    return (row * (row + 1) >> 1) + column


def select(condition: Bool, when_true: Any, when_false: Any) -> Any:
    """One of two values of the same kind."""
    when_true, when_false = value_of(when_true), value_of(when_false)
    return when_true.like(builder().select(condition.own, when_true.own, when_false.own))


def float_at(where: Int) -> Float:
    """The float64 stored at an address of any alignment."""
    return Float(builder().load(pointer(where).own, align=1))


def single_at(where: Int) -> Float:
    """The float32 stored at an address of any alignment, as a float64."""
    value = builder().load(builder().inttoptr(where.own, _SINGLE.as_pointer()), align=1)
    return Float(builder().fpext(value, Float.kind))


def put_float(where: Int, value: Any) -> None:
    """Store a float64 at an address of any alignment."""
    builder().store(Float.of(value).own, pointer(where).own, align=1)


def has_byte(where: Int) -> Bool:
    """Whether the byte at an address is not zero."""
    byte = builder().load(builder().inttoptr(where.own, _BYTE.as_pointer()))
    return Bool(builder().icmp_unsigned("!=", byte, ir.Constant(_BYTE, 0)))
