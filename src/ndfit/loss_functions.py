"""Losses that count large residuals for less than their square: one row each, for every engine.

With u the residual in units of the scale and z = u^2, a loss is rho(z) as in `scipy.optimize.least_squares`, and its
pull psi(u) = u rho'(z). A row has what both the minimisation and the covariance need, as formulas of u with numpy's
names: `of` is numpy itself, or the functions of the compiled language by the same names.

=======  ===============================  =====================  ==============================
loss     rho                              rho' = psi / u         psi'
=======  ===============================  =====================  ==============================
huber    z, 2 sqrt(z) - 1 where z > 1     1, 1 / sqrt(z)         1 where z <= 1, else 0
soft_l1  2 (sqrt(1 + z) - 1)              (1 + z)^-1/2           (1 + z)^-3/2
cauchy   ln(1 + z)                        1 / (1 + z)            (1 - z) / (1 + z)^2
arctan   arctan(z)                        1 / (1 + z^2)          (1 - 3 z^2) / (1 + z^2)^2
=======  ===============================  =====================  ==============================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

__all__ = ["ROBUST", "LossKind", "RobustLoss"]

LossKind: TypeAlias = Literal["linear", "huber", "soft_l1", "cauchy", "arctan"]
"""The square, and the names of the table."""


@dataclass(frozen=True)
class RobustLoss:
    """A row of the table.

    Attributes
    ----------
    ratio_and_slope : (u, of) -> rho / z and rho'
    curvature : (u, of) -> psi'
    redescending : the pull of a sample falls again beyond the scale, so that the loss has many minima
    """

    ratio_and_slope: Callable[[Any, Any], tuple[Any, Any]]
    curvature: Callable[[Any, Any], Any]
    redescending: bool = False


def _huber(u: Any, of: Any) -> tuple[Any, Any]:
    size = abs(u)
    far = size > 1.0
    slope = of.where(far, 1.0 / size, 1.0)
    return of.where(far, slope * (2.0 - slope), 1.0), slope


def _soft_l1(u: Any, of: Any) -> tuple[Any, Any]:
    slant = of.sqrt(1.0 + u * u)
    return 2.0 / (1.0 + slant), 1.0 / slant


def _cauchy(u: Any, of: Any) -> tuple[Any, Any]:
    z = u * u
    return of.where(z > 0.0, of.log1p(z) / z, 1.0), 1.0 / (1.0 + z)


def _arctan(u: Any, of: Any) -> tuple[Any, Any]:
    z = u * u
    return of.where(z > 0.0, of.arctan(z) / z, 1.0), 1.0 / (1.0 + z * z)


ROBUST: Mapping[str, RobustLoss] = {
    "huber": RobustLoss(_huber, lambda u, of: of.where(abs(u) > 1.0, 0.0, 1.0)),
    "soft_l1": RobustLoss(_soft_l1, lambda u, of: of.power(1.0 + u * u, -1.5)),
    "cauchy": RobustLoss(_cauchy, lambda u, of: (1.0 - u**2) / (1.0 + u**2) ** 2, redescending=True),
    "arctan": RobustLoss(_arctan, lambda u, of: (1.0 - 3.0 * u**4) / (1.0 + u**4) ** 2, redescending=True),
}
"""Every loss but the square and the likelihood of counts, by name."""
