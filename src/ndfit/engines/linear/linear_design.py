"""What engines of linear models need of a model.

Flows in: parameters and coordinates. Flows out: design matrices, and values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ndfit.arrays import FloatArray
from ndfit.problem.places import Places

__all__ = ["DesignModel", "design_at"]


class DesignModel(Protocol):
    """What the engine needs of a model. Picklable; see `ndfit.model.design.LinearModel`, which is one."""

    @property
    def free(self) -> tuple[int, ...]: ...

    def design(self, parameters: FloatArray, inputs: Sequence[FloatArray]) -> tuple[FloatArray, FloatArray]:
        """The part without free parameters (N, L), and the design matrix (N, L, F), at inputs of L places."""

    def values(self, parameters: FloatArray, inputs: Sequence[FloatArray]) -> FloatArray:
        """Model values of N fits, shape (N, L), given (N, P) parameters and K inputs (L,) or (N, L)."""

    def set_tied(self, parameters: FloatArray) -> None:
        """Set the columns of tied parameters, given (N, P) values with the others in place."""


def design_at(model: DesignModel, parameters: FloatArray, places: Places) -> tuple[FloatArray, FloatArray]:
    """The part without free parameters (N, M), and the design matrix (N, M, F), as samples see them."""
    offset, matrix = model.design(parameters, places.inputs)
    return places.seen(offset), places.seen(matrix.swapaxes(1, 2)).swapaxes(1, 2)
