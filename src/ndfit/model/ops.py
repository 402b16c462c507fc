"""The operator table: one row an operator, what numpy computes, how it is differentiated.

Flows in: nothing. Flows out: OPS, read by the builder (folding), the interpreter, the differentiator, code generation
and by the tests, which check every row against finite differences.

What compiled code computes is the function of the operator's name in `ndfit.compiler.functions`; numpy's is what it is
held to.

Two kinds of values flow through a graph: real numbers (float64) and conditions. A condition is a native boolean, in
numpy and in compiled code alike; comparisons make them, `logical_*` combine them and the first argument of `where`
consumes them. There is no implicit conversion: whoever builds a graph writes `where(condition, 1, 0)`.

Where a derivative is infinite at the edge of an operator's domain (sqrt or a power at 0) it is taken as 0, as it is for
the kink of abs: what a central difference gives for the symmetric kinks met in practice, such as the radius
sqrt(x^2 + y^2) at the centre, and it keeps a single sample on the edge from spoiling a fit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log, pi, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from ndfit.model.special import (
    ScipySpecial,
    faddeeva_imag,
    faddeeva_real,
    gammainc_grad_a,
    interp,
    interp_slope,
)

if TYPE_CHECKING:
    from ndfit.model.trace.builder import GraphBuilder

__all__ = ["OPS", "Op"]

Args = tuple[int, ...]
Partials = Callable[["GraphBuilder", Args, int], tuple[int | None, ...]]
Interval = tuple[float, float]


@dataclass(frozen=True)
class Op:
    """One operator.

    Attributes
    ----------
    name : as nodes name it.
    arity : number of arguments.
    numpy : evaluates it on arrays; a node's `value`, where it has one, follows the arguments.
    partials : (builder, arguments, output) -> the partial derivative for each argument as a node, None where it is
        zero; or None where the operator has no derivative rule.
    domain : for each argument an interval within which the operator is smooth.
    exact : compiled code gives numpy's result to the last bit; the others agree to some units in the last place.
    condition : the result is a condition, not a number.
    jumps : the result jumps where an argument crosses some value, which the derivatives do not tell.
    kinked : the derivatives jump where the first argument crosses some value.
    """

    name: str
    arity: int
    numpy: Callable[..., Any]
    partials: Partials | None
    domain: tuple[Interval, ...]
    exact: bool = False
    condition: bool = False
    jumps: bool = False
    kinked: bool = False


def _flat(b: GraphBuilder, args: Args, out: int) -> tuple[int | None, ...]:
    """Constant between jumps."""
    return (None,) * len(args)


def _scaled(factor: float, op: str) -> Partials:
    """`factor * op(argument)`."""
    return lambda b, args, out: (b.mul(b.constant(factor), b.apply(op, args[0])),)


def _over(denominator: Callable[[GraphBuilder, int], int], factor: float = 1.0) -> Partials:
    """`factor / denominator(argument)`."""
    return lambda b, args, out: (b.div(b.constant(factor), denominator(b, args[0])),)


def _one_plus(b: GraphBuilder, sign: float, square: int) -> int:
    """1 + sign * square^2."""
    return b.add(b.constant(1.0), b.mul(b.constant(sign), b.mul(square, square)))


def _root(b: GraphBuilder, radicand: int) -> int:
    return b.apply("sqrt", radicand)


def _unless_zero(b: GraphBuilder, tested: int, value: int, at_zero: int) -> int:
    return b.apply("where", b.apply("equal", tested, b.constant(0.0)), at_zero, value)


def _power(b: GraphBuilder, args: Args, out: int) -> tuple[int | None, ...]:
    base, exponent = args
    zero, one = b.constant(0.0), b.constant(1.0)
    edge = b.apply("where", b.apply("equal", exponent, one), one, zero)
    by_base = b.mul(exponent, _unless_zero(b, base, b.div(out, base), edge))
    return by_base, _unless_zero(b, out, b.mul(out, b.apply("log", base)), zero)


def _sqrt(b: GraphBuilder, args: Args, out: int) -> tuple[int | None, ...]:
    return (_unless_zero(b, out, b.div(b.constant(0.5), out), b.constant(0.0)),)


def _cbrt(b: GraphBuilder, args: Args, out: int) -> tuple[int | None, ...]:
    return (_unless_zero(b, out, b.div(b.constant(1.0 / 3.0), b.mul(out, out)), b.constant(0.0)),)


def _arctan2(b: GraphBuilder, args: Args, out: int) -> tuple[int | None, ...]:
    y, x = args
    square = b.add(b.mul(x, x), b.mul(y, y))
    return b.div(x, square), b.neg(b.div(y, square))


def _gaussian(factor: float) -> Partials:
    """`factor * exp(-x^2)`."""
    return lambda b, args, out: (b.mul(b.constant(factor), b.apply("exp", b.neg(b.mul(args[0], args[0])))),)


def _faddeeva_slope(b: GraphBuilder, x: int, y: int) -> tuple[int, int]:
    """Real and imaginary part of w'(z) = -2 z w + 2i / sqrt(pi) (DLMF 7.10.2)."""
    u, v = b.apply("faddeeva_real", x, y), b.apply("faddeeva_imag", x, y)
    minus_two = b.constant(-2.0)
    real = b.mul(minus_two, b.sub(b.mul(x, u), b.mul(y, v)))
    imag = b.add(b.mul(minus_two, b.add(b.mul(x, v), b.mul(y, u))), b.constant(2.0 / sqrt(pi)))
    return real, imag


def _faddeeva_real(b: GraphBuilder, args: Args, out: int) -> tuple[int | None, ...]:
    real, imag = _faddeeva_slope(b, *args)
    return real, b.neg(imag)


def _faddeeva_imag(b: GraphBuilder, args: Args, out: int) -> tuple[int | None, ...]:
    real, imag = _faddeeva_slope(b, *args)
    return imag, real


def _gamma_density(b: GraphBuilder, a: int, x: int) -> int:
    """dP(a, x)/dx = x^(a - 1) exp(-x) / Gamma(a)."""
    log_density = b.sub(b.mul(b.sub(a, b.constant(1.0)), b.apply("log", x)), b.add(x, b.apply("gammaln", a)))
    return b.apply("exp", log_density)


def _gammainc(b: GraphBuilder, args: Args, out: int) -> tuple[int | None, ...]:
    return b.apply("gammainc_grad_a", *args), _gamma_density(b, *args)


def _gammaincinv(b: GraphBuilder, args: Args, out: int) -> tuple[int | None, ...]:
    """By the implicit function theorem from P(a, out) = p."""
    a, _ = args
    density = _gamma_density(b, a, out)
    return b.neg(b.div(b.apply("gammainc_grad_a", a, out), density)), b.div(b.constant(1.0), density)


def _j1(b: GraphBuilder, args: Args, out: int) -> tuple[int | None, ...]:
    (x,) = args
    return (b.sub(b.apply("j0", x), _unless_zero(b, x, b.div(out, x), b.constant(0.5))),)


def _interp(b: GraphBuilder, args: Args, out: int) -> tuple[int | None, ...]:
    return (b.apply("interp_slope", *args, value=b.nodes[out].value),)


def _row(
    name: str,
    partials: Partials | None,
    *domain: Interval,
    numpy: Callable[..., Any] | None = None,
    exact: bool = False,
    condition: bool = False,
    jumps: bool = False,
    kinked: bool = False,
) -> Op:
    jumps = jumps or partials is _flat
    return Op(name, len(domain), numpy or getattr(np, name), partials, domain, exact, condition, jumps, kinked)


_ANY: Interval = (-3.0, 3.0)
_POSITIVE: Interval = (0.2, 4.0)
_UNIT: Interval = (-0.9, 0.9)

# One row an operator: the formatter would give most of them ten lines.
# fmt: off
_ARITHMETIC = (
    _row("add", lambda b, a, out: (b.constant(1.0), b.constant(1.0)), _ANY, _ANY, exact=True),
    _row("subtract", lambda b, a, out: (b.constant(1.0), b.constant(-1.0)), _ANY, _ANY, exact=True),
    _row("multiply", lambda b, a, out: (a[1], a[0]), _ANY, _ANY, exact=True),
    _row(
        "divide", lambda b, a, out: (b.div(b.constant(1.0), a[1]), b.neg(b.div(out, a[1]))),
        _ANY, _POSITIVE, exact=True,
    ),
    _row("reciprocal", lambda b, a, out: (b.neg(b.mul(out, out)),), _POSITIVE, exact=True),
    _row("negative", lambda b, a, out: (b.constant(-1.0),), _ANY, exact=True),
    _row("absolute", lambda b, a, out: (b.apply("sign", a[0]),), _POSITIVE, exact=True, kinked=True),
    _row(
        "remainder",
        lambda b, a, out: (b.constant(1.0), b.neg(b.apply("floor", b.div(a[0], a[1])))), (4.1, 4.3), (1.1, 1.3),
        jumps=True, kinked=True,
    ),
    _row("sign", _flat, _POSITIVE, exact=True),
    _row("floor", _flat, (0.1, 0.9), exact=True),
    _row("ceil", _flat, (0.1, 0.9), exact=True),
    _row("sqrt", _sqrt, _POSITIVE, exact=True),
    _row("cbrt", _cbrt, _POSITIVE),
    _row("power", _power, _POSITIVE, _ANY),
)

_ELEMENTARY = (
    _row("exp", lambda b, a, out: (out,), _ANY),
    _row("expm1", lambda b, a, out: (b.add(out, b.constant(1.0)),), _ANY),
    _row("log", _over(lambda b, x: x), _POSITIVE),
    _row("log2", _over(lambda b, x: x, 1.0 / log(2.0)), _POSITIVE),
    _row("log10", _over(lambda b, x: x, 1.0 / log(10.0)), _POSITIVE),
    _row("log1p", _over(lambda b, x: b.add(x, b.constant(1.0))), _POSITIVE),
    _row("sin", _scaled(1.0, "cos"), _ANY),
    _row("cos", _scaled(-1.0, "sin"), _ANY),
    _row("tan", lambda b, a, out: (_one_plus(b, 1.0, out),), _UNIT),
    _row("arcsin", _over(lambda b, x: _root(b, _one_plus(b, -1.0, x))), _UNIT),
    _row("arccos", _over(lambda b, x: _root(b, _one_plus(b, -1.0, x)), -1.0), _UNIT),
    _row("arctan", _over(lambda b, x: _one_plus(b, 1.0, x)), _ANY),
    _row("arctan2", _arctan2, _ANY, _POSITIVE),
    _row("sinh", _scaled(1.0, "cosh"), _ANY),
    _row("cosh", _scaled(1.0, "sinh"), _ANY),
    _row("tanh", lambda b, a, out: (_one_plus(b, -1.0, out),), _ANY),
    _row("arcsinh", _over(lambda b, x: _root(b, _one_plus(b, 1.0, x))), _ANY),
    _row(
        "arccosh",
        _over(lambda b, x: _root(b, b.sub(b.mul(x, x), b.constant(1.0)))), (1.2, 4.0),
    ),
    _row("arctanh", _over(lambda b, x: _one_plus(b, -1.0, x)), _UNIT),
)

_CONDITIONS = (
    _row("less", _flat, _ANY, (3.5, 4.0), exact=True, condition=True),
    _row("less_equal", _flat, _ANY, (3.5, 4.0), exact=True, condition=True),
    _row("equal", _flat, _ANY, (3.5, 4.0), exact=True, condition=True),
    _row("logical_and", _flat, _ANY, _ANY, exact=True, condition=True),
    _row("logical_or", _flat, _ANY, _ANY, exact=True, condition=True),
    _row("logical_not", _flat, _ANY, exact=True, condition=True),
    _row(
        "where",
        lambda b, a, out: (
            None,
            b.apply("where", a[0], b.constant(1.0), b.constant(0.0)),
            b.apply("where", a[0], b.constant(0.0), b.constant(1.0)),
        ),
        _ANY, _ANY, _ANY, exact=True, kinked=True,
    ),
)

_SPECIAL = (
    _row("erf", _gaussian(2.0 / sqrt(pi)), _ANY, numpy=ScipySpecial("erf")),
    _row("erfc", _gaussian(-2.0 / sqrt(pi)), _ANY, numpy=ScipySpecial("erfc")),
    _row("faddeeva_real", _faddeeva_real, _ANY, _POSITIVE, numpy=faddeeva_real),
    _row("faddeeva_imag", _faddeeva_imag, _ANY, _POSITIVE, numpy=faddeeva_imag),
    _row("gammaln", _scaled(1.0, "digamma"), _POSITIVE, numpy=ScipySpecial("gammaln")),
    _row("digamma", None, _POSITIVE, numpy=ScipySpecial("digamma")),
    _row(
        "gammainc", _gammainc, _POSITIVE, _POSITIVE, numpy=ScipySpecial("gammainc")
    ),
    _row(
        "gammaincinv", _gammaincinv, _POSITIVE, (0.1, 0.9),
        numpy=ScipySpecial("gammaincinv"),
    ),
    _row("gammainc_grad_a", None, _POSITIVE, _POSITIVE, numpy=gammainc_grad_a),
    _row("j0", _scaled(-1.0, "j1"), _ANY, numpy=ScipySpecial("j0")),
    _row("j1", _j1, _ANY, numpy=ScipySpecial("j1")),
    _row("interp", _interp, (0.1, 0.9), numpy=interp, kinked=True),
    _row("interp_slope", _flat, (0.1, 0.9), numpy=interp_slope),
)
# fmt: on

OPS: dict[str, Op] = {op.name: op for op in (*_ARITHMETIC, *_ELEMENTARY, *_CONDITIONS, *_SPECIAL)}
"""Every operator, by name."""
