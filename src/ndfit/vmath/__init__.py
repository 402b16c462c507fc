"""Elementary and special functions that vectorise: scalar float64 in, float64 out.

Each function, the two lookup tables apart, is branch-free, so that a loop over 32 or more contiguous values that calls
it becomes packed instructions without fast-math. Every value's arithmetic is its own: neighbours never change a result.
Special values (zeros with their signs, infinities, NaN) are numpy's and scipy's unless a function says otherwise.

The coefficients of all polynomials are minimax fits to the functions that the comments beside them name, by Remez's
exchange algorithm in 90-digit arithmetic (`tools/minimax.py`), rounded to float64.
"""

from ndfit.vmath.bessel import j0, j1
from ndfit.vmath.error_functions import erf, erfc
from ndfit.vmath.exponential import cosh, exp, expm1, sinh, tanh
from ndfit.vmath.faddeeva import faddeeva_imag, faddeeva_real
from ndfit.vmath.gamma import digamma, gammaln
from ndfit.vmath.incomplete_gamma import gammainc, gammainc_grad_a, gammaincinv
from ndfit.vmath.intrinsics import ceil, floor, sign
from ndfit.vmath.logarithm import arccosh, arcsinh, arctanh, log, log1p, log2, log10
from ndfit.vmath.powers import cbrt, power
from ndfit.vmath.tables import interp, interp_slope
from ndfit.vmath.trigonometric import arccos, arcsin, arctan, arctan2, cos, sin, tan

__all__ = [
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "cbrt",
    "ceil",
    "cos",
    "cosh",
    "digamma",
    "erf",
    "erfc",
    "exp",
    "expm1",
    "faddeeva_imag",
    "faddeeva_real",
    "floor",
    "gammainc",
    "gammainc_grad_a",
    "gammaincinv",
    "gammaln",
    "interp",
    "interp_slope",
    "j0",
    "j1",
    "log",
    "log1p",
    "log2",
    "log10",
    "power",
    "sign",
    "sin",
    "sinh",
    "tan",
    "tanh",
]
