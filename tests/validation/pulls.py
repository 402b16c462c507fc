"""Simulated positions whose true parameters are known: pulls, (fitted - true) / standard error.

Flows in: a name of CASES. Flows out: the pulls of every free parameter of n positions.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.modeling.models import Gaussian1D, Gaussian2D, Linear1D, Voigt1D
from numpy.typing import NDArray

import ndfit
from ndfit.errors import FitWarning

__all__ = ["CASES", "SIGNAL_TO_NOISE", "pulls"]

FloatArray = NDArray[np.float64]

SIGNAL_TO_NOISE = 10.0
"""Peak over the standard deviation of one sample."""

X = np.arange(960.0)
LONG = np.arange(5000.0)
PLANE = tuple(axis.astype(float) for axis in np.mgrid[:71, :71])


def gaussian() -> Any:
    return Gaussian1D(1.0, 480.0, 80.0)


def with_line() -> Any:
    return Gaussian1D(1.0, 480.0, 80.0) + Linear1D(0.0005, 0.5)


def two() -> Any:
    return Gaussian1D(1.0, 320.0, 64.0) + Gaussian1D(1.0, 640.0, 64.0)


def voigt() -> Any:
    """Its pulls are skewed: the amplitude of the Lorentzian is large where its error is.

    The mean falls with the square root of the number of samples: -0.1 of 960, less than 0.02 of LONG.
    """
    return Voigt1D(2500.0, 2.0, 650.0, 390.0)


def plane() -> Any:
    return Gaussian2D(1.0, 35.0, 35.0, 7.0, 12.0, 0.5)


def with_fixed() -> Any:
    model = with_line()
    model.slope_1.fixed = True
    return model


def with_tied() -> Any:
    model = two()
    model.stddev_1.tied = lambda model: model.stddev_0
    return model


@dataclass(frozen=True)
class Case:
    """A model with its true parameters, and the coordinates of its samples."""

    model: Callable[[], Any]
    coords: tuple[FloatArray, ...]


CASES = {
    "Gaussian": Case(gaussian, (X,)),
    "Gaussian and line": Case(with_line, (X,)),
    "two Gaussians": Case(two, (X,)),
    "Voigt": Case(voigt, (LONG,)),
    "2-D Gaussian": Case(plane, PLANE),
    "fixed slope": Case(with_fixed, (X,)),
    "tied widths": Case(with_tied, (X,)),
}


def pulls(name: str, n_fits: int, weighted: bool, seed: int = 0) -> tuple[dict[str, FloatArray], int]:
    """Pulls by parameter, shape (n_fits,), and the degrees of freedom.

    Parameters
    ----------
    weighted : the errors differ between samples and are given; otherwise they are equal, and estimated from the
        residuals
    """
    case, rng = CASES[name], np.random.default_rng(seed)
    model = case.model()
    shape = case.coords[0].shape
    sigma = np.full(shape, 1.0 / SIGNAL_TO_NOISE) * (rng.uniform(0.5, 1.5, shape) if weighted else 1.0)
    data = model(*case.coords) + sigma * rng.normal(size=(n_fits, *shape))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        result = ndfit.fit(
            model,
            data,
            world=case.coords,
            fitting_axes=tuple(range(1, data.ndim)),
            uncertainty=np.broadcast_to(sigma, data.shape) if weighted else None,
            engine="compiled",
        )
    found = {
        parameter: (result.parameters[parameter] - getattr(model, parameter).value) / result.errors[parameter]
        for parameter in result.param_names
        if not model.fixed[parameter]
    }
    return found, int(result.degrees_of_freedom[0])
