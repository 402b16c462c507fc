"""Numbers, tables and matrices that describe an instrument, checked.

Flows in: what a caller gives. Flows out: copies, as numbers; or an error that says what was expected.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import units as u

from ndfit.arrays import FloatArray
from ndfit.errors import WrongArgument, WrongArgumentType
from ndfit.problem.arguments import check_flag, check_number, check_whole
from ndfit.problem.deferred import is_lazy

__all__ = [
    "MOST_NODES",
    "centre_of",
    "correlation_of",
    "finite",
    "nodes_of",
    "normalised",
    "offsets_of",
    "own_copy",
    "rho_of",
]

MOST_NODES = 101
"""Places in a sample, at most."""

_DIAGONAL = 1e-8


def nodes_of(nodes: int | None) -> int | None:
    """Places in a sample, or None for as many as are needed."""
    return None if nodes is None else check_whole(nodes, "nodes", "a whole number of places in a sample", 1, MOST_NODES)


def own_copy(values: Any, name: str) -> Any:
    """A copy of numbers, NaN where they are masked; what is lazy as it is."""
    if hasattr(values, "dims"):
        raise WrongArgumentType(
            name, "an array without labels", values, "give its values, in the order of the data's axes"
        )
    if is_lazy(values):
        return values
    unit = getattr(values, "unit", None)
    if unit is None:
        return _floats(values, name)
    mask = getattr(values, "mask", None)
    numbers = np.array(getattr(values, "value", values), dtype=float)
    return u.Quantity(numbers if mask is None else np.where(mask, np.nan, numbers), unit)


def _floats(values: Any, name: str) -> FloatArray:
    """A copy, as numbers; NaN where they are masked."""
    try:
        array = np.array(values)
    except (ValueError, TypeError):  # rows of several lengths, a list of Quantities
        raise WrongArgumentType(name, "real numbers", values) from None
    if array.dtype.kind not in "iuf":
        raise WrongArgumentType(name, "real numbers", values)
    array = array.astype(float)
    return np.where(np.ma.getmaskarray(values), np.nan, array) if np.ma.isMaskedArray(values) else array


def finite(values: Any, name: str) -> FloatArray:
    """A copy, of finite numbers, one at least."""
    array = _floats(values, name)
    if not array.ndim or not array.size or not np.isfinite(array).all():
        raise WrongArgument(name, "an array of finite numbers, one at least", values)
    return array


def normalised(table: FloatArray, wanted: bool, name: str) -> FloatArray:
    """Divided by its sum, where that is `wanted`."""
    if not check_flag(wanted, "normalise"):
        return table
    total = float(table.sum())
    if total == 0.0:
        raise ValueError(f"{name} sums up to zero, and cannot be normalised: give normalise=False if that is meant")
    return table / total


def centre_of(centre: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Which value of a kernel stays where it is; the middle one for None."""
    if centre is None:
        if not all(size % 2 for size in shape):
            raise ValueError(
                f"a kernel of shape {shape} has no middle value: say which one stays where it is by centre="
            )
        return tuple(size // 2 for size in shape)
    middle = centre if isinstance(centre, tuple) else (centre,)
    if len(middle) != len(shape) or not all(
        isinstance(c, (int, np.integer)) and not isinstance(c, bool) and 0 <= c < size
        for c, size in zip(middle, shape, strict=True)
    ):
        raise WrongArgument("centre", f"the place of a value in a kernel of shape {shape}", centre)
    return tuple(int(c) for c in middle)


def offsets_of(offsets: Any, n_diagonals: int) -> tuple[int, ...]:
    """Of each diagonal; for None from the uppermost of a symmetric band down."""
    if offsets is None:
        if n_diagonals % 2 == 0:
            raise ValueError(f"{n_diagonals} diagonals have no middle one: give their offsets")
        return tuple(range(n_diagonals // 2, -(n_diagonals // 2) - 1, -1))
    what = f"{n_diagonals} whole numbers, one a diagonal"
    given = tuple(offsets) if np.iterable(offsets) and not isinstance(offsets, str) else ()
    if len(given) != n_diagonals:
        raise WrongArgument("offsets", what, offsets)
    return tuple(check_whole(each, "offsets", what, -(2**31), 2**31) for each in given)


def rho_of(length: Any) -> float:
    """Correlation of neighbours, of a correlation length in samples."""
    what = "a positive number of samples, less than 1e9"
    return float(np.exp(-1.0 / check_number(length, "length", what, most=1e9, above=0.0)))


def correlation_of(correlation: Any) -> FloatArray:
    """A correlation matrix."""
    matrix = finite(correlation, "correlation")
    what = "a symmetric matrix with ones on its diagonal"
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise WrongArgument("correlation", what, matrix.shape)
    if not np.allclose(matrix, matrix.T, rtol=0.0, atol=_DIAGONAL):
        raise ValueError("correlation should be symmetric")
    if not np.allclose(np.diagonal(matrix), 1.0, rtol=0.0, atol=_DIAGONAL):
        raise ValueError(
            "correlation should have ones on its diagonal: divide a covariance by the square roots of its diagonal on "
            "both sides, and give these as uncertainty"
        )
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        raise ValueError("correlation should be positive definite: no noise is correlated so") from None
    return matrix
