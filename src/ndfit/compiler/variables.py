"""What the compiled code keeps: variables that change, and rows of constants.

Flows in: values and numbers. Flows out: places in memory that loads and stores go to.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from llvmlite import ir

from ndfit.compiler.building import builder
from ndfit.compiler.values import Float, Pointer, value_of

__all__ = ["Local", "constants"]


class Local:
    """A variable of the compiled code. Sums and differences in place are what loops need."""

    def __init__(self, value: Any) -> None:
        value = value_of(value)
        with builder().goto_entry_block():
            self._place = builder().alloca(value.own.type)
        self._kind = type(value)
        self.set(value)

    def set(self, value: Any) -> None:
        builder().store(self._kind.of(value).own, self._place)

    @property
    def value(self) -> Any:
        return self._kind(builder().load(self._place))

    def __iadd__(self, other: Any) -> Local:
        self.set(self.value + other)
        return self

    def __isub__(self, other: Any) -> Local:
        self.set(self.value - other)
        return self


def constants(numbers: Sequence[float]) -> Pointer:
    """Where a row of constants is."""
    module, kind = builder().module, ir.ArrayType(Float.kind(), len(numbers))
    name = f"constants{sha256(repr(tuple(numbers)).encode()).hexdigest()[:16]}"
    found = module.globals.get(name)
    if found is None:
        found = ir.GlobalVariable(module, kind, name)
        found.linkage, found.global_constant = "internal", True
        found.initializer = ir.Constant(kind, [ir.Constant(Float.kind(), float(number)) for number in numbers])
    return Pointer(builder().bitcast(found, Pointer.kind()))
