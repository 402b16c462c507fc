"""What lies under the lines: constants, straight lines, polynomials and planes, by weighted least squares.

Flows in: a Tile and what is left of its data when lines are taken away. Flows out: coefficients, and the background
that they give.

Background terms are linear in their parameters: each is a list of basis functions of the coordinates. The first fit is
made before any line is known, and leaves out samples further than 2.5 robust standard deviations (1.4826 times the
median absolute residual), fitting again a few times; the limit is that of the second time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.polynomial import chebyshev, hermite, legendre
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.engines.availability import why_not_compiled
from ndfit.pipeline.guess.formulas import NUMPY, solved
from ndfit.pipeline.guess.tile import Tile, median, total

__all__ = ["BASES", "Basis", "fit_background", "fit_beside", "fit_with_arrays", "sum_of"]

# More take too many registers.
_MOST_COMPILED = 8


class Clipping(NamedTuple):
    """Rounds in which what stands out is left out, in how many of them the median is taken anew, and how many medians
    of the absolute residuals are too far."""

    rounds: int
    medians: int
    limit: float


_CLIPPING = Clipping(5, 2, 2.5 * 1.4826)
_NONE = Clipping(0, 0, 0.0)
_ASYMMETRIC_ROUNDS, _ASYMMETRY = 10, 0.02

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


def sum_of(functions: Sequence[FloatArray], coefficients: FloatArray, shape: tuple[int, ...]) -> FloatArray:
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
    clipping = _CLIPPING if clipped else _NONE
    if why_not_compiled() or len(functions) > _MOST_COMPILED:
        return fit_with_arrays(values, tile.weights, functions, clipping)
    from ndfit.pipeline.guess.code.lane_background import background_coefficients

    return background_coefficients(values, tile.weights, functions, clipping)


def fit_beside(tile: Tile, values: FloatArray, functions: Sequence[FloatArray], sign: FloatArray) -> FloatArray:
    """Coefficients of a background that lines of a sign, (n,), stand on, even where they fill most of the range.

    Samples on the side of the lines count a fiftieth of the others (asymmetric least squares; W. K. Newey & J. L.
    Powell, Econometrica 55 (1987) 819). It lies a little too far on the other side, by some of the noise.
    """
    coefficients = _least_squares(values, tile.weights, functions)
    for _ in range(_ASYMMETRIC_ROUNDS):
        beyond = (values - sum_of(functions, coefficients, values.shape)) * sign > 0.0
        coefficients = _least_squares(values, tile.weights * np.where(beyond, _ASYMMETRY, 1.0), functions)
    return coefficients


def fit_with_arrays(
    values: FloatArray, weights: FloatArray, functions: Sequence[FloatArray], clipping: Clipping
) -> FloatArray:
    """The same by numpy."""
    coefficients = _least_squares(values, weights, functions)
    used: NDArray[np.bool_] = np.broadcast_to(weights > 0, values.shape)
    for number in range(clipping.rounds):
        residual = np.abs(values - sum_of(functions, coefficients, values.shape)) * np.sqrt(weights)
        if number < clipping.medians:
            limit = clipping.limit * median(residual, used)
        coefficients = _least_squares(values, weights * ((residual <= limit) & used), functions)
    return coefficients


def _least_squares(values: FloatArray, weights: FloatArray, functions: Sequence[FloatArray]) -> FloatArray:
    """By the normal equations: a guess forgives functions that are alike."""
    weighted = [weights * one for one in functions]
    matrix = [[total(one * other) for other in functions] for one in weighted]
    solution = solved(matrix, [total(one * values) for one in weighted], NUMPY)
    return np.stack([np.broadcast_to(one, values.shape[1:]) for one in solution], axis=1)
