"""The steps of Levenberg and Marquardt of `ndfit.pipeline.guess.refit`, compiled, for models without ties.

Flows in: data, weights, an orthonormal basis of the background, and lines. Flows out: better parameters of the lines,
and what they cost.

The background is taken off the data first. Off the lines and their derivatives it is taken in the sums of products:
each loses the product of both components along the basis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ndfit.arrays import FloatArray
from ndfit.compiler.flow import loop, loop_while
from ndfit.compiler.functions import LANGUAGE
from ndfit.compiler.machine_code import Function, Loaded, load
from ndfit.compiler.memory import none_of
from ndfit.compiler.target import host
from ndfit.compiler.values import Int, Lanes, choose
from ndfit.compiler.variables import Local
from ndfit.once import kept
from ndfit.pipeline.guess.code.lane_lines import line_at
from ndfit.pipeline.guess.code.lanes import Call, Rows, arguments, groups_of_fits, rows_at, scratch_at
from ndfit.pipeline.guess.formulas import clamped, larger, solved

__all__ = ["Lines", "RefitSamples", "Steps", "refitted"]

_INFINITY = float("inf")
_SAMPLES, _STEPS, _FIRST, _LEAST, _HARDER, _EASIER, _WIDER, _ENOUGH = range(8)
_DATA, _WEIGHTS, _PARAMETERS, _SIGNS, _LOWER, _UPPER, _RESULT, _MORE = range(8)


@dataclass(frozen=True)
class Steps:
    """How steps are taken: how many; the first damping, and the least; its factors after a step that is refused, and
    after one that is taken; a width's in one step; and what part of the cost a sample is enough to gain."""

    count: int
    first: float
    least: float
    harder: float
    easier: float
    wider: float
    enough: float


@dataclass(frozen=True)
class Lines:
    """What code depends on: kinds of lines, with how many parameters each; which of all parameters are free, and which
    of the free ones are widths; how many functions are in the basis, and coordinates."""

    kinds: tuple[tuple[str, int], ...]
    free: tuple[int, ...]
    widths: tuple[bool, ...]
    n_basis: int
    n_axes: int


@dataclass(frozen=True)
class _Sums:
    """Variables for the normal equations: cost, gradient, and the lower triangle of the matrix."""

    cost: Local
    gradient: list[Local]
    matrix: list[list[Local]]

    @classmethod
    def zero(cls, size: int) -> _Sums:
        cost, *gradient = (Local(Lanes.of(0.0)) for _ in range(1 + size))
        return cls(cost, gradient, [[Local(Lanes.of(0.0)) for _ in range(row + 1)] for row in range(size)])

    def all(self) -> list[Local]:
        return [self.cost, *self.gradient, *(entry for row in self.matrix for entry in row)]


class _Group:
    """Code for one group of fits."""

    def __init__(self, lines: Lines, job: Any, numbers: Any, first: Any) -> None:
        self.lines, self.numbers = lines, numbers
        self.n_samples = numbers[_SAMPLES].truncated()
        data, self.weights, parameters, signs, lower, upper, self.result = (
            rows_at(job, array, first) for array in range(_MORE)
        )
        self.basis = [rows_at(job, _MORE + number, first) for number in range(lines.n_basis)]
        self.coords = [rows_at(job, _MORE + lines.n_basis + axis, first) for axis in range(lines.n_axes)]
        self.signs = [signs[number] for number in range(len(lines.kinds))]
        self.start = [parameters[row] for row in range(sum(count for _, count in lines.kinds))]
        size = len(lines.free)
        self.lower, self.upper = [lower[row] for row in range(size)], [upper[row] for row in range(size)]
        self.data = scratch_at(job)
        self._project(data)

    def _project(self, data: Rows) -> None:
        """Data without what the basis explains of them."""
        along = [Local(Lanes.of(0.0)) for _ in self.basis]
        with loop(self.n_samples) as i:
            weighted = self.weights[i] * data[i]
            for total, one in zip(along, self.basis, strict=True):
                total += weighted * one[i]
        with loop(self.n_samples) as i:
            left = data[i]
            for total, one in zip(along, self.basis, strict=True):
                left = left - total.value * one[i]
            self.data[i] = left

    def evaluate(self, values: Sequence[Any]) -> _Sums:
        """Normal equations where the free parameters have some values."""
        parameters = list(self.start)
        for place, value in zip(self.lines.free, values, strict=True):
            parameters[place] = value
        size = len(values)
        sums, along = _Sums.zero(size), [[Local(Lanes.of(0.0)) for _ in range(1 + size)] for _ in self.basis]
        with loop(self.n_samples) as i:
            left, rows = self._rows(i, parameters)
            weight = self.weights[i]
            weighted = weight * left
            sums.cost.set(sums.cost.value + weighted * left)
            for k, row in enumerate(rows):
                sums.gradient[k] += weighted * row
                weighted_row = weight * row
                for j in range(k + 1):
                    sums.matrix[k][j] += weighted_row * rows[j]
            for own, one in zip(along, self.basis, strict=True):
                weighted_one = weight * one[i]
                for total, row in zip(own, (left, *rows), strict=True):
                    total += weighted_one * row
        for own in along:
            of_left, *of_rows = [total.value for total in own]
            sums.cost.set(sums.cost.value - of_left * of_left)
            for k, component in enumerate(of_rows):
                sums.gradient[k] -= component * of_left
                for j in range(k + 1):
                    sums.matrix[k][j] -= component * of_rows[j]
        # Of data without noise, all of it may be rounding.
        sums.cost.set(choose(sums.cost.value < 0.0, 0.0, 0.5 * sums.cost.value))
        return sums

    def _rows(self, i: Any, parameters: Sequence[Any]) -> tuple[Any, list[Any]]:
        """What the lines leave at a sample, and derivatives by the free parameters."""
        left, all_rows, place = self.data[i], [], 0
        x = [axis[i] for axis in self.coords]
        for (kind, count), sign in zip(self.lines.kinds, self.signs, strict=True):
            value, derivatives = line_at(kind, x, parameters[place : place + count], sign)
            left, place = left - value, place + count
            all_rows += derivatives
        return left, [all_rows[place] for place in self.lines.free]

    def step(self) -> None:
        """Step as often as asked for; a step that gains next to nothing is the last."""
        numbers = [Lanes.of(self.numbers[place]) for place in range(_ENOUGH + 1)]
        starts = [self.start[place] for place in self.lines.free]
        trial, best = ([Local(value) for value in starts] for _ in range(2))
        system = _Sums.zero(len(starts))
        system.cost.set(Lanes.of(_INFINITY))
        damping, going, turn = Local(numbers[_FIRST] / numbers[_EASIER]), Local(Lanes.of(1.0)), Local(0)
        last = self.numbers[_STEPS].truncated()
        with loop_while(lambda: (turn.value <= last) & ~none_of(going.value > 0.0)):
            tried = self.evaluate([one.value for one in trial])
            cost, before = tried.cost.value, system.cost.value
            taken = (going.value > 0.0) & (cost < before)
            done = taken & (before - cost <= numbers[_ENOUGH] / numbers[_SAMPLES] * cost)
            lost = (Lanes.of(turn.value) == 0.0) & ~taken  # not finite where it starts
            going.set(choose(done | lost, 0.0, going.value))
            pairs = zip((*best, *system.all()), (*trial, *tried.all()), strict=True)
            for kept_one, new in pairs:
                kept_one.set(choose(taken, new.value, kept_one.value))
            system.cost.set(choose(lost, cost, system.cost.value))
            eased = larger(numbers[_EASIER] * damping.value, numbers[_LEAST], LANGUAGE)
            damping.set(choose(taken, eased, numbers[_HARDER] * damping.value))
            for one, value in zip(trial, self._stepped(best, system, damping.value, numbers[_WIDER]), strict=True):
                one.set(value)
            turn += 1
        for row, one in enumerate((system.cost, *best)):
            self.result[row] = one.value

    def _stepped(self, best: Sequence[Local], system: _Sums, damping: Any, wider: Any) -> list[Any]:
        """Parameters after a step, inside the bounds."""
        values = [one.value for one in best]
        matrix, right = [[one.value for one in row] for row in system.matrix], [one.value for one in system.gradient]
        for k, value in enumerate(values):
            low = (value <= self.lower[k]) & (right[k] < 0.0)
            outward = low | ((value >= self.upper[k]) & (right[k] > 0.0))
            matrix[k][k], right[k] = choose(outward, 0.0, matrix[k][k]), choose(outward, 0.0, right[k])
        after = []
        for k, (value, step) in enumerate(zip(values, solved(matrix, right, LANGUAGE, damping), strict=True)):
            moved = value + step
            if self.lines.widths[k]:
                moved = clamped(moved, abs(value) / wider, abs(value) * wider, LANGUAGE)
            after.append(clamped(moved, self.lower[k], self.upper[k], LANGUAGE))
        return after


def refit(lines: Lines, job_at: Any, numbers_at: Any) -> None:
    """Fit the lines of each group."""
    job, numbers = arguments(job_at, numbers_at)
    with groups_of_fits(job) as first:
        _Group(lines, job, numbers, first).step()


@kept
def _compiled(lines: Lines) -> Loaded:
    return load((Function("refit", partial(refit, lines), (Int, Int)),), host(), lines)


class RefitSamples(NamedTuple):
    """Of n fits: data and weights (M, n) or (M, 1), coordinates, and an orthonormal basis of the background."""

    data: FloatArray
    weights: FloatArray
    coords: Sequence[FloatArray]
    basis: Sequence[FloatArray]


def refitted(
    lines: Lines,
    samples: RefitSamples,
    parameters: Sequence[FloatArray],
    signs: Sequence[FloatArray],
    bounds: tuple[FloatArray, FloatArray],
    steps: Steps,
) -> tuple[FloatArray, FloatArray]:
    """Cost (n,), and the free parameters (F, n).

    Parameters
    ----------
    parameters : of all lines, (n,) each
    signs : of each line, zero in fits that do not have it
    bounds : of the free parameters, (F, n) each
    """
    data, weights, coords, basis = samples
    n_samples, n_fits = data.shape
    call = Call(n_fits, n_samples)
    call.reads(data, weights, np.stack(parameters), np.stack(signs), *bounds)
    result = call.writes(1 + len(lines.free))
    call.reads(*basis, *coords)
    ends = (steps.count, steps.first, steps.least, steps.harder, steps.easier, steps.wider, steps.enough)
    call.run(_compiled(lines), "refit", n_samples, *ends)
    return result[0], result[1:]
