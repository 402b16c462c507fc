"""Coordinates that problems are drawn on: pixels, wavelengths, radii, dates and frequencies far from zero.

Flows in: a random generator. Flows out: Axis, the coordinates of one fitting axis.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["KINDS", "Axis", "draw_axis"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Axis:
    """Coordinates of one fitting axis.

    Attributes
    ----------
    kind : a key of KINDS
    values : shape (M,), ascending
    """

    kind: str
    values: FloatArray

    @property
    def low(self) -> float:
        return float(self.values[0])

    @property
    def span(self) -> float:
        return float(self.values[-1] - self.values[0])

    @property
    def middle(self) -> float:
        return float(0.5 * (self.values[0] + self.values[-1]))


Make = Callable[[np.random.Generator, int], FloatArray]


def _irregular(rng: np.random.Generator, size: int) -> FloatArray:
    values = np.sort(rng.uniform(0.0, 10.0, size))
    values[0], values[-1] = 0.0, 10.0
    return values


def _far(rng: np.random.Generator, size: int) -> FloatArray:
    """Dates, frequencies in Hz, wavelengths in Angstrom and metres: ranges far from zero."""
    low, span = (
        (6e4, 10.0 ** rng.uniform(-1.0, 2.0)),
        (1e15, 10.0 ** rng.uniform(11.0, 14.0)),
        (6500.0, 10.0 ** rng.uniform(1.0, 2.5)),
        (5e-7, 10.0 ** rng.uniform(-9.5, -7.5)),
    )[rng.integers(4)]
    return low + span * np.linspace(0.0, 1.0, size)


KINDS: Mapping[str, Make] = {
    "pixels": lambda rng, size: np.arange(float(size)),
    "centred": lambda rng, size: np.linspace(-5.0, 5.0, size),
    "irregular": _irregular,
    "large": lambda rng, size: 10.0 ** rng.uniform(3.0, 12.0) * np.linspace(0.0, 1.0, size),
    "small": lambda rng, size: 10.0 ** rng.uniform(-12.0, -3.0) * np.linspace(0.0, 1.0, size),
    "far from zero": _far,
    "positive": lambda rng, size: np.linspace(0.5, 10.0, size),
    "decades": lambda rng, size: np.geomspace(1.0, 10.0 ** rng.uniform(1.0, 4.0), size),
    "magnitudes": lambda rng, size: np.linspace(-23.5, -16.0, size),
    "radiation": lambda rng, size: np.geomspace(5e13, 2e15, size),
}
"""Kind -> function of a random generator and the number of samples."""


def draw_axis(rng: np.random.Generator, kinds: tuple[str, ...], size: int) -> Axis:
    kind = kinds[rng.integers(len(kinds))]
    return Axis(kind, KINDS[kind](rng, size))
