"""Which parameters a model is even in: widths that enter squared, or by their magnitude.

Flows in: FitProblem, its engine, and a few coordinates. Flows out: one flag a parameter. The sign of such a parameter
carries no information, and is reported positive.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from ndfit.engine.own_values import own_values
from ndfit.problem.types import Engine, FitProblem, FloatArray

__all__ = ["even_parameters"]

_SHIFTS = (0.9, 1.0, 1.2)

Values = Callable[[FloatArray], FloatArray]


def even_parameters(problem: FitProblem, engine: Engine, sample: tuple[FloatArray, ...]) -> tuple[bool, ...]:
    """Test each free, unbounded parameter by computing the model with the sign turned, ties applied.

    A model that raises is taken to be even in nothing: what it raises belongs to the fit. Engines with a description of
    the model, ties included, compute many points at once.
    """
    values: Values = partial(own_values, problem.model, coords=sample)
    if engine.pointwise:
        values = partial(engine.values, coords=sample)
    params = problem.params
    candidates = [i for i in params.free if not params.is_bounded(i)]
    even = _even(values, np.array(problem.model.parameters), candidates)
    return tuple(i in even for i in range(len(params.names)))


def _even(values: Values, start: FloatArray, candidates: list[int]) -> list[int]:
    """Those that the model is even in, and not flat, at three points near its start, where no zero hides anything."""
    for shift in _SHIFTS:
        if candidates:
            point = np.where(start == 0.0, shift, start * shift)
            plain, *turned = values(_beside(point, candidates, -1.0))
            if not np.isfinite(plain).all():
                return []
            candidates = _chosen(candidates, [np.array_equal(found, plain) for found in turned])
        if candidates:
            plain, *scaled = values(_beside(point, candidates, 1.1))
            candidates = _chosen(candidates, [bool(np.any(found != plain)) for found in scaled])
    return candidates


def _beside(point: FloatArray, candidates: list[int], factor: float) -> FloatArray:
    """The point, then one row a candidate, which is multiplied by a factor."""
    points = np.tile(point, (1 + len(candidates), 1))
    points[1 + np.arange(len(candidates)), candidates] *= factor
    return points


def _chosen(candidates: list[int], flags: list[bool]) -> list[int]:
    return [i for i, flag in zip(candidates, flags, strict=True) if flag]
