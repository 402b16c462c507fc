"""Functions of lanes, written in the language: one for each operator of the operator table, by its name."""

from __future__ import annotations

from ndfit.compiler.functions.arithmetic import (
    absolute,
    add,
    divide,
    equal,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    multiply,
    negative,
    reciprocal,
    remainder,
    sqrt,
    subtract,
    where,
)
from ndfit.compiler.functions.basic import ceil, floor, sign
from ndfit.compiler.functions.bessel import j0, j1
from ndfit.compiler.functions.error_functions import erf, erfc
from ndfit.compiler.functions.exponential import cosh, exp, expm1, sinh, tanh
from ndfit.compiler.functions.faddeeva import faddeeva_imag, faddeeva_real
from ndfit.compiler.functions.gamma import digamma, gammaln
from ndfit.compiler.functions.incomplete_gamma import gammainc, gammainc_grad_a, gammaincinv
from ndfit.compiler.functions.logarithm import arccosh, arcsinh, arctanh, log, log1p, log2, log10
from ndfit.compiler.functions.lookup import interp, interp_slope
from ndfit.compiler.functions.powers import cbrt, power
from ndfit.compiler.functions.trigonometric import arccos, arcsin, arctan, arctan2, cos, sin, tan

OPERATORS = {
    each.__name__: each
    for each in (
        absolute,
        add,
        arccos,
        arccosh,
        arcsin,
        arcsinh,
        arctan,
        arctan2,
        arctanh,
        cbrt,
        ceil,
        cos,
        cosh,
        digamma,
        divide,
        equal,
        erf,
        erfc,
        exp,
        expm1,
        faddeeva_imag,
        faddeeva_real,
        floor,
        gammainc,
        gammainc_grad_a,
        gammaincinv,
        gammaln,
        interp,
        interp_slope,
        j0,
        j1,
        less,
        less_equal,
        log,
        log1p,
        log2,
        log10,
        logical_and,
        logical_not,
        logical_or,
        multiply,
        negative,
        power,
        reciprocal,
        remainder,
        sign,
        sin,
        sinh,
        sqrt,
        subtract,
        tan,
        tanh,
        where,
    )
}
"""How each operator of the operator table is emitted, by its name."""

__all__ = ["OPERATORS"]
