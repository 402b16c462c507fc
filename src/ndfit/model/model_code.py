"""A model as the compiled engine takes it.

Flows in: a ModelGraph, which parameters are free, which of them may be eliminated. Flows out: ModelCode, plain data
that can be sent to any process, where it is compiled on first use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ndfit.model.constants import without_constants
from ndfit.model.derive import differentiate
from ndfit.model.dimensions import Dimensions, dimensions
from ndfit.model.interpret import derivatives_of, tied_values, values_of
from ndfit.model.ir import ModelGraph
from ndfit.model.kinks import has_kinks
from ndfit.model.separate import separate
from ndfit.model.widths import widths

__all__ = ["ModelCode", "generate"]


@dataclass(frozen=True)
class ModelCode:
    """A model as a graph to compile, and what its outputs are.

    Attributes
    ----------
    graph : the model, for tied parameters.
    rows : the graph of what the kernel sums over the samples: value, basis functions, derivatives; with slots for
        constants.
    constants : what belongs in the slots.
    free : the F free parameters, those of `n_linear` linear ones first.
    n_linear : L
    basis : one a derivative: which basis function, -1 for the part without linear parameters.
    variable : one a derivative: which parameter, counted in `free`.
    dimensions : what each parameter is counted in.
    widths : P flags, which parameters are widths.
    kinked : derivatives jump where free parameters move, see `ndfit.model.kinks`.
    """

    graph: ModelGraph
    rows: ModelGraph
    constants: tuple[float, ...]
    free: tuple[int, ...]
    n_linear: int
    basis: tuple[int, ...]
    variable: tuple[int, ...]
    dimensions: Dimensions
    widths: tuple[bool, ...]
    kinked: bool

    @property
    def n_inputs(self) -> int:
        return self.graph.n_inputs

    @property
    def n_params(self) -> int:
        return len(self.graph.param_names)

    def values(self, parameters: NDArray[np.float64], coords: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Model values of N fits, shape (N, M), given (N, P) parameters and K coordinates (M,) or (N, M)."""
        return values_of(self.graph, parameters, coords)

    def derivatives(
        self, parameters: NDArray[np.float64], coords: Sequence[NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        """Derivatives by the free parameters in the order of the model, shape (N, F, M); else as `values`."""
        return derivatives_of(differentiate(self.graph, tuple(sorted(self.free))), parameters, coords)

    def set_tied(self, parameters: NDArray[np.float64]) -> None:
        """Set the columns of tied parameters, given (N, P) values with the others in place."""
        for index, value in tied_values(self.graph, tuple(parameters.T)).items():
            parameters[:, index] = value


_KEPT = 32  # models


@lru_cache(_KEPT)
def generate(graph: ModelGraph, free: tuple[int, ...], eliminable: tuple[int, ...]) -> ModelCode:
    """Generate the code of a model. What comes out is kept, for calls with the same model again.

    Parameters
    ----------
    graph : one output.
    free : indices of the free parameters.
    eliminable : those of them that a solver may eliminate where the model is linear in them.

    Raises
    ------
    NotDifferentiable : naming an operator without a derivative.
    """
    rows = separate(graph, free, eliminable)
    return ModelCode(
        graph,
        *without_constants(rows.graph),
        rows.linear + rows.nonlinear,
        len(rows.linear),
        rows.basis,
        rows.variable,
        dimensions(graph),
        widths(graph),
        has_kinks(graph, free),
    )
