"""Results that the tests of pictures and reports draw."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from astropy import units as u
from astropy.modeling.models import Const1D, Gaussian1D, Gaussian2D
from astropy.wcs import WCS

import ndfit

SHAPE = (31, 5, 7)
SIGMA = 0.1
EMPTY = (4, 6)  # a position without data
HIT = (9, 1, 2)  # a sample far off, which is masked
GONE = (20, 1, 2)  # a sample that is NaN


def cube_wcs() -> WCS:
    wcs = WCS(naxis=3)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN", "VRAD"
    wcs.wcs.crval = 51.3, 30.7, 2000.0
    wcs.wcs.cdelt = -0.01, 0.01, 100.0
    wcs.wcs.crpix = 3.0, 3.0, 1.0
    wcs.wcs.cunit = "deg", "deg", "m/s"
    return wcs


def cube() -> np.ndarray:
    rng = np.random.default_rng(5)
    velocity = 2000.0 + 100.0 * np.arange(SHAPE[0])[:, None, None]
    y, x = np.meshgrid(np.arange(SHAPE[1]), np.arange(SHAPE[2]), indexing="ij")
    line = (2.0 + 0.2 * x) * np.exp(-0.5 * ((velocity - 3300.0 - 60.0 * (x - y)) / 300.0) ** 2)
    data = line + 0.5 + SIGMA * rng.normal(size=SHAPE)
    data[:, *EMPTY] = np.nan
    data[HIT], data[GONE] = 40.0, np.nan
    return data


def model(unit: Any = u.m / u.s) -> Any:
    line = Gaussian1D(2 * u.K, 3300 * unit, 300 * unit)
    line.stddev.min = 10.0
    return line + Const1D(0.5 * u.K)


def fit_cube(**keywords: Any) -> ndfit.FitResult:
    """A cube with WCS, units, uncertainties and a mask; one position has no data."""
    return ndfit.fit(model(), cube(), fitting_axes=0, **(cube_inputs() | keywords))


def cube_inputs() -> dict[str, Any]:
    """What comes with the cube's data."""
    mask = np.zeros(SHAPE, dtype=bool)
    mask[HIT] = True
    uncertainty = np.full(SHAPE[0], SIGMA) * u.K
    return {"data_unit": u.K, "world": cube_wcs(), "uncertainty": uncertainty, "mask": mask}


def fit_images() -> ndfit.FitResult:
    """Four images, fitted along both of their axes."""
    y, x = np.mgrid[:9, :11]
    image = 3.0 * np.exp(-0.5 * ((y - 4) ** 2 + (x - 5) ** 2) / 2.0)
    data = image + 0.05 * np.random.default_rng(2).normal(size=(4, 9, 11))
    data[1, 2, 3] = np.nan
    start = Gaussian2D(2.0, 4.0, 5.0, 1.5, 1.5)
    start.theta.fixed = True
    return ndfit.fit(start, data, fitting_axes=(1, 2))


def fit_along(shape: tuple[int, ...]) -> ndfit.FitResult:
    """Spectra on maps of any shape, without WCS, units, or weights."""
    x = np.linspace(-5.0, 5.0, 21)
    centres = np.linspace(-1.0, 1.0, int(np.prod(shape, dtype=int))).reshape(shape)
    noise = 0.05 * np.random.default_rng(3).normal(size=(21, *shape))
    data = 2.0 * np.exp(-0.5 * (x.reshape(-1, *(1,) * len(shape)) - centres) ** 2) + noise
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ndfit.FitWarning)
        return ndfit.fit(Gaussian1D(1.5, 0.1, 1.2), data, world=x, fitting_axes=0)
