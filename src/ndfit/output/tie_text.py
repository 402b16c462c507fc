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
from typing import Any

__all__ = ["ExpressionTie"]

_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
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
            tree = ast.parse(self.expression, mode="eval").body
            _check(tree)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise ValueError(
                f"a tie should be an expression of numbers, parameters and + - * / **, got {self.expression!r}"
            ) from None
        object.__setattr__(self, "_tree", tree)

    def __call__(self, model: Any) -> Any:
        return _evaluate(self._tree, model)


def _check(node: ast.expr) -> None:
    match node:
        case ast.Constant(value=int() | float()) if not isinstance(node.value, bool):
            return
        case ast.Name():
            return
        case ast.BinOp(left, op, right) if type(op) in _BINARY:
            _check(left)
            _check(right)
        case ast.UnaryOp(op, operand) if type(op) in _UNARY:
            _check(operand)
        case _:
            raise ValueError


def _evaluate(node: ast.expr, model: Any) -> Any:
    match node:
        case ast.Constant(value):
            return float(value)  # type: ignore[arg-type]
        case ast.BinOp(left, op, right):
            return _BINARY[type(op)](_evaluate(left, model), _evaluate(right, model))
        case ast.UnaryOp(op, operand):
            return _UNARY[type(op)](_evaluate(operand, model))
        case ast.Name(name):
            parameter = getattr(model, name)
            return getattr(parameter, "value", parameter)
    raise AssertionError(node)
