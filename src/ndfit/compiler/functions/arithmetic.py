"""Arithmetic and conditions by the names that the operator table has for them: of lanes, branch-free."""

from __future__ import annotations

from typing import Any

from ndfit.compiler.building import target
from ndfit.compiler.functions.basic import copysign, floor, function, leading_bits, root
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


@function
def add(x: Lanes, y: Lanes) -> Lanes:
    return x + y


@function
def subtract(x: Lanes, y: Lanes) -> Lanes:
    return x - y


@function
def multiply(x: Lanes, y: Lanes) -> Lanes:
    return x * y


@function
def divide(x: Lanes, y: Lanes) -> Lanes:
    return x / y


@function
def reciprocal(x: Lanes) -> Lanes:
    return 1.0 / x


@function
def negative(x: Lanes) -> Lanes:
    return -x


@function
def absolute(x: Lanes) -> Lanes:
    return abs(x)


@function
def sqrt(x: Lanes) -> Lanes:
    return root(x)


@function
def remainder(x: Lanes, y: Lanes) -> Lanes:
    """x modulo y, with the sign of y, as numpy has it; NaN where x is 2**150 times y or more.

    x - q y is exact where q is x / y, rounded; where q is large it is whole, and what is left is another x to take the
    remainder of.
    """
    infinite = abs(y) == float("inf")
    left = x
    for _ in range(_STEPS):
        quotient = left / y
        whole = choose(abs(quotient) < _WHOLE_FROM, floor(quotient), quotient)
        left = choose(whole == 0.0, left, _exact_difference(left, whole, y))
    outside = (left != 0.0) & ((left < 0.0) ^ (y < 0.0))
    finite = choose(abs(left) >= abs(y), left - copysign(y, left), choose(outside, left + y, left))
    at_infinity = choose((x != 0.0) & ((x < 0.0) ^ (y < 0.0)), y, x)
    result = choose(infinite & (abs(x) < float("inf")), at_infinity, finite)
    return choose(result == 0.0, copysign(0.0, y), result)


def _exact_difference(x: Lanes, q: Lanes, y: Lanes) -> Lanes:
    """x - q y, where the result is a float64."""
    if target().fuses:
        return fma(-q, y, x)
    q_high, y_high = leading_bits(q), leading_bits(y)
    q_low, y_low = q - q_high, y - y_high
    return (((x - q_high * y_high) - q_high * y_low) - q_low * y_high) - q_low * y_low


@function
def less(x: Lanes, y: Lanes) -> Mask:
    return x < y


@function
def less_equal(x: Lanes, y: Lanes) -> Mask:
    return x <= y


@function
def equal(x: Lanes, y: Lanes) -> Mask:
    return x == y


def logical_and(a: Mask, b: Mask) -> Mask:
    return a & b


def logical_or(a: Mask, b: Mask) -> Mask:
    return a | b


def logical_not(a: Mask) -> Mask:
    return ~a


def where(condition: Any, when_true: Any, when_false: Any) -> Any:
    return choose(condition, when_true, when_false)
