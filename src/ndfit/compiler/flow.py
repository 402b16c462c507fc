"""Control flow of the compiled code, and its functions.

Flows in: conditions, bounds, functions of Python's that write code. Flows out: branches, loops and calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from typing import Any

from llvmlite import ir

from ndfit.compiler.building import builder, building, target
from ndfit.compiler.values import Bool, Int, Value, value_of

__all__ = ["Routine", "define", "either", "loop", "loop_while", "subroutine", "when"]

_WIDEST = '"prefer-vector-width"="512"'
"""LLVM's name for the use of the widest registers that the processor has, where it would rather use half of them."""


@contextmanager
def loop(start: Any, stop: Any = None, step: int = 1) -> Iterator[Int]:
    """`for` over a range of Python's, with a positive step."""
    first, last = (Int.of(bound) for bound in ((0, start) if stop is None else (start, stop)))
    before = builder().block
    head, body, end = (builder().append_basic_block(name) for name in ("for", "body", "end"))
    builder().branch(head)
    builder().position_at_end(head)
    index = builder().phi(Int.kind())
    index.add_incoming(first.own, before)
    builder().cbranch(builder().icmp_signed("<", index, last.own), body, end)
    builder().position_at_end(body)
    yield Int(index)
    index.add_incoming((Int(index) + step).own, builder().block)
    builder().branch(head)
    builder().position_at_end(end)


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

        @wraps(body)
        def call(*arguments: Any) -> Any:
            values = [value_of(argument) for argument in arguments]
            function = builder().module.globals.get(name)
            if function is None:
                function = _function(builder().module, name, body, [type(value) for value in values], returns)
                function.linkage = "internal"
                function.attributes.add("noinline")
            result = builder().call(function, [value.own for value in values])
            return None if returns is None else returns(result)

        return call

    return decorate


def define(module: ir.Module, name: str, body: Callable[..., Any], kinds: Sequence[type[Value]]) -> None:
    """Define a function without a result, to be called from elsewhere."""
    _function(module, name, body, kinds, None).calling_convention = target().convention


def _function(
    module: ir.Module, name: str, body: Callable[..., Any], kinds: Sequence[type[Value]], returns: type[Value] | None
) -> ir.Function:
    result = ir.VoidType() if returns is None else returns.kind()
    function = ir.Function(module, ir.FunctionType(result, [kind.kind() for kind in kinds]), name)
    set.add(function.attributes, _WIDEST)  # llvmlite's own `add` knows but some of LLVM's attributes
    where = ir.IRBuilder(function.append_basic_block())
    with building(where, target()):
        answer = body(*(kind(argument) for kind, argument in zip(kinds, function.args, strict=True)))
        if returns is None:
            where.ret_void()
        else:
            where.ret(returns.of(answer).own)
    return function


class Routine:
    """A function without a result whose address is known when the code runs."""

    def __init__(self, address: Int, kinds: Sequence[type[Value]]) -> None:
        self._kinds = kinds
        signature = ir.FunctionType(ir.VoidType(), [kind.kind() for kind in kinds])
        self._function = builder().inttoptr(address.own, signature.as_pointer())

    def __call__(self, *arguments: Any) -> None:
        values = [kind.of(argument).own for kind, argument in zip(self._kinds, arguments, strict=True)]
        builder().call(self._function, values)
