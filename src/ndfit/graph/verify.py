"""Trace, then verify: a graph and the model it was traced from in, nothing out, or a Mismatch with its reason.

The graph's value is compared with what calling the model gives, and its derivatives with central differences of the
model, at the start values and around them: moved a little, moved by half, and with the sign of each free parameter
turned, all within the bounds; derivatives in two of these places, one by one and all together. Whatever a model's code
does that tracing did not see (a branch on a value, hidden state, a computation across points) has to survive numbers it
was not traced with.

Central differences with steps h and 2h err by about a third of their difference (truncation) and by eps |f| / h
(rounding); a derivative is accepted within a few of both. There are two steps, one for smooth models and one for lines
that are narrow for their position, and a derivative has to agree with one of them. Where the differences are not
finite, or those of h and 2h (first or second) are not those of a smooth function, they tell nothing and the sample is
left out.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ndfit.graph.derive import differentiate
from ndfit.graph.interpret import evaluate, tied_values
from ndfit.graph.ir import ModelGraph
from ndfit.graph.reasons import Mismatch

__all__ = ["Evaluator", "Mismatch", "verify"]

FloatArray = NDArray[np.float64]

Evaluator = Callable[[FloatArray, tuple[FloatArray, ...]], Sequence[ArrayLike]]
"""(parameters (P,), K coordinates (M,)) -> value (M,), then its derivative (M,) for each free parameter."""

_MOST_SAMPLES = 512
_RELATIVE, _OF_LARGEST = 1e-9, 1e-11
_EPS = float(np.finfo(float).eps)
_STEPS = (_EPS ** (1 / 3), 1e-3 * _EPS ** (1 / 3))


def verify(
    graph: ModelGraph,
    model: Any,
    coords: Sequence[ArrayLike],
    start: Sequence[float],
    free: tuple[int, ...],
    evaluator: Evaluator | None = None,
) -> None:
    """Check a graph against its model.

    Parameters
    ----------
    graph : as traced from the model.
    model : astropy model without units; not changed.
    coords : K arrays of the shape (M,), those of the fit.
    start : P values to check around.
    free : indices of the free parameters.
    evaluator : what to check in place of the interpreted graph, for example compiled code; see `Evaluator`.

    Raises
    ------
    Mismatch : where value or derivatives disagree, or nothing could be compared.
    NotDifferentiable : an operator has no derivative rule.
    """
    samples = _thinned(coords)
    check = _Check(graph, model.deepcopy(), samples, free, evaluator)
    first = np.array(start, dtype=float)
    compared = 0
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number, parameters in enumerate(_trials(first, free, _bounds(model), samples)):
            compared += check.value(parameters)
            if number == 0:
                check.derivatives(parameters, _each_alone(free))
            elif number == 1:
                check.derivatives(parameters, [free])
    if not compared:
        raise Mismatch(f"around the start values the model {check.error or 'is finite nowhere'}")


def _thinned(coords: Sequence[ArrayLike]) -> tuple[FloatArray, ...]:
    """At most `_MOST_SAMPLES` of the samples, evenly spread, ends included."""
    arrays = [np.ravel(array) for array in np.broadcast_arrays(*(np.asarray(array, dtype=float) for array in coords))]
    count = arrays[0].size
    kept = np.unique(np.linspace(0, count - 1, min(count, _MOST_SAMPLES)).astype(int))
    return tuple(array[kept] for array in arrays)


def _bounds(model: Any) -> tuple[FloatArray, FloatArray]:
    pairs = [model.bounds[name] for name in model.param_names]
    lower = [-np.inf if low is None else float(low) for low, _ in pairs]
    upper = [np.inf if high is None else float(high) for _, high in pairs]
    return np.array(lower), np.array(upper)


def _each_alone(free: tuple[int, ...]) -> list[tuple[int, ...]]:
    return [(index,) for index in free]


def _trials(
    start: FloatArray, free: tuple[int, ...], bounds: tuple[FloatArray, FloatArray], coords: tuple[FloatArray, ...]
) -> Iterator[FloatArray]:
    """Parameter vectors around the start, moved a little first: kinks often lie at round numbers.

    Shifts are relative to the parameters (wide), and to the span of the coordinates where that is less (narrow): a line
    must not always be moved out of sight.
    """
    random = np.random.default_rng(20240229)
    chosen = np.isin(np.arange(start.size), free)
    span = max((float(np.ptp(array)) for array in coords if array.size), default=0.0) or 1.0
    wide = np.where(start == 0.0, min(span, 1.0), np.abs(start))
    narrow = np.minimum(wide, span)

    def moved(size: float, scale: FloatArray) -> FloatArray:
        shifts = size * scale * random.uniform(0.5, 1.0, start.size) * random.choice([-1.0, 1.0], start.size)
        return np.clip(np.where(chosen, start + shifts, start), *bounds)

    yield moved(1e-3, narrow)
    yield moved(0.1, narrow)
    yield start
    for scale in (narrow, wide):
        yield moved(0.5, scale)
        yield moved(0.5, scale)
    for index in free:
        turned = moved(0.1, narrow)
        turned[index] = -turned[index]
        yield np.clip(turned, *bounds)


def _interpreter(graph: ModelGraph) -> Evaluator:
    return lambda parameters, coords: evaluate(graph, list(parameters), coords)


class _Check:
    """One model against one evaluator. `error` tells what the model raised last."""

    def __init__(
        self,
        graph: ModelGraph,
        model: Any,
        coords: tuple[FloatArray, ...],
        free: tuple[int, ...],
        evaluator: Evaluator | None,
    ) -> None:
        self._graph = graph
        self._model = model
        self._ties = {name: tie for name, tie in model.tied.items() if tie}
        self._coords = coords
        self._free = free
        # A value alone takes a third of the time that it takes with its derivatives.
        self._values = evaluator or _interpreter(graph)
        self._slopes = evaluator or _interpreter(differentiate(graph, free))
        self.error = ""

    def value(self, parameters: FloatArray) -> bool:
        """Compare values; whether any could be compared."""
        expected = self._model_value(parameters)
        if expected is None:
            return False
        complete = self._with_ties(parameters)
        found = np.broadcast_to(np.asarray(self._values(complete, self._coords)[0], dtype=float), expected.shape)
        finite = np.isfinite(expected)
        if not np.array_equal(found[~finite], expected[~finite], equal_nan=True):
            raise Mismatch(f"the traced model is finite where the model is not, at {self._describe(complete)}")
        largest = np.max(np.abs(expected[finite]), initial=0.0)
        error = np.abs(found[finite] - expected[finite])
        if not np.all(error <= _RELATIVE * np.abs(expected[finite]) + _OF_LARGEST * largest):
            worst = float(np.nanmax(error)) if np.any(np.isfinite(error)) else np.nan
            raise Mismatch(f"the traced model differs from the model by {worst:.3g} at {self._describe(complete)}")
        return bool(finite.any())

    def derivatives(self, parameters: FloatArray, moved: Sequence[tuple[int, ...]]) -> None:
        """Compare derivatives with central differences: for each of `moved`, along parameters that move together."""
        if not self._free:
            return
        complete, middle = self._with_ties(parameters), self._value_or_nan(parameters)
        columns = [
            np.broadcast_to(column, self._coords[0].shape) for column in self._slopes(complete, self._coords)[1:]
        ]
        scale = np.where(parameters == 0.0, 1.0, np.abs(parameters))
        for together in moved:
            direction = np.where(np.isin(np.arange(parameters.size), together), scale, 0.0)
            terms = zip(columns, self._free, strict=True)
            found = sum(column * direction[index] for column, index in terms if index in together)
            slope = self._contradiction(np.asarray(found), parameters, direction, middle)
            if slope is not None:
                at, unit = int(np.argmax(np.isfinite(slope))), direction[list(together)].max()
                names = ", ".join(self._graph.param_names[index] for index in together)
                raise Mismatch(
                    f"the derivative by {names} is {np.asarray(found)[at] / unit:.6g}, central differences "
                    f"of the model give {slope[at] / unit:.6g}, at {self._describe(complete)}"
                )

    def _contradiction(
        self, derivative: FloatArray, parameters: FloatArray, direction: FloatArray, middle: FloatArray
    ) -> FloatArray | None:
        """The model's slope at the samples where every step contradicts the derivative, NaN elsewhere; None if none."""
        contradicted = np.full(derivative.shape, np.nan)
        agreed = np.zeros(derivative.shape, dtype=bool)
        for step in _STEPS:
            slope, tolerance = self._differences(parameters, direction, step, middle)
            agreed |= np.abs(derivative - slope) <= tolerance
            contradicted = np.where(agreed, np.nan, np.where(np.isfinite(slope), slope, contradicted))
            if agreed.any() and not np.isfinite(contradicted).any():
                return None
        return contradicted if np.isfinite(contradicted).any() else None

    def _differences(
        self, parameters: FloatArray, direction: FloatArray, step: float, middle: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Slope along the direction, and by how much it may be wrong."""
        far_low, low, high, far_high = (
            self._value_or_nan(parameters + multiple * step * direction) for multiple in (-2, -1, 1, 2)
        )
        slope, wide = (high - low) / (2 * step), (far_high - far_low) / (4 * step)
        bend, wide_bend = (high - 2 * middle + low) / step, (far_high - 2 * middle + far_low) / (4 * step)
        rounding = _EPS * np.maximum(np.abs(high), np.abs(low)) / step
        truncation = np.abs(slope - wide)
        smooth = truncation <= 0.1 * np.abs(slope) + 1e3 * rounding
        smooth &= np.abs(bend - wide_bend) <= 0.1 * (np.abs(slope) + np.abs(bend)) + 1e3 * rounding
        largest = np.max(np.abs(slope[smooth & np.isfinite(slope)]), initial=0.0)
        tolerance = 1e-6 * np.abs(slope) + 2 * truncation + 100 * rounding + 1e-9 * largest
        return np.where(smooth, slope, np.nan), tolerance

    def _model_value(self, parameters: FloatArray) -> FloatArray | None:
        """The model's own value, its ties applied as astropy's fitters do; None where it raises."""
        model = self._model
        try:
            model.parameters = parameters
            for name, tie in self._ties.items():
                setattr(model, name, tie(model))
            value = model(*self._coords)
        except Exception as error:  # a person's own code at parameters it was not written for
            self.error = f"raises {type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
            return None
        return np.broadcast_to(np.asarray(value, dtype=float), self._coords[0].shape)

    def _value_or_nan(self, parameters: FloatArray) -> FloatArray:
        value = self._model_value(parameters)
        return np.full(self._coords[0].shape, np.nan) if value is None else value

    def _with_ties(self, parameters: FloatArray) -> FloatArray:
        complete = parameters.copy()
        for index, value in tied_values(self._graph, list(parameters)).items():
            complete[index] = value
        return complete

    def _describe(self, parameters: FloatArray) -> str:
        return ", ".join(f"{name}={value:.6g}" for name, value in zip(self._graph.param_names, parameters, strict=True))
