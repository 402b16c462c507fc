"""Complex values while a model's own code runs, as pairs of symbols: what line profiles by the Faddeeva function need.

Flows in: universal functions with a complex argument (`1j * gamma`, `scipy.special.wofz`). Flows out: pairs, and
symbols again once a real or imaginary part is taken.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ndfit.model.reasons import Untraceable
from ndfit.model.trace.symbol import Symbol, Tape

__all__ = ["ComplexSymbol", "call_complex_ufunc"]


def _unary(name: str) -> Callable[..., Any]:
    return lambda self: call_complex_ufunc(name, (self,), self.tape)


def _binary(name: str) -> Callable[..., Any]:
    return lambda self, other: call_complex_ufunc(name, (self, other), self.tape)


def _reflected(name: str) -> Callable[..., Any]:
    return lambda self, other: call_complex_ufunc(name, (other, self), self.tape)


class ComplexSymbol:
    """real + i imag."""

    __slots__ = ("imag", "real", "tape")
    __hash__ = None  # type: ignore[assignment]

    is_complex_symbol = True
    shape: tuple[int, ...] = ()
    ndim = 0
    size = 1
    dtype = np.dtype(complex)

    def __init__(self, tape: Tape, real: Any, imag: Any) -> None:
        self.tape = tape
        self.real = tape.lift(real)
        self.imag = tape.lift(imag)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__" or kwargs:
            raise Untraceable(f"np.{ufunc.__name__}.{method} is applied to complex values")
        return call_complex_ufunc(ufunc.__name__, inputs, self.tape)

    def __array_function__(self, func: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if func not in _PART_OF:
            raise Untraceable(f"np.{func.__name__} is applied to complex values")
        return _PART_OF[func](*args)

    def conjugate(self) -> ComplexSymbol:
        return ComplexSymbol(self.tape, self.real, -self.imag)

    conj = conjugate

    __add__, __radd__ = _binary("add"), _reflected("add")
    __sub__, __rsub__ = _binary("subtract"), _reflected("subtract")
    __mul__, __rmul__ = _binary("multiply"), _reflected("multiply")
    __truediv__, __rtruediv__ = _binary("divide"), _reflected("divide")
    __pow__ = _binary("power")
    __neg__ = _unary("negative")
    __abs__ = _unary("absolute")


_PART_OF: dict[Any, Callable[[Any], Any]] = {
    np.real: lambda z: z.real,
    np.imag: lambda z: z.imag,
    np.atleast_1d: lambda z: z,
}


def call_complex_ufunc(name: str, inputs: tuple[Any, ...], tape: Tape) -> Any:
    """A universal function where an argument is complex."""
    if name not in _COMPLEX:
        raise Untraceable(f"the function {name} of a complex value is unknown to ndfit")
    result = _COMPLEX[name](*(_pair(tape, value) for value in inputs))
    return ComplexSymbol(tape, *result) if isinstance(result, tuple) else result


Pair = tuple[Any, Any]


def _pair(tape: Tape, value: Any) -> Pair:
    if isinstance(value, ComplexSymbol | complex | np.complexfloating):
        return value.real, value.imag
    if isinstance(value, Symbol | float | int | np.number):
        return value, 0.0
    raise Untraceable(f"a complex value meets a {type(value).__name__}")


def _multiply(z: Pair, w: Pair) -> Pair:
    return z[0] * w[0] - z[1] * w[1], z[0] * w[1] + z[1] * w[0]


def _divide(z: Pair, w: Pair) -> Pair:
    if isinstance(w[1], float) and w[1] == 0.0:
        return z[0] / w[0], z[1] / w[0]
    square = w[0] * w[0] + w[1] * w[1]
    return (z[0] * w[0] + z[1] * w[1]) / square, (z[1] * w[0] - z[0] * w[1]) / square


def _power(z: Pair, exponent: Pair) -> Pair:
    if not isinstance(exponent[0], int) or exponent[1] != 0.0 or exponent[0] < 1:
        raise Untraceable("a complex value is raised to a power that is not a positive integer")
    result = z
    for _ in range(exponent[0] - 1):
        result = _multiply(result, z)
    return result


def _exp(z: Pair) -> Pair:
    return np.exp(z[0]) * np.cos(z[1]), np.exp(z[0]) * np.sin(z[1])


def _faddeeva(z: Pair) -> Pair:
    tape = next(part.tape for part in z if isinstance(part, Symbol))
    nodes = [tape.lift(part).node for part in z]
    apply = tape.builder.apply
    return Symbol(tape, apply("faddeeva_real", *nodes)), Symbol(tape, apply("faddeeva_imag", *nodes))


_COMPLEX: dict[str, Callable[..., Any]] = {
    "add": lambda z, w: (z[0] + w[0], z[1] + w[1]),
    "subtract": lambda z, w: (z[0] - w[0], z[1] - w[1]),
    "multiply": _multiply,
    "divide": _divide,
    "negative": lambda z: (-z[0], -z[1]),
    "conjugate": lambda z: (z[0], -z[1]),
    "square": lambda z: _multiply(z, z),
    "power": _power,
    "absolute": lambda z: np.hypot(z[0], z[1]),
    "exp": _exp,
    "wofz": _faddeeva,
}
"""Universal functions of (real, imaginary) pairs: a pair, or a symbol where the result is real."""
