"""Linear least squares within bounds.

Flows in: a matrix, a target, and how far each unknown may go. Flows out: the best step.
"""

from __future__ import annotations

import numpy as np

from ndfit.arrays import FloatArray

__all__ = ["within"]


def within(matrix: FloatArray, target: FloatArray, below: FloatArray, above: FloatArray) -> FloatArray:
    """The step s between -below and above for which |matrix s - target| is least."""
    from scipy.optimize import lsq_linear  # half a second that fits without bounds don't need

    step = np.zeros(matrix.shape[1])
    open_ = np.flatnonzero((below > 0.0) | (above > 0.0))
    if open_.size:
        found = lsq_linear(matrix[:, open_], target, bounds=(-below[open_], above[open_]), method="bvls", tol=1e-12)
        step[open_] = found.x
    return step
