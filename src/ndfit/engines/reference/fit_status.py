"""What a fitter reports of its end -> Status.

Flows in: a fitter's `fit_info` as a dict. Flows out: Status.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ndfit.status import Status

__all__ = ["status_of"]

# MINPACK's `info` of lmdif and lmder; 6 to 8 say that a tolerance asked for more than double precision has.
_MINPACK = {
    1: Status.FTOL,
    2: Status.XTOL,
    3: Status.FTOL_XTOL,
    4: Status.GTOL,
    5: Status.EVALUATION_LIMIT,
    6: Status.FTOL,
    7: Status.XTOL,
    8: Status.GTOL,
}

_LEAST_SQUARES = {
    int(status): status for status in (Status.EVALUATION_LIMIT, Status.GTOL, Status.FTOL, Status.XTOL, Status.FTOL_XTOL)
}

# exit_mode of scipy's fmin_slsqp (9) and fmin (1 and 2) where a limit was reached.
_LIMIT_EXITS = (1, 2, 9)


def status_of(info: Mapping[str, Any]) -> Status:
    """Status of a fit that returned.

    Parameters
    ----------
    info : `fit_info` of the fitter, empty where it reports nothing
    """
    if "ierr" in info:
        return _MINPACK.get(info["ierr"], Status.FINISHED)
    if "status" in info and "success" in info:
        return _LEAST_SQUARES.get(info["status"], Status.FINISHED)
    if "exit_mode" in info:
        return Status.EVALUATION_LIMIT if info["exit_mode"] in _LIMIT_EXITS else Status.FINISHED
    if "singular_values" in info:
        return Status.GTOL  # linear least squares: the gradient is zero by construction
    return Status.FINISHED
