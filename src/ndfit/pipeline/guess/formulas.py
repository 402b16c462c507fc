"""What numpy and the compiled language both have, by one name each, so that formulas are written once.

Flows in: a `Functions`, numpy's or the compiler's, and values of its kind. Flows out: values of the same kind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["NUMPY", "Functions", "clamped", "larger", "smaller", "solved"]

# Of one: the least that is divided by.
_NOTHING = 1e-12


@dataclass(frozen=True)
class Functions:
    """Functions of values; `choose` takes a condition and one value for each outcome of it.

    `faddeeva` takes real and imaginary part and returns both.
    """

    choose: Callable[..., Any]
    root: Callable[..., Any]
    exp: Callable[..., Any]
    log1p: Callable[..., Any]
    power: Callable[..., Any]
    sin: Callable[..., Any]
    cos: Callable[..., Any]
    j0: Callable[..., Any]
    j1: Callable[..., Any]
    faddeeva: Callable[..., Any]


def _j0(x: Any) -> Any:
    from scipy.special import j0  # late, as it takes long to import

    return j0(x)


def _j1(x: Any) -> Any:
    from scipy.special import j1

    return j1(x)


def _faddeeva(x: Any, y: Any) -> tuple[Any, Any]:
    from scipy.special import wofz

    value = wofz(x + 1j * y)
    return value.real, value.imag


NUMPY = Functions(np.where, np.sqrt, np.exp, np.log1p, np.power, np.sin, np.cos, _j0, _j1, _faddeeva)


def larger(one: Any, other: Any, of: Functions) -> Any:
    """The larger of two; the second where one is not a number."""
    return of.choose(one > other, one, other)


def smaller(one: Any, other: Any, of: Functions) -> Any:
    """The smaller of two; the second where one is not a number."""
    return of.choose(one < other, one, other)


def clamped(value: Any, low: Any, high: Any, of: Functions) -> Any:
    """A value inside limits."""
    return smaller(high, larger(low, value, of), of)


def solved(matrix: Any, right: Any, of: Functions, damping: Any = 0.0) -> list[Any]:
    """Unknowns of a symmetric system, by Cholesky's factor of the matrix scaled to a diagonal of one.

    An unknown whose diagonal is zero, or which depends on those before, is zero.

    Parameters
    ----------
    matrix : rows of the lower triangle, at least
    damping : added to the diagonal of one
    """
    size = len(right)
    scale = [_one_over_root(matrix[i][i], 0.0, of) for i in range(size)]
    step = [value * factor for value, factor in zip(right, scale, strict=True)]
    factor: list[list[Any]] = [[] for _ in range(size)]  # its diagonal is stored inverted
    for i in range(size):
        for j in range(i + 1):
            value = matrix[i][j] * scale[i] * scale[j] + (damping if i == j else 0.0)
            for k in range(j):
                value = value - factor[i][k] * factor[j][k]
            factor[i].append(_one_over_root(value, _NOTHING, of) if i == j else value * factor[j][j])
    for i in range(size):
        for k in range(i):
            step[i] = step[i] - factor[i][k] * step[k]
        step[i] = step[i] * factor[i][i]
    for i in reversed(range(size)):
        for k in range(i + 1, size):
            step[i] = step[i] - factor[k][i] * step[k]
        step[i] = step[i] * factor[i][i]
    return [value * factor for value, factor in zip(step, scale, strict=True)]


def _one_over_root(value: Any, least: float, of: Functions) -> Any:
    usable = value > least
    return of.choose(usable, 1.0 / of.root(of.choose(usable, value, 1.0)), 0.0)
