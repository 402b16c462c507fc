"""What compiled code computes with: values of LLVM that have Python's operators.

Flows in: the arguments of a function that is being built. Flows out: instructions, written where the current builder
stands, and the values that they have.

Code in this language is Python that runs once, while it is compiled. Python's own numbers are constants in it, its `if`
decides what is built, and loops and choices of the compiled code are those of `flow`.

Arithmetic on lanes is fused as it is written: a sum one of whose terms is a product is one operation where the target
has it. The instructions are then the same whatever the width, and LLVM is given no freedom with any of them.
"""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import Any

from llvmlite import ir

from ndfit.compiler.building import builder, target

__all__ = [
    "Bool",
    "Float",
    "Int",
    "IntLanes",
    "Lanes",
    "Mask",
    "Pointer",
    "Table",
    "Value",
    "Word",
    "choose",
    "fma",
    "identity",
    "intrinsic",
    "value_of",
]

_I64, _F64, _I1, _I32 = ir.IntType(64), ir.DoubleType(), ir.IntType(1), ir.IntType(32)


class Value:
    """A value of the compiled code; its class says of which kind."""

    of_one: Any = None
    """LLVM's type of it, or of one lane of it."""

    def __init__(self, own: Any) -> None:
        self.own = own

    @classmethod
    def kind(cls) -> Any:
        """LLVM's type of it."""
        return cls.of_one

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

    def __xor__(self, other: Any) -> Any:
        return _joined("xor", self, other)

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
    # numbers of numpy's leave operators to this class
    __array_ufunc__ = None

    def __bool__(self) -> bool:
        raise TypeError("what a value is, is known when the code runs: use `choose`, `when` or `either`")


class Bool(Value):
    """A truth value."""

    of_one = _I1

    @classmethod
    def of(cls, value: Any) -> Any:
        return cls(ir.Constant(_I1, value)) if isinstance(value, bool) else super().of(value)

    def __invert__(self) -> Any:
        return Bool(builder().not_(self.own))


class _Whole(Value):
    """Whole numbers of 64 bits, in two's complement; sums and products that are too large wrap around."""

    def __lshift__(self, count: Any) -> Any:
        return type(self)(builder().shl(self.own, self.of(count).own))

    def __rshift__(self, count: int) -> Any:
        return type(self)(builder().ashr(self.own, self.of(count).own))


class Int(_Whole):
    """An int64."""

    of_one = _I64

    @classmethod
    def of(cls, value: Any) -> Any:
        return cls(ir.Constant(_I64, int(value))) if isinstance(value, int) else super().of(value)


class Word(Int):
    """A uint64."""

    @classmethod
    def of(cls, value: Any) -> Any:
        return cls(ir.Constant(_I64, int(value))) if isinstance(value, Integral) else super().of(value)

    def __rshift__(self, count: Any) -> Any:
        return Word(builder().lshr(self.own, Word.of(count).own))


class Float(Value):
    """A float64."""

    of_one = _F64

    @classmethod
    def of(cls, value: Any) -> Any:
        if isinstance(value, Int):
            convert = ir.IRBuilder.uitofp if isinstance(value, Word) else ir.IRBuilder.sitofp
            return cls(convert(builder(), value.own, _F64))
        return cls(ir.Constant(_F64, float(value))) if isinstance(value, (int, float)) else super().of(value)

    def truncated(self) -> Any:
        """The integer part."""
        return Int(builder().fptosi(self.own, _I64))


class _OfLanes(Value):
    """A value of each lane."""

    @classmethod
    def kind(cls) -> Any:
        return ir.VectorType(cls.of_one, target().width)


class Lanes(_OfLanes):
    """A float64 of each lane. Anything else that is a number stands for itself in every lane."""

    of_one = _F64
    factors: tuple[Any, Any] | None = None
    """What it is the product of, if it is one."""

    @classmethod
    def of(cls, value: Any) -> Any:
        if isinstance(value, (int, float)):
            return cls(_constant(_F64, float(value)))
        return cls(_spread(Float.of(value).own)) if isinstance(value, (Int, Float)) else super().of(value)

    def __neg__(self) -> Any:
        return Lanes(builder().fneg(self.own))

    def __abs__(self) -> Any:
        return intrinsic("fabs", self)

    def bits(self) -> Any:
        """The bits of each number, as a whole number."""
        return IntLanes(builder().bitcast(self.own, IntLanes.kind()))


class IntLanes(_OfLanes, _Whole):
    """An int64 of each lane."""

    of_one = _I64

    @classmethod
    def of(cls, value: Any) -> Any:
        return cls(_constant(_I64, value)) if isinstance(value, int) else super().of(value)

    def as_floats(self) -> Any:
        """The numbers that have these bits."""
        return Lanes(builder().bitcast(self.own, Lanes.kind()))


class Mask(_OfLanes):
    """A truth value of each lane."""

    of_one = _I1

    @classmethod
    def of(cls, value: Any) -> Any:
        return cls(_constant(_I1, value)) if isinstance(value, bool) else super().of(value)

    def __invert__(self) -> Any:
        return Mask(builder().not_(self.own))


def _constant(kind: Any, value: Any) -> Any:
    return ir.Constant(ir.VectorType(kind, target().width), [ir.Constant(kind, value)] * target().width)


def _spread(one: Any) -> Any:
    undefined = ir.Constant(Lanes.kind(), ir.Undefined)
    first = builder().insert_element(undefined, one, ir.Constant(_I32, 0))
    return builder().shuffle_vector(first, undefined, _constant(_I32, 0))


_OF_PYTHON: dict[type, type[Value]] = {bool: Bool, int: Int, float: Float}


def _joined(operation: str, left: Any, right: Any) -> Any:
    """The value of an operator; a number beside lanes or beside a float becomes one, too."""
    kinds = {_OF_PYTHON.get(type(value), type(value)) for value in (left, right)}
    kind = next(kind for kind in (Mask, Lanes, IntLanes, Float, Word, Int, Bool) if kind in kinds)
    build = _OPERATIONS.get((kind, operation))
    if build is None:
        raise TypeError(f"there is no {operation!r} of {left!r} and {right!r}")
    return build(kind.of(left), kind.of(right))


def _binary(instruction: Callable[..., Any], result: type[Value]) -> Callable[[Any, Any], Any]:
    return lambda x, y: result(instruction(builder(), x.own, y.own))


def _of_whole(symbol: str, result: type[Value]) -> Callable[[Any, Any], Any]:
    return lambda x, y: result(builder().icmp_signed(symbol, x.own, y.own))


def _comparison(symbol: str, result: type[Value]) -> Callable[[Any, Any], Any]:
    """As IEEE 754 has it: NaN differs from everything, and is neither more nor less."""
    compare = ir.IRBuilder.fcmp_unordered if symbol == "!=" else ir.IRBuilder.fcmp_ordered
    return lambda x, y: result(compare(builder(), symbol, x.own, y.own))


def _product(x: Lanes, y: Lanes) -> Lanes:
    product = Lanes(builder().fmul(x.own, y.own))
    product.factors = x, y
    return product


def _sum(x: Lanes, y: Lanes) -> Lanes:
    if x.factors:
        return fma(*x.factors, y)
    if y.factors:
        return fma(*y.factors, x)
    return Lanes(builder().fadd(x.own, y.own))


def _difference(x: Lanes, y: Lanes) -> Lanes:
    if y.factors:
        first, second = y.factors
        return fma(-first, second, x)
    if x.factors:
        return fma(*x.factors, -y)
    return Lanes(builder().fsub(x.own, y.own))


_OPERATIONS: dict[tuple[type[Value], str], Callable[[Any, Any], Any]] = {
    (Float, "div"): _binary(ir.IRBuilder.fdiv, Float),
    (Lanes, "add"): _sum,
    (Lanes, "sub"): _difference,
    (Lanes, "mul"): _product,
    (Lanes, "div"): _binary(ir.IRBuilder.fdiv, Lanes),
}


def _fill_operations() -> None:
    for name in ("add", "sub", "mul"):
        _OPERATIONS[Float, name] = _binary(getattr(ir.IRBuilder, f"f{name}"), Float)
        for whole in (Int, Word, IntLanes):
            _OPERATIONS[whole, name] = _binary(getattr(ir.IRBuilder, name), whole)
    for name, instruction in (("and", ir.IRBuilder.and_), ("or", ir.IRBuilder.or_), ("xor", ir.IRBuilder.xor)):
        for kind in (Bool, Mask, Int, Word, IntLanes):
            _OPERATIONS[kind, name] = _binary(instruction, kind)
    for symbol in ("<", "<=", ">", ">=", "==", "!="):
        _OPERATIONS[Int, symbol] = _of_whole(symbol, Bool)
        _OPERATIONS[IntLanes, symbol] = _of_whole(symbol, Mask)
        _OPERATIONS[Float, symbol] = _comparison(symbol, Bool)
        _OPERATIONS[Lanes, symbol] = _comparison(symbol, Mask)
    for kind in (Bool, Mask):
        _OPERATIONS[kind, "!="] = _OPERATIONS[kind, "xor"]


_fill_operations()


class Pointer(Value):
    """Where float64 values are."""

    of_one = _F64.as_pointer()

    def __getitem__(self, index: Any) -> Any:
        return Float(builder().load(self._place(index)))

    def __setitem__(self, index: Any, value: Any) -> None:
        builder().store(Float.of(value).own, self._place(index))

    def _place(self, index: Any) -> Any:
        return builder().gep(self.own, [Int.of(index).own], inbounds=True)


class Table(Value):
    """Where int64 values are."""

    of_one = _I64.as_pointer()

    def __getitem__(self, index: Any) -> Any:
        return Int(builder().load(builder().gep(self.own, [Int.of(index).own], inbounds=True)))


_KINDS = (Bool, Int, Float, Pointer, Table, Lanes, IntLanes, Mask)


def value_of(value: Any) -> Any:
    """The value that something is: one already, a number of Python's, something of LLVM's."""
    if isinstance(value, Value):
        return value
    if type(value) in _OF_PYTHON:
        return _OF_PYTHON[type(value)].of(value)
    return next(kind for kind in _KINDS if str(kind.kind()) == str(value.type))(value)


def identity(value: Value) -> Any:
    """The same for what is certainly the same value."""
    return str(value.own) if isinstance(value.own, ir.Constant) else value.own


def choose(condition: Any, when_true: Any, when_false: Any) -> Any:
    """One of two values of the same kind; lane by lane where the condition is a mask. Both are computed."""
    kinds = {type(value_of(value)) for value in (when_true, when_false)}
    if isinstance(condition, Mask):
        kind: Any = IntLanes if IntLanes in kinds else Mask if Mask in kinds else Lanes
    else:
        kind = next(kind for kind in (Lanes, Mask, Float, Int, Bool, Pointer) if kind in kinds)
    return kind(builder().select(condition.own, kind.of(when_true).own, kind.of(when_false).own))


def fma(x: Any, y: Any, z: Any) -> Any:
    """``x * y + z`` of lanes, rounded once where the target has that as one instruction. Nothing may rely on it."""
    if target().fuses:
        return intrinsic("fma", x, y, z)
    return Lanes(builder().fadd(builder().fmul(Lanes.of(x).own, Lanes.of(y).own), Lanes.of(z).own))


def intrinsic(name: str, *arguments: Any) -> Any:
    """One of LLVM's functions of lanes."""
    values = [Lanes.of(argument).own for argument in arguments]
    function = ir.FunctionType(Lanes.kind(), [Lanes.kind()] * len(values))
    return Lanes(builder().call(declared(f"llvm.{name}.v{target().width}f64", function), values))


def declared(name: str, kind: Any) -> Any:
    """A function that is defined elsewhere."""
    return builder().module.globals.get(name) or ir.Function(builder().module, kind, name)
