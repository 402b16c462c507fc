"""What to say of a run's failures.

Flows in: the status of every position. Flows out: nothing where all went well, one FitWarning with the counts where
some did not, AllFitsFailed where none did for one cause.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ndfit.errors import AllFitsFailed, FitWarning
from ndfit.problem.types import STATUS, Status

__all__ = ["report_failures"]

HOW_TO_SEE_MORE = "diagnostics='error' with a diagnostics_path writes a folder for each of them"


def report_failures(status: NDArray[np.int16], messages: Mapping[tuple[int, ...], str], *, masked: bool) -> None:
    """Raise or warn, once for the whole run.

    Parameters
    ----------
    status : of every position
    messages : position -> what went wrong there
    masked : the caller gave a mask or weights; a run in which these leave nothing is a mistake

    Raises
    ------
    AllFitsFailed
        Every position that was to be fitted failed for the same cause.
    """
    codes, counts = np.unique(status, return_counts=True)
    found = {STATUS[int(code)]: int(count) for code, count in zip(codes, counts, strict=True)}
    counted = {row: count for row, count in found.items() if row.counted}
    failed = {row: count for row, count in counted.items() if not row.converged}
    if masked and found and all(row.status == Status.ALL_MASKED for row in found):
        raise AllFitsFailed("the mask and weights leave no sample at any position (mask is True = ignore)")
    if len(counted) == 1 and failed and not next(iter(failed)).usable:
        row = next(iter(failed))
        raise AllFitsFailed(f"all {failed[row]} fits failed: {row.meaning}. {row.remedy}{_first(messages)}")
    if failed:
        parts = "; ".join(f"{count} {row.meaning} ({row.remedy})" for row, count in failed.items())
        warnings.warn(
            f"{sum(failed.values())} of {sum(counted.values())} fits did not converge: {parts}. {HOW_TO_SEE_MORE}",
            FitWarning,
            stacklevel=3,
        )


def _first(messages: Mapping[tuple[int, ...], str]) -> str:
    if not messages:
        return ""
    last_line = next(iter(messages.values())).strip().splitlines()[-1]
    return f"\nThe first of them said: {last_line}"
