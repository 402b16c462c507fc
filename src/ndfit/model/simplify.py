"""Algebraic rules: an operator and its arguments in, a cheaper equal expression out, or None to leave it.

The rules are exact in real arithmetic for finite coordinates and parameters; rounding may differ by some units in the
last place, and verification bounds it. Three shape what compiled loops cost:

- a product is kept as (factor of parameters alone) * (rest), so that every factor of parameters that a derivation
  leaves behind is merged into one, computed once a fit;
- a quotient that depends on the coordinates is a product with a reciprocal, which value and derivatives share;
- a power with an integer or half-integer constant exponent is a chain of products, with one square root; one whose base
  is seen to be positive, such as 1 + u^2, is exp(exponent * log(base)), whose logarithm the derivatives share.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ndfit.model.trace.builder import GraphBuilder

__all__ = ["RULES"]

_LARGEST_CHAIN = 32.0


def _is(b: GraphBuilder, node: int, value: float) -> bool:
    constant = b.constant_value(node)
    return constant is not None and constant == value


def _negated(b: GraphBuilder, node: int) -> int | None:
    """The operand where `node` is a negation."""
    return b.nodes[node].args[0] if b.nodes[node].op == "negative" else None


def _is_finite_leaf(b: GraphBuilder, node: int) -> bool:
    return b.nodes[node].op in ("input", "param")


def _add(b: GraphBuilder, left: int, right: int) -> int | None:
    for one, other in ((left, right), (right, left)):
        if _is(b, one, 0.0):
            return other
        negated = _negated(b, one)
        if negated is not None:
            return b.sub(other, negated)
    return b.mul(b.constant(2.0), left) if left == right else None


def _subtract(b: GraphBuilder, left: int, right: int) -> int | None:
    if _is(b, right, 0.0):
        return left
    if _is(b, left, 0.0):
        return b.neg(right)
    if left == right and _is_finite_leaf(b, left):
        return b.constant(0.0)
    negated = _negated(b, right)
    return None if negated is None else b.add(left, negated)


def _split(b: GraphBuilder, node: int) -> tuple[int | None, int | None]:
    """`node` as (factor that depends on parameters alone, rest)."""
    if b.input_free(node):
        return node, None
    op, args, _ = b.nodes[node]
    if op == "negative":
        return b.constant(-1.0), args[0]
    if op == "multiply" and b.input_free(args[0]):
        return args[0], args[1]
    return None, node


def _product(b: GraphBuilder, left: int | None, right: int | None) -> int | None:
    if left is None or right is None:
        return right if left is None else left
    return b.mul(left, right)


def _multiply(b: GraphBuilder, left: int, right: int) -> int | None:
    for one, other in ((left, right), (right, left)):
        if _is(b, one, 0.0) and _is_finite_leaf(b, other):
            return one
        if _is(b, one, 1.0):
            return other
        if _is(b, one, -1.0):
            return b.neg(other)
    if b.input_free(left) and b.input_free(right):
        return _multiply_negated(b, left, right)
    (factor, rest), (other_factor, other_rest) = _split(b, left), _split(b, right)
    if (rest is None or other_rest is None) and (factor is None or other_factor is None):
        return None  # it already is a factor times a rest
    if factor is None and other_factor is None:
        return None
    merged, remaining = _product(b, factor, other_factor), _product(b, rest, other_rest)
    assert merged is not None
    assert remaining is not None
    return b.mul(merged, remaining)


def _multiply_negated(b: GraphBuilder, left: int, right: int) -> int | None:
    for one, other in ((left, right), (right, left)):
        negated = _negated(b, one)
        if negated is not None:
            return b.neg(b.mul(negated, other))
    return None


def _divide(b: GraphBuilder, left: int, right: int) -> int | None:
    if _is(b, right, 1.0):
        return left
    if _is(b, left, 1.0):
        return b.apply("reciprocal", right)
    if b.input_free(left) and b.input_free(right):
        return None
    return b.mul(left, b.apply("reciprocal", right))


def _reciprocal(b: GraphBuilder, operand: int) -> int | None:
    if b.input_free(operand):
        return None
    factor, rest = _split(b, operand)
    if factor is None or rest is None:
        return None
    return b.mul(b.apply("reciprocal", factor), b.apply("reciprocal", rest))


def _negative(b: GraphBuilder, operand: int) -> int | None:
    op, args, _ = b.nodes[operand]
    if op == "negative":
        return args[0]
    if op == "subtract":
        return b.sub(args[1], args[0])
    if op == "multiply" and b.input_free(args[0]) and not b.input_free(operand):
        return b.mul(b.neg(args[0]), args[1])
    return None


def _power(b: GraphBuilder, base: int, exponent: int) -> int | None:
    constant = b.constant_value(exponent)
    if constant is None:
        return b.apply("exp", b.mul(exponent, b.apply("log", base))) if _is_positive(b, base) else None
    power = float(constant)
    if abs(power) > _LARGEST_CHAIN or not (2.0 * power).is_integer():
        return None
    if power < 0.0:
        return b.div(b.constant(1.0), b.apply("power", base, b.constant(-power)))
    whole = _whole_power(b, base, int(power))
    return whole if power.is_integer() else b.mul(whole, b.apply("sqrt", base))


def _is_positive(b: GraphBuilder, node: int) -> bool:
    """Whether the value is above 0 wherever it is a number, as the expression itself shows."""
    op, args, _ = b.nodes[node]
    if op == "const":
        return float(b.constant_value(node) or 0.0) > 0.0
    if op != "add":
        return False
    return any(_is_positive(b, one) and _is_not_negative(b, other) for one, other in (args, args[::-1]))


def _is_not_negative(b: GraphBuilder, node: int) -> bool:
    op, args, _ = b.nodes[node]
    if op == "const":
        return float(b.constant_value(node) or 0.0) >= 0.0
    if op == "multiply" and args[0] == args[1]:
        return True
    if op in ("add", "multiply", "reciprocal"):
        return all(_is_not_negative(b, arg) for arg in args)
    return op in ("absolute", "exp", "sqrt")


def _whole_power(b: GraphBuilder, base: int, power: int) -> int:
    result = b.constant(1.0)
    while power:
        if power % 2:
            result = b.mul(result, base)
        power //= 2
        if power:
            base = b.mul(base, base)
    return result


def _where(b: GraphBuilder, condition: int, yes: int, no: int) -> int | None:
    known = b.constant_value(condition)
    if known is not None:
        return yes if known else no
    if yes == no:
        return yes
    if b.nodes[condition].op == "logical_not":
        return b.apply("where", b.nodes[condition].args[0], no, yes)
    return None


def _logical(neutral: bool) -> Callable[[GraphBuilder, int, int], int | None]:
    """`and` (neutral True) or `or` (neutral False)."""

    def rule(b: GraphBuilder, left: int, right: int) -> int | None:
        for one, other in ((left, right), (right, left)):
            known = b.constant_value(one)
            if known is not None:
                return other if known == neutral else b.constant(not neutral)
        return left if left == right else None

    return rule


def _logical_not(b: GraphBuilder, operand: int) -> int | None:
    return b.nodes[operand].args[0] if b.nodes[operand].op == "logical_not" else None


RULES: dict[str, Callable[..., int | None]] = {
    "add": _add,
    "subtract": _subtract,
    "multiply": _multiply,
    "divide": _divide,
    "reciprocal": _reciprocal,
    "negative": _negative,
    "power": _power,
    "where": _where,
    "logical_and": _logical(True),
    "logical_or": _logical(False),
    "logical_not": _logical_not,
}
