"""What the kernel computes with: values of LLVM that have Python's operators.

Flows in: the arguments of a function that is being built. Flows out: instructions, written where the current builder
stands, and the values that they have.

Kernel code is Python that runs once, while it is compiled. Python's own numbers are constants in it, its `if` decides
what is built, and loops and choices of the compiled code are those of `flow`. numba's own compilation of the same
code, which finds types statement by statement, takes five times as long.

Products and sums of lanes may be fused where the processor fuses (LLVM's ``contract``); no other freedom is given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from llvmlite import ir

from ndfit import jit

__all__ = [
    "GROUPS",
    "WIDTH",
    "Bool",
    "Float",
    "Int",
    "Lanes",
    "Local",
    "Mask",
    "Pointer",
    "Routine",
    "Table",
    "Value",
    "builder",
    "building",
    "value_of",
]

# As many as registers allow: what depends on itself waits, and other lanes are worked on meanwhile. With AVX-512, 32 of
# eight values; else 16 of four, and with 32 lanes at once these overflow.
WIDTH = jit.LANES if "+avx512f" in jit.processor_features() else 8
GROUPS = jit.LANES // WIDTH

_I64, _F64, _I1, _I32 = ir.IntType(64), ir.DoubleType(), ir.IntType(1), ir.IntType(32)
_LANES, _MASK = ir.VectorType(_F64, WIDTH), ir.VectorType(_I1, WIDTH)

_builders: list[ir.IRBuilder] = []


def builder() -> ir.IRBuilder:
    """Return where instructions are being written. numba's lock lets one thread compile at a time."""
    return _builders[-1]


@contextmanager
def building(where: ir.IRBuilder) -> Iterator[None]:
    """Write instructions there."""
    _builders.append(where)
    try:
        yield
    finally:
        _builders.pop()


class Value:
    """A value of the compiled code; its class says of which kind."""

    kind: Any = None

    def __init__(self, own: Any) -> None:
        self.own = own

    def like(self, other: Any) -> Any:
        """The same kind of value that something else of LLVM is."""
        return type(self)(other)

    @classmethod
    def of(cls, value: Any) -> Any:
        """A value of this kind."""
        if not isinstance(value, cls):
            raise TypeError(f"expected {cls.__name__}, got {value!r}")
        return value

    def __add__(self, other: Any) -> Any:
        return _joined("add", self, other)

    def __radd__(self, other: Any) -> Any:
        return _joined("add", other, self)

    def __sub__(self, other: Any) -> Any:
        return _joined("sub", self, other)

    def __rsub__(self, other: Any) -> Any:
        return _joined("sub", other, self)

    def __mul__(self, other: Any) -> Any:
        return _joined("mul", self, other)

    def __rmul__(self, other: Any) -> Any:
        return _joined("mul", other, self)

    def __truediv__(self, other: Any) -> Any:
        return _joined("div", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return _joined("div", other, self)

    def __and__(self, other: Any) -> Any:
        return _joined("and", self, other)

    def __or__(self, other: Any) -> Any:
        return _joined("or", self, other)

    def __lt__(self, other: Any) -> Any:
        return _joined("<", self, other)

    def __le__(self, other: Any) -> Any:
        return _joined("<=", self, other)

    def __gt__(self, other: Any) -> Any:
        return _joined(">", self, other)

    def __ge__(self, other: Any) -> Any:
        return _joined(">=", self, other)

    def __eq__(self, other: object) -> Any:
        return _joined("==", self, other)

    def __ne__(self, other: object) -> Any:
        return _joined("!=", self, other)

    __hash__ = None  # type: ignore[assignment]


class Bool(Value):
    """A truth value."""

    kind = _I1

    @classmethod
    def of(cls, value: Any) -> Any:
        return cls(ir.Constant(_I1, int(value))) if isinstance(value, bool) else super().of(value)

    def __invert__(self) -> Any:
        return Bool(builder().not_(self.own))


class Int(Value):
    """An int64."""

    kind = _I64

    @classmethod
    def of(cls, value: Any) -> Any:
        return cls(ir.Constant(_I64, int(value))) if isinstance(value, int) else super().of(value)

    def __rshift__(self, count: int) -> Any:
        return Int(builder().lshr(self.own, ir.Constant(_I64, count)))


class Float(Value):
    """A float64."""

    kind = _F64

    @classmethod
    def of(cls, value: Any) -> Any:
        if isinstance(value, Int):
            return cls(builder().sitofp(value.own, _F64))
        return cls(ir.Constant(_F64, float(value))) if isinstance(value, (int, float)) else super().of(value)

    def truncated(self) -> Any:
        """The integer part."""
        return Int(builder().fptosi(self.own, _I64))


class Lanes(Value):
    """A float64 of each of WIDTH lanes. Anything else that is a number stands for itself in every lane."""

    kind = _LANES

    @classmethod
    def of(cls, value: Any) -> Any:
        if isinstance(value, (int, float)):
            return cls(ir.Constant(_LANES, [ir.Constant(_F64, float(value))] * WIDTH))
        return cls(_spread(Float.of(value).own)) if isinstance(value, (Int, Float)) else super().of(value)


class Mask(Value):
    """A truth value of each of WIDTH lanes."""

    kind = _MASK

    def __invert__(self) -> Any:
        return Mask(builder().not_(self.own))


def _spread(one: Any) -> Any:
    undefined = ir.Constant(_LANES, ir.Undefined)
    first = builder().insert_element(undefined, one, ir.Constant(_I32, 0))
    return builder().shuffle_vector(first, undefined, ir.Constant(ir.VectorType(_I32, WIDTH), [0] * WIDTH))


_OF_PYTHON: dict[type, type[Value]] = {bool: Bool, int: Int, float: Float}


def _joined(operation: str, left: Any, right: Any) -> Any:
    """The value of an operator; a number beside lanes or beside a float becomes one, too."""
    kinds = {_OF_PYTHON.get(type(value), type(value)) for value in (left, right)}
    kind = next(kind for kind in (Mask, Lanes, Float, Int, Bool) if kind in kinds)
    build, result = _OPERATIONS[kind, operation]
    return result(build(builder(), kind.of(left).own, kind.of(right).own))


def _compare(b: ir.IRBuilder, symbol: str, x: Any, y: Any) -> Any:
    """As IEEE 754 has it: NaN differs from everything, and is neither more nor less."""
    return b.fcmp_unordered(symbol, x, y) if symbol == "!=" else b.fcmp_ordered(symbol, x, y)


_OPERATIONS: dict[tuple[type[Value], str], tuple[Callable[..., Any], type[Value]]] = {
    (Float, "div"): (ir.IRBuilder.fdiv, Float),
    (Lanes, "div"): (ir.IRBuilder.fdiv, Lanes),
}
for _name in ("add", "sub", "mul"):
    _OPERATIONS[Int, _name] = getattr(ir.IRBuilder, _name), Int
    _OPERATIONS[Float, _name] = getattr(ir.IRBuilder, f"f{_name}"), Float
    _OPERATIONS[Lanes, _name] = partial(getattr(ir.IRBuilder, f"f{_name}"), flags=("contract",)), Lanes
for _name in ("and", "or"):
    for _kind in (Bool, Mask):
        _OPERATIONS[_kind, _name] = getattr(ir.IRBuilder, f"{_name}_"), _kind
for _name in ("<", "<=", ">", ">=", "==", "!="):
    _OPERATIONS[Int, _name] = (lambda b, x, y, symbol=_name: b.icmp_signed(symbol, x, y)), Bool
    _OPERATIONS[Float, _name] = (lambda b, x, y, symbol=_name: _compare(b, symbol, x, y)), Bool
    _OPERATIONS[Lanes, _name] = (lambda b, x, y, symbol=_name: _compare(b, symbol, x, y)), Mask


class Pointer(Value):
    """Where float64 values are."""

    kind = _F64.as_pointer()

    def __getitem__(self, index: Any) -> Any:
        return Float(builder().load(self._place(index)))

    def __setitem__(self, index: Any, value: Any) -> None:
        builder().store(Float.of(value).own, self._place(index))

    def _place(self, index: Any) -> Any:
        return builder().gep(self.own, [Int.of(index).own], inbounds=True)


class Table(Value):
    """Where int64 values are."""

    kind = _I64.as_pointer()

    def __getitem__(self, index: Any) -> Any:
        return Int(builder().load(builder().gep(self.own, [Int.of(index).own], inbounds=True)))


class Routine(Value):
    """A function that numba has compiled, known only when the code runs; it returns nothing.

    `call` writes a call of it: ``call(builder, function, arguments)``.
    """

    def __init__(self, own: Any, call: Callable[[Any, Any, list[Any]], Any]) -> None:
        super().__init__(own)
        self._call = call

    def like(self, other: Any) -> Any:
        return Routine(other, self._call)

    def __call__(self, *arguments: Any) -> None:
        self._call(builder(), self.own, [value_of(argument).own for argument in arguments])


_KINDS = {str(kind.kind): kind for kind in (Bool, Int, Float, Lanes, Mask, Pointer, Table)}


def value_of(value: Any) -> Any:
    """The value that something is: one already, a number of Python's, something of LLVM's."""
    if isinstance(value, Value):
        return value
    if type(value) in _OF_PYTHON:
        return _OF_PYTHON[type(value)].of(value)
    return _KINDS[str(value.type)](value)


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
