"""The matched filters of `ndfit.pipeline.guess.search`, compiled: the strongest peak of each fit, and its moments.

Flows in: residuals, weights, limits. Flows out: what a Peak holds.

Scores S = f / sqrt(s) are compared by their squares. Numbers are counted in units of the largest residual and weight,
so that the squares of very large or small ones are numbers, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ndfit.arrays import FloatArray
from ndfit.compiler.flow import loop, when
from ndfit.compiler.functions import LANGUAGE
from ndfit.compiler.functions.basic import floor, root
from ndfit.compiler.functions.exponential import exp
from ndfit.compiler.machine_code import Function, Loaded, load
from ndfit.compiler.target import host
from ndfit.compiler.values import Float, Int, Lanes, choose
from ndfit.compiler.variables import Local
from ndfit.once import kept
from ndfit.pipeline.guess.code.lanes import Call, Rows, arguments, groups_of_fits, rows_at, scratch_at
from ndfit.pipeline.guess.formulas import clamped, larger, smaller
from ndfit.pipeline.guess.moments import distance_of, inverse_of, measured

if TYPE_CHECKING:
    from ndfit.pipeline.guess.search import Limits, Scales

__all__ = ["strongest_peaks"]

_INFINITY = float("inf")
# Numbers that all fits share: samples, levels, share, what a sum is made of at least; from _GRID on the size of each
# axis; then _STEPS numbers a level.
_SAMPLES, _LEVELS, _SHARE, _AT_LEAST, _GRID = range(5)
_SIDE, _DISTANCE, _TOP, _SQUARES, _VARIANCE, _STEPS = range(6)
# Arrays; the last is there where all fits share the weights.
_RESIDUAL, _WEIGHTS, _LIMITS, _RESULT, _SUMS = range(5)
# Rows of the limits; from _CENTRE on the least and greatest of each coordinate.
_LOWEST, _HIGHEST, _NARROWEST, _WIDEST, _CENTRE = range(5)
# Rows of scratch that are kept of each level.
_SCORE, _HEIGHT, _PLACE, _KEPT = range(4)


class _Search:
    """Code for one group of fits."""

    def __init__(self, n_axes: int, shared: bool, job: Any, numbers: Any, first: Any) -> None:
        self.numbers, self.n_axes, self.shared = numbers, n_axes, shared
        self.n_samples, self.n_levels = (numbers[place].truncated() for place in (_SAMPLES, _LEVELS))
        self.sizes = [numbers[_GRID + axis].truncated() for axis in range(n_axes)]
        arrays = (_RESIDUAL, _WEIGHTS, _LIMITS, _RESULT)
        self.residual, self.weights, self.limits, self.result = (rows_at(job, array, first) for array in arrays)
        coords = _SUMS + shared
        self.coords = [rows_at(job, coords + axis, first) for axis in range(n_axes)]
        scratch = scratch_at(job)
        self.filtered, self.open, self.smoothed, self.before = (
            scratch.after(self.n_samples * part) for part in range(4)
        )
        place = self.n_samples * 4
        self.lines = []  # of each axis, with as much on either side, which is zero
        for size in self.sizes:
            self.lines.append(scratch.after(place + size))
            place = place + size * 3
        self.best = scratch.after(place)
        if shared:
            self.sums = rows_at(job, _SUMS, first)

    def level(self, level: Any, what: int) -> Any:
        """A number of a level."""
        return self.numbers[level * _STEPS + (_GRID + self.n_axes + what)]

    def samples(self, write: Callable[[Any, list[Any]], None]) -> None:
        """Write code for each sample, given its number and its indices along the axes."""
        if self.n_axes == 1:
            with loop(self.n_samples) as i:
                write(i, [Lanes.of(i)])
            return
        with loop(self.sizes[0]) as i, loop(self.sizes[1]) as j:
            write(i * self.sizes[1] + j, [Lanes.of(i), Lanes.of(j)])

    def begin(self) -> None:
        """Weighted residuals in units of the largest; where the centre may be."""
        largest, heaviest = Local(Lanes.of(0.0)), Local(Lanes.of(0.0))
        nearest = Local(Lanes.of(_INFINITY))
        ends = [[self.limits[_CENTRE + 2 * axis + end] for end in range(2)] for axis in range(self.n_axes)]
        with loop(self.n_samples) as i:
            weight = self.weights[i]
            largest.set(larger(choose(weight > 0.0, abs(self.residual[i]), 0.0), largest.value, LANGUAGE))
            heaviest.set(larger(weight, heaviest.value, LANGUAGE))
            self.open[i] = self._outside(i, ends)
            nearest.set(smaller(choose(weight > 0.0, self.open[i], _INFINITY), nearest.value, LANGUAGE))
        self.unit = choose(largest.value > 0.0, largest.value, 1.0)
        self.heaviest = choose(heaviest.value > 0.0, heaviest.value, 1.0)
        per_unit, per_weight = 1.0 / self.unit, 1.0 / self.heaviest
        with loop(self.n_samples) as i:
            weight = self.weights[i] * per_weight
            self.smoothed[i] = self.before[i] = weight
            self.filtered[i] = weight * (self.residual[i] * per_unit)
            self.open[i] = choose(self.open[i] > nearest.value, 0.0, 1.0)

    def _outside(self, i: Any, ends: list[list[Any]]) -> Any:
        """How far a sample is from the limits of the centre."""
        outside = Lanes.of(0.0)
        for coordinate, (low, high) in zip(self.coords, ends, strict=True):
            x = coordinate[i]
            outside = outside + larger(larger(low - x, x - high, LANGUAGE), Lanes.of(0.0), LANGUAGE)
        return outside

    def smooth(self, values: Rows, level: Any) -> None:
        """One kernel along every axis; nothing lies outside the grid."""
        side, distance = Lanes.of(self.level(level, _SIDE)), self.level(level, _DISTANCE).truncated()
        middle = 1.0 - 2.0 * side
        for axis, (size, line) in enumerate(zip(self.sizes, self.lines, strict=True)):
            outer, inner = _product(self.sizes[:axis]), _product(self.sizes[axis + 1 :])
            before, after = line.after(0 - distance), line.after(distance)
            with loop(outer) as one, loop(inner) as other:
                along = values.after(one * size * inner + other)
                with loop(size) as i:
                    line[i] = along[i * inner]
                with loop(size) as i:
                    along[i * inner] = line[i] * middle + (before[i] + after[i]) * side

    def filters(self) -> None:
        """The best sample of each level, and the level."""
        low, high = (self.limits[row] for row in (_LOWEST, _HIGHEST))
        low, high = choose(low < 0.0, -_INFINITY, Lanes.of(0.0)), choose(high > 0.0, _INFINITY, Lanes.of(0.0))
        nearest = Local(Lanes.of(_INFINITY))
        with loop(self.n_levels) as level:
            nearest.set(smaller(self._beyond(level), nearest.value, LANGUAGE))
        most = Local(Lanes.of(0.0))
        with loop(self.n_levels) as level:
            with when(level > 0):
                self.smooth(self.filtered, level)
            if not self.shared:
                with when(level > 0):
                    with loop(self.n_samples) as i:
                        self.before[i] = self.smoothed[i]
                    self.smooth(self.smoothed, level)
            best, score, place = (Local(Lanes.of(0.0)) for _ in range(3))
            per_sum = self._per_sum(level)
            with loop(self.n_samples) as i:
                value = clamped(self.filtered[i] * self.open[i], low, high, LANGUAGE)
                own = value * value * per_sum(i)
                better = own > score.value
                best.set(choose(better, value, best.value))
                place.set(choose(better, Lanes.of(i), place.value))
                score.set(larger(own, score.value, LANGUAGE))
            allowed = choose(self._beyond(level) > nearest.value, 0.0, score.value)
            most.set(larger(allowed, most.value, LANGUAGE))
            row = level * _KEPT
            self.best[row + _SCORE] = allowed
            self.best[row + _HEIGHT] = score.value / best.value * self.level(level, _TOP)
            self.best[row + _PLACE] = place.value
        self.most = most.value

    def _beyond(self, level: Any) -> Any:
        """Factor by which a level is too narrow or too wide."""
        sigma = root(Lanes.of(self.level(level, _VARIANCE)))
        low, high = larger(self.limits[_NARROWEST], Lanes.of(0.0), LANGUAGE), abs(self.limits[_WIDEST])
        return larger(larger(low / sigma, sigma / high, LANGUAGE), Lanes.of(1.0), LANGUAGE)

    def _per_sum(self, level: Any) -> Callable[[Any], Any]:
        """Of a level, one over the sum of w g^2 at a sample; zero where nothing is."""
        if self.shared:
            ready = self.sums.after(level * self.n_samples)
            return lambda i: ready[i]
        squares = choose(level > 0, self.level(level, _SQUARES), Float.of(1.0))

        at_least = self.numbers[_AT_LEAST]

        def per_sum(i: Any) -> Any:
            value = larger(self.before[i], at_least * self.smoothed[i], LANGUAGE) * squares
            return choose(value > 0.0, 1.0 / value, 0.0)

        return per_sum

    def choose_level(self) -> None:
        """The narrowest filter with a share of the best significance."""
        share = Lanes.of(self.numbers[_SHARE])
        least = share * share * self.most
        score, height, place, variance = (Local(Lanes.of(0.0)) for _ in range(4))
        chosen = Local(Lanes.of(0.0))
        with loop(self.n_levels) as level:
            row = level * _KEPT
            here = (self.best[row + _SCORE] >= least) & (chosen.value == 0.0)
            chosen.set(choose(here, 1.0, chosen.value))
            for local, what in ((score, _SCORE), (height, _HEIGHT), (place, _PLACE)):
                local.set(choose(here, self.best[row + what], local.value))
            variance.set(choose(here, self.level(level, _VARIANCE), variance.value))
        self.score, self.place, self.variance = score.value, place.value, variance.value
        self.height = choose(score.value > 0.0, height.value, 0.0)

    def measure(self) -> None:
        """Position and covariance from moments, and the height of least squares."""
        place = [self.place]
        if self.n_axes == 2:
            across = Lanes.of(self.sizes[1])
            # A quotient just below a whole number would be the row before.
            row = floor((self.place + 0.5) / across)
            place = [row, self.place - row * across]
        pairs = [(j, k) for j in range(self.n_axes) for k in range(j + 1)]
        mass = Local(Lanes.of(0.0))
        first, second = [Local(Lanes.of(0.0)) for _ in place], [Local(Lanes.of(0.0)) for _ in pairs]
        narrow = -0.5 / self.variance

        window, along, power = self.filtered, Local(Lanes.of(0.0)), Local(Lanes.of(0.0))

        def set_window(i: Any, index: list[Any]) -> None:
            nonlocal along, power
            apart = [one - other for one, other in zip(index, place, strict=True)]
            window[i] = exp(narrow * sum((one * one for one in apart[1:]), apart[0] * apart[0]))
            along += self.weights[i] * window[i]
            power += window[i]

        def add_moments(i: Any, index: list[Any]) -> None:
            nonlocal mass
            apart = [one - other for one, other in zip(index, place, strict=True)]
            value = self.residual[i] * window[i] * smaller(self.weights[i] * per_usual, Lanes.of(1.0), LANGUAGE)
            mass += value
            for number, one in enumerate(apart):
                first[number] += value * one
            for number, (j, k) in enumerate(pairs):
                second[number] += value * apart[j] * apart[k]

        self.samples(set_window)
        per_usual = choose(along.value > 0.0, power.value / along.value, 1.0)
        self.samples(add_moments)
        moments = [one.value for one in first], [one.value for one in second]
        displacement, covariance = measured(self.height, mass.value, *moments, self.variance, LANGUAGE)
        position = [one + more for one, more in zip(place, displacement, strict=True)]
        height = self._height(position, inverse_of(covariance))
        score = root(self.score) * self.unit * root(self.heaviest)
        for number, value in enumerate((height, score, *position, *covariance)):
            self.result[number] = value

    def _height(self, position: list[Any], precision: Any) -> Any:
        """That of least squares; of the filter where it has another sign."""
        along, power = Local(Lanes.of(0.0)), Local(Lanes.of(0.0))

        def add_height(i: Any, index: list[Any]) -> None:
            nonlocal along, power
            apart = [one - other for one, other in zip(index, position, strict=True)]
            shape = exp(-0.5 * distance_of(precision, apart))
            weighted = self.weights[i] * shape
            along += weighted * self.residual[i]
            power += weighted * shape

        self.samples(add_height)
        fitted = along.value / power.value
        return choose(fitted * self.height > 0.0, fitted, self.height * self.unit)


def peaks(n_axes: int, shared: bool, job_at: Any, numbers_at: Any) -> None:
    """The strongest peak of each fit."""
    job, numbers = arguments(job_at, numbers_at)
    with groups_of_fits(job) as first:
        search = _Search(n_axes, shared, job, numbers, first)
        search.begin()
        search.filters()
        search.choose_level()
        search.measure()


def _product(numbers: Sequence[Any]) -> Any:
    return prod(numbers, start=Int.of(1))


@kept
def _compiled(n_axes: int, shared: bool) -> Loaded:
    function = Function("peaks", partial(peaks, n_axes, shared), (Int, Int))
    return load((function,), host(), (n_axes, shared))


def strongest_peaks(
    scales: Scales, residual: FloatArray, limits: Limits, share: float, at_least: float
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Height (n,), score (n,), position (n, K), and the lower triangle of the covariance, (K (K + 1) / 2, n).

    Parameters
    ----------
    limits : those of widths in samples
    at_least : of a level's own weights, what the sum of one is made of
    """
    tile, (n_samples, n_fits) = scales.tile, residual.shape
    n_axes, n_levels, shared = len(tile.grid), len(scales.steps), tile.weights.shape[1] == 1
    call = Call(n_fits, 4 * n_samples + 3 * sum(tile.grid) + _KEPT * n_levels)
    ends = (*limits.height, *limits.sigma, *(end[:, axis] for axis in range(n_axes) for end in limits.centre))
    call.reads(residual, tile.weights, np.stack([np.broadcast_to(end, n_fits) for end in ends]))
    result = call.writes(2 + n_axes + n_axes * (n_axes + 1) // 2)
    if shared:
        sums = np.concatenate(scales.sums)
        call.reads(np.divide(tile.weights.max(initial=0.0), sums, out=np.zeros_like(sums), where=sums > 0.0))
    call.reads(*tile.coords)
    levels = [(*step, variance) for step, variance in zip(scales.steps, scales.variances, strict=True)]
    numbers = (n_samples, n_levels, share, at_least, *tile.grid, *(number for level in levels for number in level))
    call.run(_compiled(n_axes, shared), "peaks", *numbers)
    return result[0], result[1], result[2 : 2 + n_axes].T, result[2 + n_axes :]
