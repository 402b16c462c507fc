"""Raw memory of the compiled code: pointers to flat scratch and to the caller's arrays.

Flows in: addresses, which the caller keeps alive. Flows out: pointers and values, without the sign checks and shape
arithmetic of array indexing.

Scratch has rows of LANES values, one for each fit that advances together with others. Code works on a group of them at
a time, as many as the target is wide.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from ndfit.compiler.building import builder, target
from ndfit.compiler.values import Bool, Float, Int, IntLanes, Lanes, Mask, Pointer, Table

__all__ = [
    "LANES",
    "float_at",
    "gather",
    "groups",
    "has_byte",
    "lanes",
    "load",
    "none_of",
    "pointer",
    "put_float",
    "shift",
    "single_at",
    "store",
    "table",
    "width",
]

LANES = 32
"""Values a row of scratch, unless the target says otherwise: fits that advance together."""

_BYTE, _SINGLE = ir.IntType(8), ir.FloatType()
# Scratch is aligned as float64 values are: a group of lanes may begin anywhere.
_ALIGNED = 8


def width() -> int:
    """Lanes in a group."""
    return target().width


def lanes() -> int:
    """Values a row of scratch."""
    return target().lanes or LANES


def groups() -> int:
    """Groups in a row of scratch."""
    return lanes() // width()


def pointer(address: Int) -> Pointer:
    """Pointer to the float64 values at an address."""
    return Pointer(builder().inttoptr(address.own, Pointer.kind()))


def table(address: Int) -> Table:
    """The table of int64 values at an address."""
    return Table(builder().inttoptr(address.own, Table.kind()))


def shift(base: Pointer, count: Any) -> Pointer:
    """``base + count`` values."""
    return Pointer(builder().gep(base.own, [Int.of(count).own], inbounds=True))


def load(base: Pointer, row: Any, stride: int | None = None) -> Lanes:
    """A group of lanes from a row of scratch."""
    return Lanes(builder().load(_place(base, row, stride), align=_ALIGNED))


def store(base: Pointer, row: Any, value: Any, stride: int | None = None) -> None:
    """Write a group of lanes to a row of scratch."""
    builder().store(Lanes.of(value).own, _place(base, row, stride), align=_ALIGNED)


def _place(base: Pointer, row: Any, stride: int | None) -> Any:
    return builder().bitcast(shift(base, row * (lanes() if stride is None else stride)).own, Lanes.kind().as_pointer())


def gather(base: Pointer, index: IntLanes) -> Lanes:
    """The values at an index of each lane."""
    found = ir.Constant(Lanes.kind(), ir.Undefined)
    for lane in range(width()):
        place = ir.Constant(ir.IntType(32), lane)
        value = base[Int(builder().extract_element(index.own, place))]
        found = builder().insert_element(found, value.own, place)
    return Lanes(found)


def float_at(where: Int) -> Float:
    """The float64 stored at an address of any alignment."""
    return Float(builder().load(pointer(where).own, align=1))


def single_at(where: Int) -> Float:
    """The float32 stored at an address of any alignment, as a float64."""
    value = builder().load(builder().inttoptr(where.own, _SINGLE.as_pointer()), align=1)
    return Float(builder().fpext(value, Float.kind()))


def put_float(where: Int, value: Any) -> None:
    """Store a float64 at an address of any alignment."""
    builder().store(Float.of(value).own, pointer(where).own, align=1)


def has_byte(where: Int) -> Bool:
    """Whether the byte at an address is not zero."""
    byte = builder().load(builder().inttoptr(where.own, _BYTE.as_pointer()))
    return Bool(builder().icmp_unsigned("!=", byte, ir.Constant(_BYTE, 0)))


def none_of(mask: Mask) -> Bool:
    """Whether no lane is true."""
    bits = ir.IntType(width())
    return Bool(builder().icmp_unsigned("==", builder().bitcast(mask.own, bits), ir.Constant(bits, 0)))
