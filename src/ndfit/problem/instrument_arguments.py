"""Numbers, tables and matrices that describe an instrument, checked.

Flows in: what a caller gives. Flows out: copies, as numbers; or an error that says what was expected.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ndfit.arrays import FloatArray
from ndfit.errors import WrongArgument, WrongArgumentType
from ndfit.problem.arguments import check_flag, check_whole
from ndfit.problem.deferred import is_lazy

__all__ = ["MOST_NODES", "correlation_of", "finite", "nodes_of", "normalised", "own_copy"]

MOST_NODES = 101
"""Places in a sample, at most."""

_DIAGONAL = 1e-8


def nodes_of(nodes: int | None) -> int | None:
    """Places in a sample, or None for as many as are needed."""
    return None if nodes is None else check_whole(nodes, "nodes", "a whole number of places in a sample", 1, MOST_NODES)


def own_copy(values: Any, name: str) -> Any:
    """A copy of numbers; what is lazy or has a unit as it is."""
    return values if is_lazy(values) or hasattr(values, "unit") else _floats(values, name)


def _floats(values: Any, name: str) -> FloatArray:
    """A copy, as numbers."""
    array = np.array(values)
    if array.dtype.kind not in "biuf":
        raise WrongArgumentType(name, "real numbers", values)
    return array.astype(float)


def finite(values: Any, name: str) -> FloatArray:
    """A copy, of finite numbers, one at least."""
    array = _floats(values, name)
    if not array.size or not np.isfinite(array).all():
        raise WrongArgument(name, "finite numbers, one at least", values)
    return array


def normalised(table: FloatArray, wanted: bool, name: str) -> FloatArray:
    """Divided by its sum, where that is `wanted`."""
    if not check_flag(wanted, "normalise"):
        return table
    total = float(table.sum())
    if total == 0.0:
        raise ValueError(f"{name} sums up to zero, and cannot be normalised: give normalise=False if that is meant")
    return table / total


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
