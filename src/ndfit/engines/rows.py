"""What is of some fits, of what all fits of a block share or each has of its own.

Flows in: bounds or coordinates of a block, and rows. Flows out: those of these fits.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from numpy.typing import NDArray

from ndfit.arrays import FloatArray

__all__ = ["bounds_of", "coords_of"]


def bounds_of(bounds: FloatArray, rows: NDArray[Any]) -> FloatArray:
    """Those of some fits, of bounds (N, P), or (1, P) where all fits share them."""
    return bounds if len(bounds) == 1 else bounds[rows]


def coords_of(coords: Iterable[FloatArray], rows: NDArray[Any] | slice | int) -> tuple[FloatArray, ...]:
    """Those of some fits, or of one, of K coordinates (N, M), or (M,) where all fits share them."""
    return tuple(axis if axis.ndim == 1 else axis[rows] for axis in coords)
