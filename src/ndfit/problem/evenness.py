"""Which parameters a model is even in: widths that enter squared, or by their magnitude.

Flows in: the bare model, its constraints, and a few coordinates. Flows out: one flag a parameter. The sign of such a
parameter carries no information, and is reported positive.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    bounded = [bool(np.isfinite(low).any() or np.isfinite(high).any()) for low, high in zip(lower, upper, strict=True)]
    candidates = [i for i in range(len(free)) if free[i] and not bounded[i]]
    try:
        trial = _Trial(bare, sample)
        with np.errstate(all="ignore"):
            for shift in _SHIFTS:
                candidates = trial.even_at(shift, candidates)
    except Exception:  # the caller's own code
        candidates = []
    return tuple(i in candidates for i in range(len(free)))


class _Trial:
    """A copy of the model, evaluated at the sample; looking its ties up takes as long as evaluating it."""

    def __init__(self, bare: Any, sample: tuple[FloatArray, ...]) -> None:
        self._model, self._sample = bare.copy(), sample
        self._start = np.array(bare.parameters)
        self._ties = {name: tie for name, tie in bare.tied.items() if tie}

    def even_at(self, shift: float, candidates: list[int]) -> list[int]:
        """Those that the model is even in, and not flat, where every parameter is moved by a factor."""
        values = np.where(self._start == 0.0, shift, self._start * shift)
        plain = self._value(values) if candidates else np.empty(0)
        if not np.all(np.isfinite(plain)):
            return []
        return [i for i in candidates if self._turns_unseen(values, plain, i)]

    def _turns_unseen(self, values: FloatArray, plain: FloatArray, i: int) -> bool:
        unseen: NDArray[np.bool_] = self._value(_scaled(values, i, -1.0)) == plain
        return bool(unseen.all() and np.any(self._value(_scaled(values, i, 1.1)) != plain))

    def _value(self, values: FloatArray) -> FloatArray:
        """Every parameter of the copy is set, for ties and for models that look at their own."""
        self._model.parameters = values
        for name, tie in self._ties.items():
            setattr(self._model, name, tie(self._model))
        return np.asarray(self._model.evaluate(*self._sample, *self._model.parameters), dtype=float)


def _scaled(values: FloatArray, i: int, factor: float) -> FloatArray:
    scaled = values.copy()
    scaled[i] *= factor
    return scaled
