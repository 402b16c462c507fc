"""Changes of parameters that leave a model as it is, beyond the sign of single widths: both widths of a Voigt profile
turned at once, an angle moved by its period.

Flows in: the unitless model, its constraints, a few coordinates. Flows out: the Symmetries that the model really has:
rows of the table below, of which those that ties may contradict are tried on the model. `ndfit.pipeline.sign_symmetry`
finds the single parameters whose sign has no meaning.

A Voigt profile is Re w(z) with z = (2 (x - x_0) + i fwhm_L) sqrt(ln 2) / fwhm_G, times fwhm_L / fwhm_G. With both
widths turned, z becomes minus its own complex conjugate, at which w is the complex conjugate of what it was (NIST
Digital Library of Mathematical Functions, section 7.4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ndfit.arrays import FloatArray
from ndfit.engines.own_values import own_values
from ndfit.pipeline.components import components_of

__all__ = ["Period", "Symmetries", "Turn", "symmetries_of"]


@dataclass(frozen=True)
class Turn:
    """The model stays as it is where some parameters change their sign together.

    Attributes
    ----------
    negative : places of those that are all negative where they are to be turned
    others : places of those that turn with them
    shift : added to each of the others after it turned
    """

    negative: tuple[int, ...]
    others: tuple[int, ...] = ()
    shift: float = 0.0

    @property
    def columns(self) -> tuple[int, ...]:
        return (*self.negative, *self.others)


@dataclass(frozen=True)
class Period:
    """The model stays as it is where a parameter moves by `length`."""

    column: int
    length: float

    @property
    def columns(self) -> tuple[int, ...]:
        return (self.column,)


_SYMMETRIES: Mapping[str, tuple[Turn | Period, ...]] = {
    "Voigt1D": (Turn((2, 3)),),
    "Sine1D": (Turn((1,), (2,), 0.5), Period(2, 1.0)),  # phases are counted in turns
    "Cosine1D": (Turn((1,), (2,)), Period(2, 1.0)),
    "Tangent1D": (Period(2, 0.5),),
    "Gaussian2D": (Period(5, np.pi),),
    "Sersic2D": (Period(6, np.pi),),
    "GeneralSersic2D": (Period(6, np.pi),),
    "Ellipse2D": (Period(5, np.pi),),
}
"""Name of a class -> its symmetries, in the places of its own parameters."""

_SHIFTS = (0.9, 1.0, 1.2)
_SAME = 1e-9  # of the largest value of the model, by which rounding may move it


@dataclass(frozen=True)
class Symmetries:
    """Those of one model, in the places of its parameters."""

    turns: tuple[Turn, ...] = ()
    periods: tuple[Period, ...] = ()


def symmetries_of(model: Any, free: tuple[int, ...], sample: tuple[FloatArray, ...]) -> Symmetries:
    """The symmetries of a model, ties included.

    A model that raises here is taken to have none: what it raises belongs to the fit.

    Parameters
    ----------
    model : bare model
    free : places of the free parameters
    sample : K arrays of coordinates, of one shape
    """
    rows = [
        _placed(row, component.columns)
        for component in components_of(model)
        for row in _SYMMETRIES.get(component.kind, ())
    ]
    if not rows:
        return Symmetries()
    ties = model.tied
    tied = {i for i, name in enumerate(model.param_names) if ties[name]}
    rows = [row for row in rows if _moves(row, free, tied)]
    if tied:
        rows = [row for row in rows if _holds(row, model, sample)]
    return Symmetries(
        tuple(row for row in rows if isinstance(row, Turn)), tuple(row for row in rows if isinstance(row, Period))
    )


def _placed(row: Turn | Period, columns: tuple[int, ...]) -> Turn | Period:
    if isinstance(row, Period):
        return replace(row, column=columns[row.column])
    negative, others = (tuple(columns[i] for i in part) for part in (row.negative, row.others))
    return Turn(negative, others, row.shift)


def _moves(row: Turn | Period, free: tuple[int, ...], tied: set[int]) -> bool:
    """Whether nothing that is fixed would have to change; what is tied follows."""
    return all(column in free or column in tied for column in row.columns) and any(
        column in free for column in row.columns
    )


def _holds(row: Turn | Period, model: Any, sample: tuple[FloatArray, ...]) -> bool:
    """Whether the model has the same values at three points near its start, where nothing is hidden by a zero."""
    start = np.array(model.parameters)
    points = np.array([np.where(start == 0.0, shift, start * shift) for shift in _SHIFTS])
    plain, changed = (own_values(model, each, sample) for each in (points, _changed(row, points)))
    largest = np.max(np.abs(plain), axis=1, initial=0.0)[:, np.newaxis]
    return bool(np.all(np.isfinite(largest) & (np.abs(plain - changed) <= _SAME * largest)))


def _changed(row: Turn | Period, values: FloatArray) -> FloatArray:
    """The parameters, along the last axis, after the change."""
    changed = values.copy()
    if isinstance(row, Period):
        changed[..., row.column] += row.length
        return changed
    changed[..., list(row.columns)] *= -1.0
    changed[..., list(row.others)] += row.shift
    return changed
