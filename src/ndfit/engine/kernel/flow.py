"""Loops, choices and functions of compiled code.

Flows in: values. Flows out: blocks of instructions; functions of their own in the module that is being built.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from llvmlite import ir
from numba.core import cgutils
from numba.core.types import FunctionType

from ndfit.engine.kernel.values import Bool, Int, Routine, Value, builder, building, value_of
from ndfit.vmath.intrinsics import WIDEST

__all__ = ["either", "emitted", "loop", "loop_while", "subroutine", "when"]


@contextmanager
def loop(start: Any, stop: Any = None, step: int = 1) -> Iterator[Int]:
    """`for` over a range of Python's, with a positive step."""
    first, last = (0, start) if stop is None else (start, stop)
    bounds = (Int.of(bound).own for bound in (first, last, step))
    with cgutils.for_range_slice(builder(), *bounds) as (index, _):
        yield Int(index)


@contextmanager
def loop_while(condition: Callable[[], Bool]) -> Iterator[None]:
    """`while`; what `condition` computes is computed before each turn."""
    head, body, end = (builder().append_basic_block(name) for name in ("while", "body", "end"))
    builder().branch(head)
    builder().position_at_end(head)
    builder().cbranch(condition().own, body, end)
    builder().position_at_end(body)
    yield
    builder().branch(head)
    builder().position_at_end(end)


def when(condition: Bool) -> AbstractContextManager[Any]:
    """`if`."""
    context: AbstractContextManager[Any] = builder().if_then(condition.own)
    return context


def either(condition: Bool) -> AbstractContextManager[Any]:
    """`if` and `else`: two contexts, one for each."""
    context: AbstractContextManager[Any] = builder().if_else(condition.own)
    return context


def subroutine(returns: type[Value] | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a function of its own of a function of Python's: copies of its code are what compile time goes into.

    Parameters
    ----------
    returns : what it returns; one value or none
    """

    def decorate(body: Callable[..., Any]) -> Callable[..., Any]:
        name = f"{body.__module__}.{body.__qualname__}"

        def call(*arguments: Any) -> Any:
            values = [value_of(argument) for argument in arguments]
            module = builder().module
            function = module.globals.get(name) or _function(module, name, body, values, returns)
            result = builder().call(function, [value.own for value in values])
            return None if returns is None else returns(result)

        return call

    return decorate


def _function(
    module: ir.Module, name: str, body: Callable[..., Any], values: Sequence[Value], returns: type[Value] | None
) -> ir.Function:
    result = ir.VoidType() if returns is None else returns.kind
    function = ir.Function(module, ir.FunctionType(result, [value.own.type for value in values]), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    set.add(function.attributes, WIDEST)  # as in `widest`
    where = ir.IRBuilder(function.append_basic_block())
    with building(where):
        answer = body(*(value.like(argument) for value, argument in zip(values, function.args, strict=True)))
        if returns is None:
            where.ret_void()
        else:
            where.ret(returns.of(answer).own)
    return function


def emitted(body: Callable[..., None]) -> Callable[[Any, Any, Any, Any], Any]:
    """What numba asks of an intrinsic: to write the code for arguments. Functions among these become Routines."""

    def codegen(context: Any, where: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        with building(where):
            body(*(_argument(context, *pair) for pair in zip(signature.args, arguments, strict=True)))
        return context.get_dummy_value()

    return codegen


def _argument(context: Any, kind: Any, argument: Any) -> Any:
    if not isinstance(kind, FunctionType):
        return value_of(argument)
    signature, convention = kind.signature, context.call_conv
    pointer = convention.get_function_type(signature.return_type, signature.args).as_pointer()
    address = cgutils.create_struct_proxy(kind)(context, builder(), value=argument).jit_addr

    def call(where: Any, function: Any, values: list[Any]) -> None:
        convention.call_function(where, function, signature.return_type, signature.args, values)

    return Routine(builder().bitcast(address, pointer), call)
