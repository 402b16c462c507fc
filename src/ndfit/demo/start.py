"""Starting values and bounds of the demonstration's model.

Flows in: a Cube. Flows out: the astropy model of one spectral line at its starting values, and the bounds of its mean.

A cube from a file starts from the strongest line of its mean spectrum, above a continuum that is the median of the
outer channels at the fainter end. Where the line reaches to both ends, nothing tells wings from continuum and the model
has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from astropy import units as u
from astropy.modeling import Model
from astropy.modeling.models import Const1D, Gaussian1D

from ndfit.arrays import FloatArray
from ndfit.demo.cube import Cube

__all__ = ["Start", "start_from_spectrum", "start_of_synthetic"]

OUTER_FRACTION = 1 / 8  # of the channels at either end: those that the continuum is read from
CONTINUUM_FRACTION = 0.1  # of the line's height, above which the continuum becomes part of the model
REACH = 3  # standard deviations: how far the line reaches, and how far from its start the mean may move


@dataclass(frozen=True)
class Start:
    """Where every fit starts.

    Attributes
    ----------
    model : Gaussian1D, or Gaussian1D + Const1D where the cube has a continuum.
    bounds : lower and upper limit of the mean in the mean's own unit, for the bounded fit.
    """

    model: Model
    bounds: tuple[float, float]

    def parameter(self, name: str) -> str:
        """Name that a parameter of the Gaussian has in the model."""
        return name if name in self.model.param_names else f"{name}_0"

    def bounded(self) -> Model:
        model = self.model.copy()
        getattr(model, self.parameter("mean")).bounds = self.bounds
        return model


class _Line(NamedTuple):
    height: float
    mean: float
    stddev: float


def start_of_synthetic() -> Start:
    model = Gaussian1D(amplitude=1 * u.one, mean=4000 * u.m / u.s, stddev=500 * u.m / u.s)
    return Start(model, bounds=(3000.0, 6000.0))


def start_from_spectrum(cube: Cube) -> Start:
    """Start from the strongest line of the cube's mean spectrum, in emission or in absorption."""
    x, spectrum = cube.spectral_values, _mean_spectrum(cube)
    n_outer = max(1, round(OUTER_FRACTION * x.size))
    continuum = min(float(np.median(spectrum[:n_outer])), float(np.median(spectrum[-n_outer:])), key=abs)
    line = _strongest_line(x, spectrum - continuum)
    if np.count_nonzero(np.abs(x - line.mean) > REACH * line.stddev) < n_outer:
        continuum = 0.0
        line = _strongest_line(x, spectrum)

    unit = cube.spectral_unit
    model: Model = Gaussian1D(amplitude=line.height * cube.unit, mean=line.mean * unit, stddev=line.stddev * unit)
    if abs(continuum) > CONTINUUM_FRACTION * abs(line.height):
        model = model + Const1D(amplitude=continuum * cube.unit)
    reach = REACH * line.stddev
    return Start(model, bounds=(max(line.mean - reach, float(x.min())), min(line.mean + reach, float(x.max()))))


def _mean_spectrum(cube: Cube) -> FloatArray:
    """Mean of the finite samples of each channel, one channel in memory at a time; 0 where there is none."""
    finite = (np.asarray(plane, dtype=float)[np.isfinite(plane)] for plane in cube.spectra)
    return np.array([samples.mean() if samples.size else 0.0 for samples in finite])


def _strongest_line(x: FloatArray, spectrum: FloatArray) -> _Line:
    """Height, position and width (from the full width at half maximum) of the largest excursion from zero."""
    peak = int(np.argmax(np.abs(spectrum)))
    outside = np.flatnonzero(spectrum / (spectrum[peak] or 1.0) < 0.5)
    first = outside[outside < peak].max(initial=-1)
    last = outside[outside > peak].min(initial=x.size)
    channel = abs(float(np.median(np.diff(x))))
    stddev = (last - first - 1) * channel / np.sqrt(8 * np.log(2))
    return _Line(float(spectrum[peak]), float(x[peak]), max(float(stddev), channel))
