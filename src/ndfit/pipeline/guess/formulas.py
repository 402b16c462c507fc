"""What numpy and the compiled language both have, by one name each, so that formulas are written once.

Flows in: functions by the names of the operator table, numpy's or the compiled language's (`LANGUAGE`), and values of
their kind. Flows out: values of the same kind.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from ndfit.model.ops import OPS

__all__ = ["NUMPY", "clamped", "larger", "smaller", "solved"]

# Of one: the least that is divided by.
_NOTHING = 1e-12


NUMPY = SimpleNamespace(**{name: op.numpy for name, op in OPS.items()})
"""numpy's functions, by the names of the operator table."""


def larger(one: Any, other: Any, of: Any) -> Any:
    """The larger of two; the second where one is not a number."""
    return of.where(one > other, one, other)


def smaller(one: Any, other: Any, of: Any) -> Any:
    """The smaller of two; the second where one is not a number."""
    return of.where(one < other, one, other)


def clamped(value: Any, low: Any, high: Any, of: Any) -> Any:
    """A value inside limits."""
    return smaller(high, larger(low, value, of), of)


def solved(matrix: Any, right: Any, of: Any, damping: Any = 0.0) -> list[Any]:
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


def _one_over_root(value: Any, least: float, of: Any) -> Any:
    usable = value > least
    return of.where(usable, 1.0 / of.sqrt(of.where(usable, value, 1.0)), 0.0)
