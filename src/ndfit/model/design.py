"""Design matrices of models that are linear in every free parameter.

Flows in: a graph and its free parameters. Flows out: LinearModel, data that can be sent to any process, which gives the
columns of the design matrix for coordinates and values of the other parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ndfit.arrays import FloatArray
from ndfit.model.derive import linear_parameters
from ndfit.model.interpret import evaluate, tied_values, values_of
from ndfit.model.ir import ModelGraph
from ndfit.model.separate import basis_functions, without_linear

__all__ = ["LinearModel", "linear_model"]


@dataclass(frozen=True)
class LinearModel:
    """A model f = f_0 + sum_j c_j phi_j whose free parameters are all c.

    Attributes
    ----------
    graph : the model, for tied parameters.
    offset : graph of f_0.
    basis : graph whose outputs are phi_j.
    free : indices of the F free parameters.
    """

    graph: ModelGraph
    offset: ModelGraph
    basis: ModelGraph
    free: tuple[int, ...]

    def design(self, parameters: FloatArray, coords: Sequence[FloatArray]) -> tuple[FloatArray, FloatArray]:
        """Evaluate f_0 and the design matrix.

        Parameters
        ----------
        parameters : (N, P); those of free parameters are not used.
        coords : K arrays of shape (M,) or (N, M).

        Returns
        -------
        offset (N, M) and matrix (N, M, F).
        """
        columns = tuple(parameters.T[:, :, None])
        (offset,) = evaluate(self.offset, columns, coords)
        return offset, np.stack(evaluate(self.basis, columns, coords), axis=-1)

    def values(self, parameters: FloatArray, coords: Sequence[FloatArray]) -> FloatArray:
        """Model values of N fits, shape (N, M), given (N, P) parameters and K coordinates (M,) or (N, M)."""
        return values_of(self.graph, parameters, coords)

    def set_tied(self, parameters: FloatArray) -> None:
        """Set the columns of tied parameters, given (N, P) values with the others in place."""
        for index, value in tied_values(self.graph, tuple(parameters.T)).items():
            parameters[:, index] = value


def linear_model(graph: ModelGraph, free: tuple[int, ...]) -> LinearModel | None:
    """Return the model as a linear one, None where it is not linear in every free parameter."""
    if not free or linear_parameters(graph, free) != free:
        return None
    return LinearModel(graph, without_linear(graph, free), basis_functions(graph, free), free)
