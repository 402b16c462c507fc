"""Which parameters a model is even in: widths that enter squared, or by their magnitude.

Flows in: the bare model, its constraints, and a few coordinates. Flows out: one flag a parameter. The sign of such a
parameter carries no information, and is reported positive.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ndfit.problem.types import FloatArray

__all__ = ["even_parameters"]

_SHIFTS = (0.9, 1.0, 1.2)


def even_parameters(
    bare: Any,
    lower: tuple[FloatArray, ...],
    upper: tuple[FloatArray, ...],
    free: tuple[bool, ...],
    sample: tuple[FloatArray, ...],
) -> tuple[bool, ...]:
    """Test each free, unbounded parameter by evaluating the model with the sign turned, ties applied.

    All parameters are moved off the start, so that nothing is hidden by a zero. A model that raises here is taken to be
    even in nothing: what it raises belongs to the fit.

    Parameters
    ----------
    bare : model without units, scalar parameters
    lower, upper : P arrays
    free : P flags
    sample : K arrays of coordinates, of one shape

    Returns
    -------
    P flags
    """
    start = np.array(bare.parameters)

    def is_even(i: int) -> bool:
        bounded = np.any(np.isfinite(lower[i])) or np.any(np.isfinite(upper[i]))
        return free[i] and not bounded and all(_is_even_at(trial, start, i, shift, sample) for shift in _SHIFTS)

    try:
        trial = bare.copy()
        with np.errstate(all="ignore"):
            return tuple(is_even(i) for i in range(len(free)))
    except Exception:  # the caller's own code
        return (False,) * len(free)


def _is_even_at(trial: Any, start: FloatArray, i: int, shift: float, sample: tuple[FloatArray, ...]) -> bool:
    values = np.where(start == 0.0, shift, start * shift)
    plain, turned, larger = (_evaluate_with(trial, i, values, scale, sample) for scale in (1.0, -1.0, 1.1))
    return bool(np.array_equal(plain, turned) and np.any(plain != larger) and np.all(np.isfinite(plain)))


def _evaluate_with(trial: Any, i: int, values: FloatArray, scale: float, sample: tuple[FloatArray, ...]) -> FloatArray:
    """Value with parameter i scaled; every parameter of `trial` is set."""
    trial.parameters = np.where(np.arange(values.size) == i, values * scale, values)
    for name in trial.param_names:
        if trial.tied[name]:
            setattr(trial, name, trial.tied[name](trial))
    return np.asarray(trial.evaluate(*sample, *trial.parameters), dtype=float)
