"""What engines of linear models need of a model.

Flows in: parameters and coordinates. Flows out: design matrices, and values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ndfit.arrays import FloatArray

__all__ = ["DesignModel"]


class DesignModel(Protocol):
    """What the engine needs of a model. Picklable; see `ndfit.model.design.LinearModel`, which is one."""

    @property
    def free(self) -> tuple[int, ...]: ...

    def design(self, parameters: FloatArray, coords: Sequence[FloatArray]) -> tuple[FloatArray, FloatArray]:
        """The part without free parameters (N, M), and the design matrix (N, M, F)."""

    def values(self, parameters: FloatArray, coords: Sequence[FloatArray]) -> FloatArray:
        """Model values of N fits, shape (N, M), given (N, P) parameters and K coordinates (M,) or (N, M)."""

    def set_tied(self, parameters: FloatArray) -> None:
        """Set the columns of tied parameters, given (N, P) values with the others in place."""
