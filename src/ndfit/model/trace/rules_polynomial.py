"""The rule for orthogonal polynomials in two dimensions: symbols in, sum of c_ij F_i(x) F_j(y) out.

The basis functions come from the class itself (its `_fcache` is their recurrence, and traces); only the summation,
which works through arrays of coefficients, is replaced. Value and derivatives then share the basis functions, which are
no function of the parameters at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from astropy.modeling.polynomial import OrthoPolynomialBase
from astropy.modeling.utils import poly_map_domain

from ndfit._compat.astropy_models import orthogonal_basis

__all__ = ["POLYNOMIAL_RULES"]


def _orthogonal(model: Any, inputs: Sequence[Any], params: Sequence[Any]) -> Any:
    x, y = inputs
    if model.x_domain is not None:
        x = poly_map_domain(x, model.x_domain, model.x_window)
    if model.y_domain is not None:
        y = poly_map_domain(y, model.y_domain, model.y_window)
    basis = orthogonal_basis(model, x, y)
    coefficients = dict(zip(model.param_names, params, strict=True))
    return sum(
        coefficients[f"c{i}_{j}"] * (basis[i] * basis[model.x_degree + 1 + j])
        for i in range(model.x_degree + 1)
        for j in range(model.y_degree + 1)
    )


POLYNOMIAL_RULES: dict[type, Callable[[Any, Sequence[Any], Sequence[Any]], Any]] = {OrthoPolynomialBase: _orthogonal}
