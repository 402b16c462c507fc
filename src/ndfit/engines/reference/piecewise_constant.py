"""Models that are flat between jumps (boxes, disks, rings): starting values by a search without derivatives.

Flows in: the residuals as a function of the parameters, and where a fit would start. Flows out: a better start.

The residuals do not change when an edge moves by less than the distance of two samples, so that a method that goes by
derivatives leaves the edge where it is. Nelder and Mead's simplex (Computer Journal 7, 308, 1965), begun at the best
point of a coarse grid and restarted once, finds the edge; the caller's fitter takes over from there.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.copying import copied
from ndfit.engines.reference.jacobian import jacobian_at, with_free

__all__ = ["piecewise_constant_parameters", "search_start"]

Residual = Callable[[FloatArray], FloatArray]

# Steps tried, as parts of the coordinates' range.
_FIRST_STEPS = (0.15, 0.05)
_BESIDE = (0.0, 7.13e-3)
_REACH = 0.4
_PLACES, _MOST_POINTS = 9, 9**4
_RELATIVE_STEP = 0.25
_ROUNDING = 1e-12


def piecewise_constant_parameters(
    model: Any, start: FloatArray, free: tuple[int, ...], coords: tuple[FloatArray, ...]
) -> tuple[int, ...]:
    """Free parameters without a derivative at the start that matter all the same, and have none there either.

    A line that the samples miss has no derivative at the start, but where its width or its centre brings it to them.

    Parameters
    ----------
    model : bare model
    start : shape (P,)
    free : indices of F parameters
    coords : K arrays of shape (M,)

    Returns
    -------
    positions in `free`
    """
    model = copied(model)
    span = max(float(np.ptp(values)) for values in coords)

    def value(free_values: FloatArray) -> FloatArray:
        parameters = with_free(start, free_values, free, model)
        return np.ravel(np.asarray(model.evaluate(*coords, *parameters), dtype=float))

    try:
        with np.errstate(all="ignore"):
            return _find_piecewise_constant(value, start, free, model, span)
    except Exception:  # the caller's own code; what it raises belongs to the fit
        return ()


def _find_piecewise_constant(
    value: Residual, start: FloatArray, free: tuple[int, ...], model: Any, span: float
) -> tuple[int, ...]:
    """An edge may start right on a sample, where it seems to have a derivative: it is tried beside it too."""
    first = start[list(free)]
    # A wavelength of 2796 in a range of 16 is moved by a part of the range, not of itself.
    sizes = np.where(first == 0.0, min(span, 1.0), np.minimum(np.abs(first), span))
    # Each parameter by another part: an edge at centre - width / 2 must not stay where it is.
    sizes = sizes * np.sqrt(np.arange(1.0, 1.0 + first.size))

    def reacts(point: FloatArray, asked: tuple[int, ...]) -> NDArray[np.bool_]:
        """Which of some parameters have a derivative at a point and beside it."""
        columns = tuple(free[own] for own in asked)
        moves = [with_free(start, point + part * sizes, free, model) for part in _BESIDE]
        jacobians = [
            jacobian_at(lambda parameters: value(parameters[list(free)]), moved, columns, model) for moved in moves
        ]
        return np.all([jacobian.any(axis=0) for jacobian in jacobians], axis=0)

    quiet, before = np.flatnonzero(~reacts(first, tuple(range(first.size)))).tolist(), value(first)
    return tuple(own for own in quiet if _is_edge(own, value, reacts, first, before, span))


def _is_edge(
    own: int,
    value: Residual,
    reacts: Callable[[FloatArray, tuple[int, ...]], NDArray[np.bool_]],
    start: FloatArray,
    before: FloatArray,
    span: float,
) -> bool:
    """Whether steps of a parameter change the values, and it has no derivative wherever they do."""
    direction = np.arange(start.size) == own
    moves = [start + sign * part * span * direction for part in _FIRST_STEPS for sign in (1.0, -1.0)]
    rounding = _ROUNDING * np.max(np.abs(before))  # the angle of a round Gaussian changes that much, and no more
    changed = [moved for moved in moves if not np.allclose(value(moved), before, rtol=0.0, atol=rounding)]
    return bool(changed) and not any(reacts(moved, (own,))[0] for moved in changed)


def search_start(
    residual: Residual,
    start: FloatArray,
    piecewise_constant: tuple[int, ...],
    span: float,
    bounds: tuple[FloatArray, FloatArray],
) -> FloatArray:
    """The free parameters with the smallest sum of squares that the simplex finds, shape (F,)."""
    from scipy.optimize import minimize  # half a second that other fits don't need

    def cost(free: FloatArray) -> float:
        values = residual(free)
        total = float(values @ values)
        return total if np.isfinite(total) else np.inf

    best = min((np.clip(point, *bounds) for point in _grid(start, piecewise_constant, span)), key=cost)
    for part in _FIRST_STEPS:
        steps = np.where(best == 0.0, _RELATIVE_STEP, np.abs(best) * _RELATIVE_STEP)
        steps[list(piecewise_constant)] = part * span
        corners = np.clip(best + np.vstack([np.zeros_like(best), np.diag(steps)]), *bounds)
        found = minimize(
            cost,
            best,
            method="Nelder-Mead",
            bounds=list(zip(*bounds, strict=True)),
            options={"initial_simplex": corners, "maxfev": 400 * best.size, "xatol": 1e-4 * span, "fatol": 0.0},
        )
        best = found.x if found.fun < cost(best) else best
    return best


def _grid(start: FloatArray, piecewise_constant: tuple[int, ...], span: float) -> Iterator[FloatArray]:
    """The start, with these parameters moved by parts of the coordinates' range, all combinations.

    The more parameters, the fewer places of each: a sum of disks and rings has as many combinations as a disk.
    """
    places = min(_PLACES, int(_MOST_POINTS ** (1.0 / len(piecewise_constant)) + 1e-9))
    parts = np.linspace(-_REACH, _REACH, places) if places > 1 else np.zeros(1)
    for moves in itertools.product(parts * span, repeat=len(piecewise_constant)):
        point = start.copy()
        point[list(piecewise_constant)] += moves
        yield point
