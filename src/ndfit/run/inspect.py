"""One position of the problem, as a person looks at it.

Flows in: FitProblem and a position. Flows out: PositionData, on the fitting axes, nothing left out.
"""

from __future__ import annotations

import numpy as np

from ndfit.output.diagnostics import PositionData
from ndfit.problem.types import STATUS, BlockResult, FitProblem
from ndfit.run.load import inputs_of, load

__all__ = ["look_up_position"]


def look_up_position(problem: FitProblem, position: tuple[int, ...], result: BlockResult, row: int) -> PositionData:
    """Coordinates, data and weights of one position, with the model that was fitted there.

    Parameters
    ----------
    position : index in the iterating axes
    result, row : where the fit's parameters are
    """
    inputs = load(inputs_of(problem, tuple(slice(index, index + 1) for index in position)))

    def whole(array: np.ndarray) -> np.ndarray:
        spread = np.broadcast_to(np.asarray(array), inputs.shape + inputs.fitting_shape)
        return spread.reshape(inputs.fitting_shape)

    model = None
    if STATUS[int(result.status[row])].usable:
        model = problem.model.copy()
        model.parameters = result.parameters[row]
    return PositionData(
        world=tuple(whole(values) for values in inputs.coords),
        data=whole(inputs.data),
        weights=None if inputs.weights is None else whole(inputs.weights),
        model=model,
    )
