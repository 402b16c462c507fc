"""Of parameters that give the same model, those that are reported: widths are positive, angles reduced by their period.

Flows in: a BlockResult, and which changes leave the model as it is. Flows out: the same fit with those parameters
changed: the sign and the turn that a search happens to end on carry no information. Tied parameters follow.

Angles are reduced to half a period to either side of zero, of fits to drawn data of the solution they start from. What
has bounds is changed only from inside the bounds to inside the bounds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.copying import copied
from ndfit.engines.base import BlockResult
from ndfit.pipeline.symmetries import Period, Symmetries, Turn
from ndfit.problem.types import Block, ParamTable

__all__ = ["Canonical", "update_ties"]


@dataclass(frozen=True)
class Canonical:
    """Gives the fits of a block the parameters that are reported.

    Attributes
    ----------
    params : ParamTable
    model : bare model, whose ties are evaluated again for the fits that change
    symmetries : beyond the sign of the parameters that the model is even in
    """

    params: ParamTable
    model: Any
    symmetries: Symmetries

    def __call__(self, result: BlockResult, block: Block, *, around_start: bool = False) -> BlockResult:
        """The same fits; the result is returned as it is where nothing is to be changed.

        Parameters
        ----------
        result : of any engine
        block : that it solved
        around_start : reduce angles to half a period to either side of the block's starting values, not of zero
        """
        values = result.parameters.copy()
        signs = np.ones(values.shape)
        changed = self._turned_alone(values, signs)
        for turn in self.symmetries.turns:
            changed |= _turned(turn, values, signs, block)
        for period in self.symmetries.periods:
            changed |= _reduced(period, values, block, block.start[:, period.column] if around_start else 0.0)
        rows = np.flatnonzero(changed)
        if not rows.size:
            return result
        if any(self.params.tied):
            of_rows = values[rows]
            update_ties(of_rows, self.params, self.model)
            values[rows] = of_rows
        covariance = result.covariance
        if covariance is not None:
            free = signs[:, list(self.params.free)]
            covariance = covariance * free[:, :, None] * free[:, None, :]
        return replace(result, parameters=values, covariance=covariance)

    def _turned_alone(self, values: FloatArray, signs: FloatArray) -> NDArray[np.bool_]:
        """Turn what the model is even in, in place; which fits changed."""
        changed = np.zeros(len(values), dtype=bool)
        for column in np.flatnonzero(self.params.sign_symmetric):
            negative = values[:, column] < 0.0
            if negative.any():
                values[negative, column] *= -1.0
                signs[negative, column] = -1.0
                changed |= negative
        return changed


def _turned(turn: Turn, values: FloatArray, signs: FloatArray, block: Block) -> NDArray[np.bool_]:
    """Turn parameters together, in place; which fits changed."""
    rows = np.all(values[:, list(turn.negative)] < 0.0, axis=1)
    if not rows.any():
        return rows
    moved = {column: turn.shift * (column in turn.others) - values[:, column] for column in turn.columns}
    for column, target in moved.items():
        rows &= _inside(values[:, column], column, block) & _inside(target, column, block)
    for column, target in moved.items():
        values[rows, column] = target[rows]
        signs[rows, column] *= -1.0
    return rows


def _reduced(period: Period, values: FloatArray, block: Block, around: FloatArray | float) -> NDArray[np.bool_]:
    """Reduce an angle, in place; which fits changed."""
    column = values[:, period.column]
    with np.errstate(invalid="ignore"):
        turns = np.round((column - around) / period.length)
        target = column - turns * period.length
    rows = np.isfinite(target) & (turns != 0.0)
    if rows.any():
        rows &= _inside(column, period.column, block) & _inside(target, period.column, block)
        column[rows] = target[rows]
    return rows


def _inside(values: FloatArray, column: int, block: Block) -> NDArray[np.bool_]:
    return (values > block.lower[:, column]) & (values < block.upper[:, column])


def update_ties(parameters: FloatArray, params: ParamTable, model: Any) -> None:
    """Set the columns of tied parameters, fit by fit, given (N, P) values with the others in place."""
    model = copied(model)
    ties = model.tied
    for row in parameters:
        model.parameters = row
        for index in np.flatnonzero(params.tied):
            name = params.names[index]
            setattr(model, name, ties[name](model))
            row[index] = getattr(model, name).value
