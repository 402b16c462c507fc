"""The covariance is scipy's and astropy's; for NIST's certified standard errors see tests/engines/test_nist.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.modeling.fitting import TRFLSQFitter
from astropy.modeling.models import Const1D, Gaussian1D
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from scipy.optimize import curve_fit

import ndfit

X = np.linspace(-5.0, 5.0, 80)
SIGMA = np.linspace(0.2, 0.4, X.size)


def line() -> Any:
    return Gaussian1D(5.0, 0.1, 1.2) + Const1D(1.0)


def formula(x: NDArray[np.float64], amplitude: float, mean: float, stddev: float, level: float) -> Any:
    return amplitude * np.exp(-0.5 * ((x - mean) / stddev) ** 2) + level


def slopes(x: NDArray[np.float64], amplitude: float, mean: float, stddev: float, level: float) -> Any:
    shape, away = np.exp(-0.5 * ((x - mean) / stddev) ** 2), (x - mean) / stddev
    return np.stack([shape, amplitude * shape * away / stddev, amplitude * shape * away**2 / stddev, 1.0 + 0 * x], -1)


def spectra() -> NDArray[np.float64]:
    return np.asarray(line()(X) + SIGMA * np.random.default_rng(11).normal(size=(20, X.size)))


# astropy's fitter takes the derivatives of a compound by differences, and ends that much beside the minimum.
@pytest.mark.parametrize(("engine", "tolerance"), [("compiled", 1e-6), ("reference", 1e-5)])
@pytest.mark.parametrize("absolute_sigma", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
def test_covariance_of_curve_fit(engine: str, tolerance: float, absolute_sigma: bool, weighted: bool) -> None:
    data, sigma = spectra(), SIGMA if weighted else None
    result = ndfit.fit(
        line(),
        data,
        world=(X,),
        fitting_axes=1,
        uncertainty=sigma,
        absolute_sigma=absolute_sigma,
        fitter_kwargs={"acc": 1e-12},
        engine=engine,
    )
    for row, values in enumerate(data):
        _, expected = curve_fit(
            formula,
            X,
            values,
            line().parameters,
            sigma=sigma,
            absolute_sigma=absolute_sigma,
            jac=slopes,
            method="trf",
            ftol=1e-14,
            xtol=1e-14,
            gtol=1e-14,
        )
        unit = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
        assert_allclose(result.covariance[row] / unit, expected / unit, rtol=tolerance, atol=tolerance)


def test_standard_errors_of_astropy() -> None:
    data = spectra()
    fitted = ndfit.parallel_fit_dask(
        model=Gaussian1D(5.0, 0.1, 1.2),
        fitter=TRFLSQFitter(calc_uncertainties=True),
        data=data - 1.0,
        world=(X,),
        weights=np.broadcast_to(1.0 / SIGMA, data.shape),
        fitting_axes=1,
        fitter_kwargs={"acc": 1e-12},
    )
    for row, values in enumerate(data - 1.0):
        fitter = TRFLSQFitter(calc_uncertainties=True)
        expected = fitter(Gaussian1D(5.0, 0.1, 1.2), X, values, weights=1.0 / SIGMA, acc=1e-14)
        for name in expected.param_names:
            assert_allclose(getattr(fitted, name).std[row], getattr(expected, name).std, rtol=1e-6)
