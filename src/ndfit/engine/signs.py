"""Widths come out positive.

Flows in: a BlockResult, and which parameters the model is even in. Flows out: the same fit with those parameters
positive: the sign that a search happens to end on carries no information there. Tied parameters follow.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ndfit.problem.types import BlockResult, FloatArray, ParamTable

__all__ = ["positive_widths", "update_ties"]


def positive_widths(result: BlockResult, params: ParamTable, model: Any) -> BlockResult:
    """Turn the sign of negative parameters that the model is even in.

    Parameters
    ----------
    result : of any engine; returned as it is where nothing is to be turned
    params : ParamTable
    model : bare model, whose ties are evaluated again for the fits that change
    """
    even = np.flatnonzero(params.even)
    if not any((result.parameters[:, index] < 0).any() for index in even):
        return result
    turned = (result.parameters < 0) & np.asarray(params.even)
    rows = np.flatnonzero(turned.any(axis=1))
    signs = np.where(turned, -1.0, 1.0)
    parameters = result.parameters * signs
    if any(params.tied):
        turned_back = parameters[rows]
        update_ties(turned_back, params, model)
        parameters[rows] = turned_back
    covariance = result.covariance
    if covariance is not None:
        free = signs[:, list(params.free)]
        covariance = covariance * free[:, :, None] * free[:, None, :]
    return replace(result, parameters=parameters, covariance=covariance)


def update_ties(parameters: FloatArray, params: ParamTable, model: Any) -> None:
    """Set the columns of tied parameters, fit by fit, given (N, P) values with the others in place."""
    model = model.copy()
    for row in parameters:
        model.parameters = row
        for index in np.flatnonzero(params.tied):
            name = params.names[index]
            setattr(model, name, model.tied[name](model))
            row[index] = getattr(model, name).value
