"""Which parameters a model is linear in, each by itself.

Flows in: the unitless model and the parameters that are asked about. Flows out: those of them that the model is linear
in while the others keep their values. An amplitude is; a centre or a width is not.

A sum, difference or product is linear in what one of its sides is linear in, a quotient in what its left side is, and
so is `f | g` in what g is. Each part is tried at a few points by itself, so that compounds of many parts cost no more
than their parts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from astropy.modeling import CompoundModel

from ndfit.arrays import FloatArray
from ndfit.compound import sides

__all__ = ["linear_columns"]

_LINEAR_SIDES = {"+": (True, True), "-": (True, True), "*": (True, True), "/": (True, False), "|": (False, True)}
_SHIFTS = (0.9, 1.2)
_ROUNDING, _ACTS = 1e-9, 1e-6
_N_TRIED = 64  # samples, at most
_MOST_VALUES = 8  # of parameters, for polynomials of any degree


def linear_columns(model: Any, asked: tuple[int, ...], sample: tuple[FloatArray, ...]) -> tuple[int, ...]:
    """Those of some parameters that the model is linear in.

    A parameter that another one is tied to may enter in ways that are not looked at, and counts as not linear; so does
    one of a part that raises.

    Parameters
    ----------
    model : bare model
    asked : places of parameters
    sample : K arrays of coordinates, of one shape
    """
    if not asked or any(model.tied.values()):
        return ()
    return tuple(
        first + place
        for part, first in _linear_parts(model, 0)
        for place in range(len(part.param_names))
        if first + place in asked and _is_linear(part, place, sample)
    )


def _linear_parts(model: Any, first: int) -> Iterator[tuple[Any, int]]:
    """Parts that the whole is linear in, and the places of their first parameters."""
    if not isinstance(model, CompoundModel):
        yield model, first
        return
    for (side, place), is_linear in zip(sides(model, first), _LINEAR_SIDES.get(model.op, (False, False)), strict=False):
        if is_linear:
            yield from _linear_parts(side, place)


def _is_linear(part: Any, place: int, sample: tuple[FloatArray, ...]) -> bool:
    """Whether equal steps of the parameter change the values equally, at points where nothing is hidden by a zero."""
    start = np.array(part.parameters)
    moved = np.arange(start.size) == place

    def values(point: FloatArray, factor: float) -> FloatArray:
        coords = _places(point, part.n_inputs, sample)
        return np.asarray(part.evaluate(*coords, *np.where(moved, factor * point, point)), dtype=float)

    acts = False
    try:
        with np.errstate(all="ignore"):
            for shift in _SHIFTS:
                point = np.where(start == 0.0, shift, start * shift)
                low, middle, high = (values(point, factor) for factor in (0.5, 1.0, 1.5))
                size = np.abs(low) + np.abs(middle) + np.abs(high)
                bent, moved_by = np.abs(high - 2.0 * middle + low), np.abs(high - low)
                known = np.isfinite(size)  # the point may lie outside of the domain
                if np.any(bent[known] > _ROUNDING * size[known]):
                    return False
                acts |= bool(np.any(moved_by[known] > _ACTS * size[known]))
    except Exception:  # the caller's own code
        return False
    return acts


def _places(point: FloatArray, n_inputs: int, sample: tuple[FloatArray, ...]) -> list[FloatArray]:
    """Where to try a part: at some of the samples, and at the values of its parameters, of which one is a centre."""
    at_parameters = np.meshgrid(*[point[:_MOST_VALUES]] * n_inputs)
    some = [sample[k % len(sample)] for k in range(n_inputs)]
    return [
        np.concatenate((values[:: max(1, values.size // _N_TRIED)], grid.ravel()))
        for values, grid in zip(some, at_parameters, strict=True)
    ]
