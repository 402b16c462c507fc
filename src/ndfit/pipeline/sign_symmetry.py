"""Which parameters a model is even in: widths that enter squared, or by their magnitude.

Flows in: FitProblem, its engine, and a few coordinates. Flows out: one flag a parameter. The sign of such a parameter
carries no information, and is reported positive.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from ndfit.arrays import FloatArray
from ndfit.engines.base import Engine
from ndfit.engines.own_values import own_values
from ndfit.problem.places import Places
from ndfit.problem.types import FitProblem

__all__ = ["sign_symmetric_parameters"]

_SHIFTS = (0.9, 1.0, 1.2)
_MOST_VALUES = 8  # of parameters, for polynomials of any degree

Values = Callable[[FloatArray], FloatArray]


def sign_symmetric_parameters(problem: FitProblem, engine: Engine, sample: tuple[FloatArray, ...]) -> tuple[bool, ...]:
    """Test each free, unbounded parameter by computing the model with the sign turned, ties applied.

    A model that raises is taken to be even in nothing: what it raises belongs to the fit. Engines with a description of
    the model, ties included, compute many points at once.
    """
    params, start = problem.params, np.array(problem.model.parameters)
    coords = _with_parameters(sample, start)
    values: Values = partial(own_values, problem.model, coords=coords)
    if engine.pointwise:
        values = partial(engine.values, places=Places(coords, coords[0].shape))
    candidates = [i for i in params.free if not params.is_bounded(i)]
    even = _even(values, start, candidates)
    return tuple(i in even for i in range(len(params.names)))


def _with_parameters(sample: tuple[FloatArray, ...], start: FloatArray) -> tuple[FloatArray, ...]:
    """The coordinates, and values of parameters, of which one is a centre: a line between samples has no sign there."""
    some = _nonzero(start[:_MOST_VALUES], 1.0)
    at_parameters = np.meshgrid(*[np.concatenate([some, 1.5 * some])] * len(sample))
    return tuple(np.concatenate((values, grid.ravel())) for values, grid in zip(sample, at_parameters, strict=True))


def _nonzero(start: FloatArray, factor: float) -> FloatArray:
    """The starting values times a factor; the factor where they are zero, which would hide a sign."""
    return np.where(start == 0.0, factor, start * factor)


def _even(values: Values, start: FloatArray, candidates: list[int]) -> list[int]:
    """Those that the model is even in, and not flat, at three points near its start, where no zero hides anything."""
    for shift in _SHIFTS:
        if candidates:
            point = _nonzero(start, shift)
            plain, *turned = values(_beside(point, candidates, -1.0))
            known = np.isfinite(plain)  # values of parameters may lie outside of the domain
            candidates = _chosen(candidates, [np.array_equal(found[known], plain[known]) for found in turned])
        if candidates:
            plain, *scaled = values(_beside(point, candidates, 1.1))
            candidates = _chosen(candidates, [bool(np.any((found != plain)[known])) for found in scaled])
    return candidates


def _beside(point: FloatArray, candidates: list[int], factor: float) -> FloatArray:
    """The point, then one row a candidate, which is multiplied by a factor."""
    points = np.tile(point, (1 + len(candidates), 1))
    points[1 + np.arange(len(candidates)), candidates] *= factor
    return points


def _chosen(candidates: list[int], flags: list[bool]) -> list[int]:
    return [i for i, flag in zip(candidates, flags, strict=True) if flag]
