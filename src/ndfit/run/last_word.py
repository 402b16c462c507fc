"""The caller's own model has the last word: some solutions are evaluated with it when a run ends.

Flows in: FitProblem, Maps of a run, and what compares the engine's model with the caller's. Flows out: nothing, or
OwnModelDisagrees.

A trace is compared with its model around the start. A branch that Python takes elsewhere, and hides from tracing by
catching what it raises, is not seen there; nor is a model that looks at the shape of its input. So the two are compared
once more where fits ended: at positions spread over the maps, where a parameter is smallest and largest, and where fits
are best and worst; with coordinates of the shape that an astropy fitter would pass. It takes a few milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.problem.arrange import coordinates_at
from ndfit.problem.types import FitProblem
from ndfit.result.maps import Maps

__all__ = ["OwnModelDisagrees", "check_with_own_model"]

_SPREAD = 6
_MOST_PARAMETERS = 8


class OwnModelDisagrees(Exception):
    """The engine's model is not the caller's at a solution; the message says where and by how much."""


def check_with_own_model(
    problem: FitProblem, difference: Callable[[FloatArray, tuple[FloatArray, ...]], str | None], maps: Maps
) -> None:
    """Compare the two at some of the solutions.

    Parameters
    ----------
    difference : see EngineChoice
    maps : with the parameters that were fitted

    Raises
    ------
    OwnModelDisagrees
    """
    table = maps.parameters.reshape(len(maps.parameters), -1).T
    numbers = _positions(problem, maps)
    for group in [numbers] if _are_shared(problem) else [[number] for number in numbers]:
        if not group or difference(table[group], _coordinates(problem, group[0])) is None:
            continue
        for number in group:
            reason = difference(table[number : number + 1], _coordinates(problem, number))
            if reason is not None:
                place = tuple(int(index) for index in np.unravel_index(number, problem.axes.iterating_shape))
                raise OwnModelDisagrees(f"at the solution of position {place}, {reason}")


def _are_shared(problem: FitProblem) -> bool:
    """Whether all positions have the same coordinates."""
    return not any(map(problem.samples.varies, problem.samples.inputs))


def _coordinates(problem: FitProblem, number: int) -> tuple[FloatArray, ...]:
    return coordinates_at(problem.samples.inputs, problem.axes, number)


def _positions(problem: FitProblem, maps: Maps) -> list[int]:
    """Numbers of positions that have an answer, in the order of the iterating axes."""
    usable = maps.usable.ravel()
    count = int(np.count_nonzero(usable))
    if count == 0:
        return []
    # Where all have one, as is usual, no list of their numbers is made.
    numbers = range(count) if count == usable.size else np.flatnonzero(usable)
    spread = np.linspace(0, count - 1, min(_SPREAD, count)).astype(int)
    free = np.array(problem.params.free)
    chosen = free[np.unique(np.linspace(0, free.size - 1, min(_MOST_PARAMETERS, free.size)).astype(int))]
    chosen_maps = (*(maps.parameters[index] for index in chosen), maps.cost)
    places = {int(place) for place in spread} | {place for values in chosen_maps for place in _extremes(values, usable)}
    return sorted({int(numbers[place]) for place in places})


def _extremes(values: FloatArray, usable: NDArray[np.bool_]) -> tuple[int, int]:
    """Places, among those that have an answer, of the smallest and the largest."""
    known = values.ravel() if usable.all() else values.ravel()[usable]
    return int(np.argmin(known)), int(np.argmax(known))
