"""Building blocks of the functions: of lanes, branch-free.

Choices are `choose`, exponents are handled as bits, polynomials are trees of multiply-adds. `fma` is rounded once where
the target fuses, and nothing here relies on that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, reduce, wraps
from typing import Any

from ndfit.compiler.building import once_in_block, target
from ndfit.compiler.values import Lanes, Value, choose, fma, identity, intrinsic

__all__ = [
    "OPERATORS",
    "ceil",
    "copysign",
    "floor",
    "function",
    "leading_bits",
    "operator",
    "polynomial",
    "polynomial_by_horner",
    "root",
    "sign",
    "unrolled",
]

# From here on all float64 values are whole.
_WHOLE_FROM = 2.0**52


OPERATORS: dict[str, Callable[..., Any]] = {}
"""How each operator of the operator table is emitted, by its name."""


def operator(emitted: Callable[..., Any]) -> Callable[..., Any]:
    """A function that stands for the operator of its name."""
    OPERATORS[emitted.__name__] = emitted
    return emitted


def function(body: Callable[..., Any]) -> Callable[..., Any]:
    """A function of lanes. A number among its arguments stands for itself in every lane.

    What is asked for twice in a stretch of code without jumps is written once.
    """

    @wraps(body)
    def call(*arguments: Any) -> Any:
        values = [Lanes.of(each) if isinstance(each, (int, float)) else each for each in arguments]
        if not all(isinstance(each, Value) for each in values):
            return body(*values)
        return once_in_block((body, *map(identity, values)), partial(body, *values))

    return call


def root(x: Any) -> Lanes:
    """Square root, correctly rounded."""
    return intrinsic("sqrt", x)


def copysign(size: Any, sign: Any) -> Lanes:
    """One number with the sign of another."""
    return intrinsic("copysign", size, sign)


@operator
@function
def floor(x: Lanes) -> Lanes:
    """The largest integer not above x."""
    if target().rounds:
        return intrinsic("floor", x)
    nearest = _nearest(x)
    return copysign(choose(nearest > x, nearest - 1.0, nearest), x)


@operator
@function
def ceil(x: Lanes) -> Lanes:
    """The smallest integer not below x."""
    if target().rounds:
        return intrinsic("ceil", x)
    nearest = _nearest(x)
    return copysign(choose(nearest < x, nearest + 1.0, nearest), x)


def _nearest(x: Lanes) -> Lanes:
    """An integer next to x. One of the two next to it, where it is between them."""
    size = abs(x)
    return choose(size < _WHOLE_FROM, copysign((size + _WHOLE_FROM) - _WHOLE_FROM, x), x)


@operator
@function
def sign(x: Lanes) -> Lanes:
    """-1, 0 or 1; NaN for NaN."""
    return choose(x > 0.0, 1.0, choose(x < 0.0, -1.0, choose(x == 0.0, 0.0, x)))


@function
def leading_bits(x: Lanes) -> Lanes:
    """x cut to its leading 26 bits: the product of two such numbers is exact."""
    return (x.bits() & -(1 << 27)).as_floats()


def polynomial(coefficients: Sequence[float]) -> Callable[[Any], Any]:
    """Return a function of x: the polynomial with these coefficients (ascending), by Estrin's scheme.

    Neighbours are joined to the terms of a polynomial in x**2, and so on: a chain of log n multiply-adds where Horner's
    rule has n. Processors wait for the chain, not for the number of operations.
    """

    def value(x: Any) -> Any:
        terms: list[Any] = list(coefficients)
        while len(terms) > 1:
            pairs = zip(terms[::2], terms[1::2], strict=False)
            joined = [fma(high, x, low) for low, high in pairs]
            terms = joined + terms[2 * len(joined) :]
            x = x * x
        return terms[0]

    return value


def polynomial_by_horner(coefficients: Sequence[float]) -> Callable[[Any], Any]:
    """Return the same as `polynomial`, by Horner's rule: where large terms cancel, its rounding errors are smaller."""

    def value(x: Any) -> Any:
        return reduce(lambda total, term: fma(total, x, term), reversed(coefficients))

    return value


def unrolled(step: Callable[..., Any], rows: Sequence[tuple[float, ...]]) -> Callable[[Any, Any], Any]:
    """Return a function of (state, arguments): ``state = step(state, arguments, row)`` for each row in turn.

    State and arguments are tuples, the rows constants.
    """

    def fold(state: Any, arguments: Any) -> Any:
        for row in rows:
            state = step(state, arguments, row)
        return state

    return fold
