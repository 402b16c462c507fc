"""Polynomials in a basis that is well conditioned.

Flows in: the unitless model of a linear fit and its coordinates. Flows out: the model with its domain set, and the
matrix that takes the fitted coefficients to the caller's.

A linear fit of an orthogonal polynomial maps the coordinates' range to the polynomial's window, as astropy's
LinearLSQFitter does; here the range is that of all positions, so that one domain describes all of them. A power series
over a narrow range far from zero (a baseline over a frequency axis in Hz) has a Vandermonde matrix that is singular to
working precision; it is fitted in t = a x + b with t in [-1, 1] instead. With sum_k d_k t^k = sum_j c_j x^j the
binomial theorem gives c_j = sum_k binom(k, j) a^j b^(k-j) d_k, evaluated in exact fractions.
"""

from __future__ import annotations

from fractions import Fraction
from math import comb
from typing import Any

import numpy as np
from astropy.modeling import Model
from astropy.modeling.models import Polynomial1D

from ndfit.arrays import FloatArray

__all__ = ["set_linear_basis"]

_DOMAINS = (("domain",), ("x_domain", "y_domain"))
_IDENTITY = (-1.0, 1.0)


def set_linear_basis(model: Model, coords: tuple[Any, ...]) -> FloatArray | None:
    """Set the domains of `model` (changed in place) for a linear fit; return the transform of its coefficients.

    Returns
    -------
    transform : shape (P, P), reported = transform @ fitted; None where the two are the same.
    """
    ranges = [(float(np.nanmin(values)), float(np.nanmax(values))) for values in coords]
    for names in _DOMAINS:
        for name, limits in zip(names, ranges, strict=False):
            if getattr(model, name, ()) is None:
                setattr(model, name, limits)
    if _is_plain_power_series(model) and ranges[0][0] < ranges[0][1]:
        model.domain, model.window = ranges[0], _IDENTITY
        return _power_series_transform(model.degree, *ranges[0])
    return None


def _is_plain_power_series(model: Model) -> bool:
    free = not any(model.fixed.values()) and not any(model.tied.values()) and not model.has_bounds
    return type(model) is Polynomial1D and model.domain == model.window and free


def _power_series_transform(degree: int, low: float, high: float) -> FloatArray:
    scale = 2 / (Fraction(high) - Fraction(low))
    shift = -1 - scale * Fraction(low)
    matrix = np.zeros((degree + 1, degree + 1))
    for k in range(degree + 1):
        for j in range(k + 1):
            matrix[j, k] = float(comb(k, j) * scale**j * shift ** (k - j))
    return matrix
