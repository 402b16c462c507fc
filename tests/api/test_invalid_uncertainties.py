"""What is no uncertainty leaves its sample out, and is said once, however it was given."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
from astropy import units as u
from astropy.modeling.fitting import TRFLSQFitter
from astropy.modeling.models import Gaussian1D
from astropy.nddata import InverseVariance, NDData, StdDevUncertainty, VarianceUncertainty
from numpy.testing import assert_array_equal

import ndfit
from ndfit.errors import FitWarning

X = np.arange(20.0)
DATA = Gaussian1D(5.0, 9.0, 2.0)(X) + 0.1 * np.random.default_rng(0).normal(size=(4, X.size))
SIGMA = np.full(DATA.shape, 0.1)
BAD = np.zeros(DATA.shape, dtype=bool)
BAD[1, 9] = BAD[1, 10] = BAD[3, 4] = True
SAID = r"3 samples at 2 positions were left out, because their uncertainties \(or weights\) are negative or zero"
MODEL = Gaussian1D(4.0, 8.5, 2.5)


def expected() -> ndfit.FitResult:
    return ndfit.fit(MODEL, DATA, fitting_axes=1, uncertainty=SIGMA, mask=BAD)


def deviations(value: float) -> Any:
    return np.where(BAD, value, SIGMA)


GIVEN: dict[str, Callable[[], dict[str, Any]]] = {
    "negative sigma": lambda: {"uncertainty": deviations(-1.0)},
    "zero sigma": lambda: {"uncertainty": deviations(0.0)},
    "negative zero": lambda: {"uncertainty": deviations(-0.0)},
    "whole numbers": lambda: {"uncertainty": np.where(BAD, -1, 1)},
    "quantity": lambda: {"uncertainty": deviations(-1.0) * u.dimensionless_unscaled},
    "standard deviations": lambda: {"uncertainty": StdDevUncertainty(deviations(-0.1))},
    "negative variance": lambda: {"uncertainty": VarianceUncertainty(np.where(BAD, -1.0, SIGMA**2))},
    "zero variance": lambda: {"uncertainty": VarianceUncertainty(np.where(BAD, 0.0, SIGMA**2))},
    "negative inverse variance": lambda: {"uncertainty": InverseVariance(np.where(BAD, -1.0, SIGMA**-2))},
    "negative weight": lambda: {"weights": np.where(BAD, -10.0, 1 / SIGMA)},
    "infinite weight": lambda: {"weights": np.where(BAD, np.inf, 1 / SIGMA)},
    "lazy": lambda: {"uncertainty": da.from_array(deviations(-1.0), chunks=(2, 20))},
}


@pytest.mark.parametrize("given", GIVEN.values(), ids=GIVEN)
def test_samples_are_left_out_and_it_is_said_once(given: Callable[[], dict[str, Any]]) -> None:
    with pytest.warns(FitWarning, match=SAID) as caught:
        result = ndfit.fit(MODEL, DATA, fitting_axes=1, **given(), scheduler="threads", chunk_n_max=1)
    assert len(caught) == 1
    assert_array_equal(result.n_samples, [20, 18, 20, 19])
    if given is not GIVEN["whole numbers"]:
        assert_array_equal(result.chi_square, expected().chi_square)


def test_the_call_of_astropy_says_so_too() -> None:
    for weights in (np.where(BAD, -10.0, 10.0), StdDevUncertainty(deviations(-1.0))):
        with pytest.warns(FitWarning, match=SAID):
            fitted = ndfit.parallel_fit_dask(
                model=MODEL, fitter=TRFLSQFitter(), data=DATA, fitting_axes=1, weights=weights
            )
        assert_array_equal(fitted.mean.value, expected().parameters["mean"])


def test_the_uncertainty_of_an_nddata() -> None:
    data = NDData(DATA, uncertainty=VarianceUncertainty(np.where(BAD, -1.0, SIGMA**2)))
    with pytest.warns(FitWarning, match=SAID):
        ndfit.fit(MODEL, data, fitting_axes=1)


@pytest.mark.parametrize(
    "given",
    [
        {"weights": np.where(BAD, 0.0, 10.0)},
        {"weights": np.where(BAD, np.nan, 10.0)},
        {"uncertainty": np.where(BAD, np.nan, 0.1)},
        {"uncertainty": np.where(BAD, np.inf, 0.1)},
        {"uncertainty": np.where(BAD, -np.inf, 0.1)},
        {"uncertainty": np.ma.array(np.where(BAD, -1.0, 0.1), mask=BAD)},
        {"uncertainty": InverseVariance(np.where(BAD, 0.0, 100.0))},
        {"uncertainty": np.where(BAD, -1.0, 0.1), "mask": BAD},
    ],
)
def test_ways_to_leave_samples_out_on_purpose_are_not_spoken_of(given: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = ndfit.fit(MODEL, DATA, fitting_axes=1, **given)
    assert_array_equal(result.n_samples, [20, 18, 20, 19])


def test_missing_samples_may_have_any_uncertainty() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ndfit.fit(MODEL, np.where(BAD, np.nan, DATA), fitting_axes=1, uncertainty=deviations(0.0))


def test_one_uncertainty_for_all_positions() -> None:
    sigma = np.full(X.size, 0.1)
    sigma[3] = -1.0
    with pytest.warns(FitWarning, match="4 samples at 4 positions"):
        ndfit.fit(MODEL, DATA, fitting_axes=1, uncertainty=sigma)


def test_a_resumed_run_says_so_too(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.warns(FitWarning, match=SAID):
            ndfit.fit(MODEL, DATA, fitting_axes=1, uncertainty=deviations(-1.0), checkpoint=tmp_path / "run")


def test_a_refinement_does_not_count_them_again() -> None:
    with pytest.warns(FitWarning, match=SAID):
        ndfit.fit(MODEL, DATA, fitting_axes=1, uncertainty=deviations(-1.0), refine="neighbours", clip=5.0)


def test_where_no_uncertainty_is_one() -> None:
    with (
        pytest.warns(FitWarning, match="80 samples at 4 positions"),
        pytest.raises(ndfit.AllFitsFailed, match="mask and weights leave no sample"),
    ):
        ndfit.fit(MODEL, DATA, fitting_axes=1, uncertainty=-SIGMA)
