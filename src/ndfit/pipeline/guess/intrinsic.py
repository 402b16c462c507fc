"""From lines as samples see them to what they are before an instrument.

Flows in: guessed parameters, and the places of a block. Flows out: the same with narrower and higher lines.

Variances add up: a line whose image has variance s^2 where the instrument spreads a point to v has s^2 - v of its own,
and its flux is the same. Where noise or rounding leave less, a third of its width is taken. The spread of a point is
that of what the sample at the centre of the line sees: the moments of its coefficients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ndfit.arrays import FloatArray
from ndfit.pipeline.guess.profiles import PROFILES
from ndfit.pipeline.guess.terms import Term
from ndfit.problem.types import Block

__all__ = ["made_intrinsic"]

_LEAST = 1.0 / 3.0  # of the width of the image


@dataclass(frozen=True)
class _Spread:
    """What samples see of a point, for each of K coordinates: (M,) or (N, M) arrays.

    Attributes
    ----------
    at : coordinates of the samples
    shift, variance : where the point is seen, less where the sample is; and over which square of a length
    gain : what is seen of a constant of one
    """

    at: tuple[FloatArray, ...]
    shift: tuple[FloatArray, ...]
    variance: tuple[FloatArray, ...]
    gain: FloatArray

    @classmethod
    def of(cls, block: Block) -> _Spread | None:
        """None where samples see the model where they are."""
        places = block.places
        response = places.response
        if response is None or len(places.inputs) != len(block.coords):
            return None
        gain = response.coefficients.sum(axis=-1)
        shifts, variances = [], []
        with np.errstate(all="ignore"):
            for values, at in zip(places.inputs, block.coords, strict=True):
                apart = values[..., response.columns] - at[..., np.newaxis]
                mean = np.sum(response.coefficients * apart, axis=-1) / gain
                square = np.sum(response.coefficients * apart**2, axis=-1) / gain
                shifts.append(mean)
                variances.append(np.maximum(square - mean**2, 0.0))
        return cls(block.coords, tuple(shifts), tuple(variances), gain)

    def nearest(self, centre: FloatArray) -> FloatArray:
        """Which sample is nearest to a place (N, K), shape (N,)."""
        apart: FloatArray = np.zeros((len(centre), 1))
        for axis, place in zip(self.at, centre.T, strict=True):
            apart = apart + (axis - place[:, np.newaxis]) ** 2
        return np.argmin(np.where(np.isfinite(apart), apart, np.inf), axis=1)


def _at(values: FloatArray, samples: FloatArray) -> FloatArray:
    return values[samples] if values.ndim == 1 else values[np.arange(len(samples)), samples]


def made_intrinsic(table: FloatArray, block: Block, terms: Sequence[Term], free: Sequence[int]) -> FloatArray:
    """Starting values (N, P) before the instrument, inside the bounds, from those of lines as samples see them."""
    spread = _Spread.of(block)
    if spread is None:
        return table
    found = table.copy()
    for term in terms:
        if term.is_line:
            _narrow(found, term, spread)
    found = np.clip(found, block.lower, block.upper)
    kept = np.isin(np.arange(table.shape[1]), list(free)) & np.isfinite(found)
    return np.where(kept, found, table)


def _narrow(table: FloatArray, term: Term, spread: _Spread) -> None:
    """Change the parameters of one line."""
    profile = PROFILES[term.kind]
    columns = [term.columns[place] for place in profile.centre]
    samples = spread.nearest(table[:, columns])
    variance = np.mean([_at(each, samples) for each in spread.variance], axis=0)
    per_sigma, gain = profile.per_sigma(table[:, list(term.columns)]), _at(spread.gain, samples)
    for column, shift in zip(columns, spread.shift, strict=True):
        table[:, column] += _at(shift, samples)
    amplitude = term.columns[profile.amplitude]
    widths = [term.columns[place] for place in profile.widths]
    n_axes = len(columns)
    for column in widths:
        with np.errstate(all="ignore"):
            sigma = np.abs(table[:, column]) / per_sigma
            part = np.sqrt(np.maximum(1.0 - variance / sigma**2, _LEAST**2))
        table[:, column] *= part
        # A width that serves several axes, or several widths that are one line's, count as often as there are axes.
        table[:, amplitude] /= part ** (n_axes / len(widths))
    with np.errstate(all="ignore"):
        table[:, amplitude] = np.where(gain != 0.0, table[:, amplitude] / gain, table[:, amplitude])
