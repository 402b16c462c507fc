"""One model against one evaluator: values, and derivatives beside central differences.

Flows in: a graph, the model it was traced from, samples, and parameters. Flows out: nothing, or a Mismatch with its
reason. `ndfit.model.verify` says how it is judged.
"""

from __future__ import annotations

import copy
import itertools
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ndfit.arrays import FloatArray
from ndfit.caught import warnings_put_back
from ndfit.model.comparison_points import span_of
from ndfit.model.derive import differentiate
from ndfit.model.differences import Differences, central, confirmed, contradicted, informative
from ndfit.model.interpret import evaluate, tied_values, values_of
from ndfit.model.ir import ModelGraph
from ndfit.model.model_values import OwnValues
from ndfit.model.reasons import Mismatch
from ndfit.model.rounding import rounding_error

__all__ = ["Comparison", "Evaluator", "effect_of"]


Evaluator = Callable[[FloatArray, tuple[FloatArray, ...]], Sequence[ArrayLike]]
"""(parameters (P,), K coordinates (M,)) -> value (M,), then its derivative (M,) for each free parameter."""

_RELATIVE, _OF_LARGEST = 1e-9, 1e-11
_EPS = float(np.finfo(float).eps)
_STEP = _EPS ** (1 / 3)
# Bounds of rounding are of its size: operations that a model orders otherwise add to it.
_ROUNDINGS = 8.0
_TELLING = 0.01
# By which part of their range coordinates are moved off a jump; no two alike.
_ASIDE = (1.3e-6, 0.7e-6, 1.9e-6, 2.3e-6)
_DIGITS = 1e5
_STEPS_FROM_ROUNDING = (1.0, 30.0, 1e3)
_NOT_FAR_BELOW, _MOSTLY = 0.1, 0.5


def _interpreter(graph: ModelGraph) -> Evaluator:
    return lambda parameters, coords: evaluate(graph, list(parameters), coords)


class Comparison:
    """One model against one evaluator.

    Attributes
    ----------
    all_act : around the start the graph has a derivative by each free parameter: then none of them acts in jumps alone
    """

    def __init__(
        self,
        graph: ModelGraph,
        model: Any,
        coords: tuple[FloatArray, ...],
        free: tuple[int, ...],
        evaluator: Evaluator | None,
        all_act: bool,
    ) -> None:
        self._graph = graph
        self._own = OwnValues(model, coords)
        self._coords = coords
        self._free = free
        self._evaluator = evaluator
        self.all_act = all_act

    def at(self, coords: tuple[FloatArray, ...]) -> Comparison:
        """The same model and evaluator at other coordinates, of any one shape."""
        other = copy.copy(self)
        other._coords, other._own = tuple(map(np.ravel, coords)), self._own.at(coords)
        return other

    def difference(self, points: FloatArray, coords: tuple[FloatArray, ...]) -> str | None:
        """How model and evaluator differ at (T, P) points and some coordinates; None where they agree."""
        try:
            with np.errstate(all="ignore"), warnings_put_back():
                warnings.simplefilter("ignore")
                self.at(coords).values(points)
        except Mismatch as reason:
            return str(reason)
        return None

    @property
    def error(self) -> str:
        """What the model raised last."""
        return self._own.error

    def values(self, points: FloatArray) -> bool:
        """Compare values at (T, P) points; whether any could be compared."""
        own = [(point, values.ravel()) for point in points if (values := self._own(point)) is not None]
        if not own:
            return False
        asked, expected = (np.array(rows) for rows in zip(*own, strict=True))
        found = self._found(asked, self._coords)
        agree = _agree(found, expected, _quick_tolerance(expected)).all(axis=1)
        compared = bool(np.isfinite(expected[agree]).any())
        for row in np.flatnonzero(~agree):
            compared |= self._compare_closer(asked[row], expected[row], found[row])
        return compared

    def _compare_closer(self, parameters: FloatArray, expected: FloatArray, found: FloatArray) -> bool:
        """Compare values by the rounding that they come with; whether any could be compared."""
        finite = np.isfinite(expected)
        differ = ~_agree(found, expected, _quick_tolerance(expected))
        rounding = _ROUNDINGS * self._rounding(parameters)
        certain = rounding <= _TELLING * np.max(np.abs(_finite(expected)))
        differ &= ~(certain & _agree(found, expected, _quick_tolerance(expected) + rounding))
        if not (differ & certain).any():
            differ &= self._differ_beside(parameters, differ)
        if differ.any():
            raise Mismatch(_how_they_differ(found, expected, differ) + f" at {self._describe(parameters)}")
        return bool((finite & certain).any())

    def _differ_beside(self, parameters: FloatArray, where: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which samples still differ with their coordinates moved a little, off a jump that rounding decides."""
        if not where.any():
            return where
        beside = tuple(
            axis + aside * np.ptp(axis) for axis, aside in zip(self._own.coords, itertools.cycle(_ASIDE), strict=False)
        )
        expected = self._own.at(beside).or_nan(parameters).ravel()
        (found,) = self._found(parameters[np.newaxis], tuple(map(np.ravel, beside)))
        return where & ~_agree(found, expected, _quick_tolerance(expected))

    def _found(self, points: FloatArray, coords: tuple[FloatArray, ...]) -> FloatArray:
        """Values at (T, P) points, shape (T, M)."""
        if self._evaluator is None:
            return values_of(self._graph, points, coords)
        found = [self._evaluator(self._with_ties(point), coords)[0] for point in points]
        return np.array([np.broadcast_to(np.asarray(values, dtype=float), coords[0].shape) for values in found])

    def derivatives(self, parameters: FloatArray, groups: Sequence[tuple[int, ...]]) -> None:
        """Compare derivatives with central differences, along the parameters of each group together."""
        if not groups:
            return
        middle = self._own.or_nan(parameters)
        slopes = self._evaluator or _interpreter(differentiate(self._graph, self._free))
        columns = {
            index: np.broadcast_to(np.asarray(column, dtype=float), middle.shape)
            for index, column in zip(self._free, slopes(self._with_ties(parameters), self._coords)[1:], strict=True)
        }
        effect = effect_of(parameters, middle, columns)
        for group in groups:
            if self._differ(parameters, middle, columns, group, effect):
                for index in group:
                    self._compare_carefully(parameters, middle, columns[index], index, effect[index])

    def _differ(
        self,
        parameters: FloatArray,
        middle: FloatArray,
        columns: dict[int, FloatArray],
        group: tuple[int, ...],
        effect: FloatArray,
    ) -> bool:
        """Whether quick differences contradict the derivatives of a group, or cannot tell where these are largest."""
        agreed = np.zeros(middle.shape, dtype=bool)
        denied = agreed
        for sizes in (effect, np.where(parameters == 0.0, 1.0, np.abs(parameters))):
            direction = np.where(np.isin(np.arange(parameters.size), group), sizes, 0.0)
            claimed = np.sum([columns[index] * direction[index] for index in group], axis=0)
            found = central(partial(self._moved, parameters, direction), middle, _STEP)
            telling, wrong = informative(found, claimed), contradicted(found, claimed)
            agreed |= telling & ~wrong
            denied = (denied | (telling & wrong)) & ~agreed
            if not denied.any() and np.mean(agreed[_steep(claimed)]) > _MOSTLY:
                return False
        return True

    def _compare_carefully(
        self, parameters: FloatArray, middle: FloatArray, claimed: FloatArray, index: int, effect: float
    ) -> None:
        """Compare one derivative in steps that its rounding allows."""
        direction = np.where(np.arange(parameters.size) == index, 1.0, 0.0)
        # Of values, of the moved parameter, and of the derivative itself.
        rounding = _ROUNDINGS * self._rounding(parameters) + _EPS * np.abs(parameters[index] * _finite(claimed))
        doubt = _ROUNDINGS * self._rounding_of_derivative(parameters, index)
        agreed = np.zeros(middle.shape, dtype=bool)
        denials: list[Differences] = []
        for step in _steps(parameters[index], claimed, rounding, effect, span_of(self._coords)):
            noise = np.maximum.reduce(
                [rounding, *(_ROUNDINGS * self._rounding(parameters + 2 * s * step * direction) for s in (-1, 1))]
            )
            found = central(partial(self._moved, parameters, direction), middle, step, noise).doubted(doubt)
            telling = informative(found, claimed)
            wrong = telling & contradicted(found, claimed)
            agreed |= telling & ~wrong
            if step > _STEP * max(abs(parameters[index]), 1.0):  # what repeats itself seems flat
                wrong &= np.abs(found.slope) > found.tolerance
            if _is_trusted(found, claimed):
                denials.append(found._replace(slope=np.where(wrong, found.slope, np.nan)))
        slopes = np.where(agreed, np.nan, confirmed(denials, middle.shape))
        if np.isfinite(slopes).any():
            at = int(np.argmax(np.isfinite(slopes)))
            raise Mismatch(
                f"the derivative by {self._graph.param_names[index]} is {claimed[at]:.6g}, central differences "
                f"of the model give {slopes[at]:.6g}, at {self._describe(parameters)}"
            )

    def _moved(self, parameters: FloatArray, direction: FloatArray, distance: float) -> FloatArray:
        return self._own.or_nan(parameters + distance * direction)

    def _rounding(self, parameters: FloatArray) -> FloatArray:
        return rounding_error(self._graph, list(self._with_ties(parameters)), self._coords)

    def _rounding_of_derivative(self, parameters: FloatArray, index: int) -> FloatArray:
        derived = differentiate(self._graph, self._free)
        place = 1 + self._free.index(index)
        return rounding_error(derived, list(self._with_ties(parameters)), self._coords, place)

    def _with_ties(self, parameters: FloatArray) -> FloatArray:
        complete = parameters.copy()
        for index, value in tied_values(self._graph, list(parameters)).items():
            complete[index] = value
        return complete

    def _describe(self, parameters: FloatArray) -> str:
        values = zip(self._graph.param_names, self._with_ties(parameters), strict=True)
        return ", ".join(f"{name}={value:.6g}" for name, value in values)


def _quick_tolerance(expected: FloatArray) -> FloatArray:
    size = np.abs(_finite(expected))
    return _RELATIVE * size + _OF_LARGEST * np.max(size, axis=-1, initial=0.0, keepdims=True)


def _agree(found: FloatArray, expected: FloatArray, tolerance: FloatArray) -> NDArray[np.bool_]:
    """Finite and alike, or the same NaN or infinity."""
    near = np.isfinite(expected) & (np.abs(found - expected) <= tolerance)
    return near | (found == expected) | (np.isnan(found) & np.isnan(expected))


def _how_they_differ(found: FloatArray, expected: FloatArray, differ: NDArray[np.bool_]) -> str:
    if not np.isfinite(expected[differ]).all():
        return "the traced model is finite where the model is not,"
    error = np.abs(found - expected)[differ]
    worst = float(np.nanmax(error)) if np.any(np.isfinite(error)) else np.nan
    return f"the traced model differs from the model by {worst:.3g}"


def effect_of(parameters: FloatArray, middle: FloatArray, columns: dict[int, FloatArray]) -> FloatArray:
    """By how much each parameter changes the model by as much as it varies; its own size where that is not known."""
    sizes = np.where(parameters == 0.0, 1.0, np.abs(parameters))
    finite = middle[np.isfinite(middle)]
    if finite.size == 0:
        return sizes
    varies = float(np.ptp(finite)) or float(np.abs(finite[0]))
    for index, column in columns.items():
        steepest = np.max(np.abs(column[np.isfinite(column)]), initial=0.0)
        if varies > 0.0 and steepest > 0.0 and np.isfinite(varies / steepest):
            sizes[index] = varies / steepest
    return sizes


def _steps(value: float, claimed: FloatArray, rounding: FloatArray, effect: float, span: float) -> Iterator[float]:
    """Steps in a parameter, from the shortest that tells its derivative upwards."""
    known = np.isfinite(claimed) & np.isfinite(rounding)
    steep = _steep(np.where(known, claimed, 0.0))
    lengths = [factor * _STEP * size for size in (effect, abs(value) or 1.0, span) for factor in (1e-3, 1.0)]
    if steep.any():
        shortest = _DIGITS * float(np.max(rounding[steep])) / float(np.max(np.abs(claimed[known])))
        lengths += [factor * shortest for factor in _STEPS_FROM_ROUNDING]
    yield from sorted({length for length in lengths if 0.0 < length < np.inf})


def _steep(slope: FloatArray) -> NDArray[np.bool_]:
    """Where a slope is not far below its largest; nowhere where it is zero."""
    size = np.abs(_finite(slope))
    return (size > 0.0) & (size >= _NOT_FAR_BELOW * size.max(initial=0.0))


def _is_trusted(found: Differences, claimed: FloatArray) -> bool:
    """Whether the model is smooth over the step where the derivative is largest.

    It seldom is over a step across many periods, or one that moves a line out of sight.
    """
    smooth = np.isfinite(found.slope[_steep(claimed)])
    return bool(smooth.size == 0 or smooth.mean() > _MOSTLY)


def _finite(values: FloatArray) -> FloatArray:
    """The values, 0 where they are no finite numbers."""
    return np.where(np.isfinite(values), values, 0.0)
