"""What a model and its ties compute, as a few numbers; and whether two such sets of numbers are the same.

Flows in: FitProblem. Flows out: JSON values, by where they were computed: at the starting values of several positions,
around them within the bounds, each free parameter moved alone, and on parts of the coordinates.

Code says less than it seems: what a function computes depends on globals of other modules, on tables that C code keeps,
on attributes of classes. Its values tell, wherever the difference comes from.

The last digit of numpy's functions differs between processors, so that values are compared to 1e-10 of each, or 1e-13
of the largest beside it, which is what is left where terms cancel.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.caught import warnings_put_back
from ndfit.io.json_values import number
from ndfit.problem.arrange import take_map, take_region
from ndfit.problem.types import FitProblem

__all__ = ["Values", "computed_values", "same_values"]

Values = dict[str, Any]
"""Where -> numbers (NaN and infinities as text), or the reason why there are none."""

Probe = tuple[str, FloatArray, tuple[FloatArray, ...]]
"""Where, parameters, and coordinates."""

_RELATIVE, _OF_LARGEST = 1e-10, 1e-13
_MOST_NUMBERS = 64
_MOST_ALONE = 32
_SEED = 20261128


def computed_values(problem: FitProblem) -> Values:
    """Values of the model, of its own derivatives and of its ties, and the coordinates that they are computed at."""
    with np.errstate(all="ignore"), warnings_put_back():
        warnings.simplefilter("ignore")
        first, again = (_computed(problem, islice(_probes(problem), 1)) for _ in range(2))
        if not all(same_values(first[where], again[where]) for where in first):
            return {"everywhere": "differs from call to call"}
        return {**_coordinates(problem), **_computed(problem, _probes(problem))}


def _coordinates(problem: FitProblem) -> Values:
    """What the rest depends on; first, so that a difference is reported with its cause."""
    return {
        f"coordinate {axis} at position {list(position)}": [number(value) for value in _summary(values)]
        for position in _positions(problem.axes.iterating_shape)
        for axis, values in enumerate(_at(problem, position)[3])
    }


def _computed(problem: FitProblem, probes: Iterator[Probe]) -> Values:
    model = problem.model.deepcopy()
    ties = {name: tie for name, tie in model.tied.items() if tie}
    derivative = getattr(model, "fit_deriv", None)
    found: Values = {}
    for where, parameters, coords in probes:
        model.parameters = parameters
        for name, tie in ties.items():
            value = found[f"the tie of {name} {where}"] = _numbers(tie, model)
            if isinstance(value, list) and len(value) == 1:
                setattr(model, name, float(value[0]))
        given = [float(value) for value in model.parameters]
        found[f"the model {where}"] = _numbers(model.evaluate, *coords, *given)
        if callable(derivative):
            found[f"the model's derivative {where}"] = _numbers(derivative, *coords, *given)
    return found


def same_values(saved: Any, now: Any) -> bool:
    """Whether the numbers, or the reasons, of one place are the same but for rounding."""
    if not (isinstance(saved, list) and isinstance(now, list)):
        return bool(saved == now)
    try:
        one, other = np.array(saved, dtype=float), np.array(now, dtype=float)
    except (TypeError, ValueError):
        return False
    if one.shape != other.shape:
        return False
    largest = max(np.abs(array[np.isfinite(array)]).max(initial=0.0) for array in (one, other))
    return bool(np.allclose(one, other, rtol=_RELATIVE, atol=_OF_LARGEST * largest, equal_nan=True))


def _probes(problem: FitProblem) -> Iterator[Probe]:
    free = problem.params.free
    for number_, position in enumerate(_positions(problem.axes.iterating_shape)):
        start, low, high, coords = _at(problem, position)
        moved = _mover(start, low, high, free, coords)
        at = f"at position {list(position)}"
        yield f"{at}, start", start, coords
        yield f"{at}, moved by 0.1", moved(0.1, free), coords
        if number_:
            continue
        for size in (1e-3, 0.3, 1.0):
            yield f"{at}, moved by {size}", moved(size, free), coords
        for index in free[:_MOST_ALONE]:
            yield f"{at}, {problem.params.names[index]} moved", moved(0.3, (index,)), coords
        for part, samples in _parts(coords):
            yield f"{at}, on the {part}", start, samples


def _positions(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The first, a middle and the last position."""
    if 0 in shape:
        return []
    places = [tuple(int((size - 1) * part) for size in shape) for part in (0.0, 0.5, 1.0)]
    return list(dict.fromkeys(places))


def _at(
    problem: FitProblem, position: tuple[int, ...]
) -> tuple[FloatArray, FloatArray, FloatArray, tuple[FloatArray, ...]]:
    """Start, bounds and coordinates of a position; where a map of starts has a gap, the model's own value."""
    region = tuple(slice(index, index + 1) for index in position)

    def row(maps: Sequence[FloatArray]) -> FloatArray:
        return np.array([np.ravel(take_map(values, problem.axes, region))[0] for values in maps], dtype=float)

    shape = problem.axes.fitting_shape
    coords = tuple(
        np.asarray(take_region(values, problem.axes, region), dtype=float) for values in problem.samples.inputs
    )
    spread = tuple(np.broadcast_to(values, (1,) * len(region) + shape).ravel() for values in coords)
    start, params = row(problem.params.start), problem.params
    start = np.where(np.isfinite(start), start, problem.model.parameters)
    return start, row(params.lower), row(params.upper), spread


def _mover(
    start: FloatArray, low: FloatArray, high: FloatArray, free: tuple[int, ...], coords: tuple[FloatArray, ...]
) -> Callable[[float, tuple[int, ...]], FloatArray]:
    """Moves parameters by a part of their size, or of the span of the coordinates where that is less."""
    random = np.random.default_rng(_SEED)
    spans = [float(np.ptp(axis[np.isfinite(axis)])) for axis in coords if np.isfinite(axis).any()]
    span = max(spans, default=0.0) or 1.0
    scale = np.where(start == 0.0, min(span, 1.0), np.minimum(np.abs(start), span))

    def moved(size: float, chosen: tuple[int, ...]) -> FloatArray:
        shift = size * scale * random.uniform(0.5, 1.0, start.size) * random.choice([-1.0, 1.0], start.size)
        lower, upper = np.fmin(low, start), np.fmax(high, start)
        return np.where(np.isin(np.arange(start.size), chosen), np.clip(start + shift, lower, upper), start)

    return moved


def _parts(coords: tuple[FloatArray, ...]) -> Iterator[tuple[str, tuple[FloatArray, ...]]]:
    """Fewer coordinates: a model may compute across samples, or look at where they are."""
    size = min((axis.size for axis in coords), default=0)
    for name, part in (
        ("first half of the coordinates", slice(0, max(1, size // 2))),
        ("last quarter", slice(3 * size // 4, None)),
        ("third of every three", slice(2, None, 3)),
        ("middle one", slice(size // 2, size // 2 + 1)),
    ):
        if size:
            yield name, tuple(axis[part] for axis in coords)


def _numbers(compute: Callable[..., Any], *arguments: Any) -> Any:
    """Some numbers of what is computed; a reason where it raises or is no numbers."""
    try:
        values = np.ravel(np.asarray(_without_unit(compute(*arguments)), dtype=float))
    except Exception as error:  # a model may raise anything where it is not defined
        return f"raises {type(error).__name__}"
    return [number(value) for value in _summary(values)]


def _without_unit(value: Any) -> Any:
    """The number of a Parameter, the arrays of a list of derivatives."""
    if isinstance(value, (list, tuple)):
        return [np.ravel(_without_unit(item)) for item in value]
    return getattr(value, "value", value)


def _summary(values: FloatArray) -> NDArray[np.float64]:
    """All values, where these are few; else sums of blocks, whose weights tell where in a block a value stood."""
    if values.size <= _MOST_NUMBERS:
        return values
    finite = np.isfinite(values)
    weights = 1.0 + np.modf(np.arange(values.size) * 0.6180339887498949)[0]
    weighted = np.where(finite, values, 0.0) * weights
    sums = [block.sum() for block in np.array_split(weighted, _MOST_NUMBERS)]
    return np.array([*sums, weights[~finite].sum()])
