"""What numpy's and scipy's functions mean for nodes of a graph: a function's name and nodes in, a node out.

UFUNCS holds universal functions by name (numpy's and `scipy.special`'s; both call `Symbol.__array_ufunc__`). Those that
are an operator's namesake take that operator; the others are written in terms of operators here. Functions that are not
universal (`np.where`, `np.clip`, ...) act on symbols and live in `array_functions.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from math import pi, sqrt

import numpy as np

from ndfit.model.ops import OPS, Op
from ndfit.model.reasons import Untraceable
from ndfit.model.special import ScipySpecial
from ndfit.model.trace.builder import GraphBuilder

__all__ = ["UFUNCS"]

NodeFunction = Callable[..., int]


def _operator(name: str) -> NodeFunction:
    def call(b: GraphBuilder, *args: int) -> int:
        return b.apply(name, *(b.real(arg) for arg in args))

    return call


def _of_reals(function: NodeFunction) -> NodeFunction:
    def call(b: GraphBuilder, *args: int) -> int:
        return function(b, *(b.real(arg) for arg in args))

    return call


def _of_truths(function: NodeFunction) -> NodeFunction:
    def call(b: GraphBuilder, *args: int) -> int:
        return function(b, *(b.truth(arg) for arg in args))

    return call


def _of_conditions(function: NodeFunction) -> NodeFunction:
    def call(b: GraphBuilder, *args: int) -> int:
        if not all(b.is_condition(arg) for arg in args):
            raise Untraceable("a bitwise operator (& | ^ ~) is applied to numbers")
        return function(b, *args)

    return call


def _arithmetic(on_reals: str, on_conditions: str) -> NodeFunction:
    """numpy adds two conditions to a condition (or), and multiplies them to one (and)."""

    def call(b: GraphBuilder, left: int, right: int) -> int:
        if b.is_condition(left) and b.is_condition(right):
            return b.apply(on_conditions, left, right)
        return b.apply(on_reals, b.real(left), b.real(right))

    return call


def _not(b: GraphBuilder, node: int) -> int:
    return b.apply("logical_not", node)


def _and(b: GraphBuilder, left: int, right: int) -> int:
    return b.apply("logical_and", left, right)


def _or(b: GraphBuilder, left: int, right: int) -> int:
    return b.apply("logical_or", left, right)


def _xor(b: GraphBuilder, left: int, right: int) -> int:
    return _or(b, _and(b, left, _not(b, right)), _and(b, _not(b, left), right))


def _is_nan(b: GraphBuilder, x: int) -> int:
    return _not(b, b.apply("equal", x, x))


def _smaller(b: GraphBuilder, left: int, right: int) -> int:
    """Like np.minimum: NaN where either is. The condition fails for a NaN on the right, which is then taken."""
    take_left = b.apply("logical_or", b.apply("less_equal", left, right), _is_nan(b, left))
    return b.apply("where", take_left, left, right)


def _larger(b: GraphBuilder, left: int, right: int) -> int:
    take_left = b.apply("logical_or", b.apply("less_equal", right, left), _is_nan(b, left))
    return b.apply("where", take_left, left, right)


def _ignoring_nan(function: NodeFunction) -> NodeFunction:
    """Like np.fmin and np.fmax: the other value where one is NaN."""

    def call(b: GraphBuilder, left: int, right: int) -> int:
        kept = b.apply("where", _is_nan(b, right), left, function(b, left, right))
        return b.apply("where", _is_nan(b, left), right, kept)

    return call


def _gamma(b: GraphBuilder, x: int) -> int:
    """exp(gammaln(x)), by reflection where x is negative: Gamma(x) Gamma(1 - x) = pi / sin(pi x)."""
    zero, one = b.constant(0.0), b.constant(1.0)
    positive = b.apply("exp", b.apply("gammaln", x))
    reflected = b.apply("exp", b.apply("gammaln", b.sub(one, x)))
    sine = b.apply("sin", b.mul(b.constant(pi), x))
    return b.apply("where", b.apply("less", zero, x), positive, b.div(b.constant(pi), b.mul(sine, reflected)))


def _heaviside(b: GraphBuilder, x: int, at_zero: int) -> int:
    zero, one = b.constant(0.0), b.constant(1.0)
    step = b.apply("where", b.apply("less", x, zero), zero, b.apply("where", b.apply("less", zero, x), one, at_zero))
    return b.apply("where", _is_nan(b, x), x, step)


def _log_add_exp(b: GraphBuilder, left: int, right: int) -> int:
    distance = b.apply("absolute", b.sub(left, right))
    return b.add(_larger(b, left, right), b.apply("log1p", b.apply("exp", b.neg(distance))))


def _expit(b: GraphBuilder, x: int) -> int:
    one = b.constant(1.0)
    return b.div(one, b.add(one, b.apply("exp", b.neg(x))))


def _x_log_y(b: GraphBuilder, x: int, y: int) -> int:
    return b.apply("where", b.apply("equal", x, b.constant(0.0)), x, b.mul(x, b.apply("log", y)))


def _normal_cdf(b: GraphBuilder, x: int) -> int:
    return b.mul(b.constant(0.5), b.apply("erfc", b.mul(b.constant(-sqrt(0.5)), x)))


def _scaled(factor: float) -> NodeFunction:
    return _of_reals(lambda b, x: b.mul(b.constant(factor), x))


def _truncated(b: GraphBuilder, x: int) -> int:
    return b.apply("where", b.apply("less", x, b.constant(0.0)), b.apply("ceil", x), b.apply("floor", x))


_DERIVED: dict[str, NodeFunction] = {
    "add": _arithmetic("add", "logical_or"),
    "multiply": _arithmetic("multiply", "logical_and"),
    "subtract": _of_reals(lambda b, x, y: b.sub(x, y)),
    "negative": _of_reals(lambda b, x: b.neg(x)),
    "positive": _of_reals(lambda b, x: x),
    "conjugate": _of_reals(lambda b, x: x),
    "fabs": _operator("absolute"),
    "square": _of_reals(lambda b, x: b.mul(x, x)),
    "float_power": _operator("power"),
    "floor_divide": _of_reals(lambda b, x, y: b.apply("floor", b.div(x, y))),
    "hypot": _of_reals(lambda b, x, y: b.apply("sqrt", b.add(b.mul(x, x), b.mul(y, y)))),
    "exp2": _of_reals(lambda b, x: b.apply("power", b.constant(2.0), x)),
    "exp10": _of_reals(lambda b, x: b.apply("power", b.constant(10.0), x)),
    "deg2rad": _scaled(pi / 180.0),
    "radians": _scaled(pi / 180.0),
    "rad2deg": _scaled(180.0 / pi),
    "degrees": _scaled(180.0 / pi),
    "trunc": _of_reals(_truncated),
    "minimum": _of_reals(_smaller),
    "maximum": _of_reals(_larger),
    "fmin": _of_reals(_ignoring_nan(_smaller)),
    "fmax": _of_reals(_ignoring_nan(_larger)),
    "clip": _of_reals(lambda b, x, lower, upper: _smaller(b, _larger(b, x, lower), upper)),
    "heaviside": _of_reals(_heaviside),
    "logaddexp": _of_reals(_log_add_exp),
    "greater": _of_reals(lambda b, x, y: b.apply("less", y, x)),
    "greater_equal": _of_reals(lambda b, x, y: b.apply("less_equal", y, x)),
    "not_equal": _of_reals(lambda b, x, y: _not(b, b.apply("equal", x, y))),
    "isnan": _of_reals(_is_nan),
    "isfinite": _of_reals(lambda b, x: b.apply("less", b.apply("absolute", x), b.constant(float("inf")))),
    "isinf": _of_reals(lambda b, x: b.apply("equal", b.apply("absolute", x), b.constant(float("inf")))),
    "logical_and": _of_truths(_and),
    "logical_or": _of_truths(_or),
    "logical_xor": _of_truths(_xor),
    "logical_not": _of_truths(_not),
    "bitwise_and": _of_conditions(_and),
    "bitwise_or": _of_conditions(_or),
    "bitwise_xor": _of_conditions(_xor),
    "invert": _of_conditions(_not),
    "gamma": _of_reals(_gamma),
    "loggamma": _operator("gammaln"),
    "psi": _operator("digamma"),
    "gammaincc": _of_reals(lambda b, a, x: b.sub(b.constant(1.0), b.apply("gammainc", a, x))),
    "expit": _of_reals(_expit),
    "xlogy": _of_reals(_x_log_y),
    "ndtr": _of_reals(_normal_cdf),
    "log_expit": _of_reals(lambda b, x: b.neg(_log_add_exp(b, b.constant(0.0), b.neg(x)))),
}


def _is_universal(op: Op) -> bool:
    """Whether numpy or scipy has a universal function of the operator's name."""
    return isinstance(op.numpy, np.ufunc | ScipySpecial)


UFUNCS: dict[str, NodeFunction] = {name: _operator(name) for name, op in OPS.items() if _is_universal(op)} | _DERIVED
"""Universal functions by name: (builder, nodes) -> node."""
