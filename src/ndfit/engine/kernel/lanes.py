"""A numba type that holds one float64 of each of WIDTH lanes, so that lane arithmetic reads like that of one fit.

Flows in: pointers to scratch, lanes contiguous. Flows out: values of type ``lanes`` with the arithmetic operators, and
masks from comparisons. Both are LLVM vectors: the code is packed by construction, no optimiser has to find that out,
and there are no loops over lanes to compile. Floats widen by themselves.

Products and sums may be fused where the processor fuses (LLVM's ``contract``); no other freedom is given.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.cgutils import get_or_insert_function
from numba.core.typeconv import Conversion
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, lower_cast, models, register_model

from ndfit import jit
from ndfit.jit import POINTER, TABLE

# As many as registers allow: what depends on itself waits, and other lanes are worked on meanwhile. With AVX-512, 32 of
# eight values; else 16 of four, and with 32 lanes at once these overflow.
WIDTH = jit.LANES if "+avx512f" in jit.processor_features() else 8
GROUPS = jit.LANES // WIDTH

_VECTOR = ir.VectorType(ir.DoubleType(), WIDTH)
_BITS = ir.VectorType(ir.IntType(1), WIDTH)
_FLAGS = ("contract",)


class LanesType(types.Type):  # type: ignore[misc]
    """One float64 a lane."""

    def __init__(self) -> None:
        super().__init__(name="lanes")

    def can_convert_from(self, typingctx: Any, other: Any) -> Any:
        return Conversion.safe if isinstance(other, (types.Float, types.Integer)) else None


class MaskType(types.Type):  # type: ignore[misc]
    """One truth value a lane."""

    def __init__(self) -> None:
        super().__init__(name="lanes_mask")


LANES = LanesType()
MASK = MaskType()


@register_model(LanesType)
class _LanesModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, dmm: Any, fe_type: Any) -> None:
        super().__init__(dmm, fe_type, _VECTOR)


@register_model(MaskType)
class _MaskModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, dmm: Any, fe_type: Any) -> None:
        super().__init__(dmm, fe_type, _BITS)


def _splat(builder: Any, value: Any) -> Any:
    one = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    places = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [0] * WIDTH)
    return builder.shuffle_vector(one, ir.Constant(_VECTOR, ir.Undefined), places)


@lower_cast(types.Float, LanesType)
@lower_cast(types.Integer, LanesType)
def _widen(context: Any, builder: Any, source: Any, target: Any, value: Any) -> Any:
    return _splat(builder, context.cast(builder, value, source, types.float64))


def _declare(operation: Any, operand: Any, result: Any, build: Any) -> None:
    """Register a binary operator."""

    class Template(AbstractTemplate):  # type: ignore[misc]
        def generic(self, args: Any, kws: Any) -> Any:
            if any(arg == operand for arg in args) and all(
                arg == operand or (operand == LANES and isinstance(arg, (types.Float, types.Integer))) for arg in args
            ):
                return signature(result, *[operand] * len(args))
            return None

    infer_global(operation)(Template)

    @lower_builtin(operation, *[type(operand)] * 2)
    def _lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return build(builder, *args)


for _operation, _build in {
    operator.add: lambda builder, a, b: builder.fadd(a, b, flags=_FLAGS),
    operator.sub: lambda builder, a, b: builder.fsub(a, b, flags=_FLAGS),
    operator.mul: lambda builder, a, b: builder.fmul(a, b, flags=_FLAGS),
    operator.truediv: lambda builder, a, b: builder.fdiv(a, b),
}.items():
    _declare(_operation, LANES, LANES, _build)

for _operation, _symbol in {
    operator.lt: "<",
    operator.le: "<=",
    operator.gt: ">",
    operator.ge: ">=",
    operator.eq: "==",
}.items():
    _declare(_operation, LANES, MASK, lambda builder, a, b, symbol=_symbol: builder.fcmp_ordered(symbol, a, b))

_declare(operator.and_, MASK, MASK, lambda builder, a, b: builder.and_(a, b))
_declare(operator.or_, MASK, MASK, lambda builder, a, b: builder.or_(a, b))


@intrinsic
def at_group(typingctx, addresses, field, group):  # type: ignore[no-untyped-def]
    """Pointer to the array whose address is in a table, at a group of WIDTH lanes."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        addresses, field, group = args
        base = builder.inttoptr(builder.load(builder.gep(addresses, [field])), ir.DoubleType().as_pointer())
        return builder.gep(base, [builder.mul(group, ir.Constant(ir.IntType(64), WIDTH))], inbounds=True)

    return POINTER(TABLE, types.int64, types.int64), codegen


@intrinsic
def load(typingctx, base, row):  # type: ignore[no-untyped-def]
    """Lanes from a row of scratch."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.load(_place(builder, *args), align=8)

    return LANES(base, types.int64), codegen


@intrinsic
def store(typingctx, base, row, value):  # type: ignore[no-untyped-def]
    """Write lanes to a row of scratch."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        builder.store(args[2], _place(builder, args[0], args[1]), align=8)
        return context.get_dummy_value()

    return types.none(base, types.int64, LANES), codegen


def _place(builder: Any, base: Any, row: Any) -> Any:
    offset = builder.mul(row, ir.Constant(ir.IntType(64), jit.LANES))
    return builder.bitcast(builder.gep(base, [offset], inbounds=True), _VECTOR.as_pointer())


@intrinsic
def widen(typingctx, value):  # type: ignore[no-untyped-def]
    """The same value in every lane."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return _splat(builder, args[0])

    return LANES(types.float64), codegen


@intrinsic
def choose(typingctx, mask, when_true, when_false):  # type: ignore[no-untyped-def]
    """One of two values a lane."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.select(*args)

    return LANES(MASK, LANES, LANES), codegen


@intrinsic
def root(typingctx, value):  # type: ignore[no-untyped-def]
    """Square root."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        kind = ir.FunctionType(_VECTOR, (_VECTOR,))
        function = get_or_insert_function(builder.module, kind, f"llvm.sqrt.v{WIDTH}f64")
        return builder.call(function, args)

    return LANES(LANES), codegen


@intrinsic
def none_of(typingctx, mask):  # type: ignore[no-untyped-def]
    """Whether no lane is true."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        bits = ir.IntType(WIDTH)
        return builder.icmp_unsigned("==", builder.bitcast(args[0], bits), ir.Constant(bits, 0))

    return types.boolean(MASK), codegen
