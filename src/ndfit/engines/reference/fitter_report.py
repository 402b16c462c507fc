"""What a fitter reports of scaled data and parameters -> what it would report of the caller's own.

Flows in: `fit_info` as a dict, and the scales of the fit. Flows out: the same dict in the caller's numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ndfit.arrays import FloatArray

__all__ = ["scaled_back"]

# Entry of fit_info -> power of the residuals' scale in it, power of the parameters' factors along its last axis, and
# whether they stand along its last two axes. MINPACK's own factorisation (fjac, ipvt) stays as it is: it belongs to the
# scaled problem.
_SCALES = {
    "cost": (2, 0, False),
    "fun": (1, 0, False),
    "fvec": (1, 0, False),
    "final_func_val": (2, 0, False),
    "jac": (1, -1, False),
    "grad": (2, -1, False),
    "cov_x": (-2, 1, True),
    "param_cov": (-2, 1, True),
}


def scaled_back(info: dict[str, Any], scale: float, factors: FloatArray, variance: float | None) -> dict[str, Any]:
    """Report in the caller's numbers; `info` is changed in place and returned.

    Parameters
    ----------
    scale : what residuals were divided by
    factors : shape (F,), what free parameters were divided by
    variance : chi-square over the degrees of freedom, to scale the covariance by where the caller gave no weights;
        astropy leaves that out when it is handed the scale as weights. None where it does not apply.
    """
    for name, (power, factor_power, both_axes) in _SCALES.items():
        value = info.get(name)
        if value is None or (factor_power and np.shape(value)[-1:] != factors.shape):
            continue
        along = factors**factor_power if factor_power else 1.0
        info[name] = value * scale**power * (np.outer(along, along) if both_axes else along)
    if "optimality" in info and info.get("grad") is not None:
        info["optimality"] = np.max(np.abs(info["grad"]))
    if variance is not None and info.get("param_cov") is not None:
        info["param_cov"] = info["param_cov"] * variance
    return info
