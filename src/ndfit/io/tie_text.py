"""Ties that are text.

Flows in: an expression such as `2 * stddev_0 + 1.5`. Flows out: a callable for `tied`; nothing of the text is executed.

Numbers, names of parameters, `+ - * / **`, signs and parentheses, with Python's precedence; numbers and parameters are
in the units that the model was written in. A tie of any other class that has its expression as an attribute
`expression`, in this language, is read back from a file as an ExpressionTie.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from ndfit.untrusted import printable, shortened

__all__ = ["ExpressionTie"]

_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
Joint = Callable[[Callable[[Any, Any], Any], Any, Any], Any]

_LONGEST = 20_000
_DEEPEST = 200

_UNARY: Mapping[type[ast.unaryop], Callable[[Any], Any]] = {ast.USub: operator.neg, ast.UAdd: operator.pos}


@dataclass(frozen=True)
class ExpressionTie:
    """A tie that is an expression in the parameters.

    Raises
    ------
    ValueError
        When made, of text that is something else.
    """

    expression: str
    _tree: ast.expr = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            if len(self.expression) > _LONGEST:
                raise ValueError
            tree = ast.parse(self.expression, mode="eval").body
            _check(tree, 0)
        except (SyntaxError, ValueError, ArithmeticError, RecursionError, MemoryError):
            raise ValueError(
                "a tie should be an expression of numbers, parameters and + - * / **, of at most "
                f"{_LONGEST} characters and {_DEEPEST} operations within one another, got "
                f"'{shortened(printable(self.expression))}'"
            ) from None
        object.__setattr__(self, "_tree", tree)

    @property
    def names(self) -> frozenset[str]:
        """Parameters that occur."""
        return frozenset(node.id for node in ast.walk(self._tree) if isinstance(node, ast.Name))

    def __call__(self, model: Any) -> Any:
        def value_of(name: str) -> Any:
            parameter = getattr(model, name)
            return getattr(parameter, "value", parameter)

        return self.of(value_of)

    def of(
        self, value_of: Callable[[str], Any], join: Joint = lambda operation, one, other: operation(one, other)
    ) -> Any:
        """Its value.

        Parameters
        ----------
        value_of : name -> what stands for it
        join : (operation, left, right) -> what these give
        """
        return _evaluate(self._tree, value_of, join)


def _check(node: ast.expr, depth: int) -> float | None:
    """The value where it is one number, which has to be real and finite; None where it depends on parameters."""
    if depth > _DEEPEST:
        raise ValueError
    match node:
        case ast.Constant(value=int() | float()) if not isinstance(node.value, bool):
            value: Any = float(node.value)  # type: ignore[arg-type]
        case ast.Name():
            return None
        case ast.BinOp(left, op, right) if type(op) in _BINARY:
            one, other = _check(left, depth + 1), _check(right, depth + 1)
            if one is None or other is None:
                return None
            value = _BINARY[type(op)](one, other)
        case ast.UnaryOp(op, operand) if type(op) in _UNARY:
            inner = _check(operand, depth + 1)
            if inner is None:
                return None
            value = _UNARY[type(op)](inner)
        case _:
            raise ValueError
    if isinstance(value, complex) or not isfinite(value):
        raise ValueError
    return float(value)


def _evaluate(node: ast.expr, value_of: Callable[[str], Any], join: Joint) -> Any:
    match node:
        case ast.Constant(value):
            return float(value)  # type: ignore[arg-type]
        case ast.BinOp(left, op, right):
            return join(_BINARY[type(op)], _evaluate(left, value_of, join), _evaluate(right, value_of, join))
        case ast.UnaryOp(op, operand):
            return _UNARY[type(op)](_evaluate(operand, value_of, join))
        case ast.Name(name):
            return value_of(name)
    raise AssertionError(node)
