"""Values of the caller's own model at a few points of its parameters.

Flows in: the unitless model, parameters, coordinates. Flows out: values with ties applied, NaN where the model raises:
what it raises belongs to the fit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ndfit.arrays import FloatArray
from ndfit.copying import copied

__all__ = ["own_values"]


def own_values(model: Any, points: FloatArray, coords: tuple[FloatArray, ...]) -> FloatArray:
    """Shape (T, M), at (T, P) parameters and K coordinates (M,); the model is not changed."""
    model = copied(model)
    ties = {name: tie for name, tie in model.tied.items() if tie}
    found = np.full((len(points), coords[0].size), np.nan)
    with np.errstate(all="ignore"):
        for row, point in zip(found, points, strict=True):
            try:
                model.parameters = point  # every one of them, for ties and for models that look at their own
                for name, tie in ties.items():
                    setattr(model, name, tie(model))
                row[:] = np.asarray(model.evaluate(*coords, *model.parameters), dtype=float)
            except Exception:  # the caller's own code
                row[:] = np.nan
    return found
