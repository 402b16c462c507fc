"""Curves along one axis that are no lines: exponentials, power laws, waves.

Flows in: a Tile, what is left of its data, and which parameters may vary. Flows out: the parameters of the curve, among
those of a grid, that lowers the cost most.

A curve is an amplitude times a shape of few parameters. For each shape of a grid, least squares with weights w give,
with the background eliminated, an amplitude A = sum(w r g) / sum(w g^2), and lower the cost by A sum(w r g) / 2, as for
lines (`ndfit.pipeline.guess.search`). For a wave, sine and cosine of a frequency together are a point of the
periodogram of least squares (J. D. Scargle, Astrophys. J. 263, 835, 1982), which asks for no even sampling. What the
grid has found is fitted afterwards, as lines are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from astropy.modeling import models
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.pipeline.guess.tile import Tile, total

__all__ = ["CURVES", "Curve", "Sought", "best_curve", "curve_rows"]

_SPAN = np.geomspace(0.03, 10.0, 16)
_SLOPES = np.linspace(-4.0, 4.0, 17)
_FEW_SLOPES = np.linspace(-4.0, 4.0, 9)
_PLACES = np.linspace(0.1, 0.9, 9)
_STEP = 1e-6
# Waves from a quarter of a period over the samples; so many frequencies for each one that they tell apart.
_LONGEST, _OVERSAMPLING = 0.25, 4.0
_MOST_FREQUENCIES = 4096
_TURN = 2.0 * np.pi
# Of a column's power: one of which less is left by the background says the same as the background.
_ALIKE = 1e-10

Grid = Callable[[FloatArray], FloatArray]


def _of_span(x: FloatArray) -> FloatArray:
    return _SPAN * np.ptp(x)


def _of_span_both_ways(x: FloatArray) -> FloatArray:
    return np.concatenate([-_of_span(x), _of_span(x)])


def _inside(x: FloatArray) -> FloatArray:
    return x.min() + _PLACES * np.ptp(x)


def _of_size(x: FloatArray) -> FloatArray:
    return np.abs(x).max() * np.geomspace(0.01, 3.0, 12)


def _slopes(x: FloatArray) -> FloatArray:
    return _SLOPES


def _few_slopes(x: FloatArray) -> FloatArray:
    return _FEW_SLOPES


def _frequencies(x: FloatArray) -> FloatArray:
    steps = np.diff(np.unique(x))
    span = np.ptp(x)
    if not steps.size:
        return np.ones(1)
    last = max(0.5 / np.median(steps), 1.0 / span)
    count = int(min(_OVERSAMPLING * (last * span - _LONGEST) + 1, _MOST_FREQUENCIES))
    return np.linspace(_LONGEST / span, last, max(count, 2))


def _indices(x: FloatArray) -> FloatArray:
    return np.array([0.5, 1.0, 2.0, 4.0])


@dataclass(frozen=True)
class Curve:
    """A class of curves.

    Attributes
    ----------
    grid : place of a parameter -> values to try, given the coordinates; others stay where the caller started them
    turn : of a wave, the phase in turns, given the factors of sine and cosine
    divided : place of a parameter that is halved and doubled where one curve is made into two
    """

    grid: Mapping[int, Grid]
    turn: Callable[[FloatArray, FloatArray], FloatArray] | None = None
    divided: int | None = None


def _of_sine(sine: FloatArray, cosine: FloatArray) -> FloatArray:
    return np.asarray(np.arctan2(cosine, sine) / _TURN)


def _of_cosine(sine: FloatArray, cosine: FloatArray) -> FloatArray:
    return np.asarray(np.arctan2(-sine, cosine) / _TURN)


CURVES: Mapping[str, Curve] = {
    "Exponential1D": Curve({1: _of_span_both_ways}, divided=1),
    "Logarithmic1D": Curve({1: _of_size}),
    "PowerLaw1D": Curve({2: _slopes}, divided=2),
    "BrokenPowerLaw1D": Curve({1: _inside, 2: _few_slopes, 3: _few_slopes}),
    "SmoothlyBrokenPowerLaw1D": Curve({1: _inside, 2: _few_slopes, 3: _few_slopes}),
    "ExponentialCutoffPowerLaw1D": Curve({2: _few_slopes, 3: _of_size}),
    "LogParabola1D": Curve({2: _few_slopes, 3: _few_slopes}),
    "Sine1D": Curve({1: _frequencies}, turn=_of_sine),
    "Cosine1D": Curve({1: _frequencies}, turn=_of_cosine),
    "Sersic1D": Curve({1: _of_size, 2: _indices}),
    "Plummer1D": Curve({1: _of_size}),
}
"""Name of the model's class -> Curve. Each is proportional to its first parameter."""


@dataclass(frozen=True)
class Sought:
    """What is looked for.

    Attributes
    ----------
    start, lower, upper : of the curve's parameters as started, and their bounds, (n, parameters)
    free : which of them may vary
    """

    kind: str
    start: FloatArray
    lower: FloatArray
    upper: FloatArray
    free: NDArray[np.bool_]

    def candidates(self, x: FloatArray) -> Iterator[dict[int, float]]:
        """Values of the free parameters that the grid has."""
        grid = {place: values(x) for place, values in CURVES[self.kind].grid.items() if self.free[place]}
        for values in product(*grid.values()):
            yield dict(zip(grid, map(float, values), strict=True))

    def column(self, x: FloatArray, candidate: Mapping[int, float], phase: float | None = None) -> FloatArray:
        """The curve with an amplitude of one."""
        parameters = [np.ones(1), *(_one_if_alike(column) for column in self.start.T[1:])]
        for place, value in candidate.items():
            parameters[place] = np.array([value])
        if phase is not None:
            parameters[2] = np.array([phase])
        return _value(self.kind, x, parameters)

    def allows(self, candidate: Mapping[int, float]) -> NDArray[np.bool_]:
        """Where it is inside the bounds."""
        inside = [
            (self.lower[:, place] <= value) & (value <= self.upper[:, place]) for place, value in candidate.items()
        ]
        return np.all(inside, axis=0) if inside else np.ones(len(self.start), dtype=bool)


def _one_if_alike(values: FloatArray) -> FloatArray:
    return values[:1] if (values == values[0]).all() else values


def best_curve(tile: Tile, left: FloatArray, basis: Sequence[FloatArray], sought: Sought) -> FloatArray:
    """Parameters of the curve that lowers the cost most, (n, parameters); NaN where none does.

    Parameters
    ----------
    left : data without what is known, shape (M, n)
    basis : of the background, orthonormal in the weights
    """
    x = tile.coords[0]
    best, values = np.zeros(left.shape[1]), np.full(sought.start.shape, np.nan)
    turn = CURVES[sought.kind].turn
    whole_wave = turn is not None and bool(sought.free[[0, 2]].all())
    for candidate in sought.candidates(x):
        columns = [sought.column(x, candidate, phase) for phase in ((0.0, 0.25) if whole_wave else (None,))]
        gain, factors = _gain(tile, left, basis, columns)
        if not whole_wave:
            low, high = sought.lower[:, 0], sought.upper[:, 0]
            gain = np.where((factors[0] > 0) & (high > 0) | (factors[0] < 0) & (low < 0), gain, 0.0)
        better = (gain > best) & sought.allows(candidate)
        if better.any():
            found = sought.start.copy()
            for place, value in candidate.items():
                found[:, place] = value
            found[:, 0] = factors[0]
            if whole_wave and turn is not None:
                sine, cosine = factors if sought.kind == "Sine1D" else (-factors[1], factors[0])
                found[:, 0], found[:, 2] = np.hypot(sine, cosine), turn(sine, cosine)
                turned = sought.upper[:, 0] <= 0
                found[:, 0] *= np.where(turned, -1.0, 1.0)
                found[:, 2] += np.where(turned, 0.5, 0.0)
            values[better], best = found[better], np.where(better, gain, best)
    return values


def _gain(
    tile: Tile, left: FloatArray, basis: Sequence[FloatArray], columns: Sequence[FloatArray]
) -> tuple[FloatArray, list[FloatArray]]:
    """What one or two columns lower twice the cost by, and their factors; 0 where they are not finite."""
    sizes = [np.abs(column).max(axis=0) for column in columns]
    rows = [column / np.where(size > 0, size, 1.0) for column, size in zip(columns, sizes, strict=True)]
    projected = []
    for row in rows:
        for one in basis:
            row = row - one * total(tile.weights * one * row)
        projected.append(row)
    weighted = [tile.weights * row for row in projected]
    along = [total(row * left) for row in weighted]
    power = [total(row * other) for row, other in zip(weighted, projected, strict=True)]
    whole = [total(tile.weights * row * row) for row in rows]
    if len(rows) == 1:
        factors = [along[0] / power[0]]
        known = power[0] > _ALIKE * whole[0]
    else:
        both = total(weighted[0] * projected[1])
        determinant = power[0] * power[1] - both * both
        factors = [
            (along[0] * power[1] - along[1] * both) / determinant,
            (along[1] * power[0] - along[0] * both) / determinant,
        ]
        known = determinant > _ALIKE * whole[0] * whole[1]
    gain = sum((factor * one for factor, one in zip(factors, along, strict=True)), np.zeros(left.shape[1]))
    gain = np.where(known & np.isfinite(gain), gain, 0.0)
    return gain, [factor / size for factor, size in zip(factors, sizes, strict=True)]


def _smoothly_broken(
    x: FloatArray, amplitude: FloatArray, x_break: FloatArray, one: FloatArray, two: FloatArray, delta: FloatArray
) -> FloatArray:
    ratio = np.log(x / x_break)
    bent = np.logaddexp(0.0, ratio / delta) - np.log(2.0)
    return np.asarray(amplitude * np.exp(-one * ratio + (one - two) * delta * bent))


def _value(kind: str, x: FloatArray, parameters: Sequence[FloatArray]) -> FloatArray:
    if kind == "SmoothlyBrokenPowerLaw1D":
        return _smoothly_broken(x, *parameters)
    return np.asarray(getattr(models, kind)().evaluate(x, *parameters))


def curve_rows(
    kind: str, coords: tuple[FloatArray, ...], parameters: Sequence[FloatArray]
) -> tuple[FloatArray, list[FloatArray]]:
    """Value and derivatives, by differences."""
    value = _value(kind, coords[0], parameters)
    derivatives = []
    for index, parameter in enumerate(parameters):
        step = np.where(parameter == 0.0, 1.0, np.abs(parameter)) * _STEP
        moved = (_value(kind, coords[0], _with(parameters, index, parameter + side * step)) for side in (1.0, -1.0))
        above, below = moved
        derivatives.append((above - below) / (2.0 * step))
    return value, derivatives


def _with(parameters: Sequence[FloatArray], index: int, value: FloatArray) -> list[FloatArray]:
    return [value if place == index else one for place, one in enumerate(parameters)]
