"""Which free parameters a model is defined for above zero alone, such as the index of a Sersic profile.

Flows in: the unitless model, its parameters, a few coordinates. Flows out: places of those parameters.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ndfit.arrays import FloatArray
from ndfit.engines.own_values import own_values
from ndfit.problem.types import ParamTable

__all__ = ["positive_parameters"]


def positive_parameters(model: Any, params: ParamTable, sample: tuple[FloatArray, ...]) -> tuple[int, ...]:
    """Those with which the model has a value at some coordinate, and with their sign turned at none.

    A model that raises here is taken to have none: what it raises belongs to the fit.
    """
    start = np.array(model.parameters, dtype=float)
    columns = [i for i in params.free if start[i] > 0.0]
    if not columns:
        return ()
    points = np.tile(start, (1 + len(columns), 1))
    points[1 + np.arange(len(columns)), columns] *= -1.0
    try:
        with np.errstate(all="ignore"):
            plain, *turned = own_values(model, points, sample)
    except Exception:  # the caller's own code
        return ()
    if not np.isfinite(plain).any():
        return ()
    return tuple(i for i, values in zip(columns, turned, strict=True) if not np.isfinite(values).any())
