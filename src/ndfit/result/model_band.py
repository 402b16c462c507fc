"""How well a fitted model is known at each coordinate.

Flows in: the parameters of one position and their covariance. Flows out: standard errors of the model's values.

The variance of f(x; p) is g^T C g with g = df/dp, by central differences over `derivative_steps`; ties are followed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ndfit.arrays import FloatArray
from ndfit.problem.types import FitProblem
from ndfit.result.standard_errors import derivative_steps, either_side, quadratic_form

__all__ = ["model_errors"]


def model_errors(
    problem: FitProblem, values: FloatArray, covariance: FloatArray, of: Callable[[FloatArray], Any]
) -> FloatArray:
    """Standard errors of what a function of the parameters gives.

    Parameters
    ----------
    values : shape (P,), in the units of the fit
    covariance : shape (F, F) of the free parameters; parameters whose variance is no number count as fixed
    of : parameters of shape (P,) -> values of any shape

    Returns
    -------
    Of that shape; zero where nothing is free.
    """
    tied = [index for index, is_tied in enumerate(problem.params.tied) if is_tied]
    steps = derivative_steps(values[list(problem.params.free)], covariance)
    slopes = []
    for place, index in enumerate(problem.params.free):
        if not covariance[place, place] > 0.0:
            slopes.append(0.0 * np.asarray(of(values), dtype=float))
            continue
        above, below = either_side(problem, values, index, steps[place], tied)
        ends = [np.asarray(of(table), dtype=float) for table in (above, below)]
        slopes.append((ends[0] - ends[1]) / (above[index] - below[index]))
    if not slopes:
        return 0.0 * np.asarray(of(values), dtype=float)
    return np.sqrt(quadratic_form(np.stack(np.broadcast_arrays(*slopes), axis=-1), covariance))
