"""Raw memory of the kernel: pointers to flat scratch and to the caller's arrays.

Flows in: addresses, which the caller keeps alive. Flows out: pointers and values, without the sign checks and shape
arithmetic of array indexing.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ndfit.jit import POINTER, TABLE

_I64 = ir.IntType(64)


@intrinsic
def pointer(typingctx, address):  # type: ignore[no-untyped-def]
    """Pointer to the float64 values at an address."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.inttoptr(args[0], ir.DoubleType().as_pointer())

    return POINTER(types.int64), codegen


@intrinsic
def table(typingctx, address):  # type: ignore[no-untyped-def]
    """Pointer to the int64 values at an address."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.inttoptr(args[0], _I64.as_pointer())

    return TABLE(types.int64), codegen


@intrinsic
def shift(typingctx, base, count):  # type: ignore[no-untyped-def]
    """``base + count`` values."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.gep(args[0], [args[1]], inbounds=True)

    return POINTER(POINTER, types.int64), codegen


@intrinsic
def at(typingctx, addresses, field):  # type: ignore[no-untyped-def]
    """Pointer to the array whose address is in a table."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.inttoptr(builder.load(builder.gep(args[0], [args[1]])), ir.DoubleType().as_pointer())

    return POINTER(TABLE, types.int64), codegen


@intrinsic
def address(typingctx, views, view, fit, column):  # type: ignore[no-untyped-def]
    """Where a value of a 2-D view is, given the table of views and which of its rows to use."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        table, view, *places = args
        row = builder.gep(table, [builder.mul(view, ir.Constant(_I64, 3))])
        where = builder.load(row)
        for axis, place in enumerate(places, 1):
            stride = builder.load(builder.gep(row, [ir.Constant(_I64, axis)]))
            where = builder.add(where, builder.mul(place, stride))
        return where

    return types.int64(TABLE, types.int64, types.int64, types.int64), codegen


@intrinsic
def entry(typingctx, i, j):  # type: ignore[no-untyped-def]
    """Row of entry (i, j) of a packed lower triangle; for j > i, that of (j, i)."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        ordered = builder.icmp_signed(">=", *args)
        row, column = builder.select(ordered, *args), builder.select(ordered, args[1], args[0])
        before = builder.lshr(builder.mul(row, builder.add(row, ir.Constant(_I64, 1))), ir.Constant(_I64, 1))
        return builder.add(before, column)

    return types.int64(types.int64, types.int64), codegen


@intrinsic
def float_at(typingctx, address):  # type: ignore[no-untyped-def]
    """The float64 stored at an address of any alignment."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.load(builder.inttoptr(args[0], ir.DoubleType().as_pointer()), align=1)

    return types.float64(types.int64), codegen


@intrinsic
def put_float(typingctx, address, value):  # type: ignore[no-untyped-def]
    """Store a float64 at an address of any alignment."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        builder.store(args[1], builder.inttoptr(args[0], ir.DoubleType().as_pointer()), align=1)
        return context.get_dummy_value()

    return types.none(types.int64, types.float64), codegen


@intrinsic
def byte_at(typingctx, address):  # type: ignore[no-untyped-def]
    """The byte stored at an address."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.load(builder.inttoptr(args[0], ir.IntType(8).as_pointer()))

    return types.uint8(types.int64), codegen


@intrinsic
def stand_alone(typingctx):  # type: ignore[no-untyped-def]
    """Keep the function being built out of its callers: copies of a loop are what compile time goes into."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.none(), codegen
