"""Lines of a model at a sample, and what they and a background leave of the data, compiled.

Flows in: data, coefficients and functions of the background, parameters of lines. Flows out: what is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from ndfit.arrays import FloatArray
from ndfit.compiler.flow import loop
from ndfit.compiler.functions import LANGUAGE
from ndfit.compiler.machine_code import Function, Loaded, load
from ndfit.compiler.target import host
from ndfit.compiler.values import Int, Lanes, choose
from ndfit.compiler.variables import Local
from ndfit.once import kept
from ndfit.pipeline.guess.code.lanes import Call, arguments, groups_of_fits, rows_at
from ndfit.pipeline.guess.lines import LINES

__all__ = ["left_over", "line_at"]

_SAMPLES = 0
_DATA, _WEIGHTS, _COEFFICIENTS, _PARAMETERS, _SIGNS, _LEFT, _COST, _MORE = range(8)


def line_at(kind: str, coords: Sequence[Any], parameters: Sequence[Any], sign: Any) -> tuple[Any, list[Any]]:
    """Value and derivatives of a line; zero where its sign is."""
    value, derivatives = LINES[kind](coords, parameters, LANGUAGE)
    there = sign != 0.0
    return choose(there, sign * value, 0.0), [choose(there, sign * one, 0.0) for one in derivatives]


def left(kinds: Sequence[tuple[str, int]], n_functions: int, n_axes: int, job_at: Any, numbers_at: Any) -> None:
    """Data less background and lines, and half the weighted sum of its squares."""
    job, numbers = arguments(job_at, numbers_at)
    with groups_of_fits(job) as first:
        data, weights, coefficients, parameters, signs, result, cost = (
            rows_at(job, array, first) for array in range(_MORE)
        )
        functions = [rows_at(job, _MORE + number, first) for number in range(n_functions)]
        coords = [rows_at(job, _MORE + n_functions + axis, first) for axis in range(n_axes)]
        factors = [coefficients[number] for number in range(n_functions)]
        values = [parameters[row] for row in range(sum(count for _, count in kinds))]
        line_signs = [signs[number] for number in range(len(kinds))]
        total = Local(Lanes.of(0.0))
        with loop(numbers[_SAMPLES].truncated()) as i:
            rest = data[i]
            for factor, function in zip(factors, functions, strict=True):
                rest = rest - factor * function[i]
            x, place = [axis[i] for axis in coords], 0
            for (kind, count), sign in zip(kinds, line_signs, strict=True):
                rest = rest - line_at(kind, x, values[place : place + count], sign)[0]
                place += count
            result[i] = rest
            total += weights[i] * rest * rest
        cost[0] = 0.5 * total.value


@kept
def _compiled(kinds: tuple[tuple[str, int], ...], n_functions: int, n_axes: int) -> Loaded:
    function = Function("left", partial(left, kinds, n_functions, n_axes), (Int, Int))
    return load((function,), host(), (kinds, n_functions, n_axes))


def left_over(
    data: FloatArray,
    weights: FloatArray,
    coords: Sequence[FloatArray],
    background: Sequence[tuple[FloatArray, FloatArray]],
    lines: Sequence[tuple[str, Sequence[FloatArray], FloatArray]],
) -> tuple[FloatArray, FloatArray]:
    """What background and lines leave of the data, (M, n), and its cost, (n,).

    Parameters
    ----------
    background : coefficients (n,) and function (M, n) or (M, 1), of each term
    lines : kind, parameters (n,) each, and the sign (n,), zero in fits that do not have the line, of each
    """
    n_samples, n_fits = data.shape
    call, nothing = Call(n_fits), [np.zeros(n_fits)]
    call.reads(
        data,
        weights,
        np.stack([coefficient for coefficient, _ in background] or nothing),
        np.stack([parameter for _, parameters, _ in lines for parameter in parameters] or nothing),
        np.stack([sign for _, _, sign in lines] or nothing),
    )
    rest, cost = call.writes(n_samples), call.writes(1)
    call.reads(*(function for _, function in background), *coords)
    kinds = tuple((kind, len(parameters)) for kind, parameters, _ in lines)
    call.run(_compiled(kinds, len(background), len(coords)), "left", n_samples)
    return rest, cost[0]
