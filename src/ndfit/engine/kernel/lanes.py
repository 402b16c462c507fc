"""Arithmetic on WIDTH lanes at once, which reads like that of one fit.

Flows in: pointers to scratch, lanes contiguous. Flows out: values of lanes, and masks from comparisons. Both are
vectors of LLVM: the code is packed by construction, no optimiser has to find that out.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core.cgutils import get_or_insert_function

from ndfit import jit
from ndfit.engine.kernel.memory import at, shift
from ndfit.engine.kernel.values import WIDTH, Bool, Lanes, Mask, Pointer, Table, builder

# Scratch is aligned as float64 values are: a group of lanes may begin anywhere.
_ALIGNED = 8


def at_group(addresses: Table, field: int, group: Any) -> Pointer:
    """Pointer to the array whose address is in a table, at a group of WIDTH lanes."""
    return shift(at(addresses, field), group * WIDTH)


def load(base: Pointer, row: Any) -> Lanes:
    """Lanes from a row of scratch."""
    return Lanes(builder().load(_place(base, row), align=_ALIGNED))


def store(base: Pointer, row: Any, value: Any) -> None:
    """Write lanes to a row of scratch."""
    builder().store(Lanes.of(value).own, _place(base, row), align=_ALIGNED)


def _place(base: Pointer, row: Any) -> Any:
    return builder().bitcast(shift(base, row * jit.LANES).own, Lanes.kind.as_pointer())


def choose(mask: Mask, when_true: Any, when_false: Any) -> Lanes:
    """One of two values a lane."""
    return Lanes(builder().select(mask.own, Lanes.of(when_true).own, Lanes.of(when_false).own))


def root(value: Lanes) -> Lanes:
    """Square root."""
    kind = ir.FunctionType(Lanes.kind, (Lanes.kind,))
    function = get_or_insert_function(builder().module, kind, f"llvm.sqrt.v{WIDTH}f64")
    return Lanes(builder().call(function, [value.own]))


def none_of(mask: Mask) -> Bool:
    """Whether no lane is true."""
    bits = ir.IntType(WIDTH)
    return Bool(builder().icmp_unsigned("==", builder().bitcast(mask.own, bits), ir.Constant(bits, 0)))
