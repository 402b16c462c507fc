"""Building blocks of the vectorisable functions: float64 and int64 in, float64, int64 or bool out.

Loops vectorise when their body is straight-line code over instructions that exist as packed ones. Hence: choices are
`select` instructions, not jumps; exponents are handled as bits; polynomials are trees of multiply-adds.

`fma` is LLVM's ``fmuladd``: fused where the processor fuses, a product and a sum elsewhere. It never becomes a library
call, and nothing here relies on the single rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

_F64 = ir.DoubleType()
_I64 = ir.IntType(64)


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a scalar function. A branch-free one opens with ``inline_here()``, to dissolve in the loop that calls it.

    Products and sums may be fused, as in generated code: numba would else take that from whoever calls first in a
    process, and the last bit would depend on it. A wrapper for callers in C would only cost compile time.
    """
    options: Any = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}, "no_cfunc_wrapper": True}
    dispatcher: Callable[..., Any] = njit(**options)(function)
    return dispatcher


@intrinsic
def inline_here(typingctx):  # type: ignore[no-untyped-def]
    """Have LLVM inline the function being built, whatever its size: a call that remains stops vectorisation."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        builder.function.attributes.add("alwaysinline")
        return context.get_dummy_value()

    return types.none(), codegen


WIDEST = '"prefer-vector-width"="512"'
"""LLVM's name for the use of the widest vectors that the processor has, where it would rather use half of them."""


@intrinsic
def widest(typingctx):  # type: ignore[no-untyped-def]
    """Have LLVM use the widest vectors in the function being built: on processors that have them, a quarter faster."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        set.add(builder.function.attributes, WIDEST)  # llvmlite's own `add` knows but some of LLVM's attributes
        return context.get_dummy_value()

    return types.none(), codegen


@intrinsic
def select(typingctx, condition, when_true, when_false):  # type: ignore[no-untyped-def]
    """Choose between two computed values without a jump."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.select(*args)

    kind = types.int64 if when_true == when_false == types.int64 else types.float64
    return kind(types.boolean, kind, kind), codegen


@intrinsic
def fma(typingctx, x, y, z):  # type: ignore[no-untyped-def]
    """``x * y + z``, fused where that is one instruction."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.call(_fmuladd(builder), args)

    return types.float64(types.float64, types.float64, types.float64), codegen


@intrinsic
def to_bits(typingctx, x):  # type: ignore[no-untyped-def]
    """The bits of a float64, as an int64."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.bitcast(args[0], _I64)

    return types.int64(types.float64), codegen


@intrinsic
def from_bits(typingctx, bits):  # type: ignore[no-untyped-def]
    """The float64 that has these bits."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.bitcast(args[0], _F64)

    return types.float64(types.int64), codegen


def _rounding(llvm_name: str, description: str) -> Any:
    @intrinsic
    def rounded(typingctx, x):  # type: ignore[no-untyped-def]
        def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
            return builder.call(builder.module.declare_intrinsic(llvm_name, (_F64,)), args)

        return types.float64(types.float64), codegen

    rounded.__doc__ = description
    return rounded


floor = _rounding("llvm.floor", "The largest integer not above x.")
ceil = _rounding("llvm.ceil", "The smallest integer not below x.")


@compiled
def sign(x: float) -> float:
    """-1, 0 or 1; NaN for NaN."""
    inline_here()
    return select(x > 0.0, 1.0, select(x < 0.0, -1.0, select(x == 0.0, 0.0, x)))


@compiled
def leading_bits(x: float) -> float:
    """x cut to its leading 26 bits: the product of two such numbers is exact."""
    inline_here()
    return from_bits(to_bits(x) & -(1 << 27))


def polynomial(coefficients: Sequence[float]) -> Any:
    """Return a compiled function of x: the polynomial with these coefficients (ascending), by Estrin's scheme.

    Neighbours are joined to the terms of a polynomial in x**2, and so on: a chain of log n multiply-adds where Horner's
    rule has n. Processors wait for the chain, not for the number of operations.
    """

    def estrin(fmuladd: Any, square: Any, x: Any, terms: list[Any]) -> Any:
        while len(terms) > 1:
            pairs = zip(terms[::2], terms[1::2], strict=False)
            joined = [fmuladd(high, x, low) for low, high in pairs]
            terms = joined + terms[2 * len(joined) :]
            x = square(x)
        return terms[0]

    return _summed(coefficients, estrin)


def polynomial_by_horner(coefficients: Sequence[float]) -> Any:
    """Return the same as `polynomial`, by Horner's rule: where large terms cancel, its rounding errors are smaller."""

    def horner(fmuladd: Any, square: Any, x: Any, terms: list[Any]) -> Any:
        return reduce(lambda total, term: fmuladd(total, x, term), reversed(terms))

    return _summed(coefficients, horner)


def _summed(coefficients: Sequence[float], scheme: Callable[..., Any]) -> Any:
    @intrinsic
    def value(typingctx, x):  # type: ignore[no-untyped-def]
        def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
            function = _fmuladd(builder)
            return scheme(
                lambda *values: builder.call(function, values),
                lambda base: builder.fmul(base, base),
                args[0],
                [ir.Constant(_F64, coefficient) for coefficient in coefficients],
            )

        return types.float64(types.float64), codegen

    return value


def unrolled(step: Callable[..., Any], rows: Sequence[tuple[float, ...]]) -> Any:
    """Return a compiled function of (state, arguments): ``state = step(state, arguments, row)`` for each row in turn.

    State and arguments are tuples of numbers, `step` is a `compiled` function. A loop inside a function would keep
    the loop that calls it from vectorising; steps written out one after the other do not.
    """

    @intrinsic
    def fold(typingctx, state, arguments):  # type: ignore[no-untyped-def]
        row_type = types.UniTuple(types.float64, len(rows[0]))
        step_type = typingctx.resolve_value_type(step)
        step_signature = typingctx.resolve_function_type(step_type, (state, arguments, row_type), {})

        def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
            call_step = context.get_function(step_type, step_signature)
            current, fixed = args
            for row in rows:
                constants = context.get_constant_generic(builder, row_type, row)
                current = call_step(builder, [current, fixed, constants])
            return current

        return state(state, arguments), codegen

    return fold


def _fmuladd(builder: ir.IRBuilder) -> ir.Function:
    return builder.module.declare_intrinsic("llvm.fmuladd", (_F64,), ir.FunctionType(_F64, (_F64, _F64, _F64)))
