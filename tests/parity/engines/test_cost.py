"""The cost that the compiled engine reports is that of the parameters it returns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.modeling import models
from astropy.modeling.fitting import TRFLSQFitter
from numpy.testing import assert_allclose
from tests.parity.engines.problems import PROBLEMS, draw, evaluate

from ndfit import parallel_fit_dask


def assert_own_cost(keywords: dict[str, Any], coords: Any, data: Any) -> None:
    """`data` is (N, M), one fit a row."""
    fitter, model = TRFLSQFitter(), keywords["model"]
    fitted = parallel_fit_dask(**keywords, fitter=fitter, fit_info="cost", engine="compiled", scheduler="synchronous")
    parameters = np.stack([getattr(fitted, name).value for name in fitted.param_names], axis=1)
    residual = evaluate(model, coords, parameters) - data
    assert_allclose(fitter.fit_info["cost"], 0.5 * np.einsum("nm,nm->n", residual, residual), rtol=1e-8)


@pytest.mark.parametrize("name", PROBLEMS)
def test_of_each_problem(name: str) -> None:
    case = draw(name, "plain", 40)
    assert_own_cost(case.keywords, case.coords, case.data)


def test_along_a_valley() -> None:
    """Gaussian lines leave of a Voigt profile the product of amplitude and Lorentzian width alone."""
    x = np.linspace(-10.0, 10.0, 61)
    line = 8.0 * np.exp(-0.5 * (x - 0.3) ** 2 / 1.2**2)
    data = line + np.random.default_rng(1).standard_normal((200, x.size))
    model = models.Voigt1D(x_0=0.0, amplitude_L=15.0, fwhm_L=1.5, fwhm_G=2.0)
    assert_own_cost({"model": model, "data": data, "world": (x,), "fitting_axes": 1}, (x,), data)
