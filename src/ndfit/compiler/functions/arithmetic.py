"""Arithmetic and conditions by the names that the operator table has for them: of lanes, branch-free."""

from __future__ import annotations

import math
from typing import Any

from ndfit.compiler.building import target
from ndfit.compiler.functions.basic import copysign, floor, function, operator, root
from ndfit.compiler.values import Lanes, Mask, choose, fma

__all__ = [
    "absolute",
    "add",
    "divide",
    "equal",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "multiply",
    "negative",
    "reciprocal",
    "remainder",
    "sqrt",
    "subtract",
    "where",
]

_WHOLE_FROM = 2.0**52
# Each step takes 53 binary digits off the quotient.
_STEPS = 3
_SPLITTER = 2.0**27 + 1.0
_HUGE, _SCALE = 2.0**900, 2.0**64


@operator
@function
def add(x: Lanes, y: Lanes) -> Lanes:
    return x + y


@operator
@function
def subtract(x: Lanes, y: Lanes) -> Lanes:
    return x - y


@operator
@function
def multiply(x: Lanes, y: Lanes) -> Lanes:
    return x * y


@operator
@function
def divide(x: Lanes, y: Lanes) -> Lanes:
    return x / y


@operator
@function
def reciprocal(x: Lanes) -> Lanes:
    return 1.0 / x


@operator
@function
def negative(x: Lanes) -> Lanes:
    return -x


@operator
@function
def absolute(x: Lanes) -> Lanes:
    return abs(x)


@operator
@function
def sqrt(x: Lanes) -> Lanes:
    return root(x)


@operator
@function
def remainder(x: Lanes, y: Lanes) -> Lanes:
    """x modulo y, with the sign of y, as numpy has it; NaN where x is more than about 2**150 times y.

    x - q y is exact where q is x / y, rounded; where q is large it is whole, and what is left is another x to take the
    remainder of. Where a quotient is rounded up to a whole number, one y too much is taken away.
    """
    modulus, left = abs(y), abs(x)
    for _ in range(_STEPS):
        quotient = left / modulus
        size = abs(quotient)
        whole = copysign(choose(size < _WHOLE_FROM, floor(size), size), quotient)
        left = choose(whole == 0.0, left, _exact_difference(left, whole, modulus))
    left = choose(abs(left) >= modulus, math.nan, left)
    left = choose(left < 0.0, left + modulus, left)
    left = choose((modulus == math.inf) & (abs(x) < math.inf), abs(x), left)
    signed = copysign(left, x)
    return choose(left == 0.0, copysign(0.0, y), choose((x < 0.0) ^ (y < 0.0), signed + y, signed))


def _exact_difference(x: Lanes, q: Lanes, y: Lanes) -> Lanes:
    """x - q y, where the result is a float64."""
    if target().fuses:
        return fma(-q, y, x)
    # Where y is huge, so is x, and products of halves would overflow.
    scale = choose(abs(y) > _HUGE, 1.0 / _SCALE, 1.0)
    (q_high, q_low), (y_high, y_low) = _halves(q), _halves(y * scale)
    left = (((x * scale - q_high * y_high) - q_high * y_low) - q_low * y_high) - q_low * y_low
    return left / scale


def _halves(x: Lanes) -> tuple[Lanes, Lanes]:
    """A sum of two numbers of 26 bits (T. J. Dekker, Numer. Math. 18, 224, 1971)."""
    stretched = _SPLITTER * x
    high = stretched - (stretched - x)
    return high, x - high


@operator
@function
def less(x: Lanes, y: Lanes) -> Mask:
    return x < y


@operator
@function
def less_equal(x: Lanes, y: Lanes) -> Mask:
    return x <= y


@operator
@function
def equal(x: Lanes, y: Lanes) -> Mask:
    return x == y


@operator
def logical_and(a: Mask, b: Mask) -> Mask:
    return a & b


@operator
def logical_or(a: Mask, b: Mask) -> Mask:
    return a | b


@operator
def logical_not(a: Mask) -> Mask:
    return ~a


@operator
def where(condition: Any, when_true: Any, when_false: Any) -> Any:
    return choose(condition, when_true, when_false)
