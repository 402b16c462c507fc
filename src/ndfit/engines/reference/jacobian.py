"""Derivatives of residuals by differences, ties included: for engines that have no exact ones.

Flows in: a function of all P parameters, and the free ones. Flows out: Jacobian (M, F), covariance (F, F).

Central differences with a step of eps^(1/3) times the length over which the residuals change have a relative error of
about eps^(2/3), some 1e-11 (Press et al., Numerical Recipes, 3rd ed., section 5.7). That length is the parameter's own
size, or one where it is zero, if a quarter of the step gives the same. Otherwise (a narrow line far from zero, an
offset that came out as 1e-17) it is sought in powers of 64 around it, and the step is taken that a quarter of it
confirms best. Where none does, as at the edge of a box, the first is as good as any.

Where the best is in doubt, because rounding takes the digits of what a parameter changes (a faint line on a constant
that is 1e8 times as bright), a longer step is halved, and what halving changes is extrapolated to a step of zero
(C. J. F. Ridders, Adv. Eng. Softw. 4 (1982) 75).

Where the model ends on one side (a bound, a logarithm), three points on the other side do: r(x + 2 h) is weighted by
-1, r(x + h) by 4 and r(x) by -3, over 2 h.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ndfit.arrays import FloatArray

__all__ = ["DIFFERENCES", "FreeParameters", "covariance_of", "differences", "jacobian_at", "tried", "with_free"]

Residual = Callable[[FloatArray], FloatArray]

_EPS = float(np.finfo(float).eps)
_STEP = _EPS ** (1 / 3)
_LENGTHS = 64.0 ** np.array([0, -1, 1, -2, 2, -3, 3, -4, 4, *range(5, 11)])
# Of the largest derivative, by which a quarter of the step may differ: where no other is tried, and where it is used.
_SETTLED, _BELIEVED = 1e-6, 1e-2
# Extrapolation: from how many of the best steps on, how many halvings, and how much worse ends it.
_FROM, _HALVINGS, _WORSE = 64.0**2, 14, 10.0

DIFFERENCES = 1e-9
"""Columns of a Jacobian by differences that are alike to this count as equal."""


class FreeParameters:
    """The free parameters of a model, and those that follow them.

    Parameters
    ----------
    model : bare model, whose ties are applied; its parameters are overwritten
    free : indices of F parameters
    """

    def __init__(self, model: Any, free: tuple[int, ...]) -> None:
        self.model, self.free = model, np.array(free, dtype=int)
        self.ties = {name: tie for name, tie in model.tied.items() if tie}

    def complete(self, values: FloatArray, free_values: FloatArray) -> FloatArray:
        """All P parameters, with the free ones replaced and the tied ones following."""
        moved = values.copy()
        moved[self.free] = free_values
        if self.ties:
            self.model.parameters = moved
            for name, tie in self.ties.items():
                setattr(self.model, name, tie(self.model))
            moved = np.array(self.model.parameters, dtype=float)
        return moved


def tried(residual: Residual, values: FloatArray, free_values: FloatArray, parameters: FreeParameters) -> FloatArray:
    """Residuals beside the answer `values`; NaN where the model, its parameters or its ties do not admit the point."""
    try:
        return residual(parameters.complete(values, free_values))
    except Exception:  # the caller's own code, asked for what lies outside of its domain
        return np.full_like(residual(parameters.complete(values, values[parameters.free])), np.nan)


def with_free(values: FloatArray, free_values: FloatArray, free: tuple[int, ...], model: Any) -> FloatArray:
    """All P parameters, see `FreeParameters.complete`."""
    return FreeParameters(model, free).complete(values, free_values)


def jacobian_at(residual: Residual, values: FloatArray, free: tuple[int, ...], model: Any) -> FloatArray:
    """Derivatives of the residuals by the free parameters.

    Parameters
    ----------
    residual : of all P parameters, shape (M,)
    values : shape (P,)
    free : indices of F parameters
    model : bare model, whose ties are applied; its parameters are overwritten

    Returns
    -------
    shape (M, F)
    """
    return differences(residual, values, FreeParameters(model, free))[0]


def differences(
    residual: Residual,
    values: FloatArray,
    parameters: FreeParameters,
    bounds: tuple[FloatArray, FloatArray] = (np.array(-np.inf), np.array(np.inf)),
) -> tuple[FloatArray, float]:
    """Derivatives as in `jacobian_at`, and how far they are to be believed: the largest relative error of a column.

    Parameters
    ----------
    bounds : the residuals are not asked for beyond them; each of shape (F,)
    """
    free = parameters.free
    low, high = (np.broadcast_to(bound, free.shape) for bound in bounds)
    columns, doubts = [], [DIFFERENCES]
    for place in range(len(free)):
        column, doubt = _Column(residual, values, parameters, place, (low[place], high[place])).derivative()
        columns.append(column)
        doubts.append(doubt)
    return np.stack(columns, axis=1), max(doubts)


class _Column:
    """The derivative by one parameter."""

    def __init__(
        self,
        residual: Residual,
        values: FloatArray,
        parameters: FreeParameters,
        place: int,
        bounds: tuple[float, float],
    ) -> None:
        self.residual, self.values, self.parameters = residual, values, parameters
        self.place, self.bounds = place, bounds
        self.start = values[parameters.free]

    def derivative(self) -> tuple[FloatArray, float]:
        steps = _STEP * (abs(self.start[self.place]) or 1.0) * _LENGTHS
        best, least, first, its_step = None, _BELIEVED, None, 0.0
        for step in steps:
            found, finer = self._slope(step), self._slope(0.25 * step)
            first = found if first is None else first
            largest = np.max(np.abs(found))
            doubt = np.max(np.abs(found - finer)) / largest if 0.0 < largest < np.inf else np.inf
            if doubt < least:
                best, least, its_step = found, float(doubt), step
            if least <= _SETTLED:
                break
        if best is not None:
            if least > _SETTLED:
                extrapolated, doubt = self._extrapolated(_FROM * its_step)
                return (extrapolated, doubt) if doubt < least else (best, least)
            return best, least
        assert first is not None
        return first, 0.0  # nothing confirms it: a jump, or no influence at all

    def _extrapolated(self, step: float) -> tuple[FloatArray, float]:
        """By Ridders' method: the entry of the table of extrapolations that its neighbours confirm best."""
        before = [self._slope(step)]
        best, least = before[0], np.inf
        for _ in range(_HALVINGS):
            step *= 0.5
            now, doubts, power = [self._slope(step)], [np.inf], 1.0
            for earlier in before:
                power *= 4.0
                now.append((power * now[-1] - earlier) / (power - 1.0))
                largest = np.max(np.abs(now[-1]))
                apart = max(np.max(np.abs(now[-1] - now[-2])), np.max(np.abs(now[-1] - earlier)))
                doubts.append(float(apart / largest) if 0.0 < largest < np.inf else np.inf)
            place = int(np.argmin(doubts))
            if doubts[place] < least:
                best, least = now[place], doubts[place]
            elif doubts[place] > _WORSE * least:
                break
            before = now
        return best, least

    def _slope(self, step: float) -> FloatArray:
        """By central differences, or by three points on one side where the other is out of bounds or not finite."""
        at = self.start[self.place]
        low, high = self.bounds
        if low <= at - step and at + step <= high:
            (above, right), (below, left) = self._at(step), self._at(-step)
            central: FloatArray = (right - left) / (above - below)
            if np.isfinite(central).all():
                return central
        for side in (step, -step):
            if low <= at + 2.0 * side <= high:
                (_, first), (far, second), (here, this) = self._at(side), self._at(2.0 * side), self._at(0.0)
                inside: FloatArray = (4.0 * (first - this) - (second - this)) / (far - here)
                if np.isfinite(inside).all():
                    return inside
        return np.full(self._at(0.0)[1].shape, np.nan)

    def _at(self, move: float) -> tuple[float, FloatArray]:
        """Where the parameter comes to, which rounding decides, and the residuals there."""
        free = self.start.copy()
        free[self.place] += move
        return free[self.place], tried(self.residual, self.values, free, self.parameters)


def covariance_of(jacobian: FloatArray, accuracy: float = 0.0) -> FloatArray:
    """(J^T J)^-1 by a QR decomposition of J with columns scaled to length one; NaN where J is singular.

    Parameters
    ----------
    jacobian : shape (M, F)
    accuracy : relative error of the columns. J is singular where a change of that size, or rounding, makes it so.

    Returns
    -------
    shape (F, F)
    """
    n_samples, n_free = jacobian.shape
    largest = np.max(np.abs(jacobian), axis=0)
    nothing = np.full((n_free, n_free), np.nan)
    if not np.isfinite(largest).all() or (largest == 0).any() or n_samples < n_free:
        return nothing
    lengths = largest * np.linalg.norm(jacobian / largest, axis=0)
    upper = np.linalg.qr(jacobian / lengths, mode="r")
    values = np.linalg.svd(upper, compute_uv=False)
    if values[-1] <= max(_EPS * n_samples, accuracy) * values[0]:
        return nothing
    inverse = np.linalg.inv(upper)
    with np.errstate(over="ignore"):
        scaled: FloatArray = (inverse @ inverse.T) / lengths[:, np.newaxis] / lengths
    return scaled
