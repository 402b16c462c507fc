"""Warnings about a whole run, beside the fits that failed.

Flows in: FitProblem, before the run and, with its Maps, after it. Flows out: one FitWarning for each matter.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from ndfit.errors import FitWarning
from ndfit.pipeline.components import components_of
from ndfit.pipeline.shapes import SHAPES
from ndfit.plotting.labels import coordinate_units, unit_text
from ndfit.problem.types import FitProblem
from ndfit.result.maps import Maps
from ndfit.status import Flag

__all__ = ["coordinates_text", "warn_of_bounds", "warn_of_invalid", "warn_of_no_effect"]

_SAME_UNIT = "Are the model and the coordinates in the same unit?"


def warn_of_bounds(problem: FitProblem) -> None:
    """Before the first fit: bounds of a centre that leave no place where samples are, at any position."""
    params, model = problem.params, problem.model
    for part in components_of(model):
        if part.kind not in SHAPES or not part.at_coordinates:
            continue
        for axis, place in enumerate(SHAPES[part.kind].centre):
            column = part.columns[place]
            low, high = float(np.min(params.lower[column])), float(np.max(params.upper[column]))
            if column in params.free and (np.isfinite(low) or np.isfinite(high)):
                first, last = _range(problem.samples.coords[axis])
                if first > high or last < low:
                    _warn(
                        f"the bounds of '{params.names[column]}', {low:.6g} to {high:.6g}, leave no place where "
                        f"samples are; {coordinates_text(problem)}. {_SAME_UNIT}"
                    )


def warn_of_no_effect(problem: FitProblem, maps: Maps) -> None:
    """After the run: parameters that have no effect at any position that has an answer."""
    answered = maps.usable
    if maps.parameter_flags is None or not answered.any():
        return
    flagged = (maps.parameter_flags & Flag.NO_EFFECT) != 0
    names = [
        problem.params.names[index]
        for index, found in zip(problem.params.free, flagged, strict=True)
        if (found | ~answered).all()
    ]
    if names:
        verb = "has" if len(names) == 1 else "have"
        _warn(
            f"{_listed(names)} {verb} no effect on the model at any position, so that nothing is known of "
            f"{'it' if len(names) == 1 else 'them'}; {coordinates_text(problem)}. {_SAME_UNIT} If so, start where the "
            "model shows, or fix what the data cannot tell"
        )


def warn_of_invalid(maps: Maps) -> None:
    """After the run: samples that were left out because what was given as their uncertainty is none."""
    if maps.n_invalid:
        _warn(
            f"{maps.n_invalid} samples at {maps.n_with_invalid} positions were left out, because their uncertainties "
            "(or weights) are negative or zero (infinite). If they are to be left out, mask them; else look at how the "
            "uncertainties were made"
        )


def coordinates_text(problem: FitProblem) -> str:
    """Range of the coordinates, for messages."""
    parts = []
    units, names = coordinate_units(problem), problem.original.inputs
    for values, unit, name in zip(problem.samples.coords, units, names, strict=True):
        low, high = _range(values)
        parts.append(f"{name} from {low:.6g} to {high:.6g} {unit_text(unit)}".rstrip())
    origin = ", as the WCS gives them" if problem.wcs is not None else ""
    return f"the coordinates of the samples are {' and '.join(parts)}{origin}"


def _range(values: Any) -> tuple[float, float]:
    """Of the coordinates of all positions."""
    return float(np.nanmin(values)), float(np.nanmax(values))


def _listed(names: Sequence[str]) -> str:
    quoted = [f"'{name}'" for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"


def _warn(message: str) -> None:
    warnings.warn(message, FitWarning, stacklevel=4)
