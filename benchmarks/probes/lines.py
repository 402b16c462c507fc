"""A Gaussian on a constant at each position, as most cubes have it.

Flows in: the shape of the sky. Flows out: Lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.modeling.models import Const1D, Gaussian1D
from numpy.typing import NDArray

__all__ = ["Lines", "lines"]

SEED = 20270104
N_CHANNELS = 60
NOISE = 0.3

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Lines:
    """Spectra, and what fits of them need.

    Attributes
    ----------
    data, sigma : float32, the channels along `axis`
    start : the model where all fits start, its mean off by up to two widths
    """

    data: Samples
    sigma: Samples
    axis: int
    start: Any

    @property
    def call(self) -> Mapping[str, Any]:
        """Keywords that all calls have."""
        channels = np.arange(float(N_CHANNELS))
        return {"model": self.start, "data": self.data, "world": (channels,), "fitting_axes": self.axis}


def lines(*sky: int, axis: int = 0) -> Lines:
    """One at each position of the sky, at a signal-to-noise ratio of 10 to 30."""
    rng = np.random.default_rng(SEED)
    amplitude, mean, stddev = (rng.uniform(*limits, sky) for limits in ((3.0, 9.0), (20.0, 36.0), (2.5, 5.0)))
    shape = list(sky)
    shape.insert(axis, N_CHANNELS)
    data = np.empty(shape, dtype=np.float32)
    for channel, samples in enumerate(np.moveaxis(data, axis, 0)):
        samples[...] = amplitude * np.exp(-0.5 * ((channel - mean) / stddev) ** 2) + rng.normal(1.0, NOISE, sky)
    sigma = np.full_like(data, NOISE)
    return Lines(data, sigma, axis, Gaussian1D(5.0, 28.0, 4.0) + Const1D(0.0))
