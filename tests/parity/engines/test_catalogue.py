"""Every fittable class of astropy that compiles finds the parameters its own noiseless data were made with."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from astropy.modeling import FittableModel, models
from astropy.modeling.fitting import TRFLSQFitter

from ndfit import parallel_fit_dask
from ndfit.model.catalogue import example

COST_OF_ROUNDING = 1e-24  # of the sum of squares

# Classes for which the catalogue's example is no start for a fit: values where every parameter matters, and the cusp of
# a galaxy is not on a sample.
_GALAXY = {"n": 1.5, "r_eff": 2.0, "x_0": 0.3, "y_0": -0.4, "ellip": 0.3, "theta": 0.5}
TRUTH = {
    "GeneralSersic2D": _GALAXY | {"c": 0.2},
    "NFW": {"concentration": 2.0},
    "Sersic2D": _GALAXY,
    "Tangent1D": {"frequency": 0.01},
}

# Where every other parameter only moves jumps, there are no derivatives: compiled with the amplitude alone free.
STEPS = {"Box1D", "Box2D", "Disk2D", "Ellipse2D", "Ring2D"}

# No parameters, or no compiled counterpart.
LEFT_OUT = {"Identity", "Mapping", "OrthoPolynomialBase", "Spline1D"}

IN_THE_SUITE = {
    "AiryDisk2D",
    "Box1D",
    "Chebyshev2D",
    "Drude1D",
    "Gaussian1D",
    "KingProjectedAnalytic1D",
    "Moffat2D",
    "Voigt1D",
}


def _parameters() -> list[object]:
    classes = {cls for cls in vars(models).values() if inspect.isclass(cls) and issubclass(cls, FittableModel)}
    names = sorted({cls.__name__ for cls in classes if not inspect.isabstract(cls)} - LEFT_OUT)
    return [pytest.param(name, marks=() if name in IN_THE_SUITE else pytest.mark.long) for name in names]


@pytest.mark.parametrize("name", _parameters())
def test_own_parameters_are_found(name: str) -> None:
    truth, coords = example(getattr(models, name))
    for parameter, value in TRUTH.get(name, {}).items():
        setattr(truth, parameter, value)
    if name in STEPS:
        for parameter in truth.param_names:
            truth.fixed[parameter] = parameter != "amplitude"
    start = truth.copy()
    for i, parameter in enumerate(truth.param_names):
        if not truth.fixed[parameter]:
            value = getattr(truth, parameter).value
            setattr(start, parameter, value * (1.02 if i % 2 else 0.98) or 0.01)
    with np.errstate(all="ignore"):
        data = truth(*coords)
    fitter = TRFLSQFitter()
    parallel_fit_dask(
        model=start,
        fitter=fitter,
        data=data[:, np.newaxis] if len(coords) == 2 else data,
        world=tuple(axis[:, np.newaxis] for axis in coords) if len(coords) == 2 else coords,
        fitting_axes=tuple(range(len(coords))),
        fitter_kwargs={"filter_non_finite": True},
        fit_info="cost",
        engine="compiled",
    )
    assert fitter.fit_info["cost"] <= COST_OF_ROUNDING * np.nansum(data**2)
