"""The synthetic star-formation cube of the demonstration.

Flows in: nothing but a seed. Flows out: a Cube of 53 x 105 x 105 float32 samples like a 13CO(1-0) map of a nearby
molecular cloud: two clouds whose velocity gradients cross, with turbulent structure, noise and an unobserved corner.

The structure is a Gaussian random field with a power-law spectrum; its exponential gives the lognormal column densities
that isothermal turbulence has (Vazquez-Semadeni 1994, ApJ 423, 681).
"""

from __future__ import annotations

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.wcs import WCS

from ndfit.arrays import FloatArray
from ndfit.demo.cube import Cube

__all__ = ["synthetic_cube"]

SHAPE = (53, 105, 105)
NOISE = 0.17
SPECTRAL_INDEX = -3.2  # of the power in the field: between shallow (-3) and Kolmogorov (-11/3)
HEADER = {
    "WCSAXES": 3,
    "CTYPE1": "RA---SFL",
    "CTYPE2": "DEC--SFL",
    "CTYPE3": "VOPT",
    "CUNIT1": "deg",
    "CUNIT2": "deg",
    "CUNIT3": "m s-1",
    "CRVAL1": 57.66,
    "CRVAL2": 0.0,
    "CRVAL3": 2500.0,
    "CRPIX1": -799.0,
    "CRPIX2": -4742.0,
    "CRPIX3": 1.0,
    "CDELT1": -0.0064,
    "CDELT2": 0.0064,
    "CDELT3": 66.0,
    "SPECSYS": "LSRK",
}


def synthetic_cube(seed: int = 1448) -> Cube:
    """Make the cube; the same seed gives the same cube."""
    rng = np.random.default_rng(seed)
    wcs = WCS(fits.Header(HEADER))
    velocity = wcs.spectral.pixel_to_world_values(np.arange(SHAPE[0]))[:, None, None]
    y, x = np.meshgrid(*(np.linspace(-1, 1, length) for length in SHAPE[1:]), indexing="ij")

    along, across = x + 0.6 * y, y - 0.6 * x
    ridge = np.exp(-0.5 * ((across - 0.25 * _turbulence(rng)) / 0.45) ** 2)
    clump = np.exp(-0.5 * (((x - 0.3) / 0.5) ** 2 + ((y + 0.35) / 0.42) ** 2))
    signal = _line(
        velocity,
        amplitude=1.9 * ridge * np.exp(0.45 * _turbulence(rng)),
        mean=4350 + 620 * along + 130 * _turbulence(rng),
        stddev=300 * np.exp(0.18 * _turbulence(rng)),
    ) + _line(
        velocity,
        amplitude=1.6 * clump * np.exp(0.45 * _turbulence(rng)),
        mean=4250 - 900 * along + 110 * _turbulence(rng),
        stddev=240 * np.exp(0.15 * _turbulence(rng)),
    )
    data = signal + rng.normal(scale=NOISE, size=SHAPE)
    data[:, x - y > 1.45] = np.nan
    return Cube(
        name="synthetic 13CO cube",
        data=data.astype(np.float32),
        unit=u.dimensionless_unscaled,
        wcs=wcs,
        sky=wcs.celestial,
        axis=0,
    )


def _line(velocity: FloatArray, amplitude: FloatArray, mean: FloatArray, stddev: FloatArray) -> FloatArray:
    return amplitude * np.exp(-0.5 * ((velocity - mean) / stddev) ** 2)


def _turbulence(rng: np.random.Generator) -> FloatArray:
    """A random field over the sky with a power-law spectrum, mean 0 and variance 1."""
    frequency = np.hypot(np.fft.fftfreq(SHAPE[1])[:, None], np.fft.rfftfreq(SHAPE[2])[None, :])
    frequency[0, 0] = np.inf  # no power in the mean
    spectrum = np.fft.rfft2(rng.normal(size=SHAPE[1:])) * frequency ** (SPECTRAL_INDEX / 2)
    field = np.fft.irfft2(spectrum, s=SHAPE[1:])
    return field / field.std()
