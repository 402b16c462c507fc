"""The weighted least squares of `ndfit.pipeline.guess.background`, compiled.

Flows in: values, weights and basis functions of many fits. Flows out: coefficients.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ndfit.arrays import FloatArray
from ndfit.compiler.flow import loop, loop_while, when
from ndfit.compiler.functions import LANGUAGE
from ndfit.compiler.machine_code import Function, Loaded, load
from ndfit.compiler.memory import none_of
from ndfit.compiler.target import host
from ndfit.compiler.values import Int, Lanes, choose
from ndfit.compiler.variables import Local
from ndfit.once import kept
from ndfit.pipeline.guess.code.lanes import Call, arguments, groups_of_fits, rows_at, scratch_at
from ndfit.pipeline.guess.code.median import median
from ndfit.pipeline.guess.formulas import solved

if TYPE_CHECKING:
    from ndfit.pipeline.guess.background import Clipping

__all__ = ["background_coefficients"]

_SAMPLES, _ROUNDS, _MEDIANS, _CLIPPED_AT = range(4)
_VALUES, _WEIGHTS, _ROOTS, _RESULT, _FUNCTIONS = range(5)
# Of absolute values of a normal distribution, the median over the mean.
_MEDIAN_OF_MEAN = 0.845


def background(n_functions: int, job_at: Any, numbers_at: Any) -> None:
    """Fit each group, again without what stands out as long as that changes."""
    job, numbers = arguments(job_at, numbers_at)
    n_samples = numbers[_SAMPLES].truncated()
    with groups_of_fits(job) as first:
        values, weights, roots = (rows_at(job, array, first) for array in (_VALUES, _WEIGHTS, _ROOTS))
        functions = [rows_at(job, _FUNCTIONS + number, first) for number in range(n_functions)]
        sizes, used = scratch_at(job), scratch_at(job).after(n_samples + 1)
        sums = _Sums(n_functions)
        count = Local(Lanes.of(0.0))
        with loop(n_samples) as i:
            used[i] = weights[i]
            count += choose(weights[i] > 0.0, 1.0, 0.0)
            sums.add(weights[i], values[i], [function[i] for function in functions])
        coefficients = [Local(value) for value in sums.solution()]
        total, limit = Local(Lanes.of(0.0)), Local(Lanes.of(0.0))
        rounds, changed = Local(0), Local(~none_of(count.value > 0.0))
        with loop_while(lambda: changed.value & (rounds.value < numbers[_ROUNDS].truncated())):
            total.set(Lanes.of(0.0))
            with loop(n_samples) as i:
                known = sum((c.value * f[i] for c, f in zip(coefficients, functions, strict=True)), Lanes.of(0.0))
                size = abs(values[i] - known) * roots[i]
                sizes[i] = choose(weights[i] > 0.0, size, float("inf"))
                total += choose(weights[i] > 0.0, size, 0.0)
            with when(rounds.value < numbers[_MEDIANS].truncated()):
                expected = _MEDIAN_OF_MEAN * (total.value / count.value)
                limit.set(numbers[_CLIPPED_AT] * median(sizes.place, n_samples, count.value, expected))
            sums.clear()
            differ = Local(Lanes.of(0.0))
            with loop(n_samples) as i:
                weight = choose(sizes[i] <= limit.value, weights[i], 0.0)
                differ.set(choose(weight == used[i], differ.value, 1.0))
                used[i] = weight
                sums.add(weight, values[i], [function[i] for function in functions])
            changed.set(~none_of(differ.value > 0.0))
            with when(changed.value):
                for coefficient, value in zip(coefficients, sums.solution(), strict=True):
                    coefficient.set(value)
            rounds += 1
        for row, coefficient in enumerate(coefficients):
            rows_at(job, _RESULT, first)[row] = coefficient.value


class _Sums:
    """Products of functions with each other and with values."""

    def __init__(self, n_functions: int) -> None:
        self._matrix = [[Local(Lanes.of(0.0)) for _ in range(row + 1)] for row in range(n_functions)]
        self._right = [Local(Lanes.of(0.0)) for _ in range(n_functions)]

    def clear(self) -> None:
        for total in (*self._right, *(entry for row in self._matrix for entry in row)):
            total.set(Lanes.of(0.0))

    def add(self, weight: Any, value: Any, functions: Sequence[Any]) -> None:
        for i, function in enumerate(functions):
            weighted = weight * function
            self._right[i] += weighted * value
            for j in range(i + 1):
                self._matrix[i][j] += weighted * functions[j]

    def solution(self) -> list[Any]:
        return solved(
            [[entry.value for entry in row] for row in self._matrix], [one.value for one in self._right], LANGUAGE
        )


@kept
def _compiled(n_functions: int) -> Loaded:
    function = Function("background", partial(background, n_functions), (Int, Int))
    return load((function,), host(), n_functions)


def background_coefficients(
    values: FloatArray, weights: FloatArray, functions: Sequence[FloatArray], clipping: Clipping
) -> FloatArray:
    """Coefficients (n, D) of values (M, n), with arrays (M, n) or (M, 1)."""
    n_samples, n_fits = values.shape
    call = Call(n_fits, 2 * n_samples + 1)
    call.reads(values, weights, np.sqrt(weights))
    coefficients = call.writes(len(functions))
    call.reads(*functions)
    call.run(_compiled(len(functions)), "background", n_samples, *clipping)
    return coefficients.T
