"""Which flags an answer should carry by their definitions, found from the set-up and not by ndfit.

Flows in: a set-up, an answer that is a minimum. Flows out: bits of `ndfit.problem.types.Flag`. Where a
definition leaves room (how near to a bound is at it), the larger set: this is to find flags that nothing calls for.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from tests.fuzz.judge import Verdict
from tests.fuzz.recipes import PLACES
from tests.fuzz.setups import Setup

from ndfit.problem.types import Flag

__all__ = ["SINGULAR_BELOW", "due"]

FloatArray = NDArray[np.float64]

SINGULAR_BELOW = 1e-6
"""Of `Verdict.weakest`: its square is the rounding of normal equations."""


def due(setup: Setup, answer: FloatArray, verdict: Verdict, n_used: int) -> int:
    """Bits that are no surprise here."""
    lower, upper = setup.limits()
    free = np.array(setup.free)
    roles = setup.roles
    value, unit = answer[free], setup.unit[free]
    near = 1e-5 * unit + 1e-9 * np.abs(value)
    is_width = np.isin(roles, ["W", "K"])
    widths, places = np.abs(value[is_width]), value[np.isin(roles, PLACES)]
    spans = [axis.span for axis in setup.axes]
    spacing = max(float(np.diff(axis.values).max()) for axis in setup.axes)
    least, most = min(axis.low for axis in setup.axes), max(axis.low + axis.span for axis in setup.axes)
    no_width = np.maximum(1e-2 * unit[is_width], 0.2 * verdict.errors[is_width])
    at_bound = bool(((value - lower[free] <= near) | (upper[free] - value <= near)).any())
    conditions = {
        "AT_BOUND": at_bound,
        "NONLINEAR_AT_BOUND": at_bound,
        "NO_FREEDOM": n_used <= len(free),
        "SINGULAR": verdict.weakest < SINGULAR_BELOW or n_used <= len(free),
        "NO_EFFECT": bool(np.isinf(verdict.errors).any()),
        "UNDERSAMPLED": bool((widths < 1.5 * spacing).any()),
        "OUT_OF_RANGE": bool(
            (places < least - max(spans)).any() or (places > most + max(spans)).any() or (widths > min(spans)).any()
        ),
        "UNCERTAIN": bool((verdict.errors[np.isin(roles, ["P", "Q", "W", "R", "K"])] > 0.9 * min(spans)).any()),
        "AT_ZERO": bool((widths < np.maximum(no_width, 2e-3 * max(spacing, widths.max(initial=0.0)))).any()),
    }
    return sum(int(flag) for flag in Flag if conditions.get(str(flag.name), False))
