"""Noiseless Gaussian lines whose parameters are known: what the parity tests fit."""

from __future__ import annotations

import numpy as np
from astropy.modeling.models import Gaussian1D

X = np.linspace(0.0, 10.0, 50)


def gaussian(x, amplitude, mean, stddev):
    return amplitude * np.exp(-0.5 * ((x - mean) / stddev) ** 2)


def spectra(mean, amplitude=2.0, stddev=0.8, x=X):
    """Lines at the given means: shape `mean.shape + (M,)`, the spectral axis last."""
    mean = np.asarray(mean, dtype=float)
    return gaussian(x, np.expand_dims(amplitude, -1), mean[..., np.newaxis], np.expand_dims(stddev, -1))


def cube(mean, **shape_of_line):
    """The same with the spectral axis first."""
    return np.moveaxis(spectra(mean, **shape_of_line), -1, 0)


def start(**constraints):
    """A model that is near every line drawn here, but on none of them."""
    return Gaussian1D(1.5, 5.0, 1.0, **constraints)


MEANS = np.array([[4.0, 4.5, 5.0, 5.5], [6.0, 5.6, 5.2, 4.8], [4.2, 4.4, 4.6, 5.8]])
"""Means of a map of 3 x 4 positions, all of which converge from `start`."""
