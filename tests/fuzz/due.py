"""Which flags an answer should carry by their definitions, found from the set-up and not by ndfit.

Flows in: a set-up, an answer that is a minimum. Flows out: bits of `ndfit.status.Flag`. Where a
definition leaves room (how near to a bound is at it), the larger set: this is to find flags that nothing calls for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from tests.fuzz.judge import Verdict
from tests.fuzz.recipes import PLACES
from tests.fuzz.setups import Setup

from ndfit.status import Flag

__all__ = ["SINGULAR_BELOW", "due"]

FloatArray = NDArray[np.float64]

_SCALES: Mapping[str, Callable[[float], float]] = {
    **dict.fromkeys("RKLDBW", lambda span: span),
    "F": lambda span: 1.0 / span,
    **dict.fromkeys("IJSMEGZX", lambda span: 10.0),
}
"""Role of a parameter -> error above which samples over a span do not tell it."""

_POSITIVE = ("S", "R", "K", "B", "L")
"""Roles of parameters that some models are not defined for below zero."""

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
    every_width = np.abs(answer[np.isin(list(setup.assembly.roles), ["W", "K"])])  # of fixed and tied ones too
    spans = [axis.span for axis in setup.axes]
    spacing = max(float(np.diff(axis.values).max()) for axis in setup.axes)
    least, most = min(axis.low for axis in setup.axes), max(axis.low + axis.span for axis in setup.axes)
    errors, lines = verdict.errors, np.isin(roles, ["P", "Q", "W", "R", "K"])
    # Lengths, frequencies and pure numbers; what is nothing known of may be any of them.
    scales = np.array([_SCALES.get(role, lambda span: 0.0)(min(spans)) for role in roles])
    ran_away = ~np.isin(roles, ["A", "V", "T", "H"]) & (errors > 0.9 * np.maximum(np.abs(value), scales))
    vanished = np.isin(roles, _POSITIVE) & (np.abs(value) < 0.2 * errors)
    no_width = np.maximum(1e-2 * unit[is_width], 0.2 * verdict.errors[is_width])
    at_bound = bool(((value - lower[free] <= near) | (upper[free] - value <= near)).any())
    conditions = {
        "AT_BOUND": at_bound,
        "NONLINEAR_AT_BOUND": at_bound,
        "NO_FREEDOM": n_used <= len(free),
        "SINGULAR": verdict.weakest < SINGULAR_BELOW or n_used <= len(free),
        "NO_EFFECT": bool(np.isinf(verdict.errors).any()),
        "UNDERSAMPLED": bool((every_width < 1.5 * spacing).any()),
        "OUT_OF_RANGE": bool(
            (places < least - max(spans)).any() or (places > most + max(spans)).any() or (widths > min(spans)).any()
        ),
        "UNCERTAIN": bool((errors[lines] > 0.9 * min(spans)).any() or ran_away.any())
        or bool((errors[np.isin(roles, PLACES)] > 0.9 * every_width.min(initial=np.inf)).any()),
        "AT_ZERO": bool((widths < np.maximum(no_width, 2e-3 * max(spacing, widths.max(initial=0.0)))).any())
        or bool(vanished.any()),
        "MOSTLY_OUTLIERS": verdict.outlying > 0.45,
    }
    return sum(int(flag) for flag in Flag if conditions.get(str(flag.name), False))
