"""The operator table: one row an operator, what numpy computes, what compiled code says, how it is differentiated.

Flows in: nothing. Flows out: OPS, read by the builder (folding), the interpreter, the differentiator, code generation
and by the tests, which check every row against finite differences.

Two kinds of values flow through a graph: real numbers (float64) and conditions. A condition is a native boolean, in
numpy and in compiled code alike; comparisons make them, `logical_*` combine them and the first argument of `where`
consumes them. `where` is written as a conditional expression between names that are already computed, which the
compiler turns into a select, so that loops stay vectorisable. There is no implicit conversion: whoever builds a graph
writes `where(condition, 1, 0)`.

A source template is formatted with the names of the arguments (names or literals: a template may repeat one) and may
use the modules `math` and `vm` (ndfit's vectorisable functions). Rows whose nodes carry a lookup table also use
`{points}` and `{values}`, the names of two constant float64 arrays made from the node's value.

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

from ndfit.graph.special import (
    faddeeva_imag,
    faddeeva_real,
    gammainc_grad_a,
    interp,
    interp_slope,
    scipy_special,
)

if TYPE_CHECKING:
    from ndfit.graph.builder import GraphBuilder

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
    source : template of compiled code.
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
    source: str
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
    source: str,
    partials: Partials | None,
    *domain: Interval,
    numpy: Callable[..., Any] | None = None,
    exact: bool = False,
    condition: bool = False,
    jumps: bool = False,
    kinked: bool = False,
) -> Op:
    jumps = jumps or partials is _flat
    return Op(name, len(domain), numpy or getattr(np, name), source, partials, domain, exact, condition, jumps, kinked)


_ANY: Interval = (-3.0, 3.0)
_POSITIVE: Interval = (0.2, 4.0)
_UNIT: Interval = (-0.9, 0.9)

# One row an operator: the formatter would give most of them ten lines.
# fmt: off
_ARITHMETIC = (
    _row("add", "({0} + {1})", lambda b, a, out: (b.constant(1.0), b.constant(1.0)), _ANY, _ANY, exact=True),
    _row("subtract", "({0} - {1})", lambda b, a, out: (b.constant(1.0), b.constant(-1.0)), _ANY, _ANY, exact=True),
    _row("multiply", "({0} * {1})", lambda b, a, out: (a[1], a[0]), _ANY, _ANY, exact=True),
    _row(
        "divide", "({0} / {1})", lambda b, a, out: (b.div(b.constant(1.0), a[1]), b.neg(b.div(out, a[1]))),
        _ANY, _POSITIVE, exact=True,
    ),
    _row("reciprocal", "(1.0 / {0})", lambda b, a, out: (b.neg(b.mul(out, out)),), _POSITIVE, exact=True),
    _row("negative", "(-{0})", lambda b, a, out: (b.constant(-1.0),), _ANY, exact=True),
    _row("absolute", "abs({0})", lambda b, a, out: (b.apply("sign", a[0]),), _POSITIVE, exact=True, kinked=True),
    _row(
        "remainder", "({0} % {1})",
        lambda b, a, out: (b.constant(1.0), b.neg(b.apply("floor", b.div(a[0], a[1])))), (4.1, 4.3), (1.1, 1.3),
        jumps=True, kinked=True,
    ),
    _row("sign", "vm.sign({0})", _flat, _POSITIVE, exact=True),
    _row("floor", "vm.floor({0})", _flat, (0.1, 0.9), exact=True),
    _row("ceil", "vm.ceil({0})", _flat, (0.1, 0.9), exact=True),
    _row("sqrt", "math.sqrt({0})", _sqrt, _POSITIVE, exact=True),
    _row("cbrt", "vm.cbrt({0})", _cbrt, _POSITIVE),
    _row("power", "vm.power({0}, {1})", _power, _POSITIVE, _ANY),
)

_ELEMENTARY = (
    _row("exp", "vm.exp({0})", lambda b, a, out: (out,), _ANY),
    _row("expm1", "vm.expm1({0})", lambda b, a, out: (b.add(out, b.constant(1.0)),), _ANY),
    _row("log", "vm.log({0})", _over(lambda b, x: x), _POSITIVE),
    _row("log2", "vm.log2({0})", _over(lambda b, x: x, 1.0 / log(2.0)), _POSITIVE),
    _row("log10", "vm.log10({0})", _over(lambda b, x: x, 1.0 / log(10.0)), _POSITIVE),
    _row("log1p", "vm.log1p({0})", _over(lambda b, x: b.add(x, b.constant(1.0))), _POSITIVE),
    _row("sin", "vm.sin({0})", _scaled(1.0, "cos"), _ANY),
    _row("cos", "vm.cos({0})", _scaled(-1.0, "sin"), _ANY),
    _row("tan", "vm.tan({0})", lambda b, a, out: (_one_plus(b, 1.0, out),), _UNIT),
    _row("arcsin", "vm.arcsin({0})", _over(lambda b, x: _root(b, _one_plus(b, -1.0, x))), _UNIT),
    _row("arccos", "vm.arccos({0})", _over(lambda b, x: _root(b, _one_plus(b, -1.0, x)), -1.0), _UNIT),
    _row("arctan", "vm.arctan({0})", _over(lambda b, x: _one_plus(b, 1.0, x)), _ANY),
    _row("arctan2", "vm.arctan2({0}, {1})", _arctan2, _ANY, _POSITIVE),
    _row("sinh", "vm.sinh({0})", _scaled(1.0, "cosh"), _ANY),
    _row("cosh", "vm.cosh({0})", _scaled(1.0, "sinh"), _ANY),
    _row("tanh", "vm.tanh({0})", lambda b, a, out: (_one_plus(b, -1.0, out),), _ANY),
    _row("arcsinh", "vm.arcsinh({0})", _over(lambda b, x: _root(b, _one_plus(b, 1.0, x))), _ANY),
    _row(
        "arccosh", "vm.arccosh({0})",
        _over(lambda b, x: _root(b, b.sub(b.mul(x, x), b.constant(1.0)))), (1.2, 4.0),
    ),
    _row("arctanh", "vm.arctanh({0})", _over(lambda b, x: _one_plus(b, -1.0, x)), _UNIT),
)

_CONDITIONS = (
    _row("less", "({0} < {1})", _flat, _ANY, (3.5, 4.0), exact=True, condition=True),
    _row("less_equal", "({0} <= {1})", _flat, _ANY, (3.5, 4.0), exact=True, condition=True),
    _row("equal", "({0} == {1})", _flat, _ANY, (3.5, 4.0), exact=True, condition=True),
    _row("logical_and", "({0} & {1})", _flat, _ANY, _ANY, exact=True, condition=True),
    _row("logical_or", "({0} | {1})", _flat, _ANY, _ANY, exact=True, condition=True),
    _row("logical_not", "(not {0})", _flat, _ANY, exact=True, condition=True),
    _row(
        "where", "({1} if {0} else {2})",
        lambda b, a, out: (
            None,
            b.apply("where", a[0], b.constant(1.0), b.constant(0.0)),
            b.apply("where", a[0], b.constant(0.0), b.constant(1.0)),
        ),
        _ANY, _ANY, _ANY, exact=True, kinked=True,
    ),
)

_SPECIAL = (
    _row("erf", "vm.erf({0})", _gaussian(2.0 / sqrt(pi)), _ANY, numpy=scipy_special("erf")),
    _row("erfc", "vm.erfc({0})", _gaussian(-2.0 / sqrt(pi)), _ANY, numpy=scipy_special("erfc")),
    _row("faddeeva_real", "vm.faddeeva_real({0}, {1})", _faddeeva_real, _ANY, _POSITIVE, numpy=faddeeva_real),
    _row("faddeeva_imag", "vm.faddeeva_imag({0}, {1})", _faddeeva_imag, _ANY, _POSITIVE, numpy=faddeeva_imag),
    _row("gammaln", "vm.gammaln({0})", _scaled(1.0, "digamma"), _POSITIVE, numpy=scipy_special("gammaln")),
    _row("digamma", "vm.digamma({0})", None, _POSITIVE, numpy=scipy_special("digamma")),
    _row(
        "gammainc", "vm.gammainc({0}, {1})", _gammainc, _POSITIVE, _POSITIVE, numpy=scipy_special("gammainc")
    ),
    _row(
        "gammaincinv", "vm.gammaincinv({0}, {1})", _gammaincinv, _POSITIVE, (0.1, 0.9),
        numpy=scipy_special("gammaincinv"),
    ),
    _row("gammainc_grad_a", "vm.gammainc_grad_a({0}, {1})", None, _POSITIVE, _POSITIVE, numpy=gammainc_grad_a),
    _row("j0", "vm.j0({0})", _scaled(-1.0, "j1"), _ANY, numpy=scipy_special("j0")),
    _row("j1", "vm.j1({0})", _j1, _ANY, numpy=scipy_special("j1")),
    _row("interp", "vm.interp({0}, {points}, {values})", _interp, (0.1, 0.9), numpy=interp, kinked=True),
    _row("interp_slope", "vm.interp_slope({0}, {points}, {values})", _flat, (0.1, 0.9), numpy=interp_slope),
)
# fmt: on

OPS: dict[str, Op] = {op.name: op for op in (*_ARITHMETIC, *_ELEMENTARY, *_CONDITIONS, *_SPECIAL)}
"""Every operator, by name."""
