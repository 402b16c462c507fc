"""Rules for polynomials in two dimensions: symbols in, the sum over basis functions out.

The orthogonal ones are sums of c_ij F_i(x) F_j(y), with F by its three-term recurrence (DLMF 18.9). Written with a term
a coefficient, value and derivatives share the basis functions, and those of the coordinates alone are no function of
the parameters at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from astropy.modeling import polynomial
from astropy.modeling.utils import poly_map_domain

__all__ = ["POLYNOMIAL_RULES"]

Recurrence = Callable[[int, Any, Any, Any], Any]


def _chebyshev(n: int, x: Any, last: Any, before: Any) -> Any:
    return 2.0 * x * last - before


def _legendre(n: int, x: Any, last: Any, before: Any) -> Any:
    return ((2.0 * n - 1.0) * x * last - (n - 1.0) * before) / n


def _hermite(n: int, x: Any, last: Any, before: Any) -> Any:
    return 2.0 * x * last - 2.0 * (n - 1.0) * before


def _basis(x: Any, degree: int, first_slope: float, recurrence: Recurrence) -> list[Any]:
    functions: list[Any] = [1.0, first_slope * x]
    for n in range(2, degree + 1):
        functions.append(recurrence(n, x, functions[-1], functions[-2]))
    return functions[: degree + 1]


def _orthogonal(first_slope: float, recurrence: Recurrence) -> Callable[..., Any]:
    """The rule for sums of c_ij F_i(x) F_j(y)."""

    def rule(model: Any, inputs: Sequence[Any], params: Sequence[Any]) -> Any:
        x, y = inputs
        if model.x_domain is not None:
            x = poly_map_domain(x, model.x_domain, model.x_window)
        if model.y_domain is not None:
            y = poly_map_domain(y, model.y_domain, model.y_window)
        in_x = _basis(x, model.x_degree, first_slope, recurrence)
        in_y = _basis(y, model.y_degree, first_slope, recurrence)
        coefficients = dict(zip(model.param_names, params, strict=True))
        return sum(
            coefficients[f"c{i}_{j}"] * (f * g) for i, f in enumerate(in_x) for j, g in enumerate(in_y)
        )

    return rule


POLYNOMIAL_RULES: dict[type, Callable[[Any, Sequence[Any], Sequence[Any]], Any]] = {
    polynomial.Chebyshev2D: _orthogonal(1.0, _chebyshev),
    polynomial.Legendre2D: _orthogonal(1.0, _legendre),
    polynomial.Hermite2D: _orthogonal(2.0, _hermite),
}
