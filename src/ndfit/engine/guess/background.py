"""What lies under the lines: constants, straight lines, polynomials and planes, by weighted least squares.

Flows in: a Tile and what is left of its data when lines are taken away. Flows out: coefficients, and the background
that they give.

Background terms are linear in their parameters: each is a list of basis functions of the coordinates. The first fit is
made before any line is known, and leaves out samples further than 2.5 robust standard deviations (1.4826 times the
median absolute residual), fitting again a few times.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev, hermite, legendre
from numpy.typing import NDArray

from ndfit.engine.guess.tile import Tile, median, total
from ndfit.problem.types import FloatArray

__all__ = ["BASES", "Basis", "fit_background", "sum_of"]

_CLIPPINGS = 5
_CLIPPED_AT = 2.5 * 1.4826
_SMALLEST = 1e-12

Coords = tuple[FloatArray, ...]
Scale = tuple[float, ...]
Vander = Callable[..., Any]
Basis = Callable[[Coords, Scale], list[FloatArray]]


def _constant(coords: Coords, scale: Scale) -> list[FloatArray]:
    return [np.ones_like(coords[0])]


def _line(coords: Coords, scale: Scale) -> list[FloatArray]:
    return [coords[0], np.ones_like(coords[0])]


def _powers(coords: Coords, scale: Scale) -> list[FloatArray]:
    """`scale` holds the degree, and factor and offset from the domain of a polynomial to its window."""
    degree, factor, offset = scale
    inside = coords[0] * factor + offset
    return [inside**power for power in range(int(degree) + 1)]


def _plane(coords: Coords, scale: Scale) -> list[FloatArray]:
    return [coords[0], coords[1], np.ones_like(coords[0])]


def _orthogonal(vander: Vander, coords: Coords, scale: Scale) -> list[FloatArray]:
    degree, factor, offset = scale
    columns = vander(coords[0] * factor + offset, int(degree))
    return [np.ascontiguousarray(columns[..., power]) for power in range(int(degree) + 1)]


BASES: Mapping[str, Basis] = {
    "Const1D": _constant,
    "Linear1D": _line,
    "Polynomial1D": _powers,
    "Chebyshev1D": partial(_orthogonal, chebyshev.chebvander),
    "Legendre1D": partial(_orthogonal, legendre.legvander),
    "Hermite1D": partial(_orthogonal, hermite.hermvander),
    "Const2D": _constant,
    "Planar2D": _plane,
}
"""Name of the model's class -> functions that its parameters multiply, in their order."""


@dataclass(frozen=True)
class _Columns:
    """Basis functions of the free coefficients, of length one in the weights, and those lengths, (n,) or (1,) each."""

    values: list[FloatArray]
    lengths: list[FloatArray]

    @classmethod
    def of(cls, functions: list[FloatArray], weights: FloatArray) -> _Columns:
        lengths = [np.sqrt(total(weights * values**2)) for values in functions]
        lengths = [np.where(length > 0, length, 1.0) for length in lengths]
        return cls([values / length for values, length in zip(functions, lengths, strict=True)], lengths)


def sum_of(functions: list[FloatArray], coefficients: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Background of coefficients (n, D), shape (M, n)."""
    summed = np.zeros(shape)
    for values, column in zip(functions, coefficients.T, strict=True):
        summed += values * column
    return summed


def fit_background(tile: Tile, values: FloatArray, functions: list[FloatArray], clipped: bool) -> FloatArray:
    """Coefficients of the functions, shape (n, D).

    Parameters
    ----------
    values : shape (M, n), data less lines and whatever of the background is known
    clipped : leave out what stands out
    """
    coefficients = _least_squares(values, tile.weights, functions)
    used: NDArray[np.bool_] = np.broadcast_to(tile.weights > 0, values.shape)
    for _ in range(_CLIPPINGS if clipped else 0):
        residual = np.abs(values - sum_of(functions, coefficients, values.shape)) * np.sqrt(tile.weights)
        near = residual <= _CLIPPED_AT * median(residual, used)
        coefficients = _least_squares(values, tile.weights * (near & used), functions)
    return coefficients


def _least_squares(values: FloatArray, weights: FloatArray, functions: list[FloatArray]) -> FloatArray:
    """By the pseudo-inverse of the normal equations: a guess forgives functions that are alike."""
    columns = _Columns.of(functions, weights)
    n_fits, n_columns = values.shape[1], len(functions)
    normal, right = np.empty((n_fits, n_columns, n_columns)), np.empty((n_fits, n_columns))
    for i, one in enumerate(columns.values):
        weighted = weights * one
        right[:, i] = total(weighted * values)
        for j, other in enumerate(columns.values[: i + 1]):
            normal[:, i, j] = normal[:, j, i] = total(weighted * other)
    inverse = np.linalg.pinv(np.nan_to_num(normal), rcond=_SMALLEST, hermitian=True)
    solution = np.zeros((n_fits, n_columns))
    for j in range(n_columns):
        solution += inverse[:, :, j] * right[:, j, np.newaxis]
    return np.stack([solution[:, j] / length for j, length in enumerate(columns.lengths)], axis=1)
