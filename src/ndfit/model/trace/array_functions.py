"""numpy's functions that are not universal, as far as they act point by point: arguments in, symbols out.

FUNCTIONS is one row a function, keyed by numpy's own function object. Any other function that is given a symbol works
on several points at once (a mean, a sort, a convolution), which a graph cannot say; it is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ndfit.model.numbers import Numbers
from ndfit.model.reasons import Untraceable
from ndfit.model.trace.symbol import Symbol, Tape

__all__ = ["call_array_function", "select"]


def call_array_function(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], tape: Tape) -> Any:
    """`func(*args, **kwargs)` on symbols."""
    if func not in FUNCTIONS:
        raise Untraceable(f"np.{getattr(func, '__name__', func)} combines several points or is unknown to ndfit")
    try:
        return FUNCTIONS[func](tape, *args, **kwargs)
    except TypeError as error:
        raise Untraceable(f"np.{func.__name__} is called with arguments unknown to ndfit ({error})") from error


def where(tape: Tape, condition: Any, yes: Any, no: Any) -> Symbol:
    b = tape.builder
    nodes = [b.truth(tape.lift(condition).node), tape.lift(yes).node, tape.lift(no).node]
    if b.is_condition(nodes[1]) and b.is_condition(nodes[2]):
        chosen = [b.apply("logical_and", nodes[0], nodes[1])]
        chosen.append(b.apply("logical_and", b.apply("logical_not", nodes[0]), nodes[2]))
        return Symbol(tape, b.apply("logical_or", *chosen))
    return Symbol(tape, b.apply("where", nodes[0], b.real(nodes[1]), b.real(nodes[2])))


def select(tape: Tape, conditions: Sequence[Any], choices: Sequence[Any], default: Any = 0) -> Symbol:
    """The choice of the first condition that holds."""
    result = tape.lift(default)
    for condition, choice in zip(reversed(conditions), reversed(choices), strict=True):
        result = where(tape, condition, choice, result)
    return result


def _piecewise(tape: Tape, x: Any, conditions: Any, pieces: Sequence[Any], *args: Any, **kwargs: Any) -> Symbol:
    """The last condition that holds wins; one more piece than conditions is the piece for "otherwise"."""
    conditions = list(conditions) if isinstance(conditions, list | tuple) else [conditions]
    values = [piece(x, *args, **kwargs) if callable(piece) else piece for piece in pieces]
    result: Any = values.pop() if len(values) == len(conditions) + 1 else 0.0
    for condition, value in zip(conditions, values, strict=True):
        result = where(tape, condition, value, result)
    return tape.lift(result)


def _clip(tape: Tape, x: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    lower, upper = (a_min if min is None else min), (a_max if max is None else max)
    if lower is not None:
        x = np.maximum(x, lower)
    return x if upper is None else np.minimum(x, upper)


def _interp(tape: Tape, x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None) -> Any:
    points, values = Numbers.of(xp), Numbers.of(fp)
    if not (np.diff(points.array) > 0.0).all():
        raise Untraceable("np.interp is given points that do not increase")
    node = tape.builder.apply("interp", tape.lift(x).node, value=(points, values))
    result = Symbol(tape, node)
    if left is not None:
        result = where(tape, x < points[0], left, result)
    return result if right is None else where(tape, x > points[-1], right, result)


def _polyval(tape: Tape, p: Any, x: Any) -> Any:
    result: Any = 0.0
    for coefficient in p:
        result = result * x + coefficient
    return result


def _sinc(tape: Tape, x: Any) -> Symbol:
    argument = np.pi * x
    return where(tape, argument == 0, 1.0, np.sin(argument) / argument)


def _nan_to_num(
    tape: Tape, x: Any, copy: bool = True, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Symbol:
    largest = np.finfo(float).max
    finite = where(tape, x == np.inf, largest if posinf is None else posinf, x)
    finite = where(tape, x == -np.inf, -largest if neginf is None else neginf, finite)
    return where(tape, np.isnan(x), nan, finite)


def _filled_with(value: float) -> Callable[..., Symbol]:
    return lambda tape, x, dtype=None, order="K", subok=True, shape=None, **kwargs: tape.lift(value)


def _same(tape: Tape, x: Any, *args: Any, **kwargs: Any) -> Symbol:
    return tape.lift(x)


def _fixed(result: Any) -> Callable[..., Any]:
    return lambda tape, *args, **kwargs: result


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.where: where,
    np.select: select,
    np.piecewise: _piecewise,
    np.clip: _clip,
    np.interp: _interp,
    np.polyval: _polyval,
    np.sinc: _sinc,
    np.nan_to_num: _nan_to_num,
    np.zeros_like: _filled_with(0.0),
    np.ones_like: _filled_with(1.0),
    np.full_like: lambda tape, x, fill_value, *args, **kwargs: tape.lift(fill_value),
    np.real: lambda tape, x: x.real,
    np.imag: lambda tape, x: x.imag,
    np.copy: _same,
    np.squeeze: _same,
    np.atleast_1d: _same,
    np.broadcast_to: _same,
    np.broadcast_arrays: lambda tape, *args, **kwargs: tuple(args),
    np.shape: _fixed(()),
    np.ndim: _fixed(0),
    np.size: _fixed(1),
    np.iscomplexobj: _fixed(False),
}
"""numpy's function -> what it does on a tape."""
