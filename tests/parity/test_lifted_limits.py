"""Points 21 to 25 of the differences from astropy: what it cannot do."""

from __future__ import annotations

import threading
import time
from typing import ClassVar

import numpy as np
import pytest
from astropy import units as u
from astropy.modeling.fitting import DogBoxLSQFitter, LevMarLSQFitter, LinearLSQFitter, TRFLSQFitter
from astropy.modeling.models import Gaussian1D, Linear1D
from astropy.wcs import WCS
from astropy.wcs.wcsapi.wrappers.base import BaseWCSWrapper
from numpy.testing import assert_allclose, assert_array_equal
from tests.parity.synthetic import MEANS, X, cube, gaussian, spectra, start

from ndfit.errors import FitWarning
from ndfit.status import Status


@pytest.mark.parametrize("fitter_class", [DogBoxLSQFitter, LevMarLSQFitter, TRFLSQFitter])
@pytest.mark.parametrize("weight", [None, 20.0], ids=["unweighted", "weighted"])
def test_point_21_maps_of_standard_errors(fit, fitter_class, weight):
    rng = np.random.default_rng(21)
    data = spectra([4.0, 5.0, 6.0]) + 0.05 * rng.normal(size=(3, 50))
    weights = None if weight is None else np.full(data.shape, weight)
    fitted = fit(
        model=start(fixed={"amplitude": True}),
        fitter=fitter_class(calc_uncertainties=True),
        data=data,
        weights=weights,
        world=(X,),
        fitting_axes=1,
    )
    for position in range(3):
        one_weight = None if weights is None else weights[position]
        single = fitter_class(calc_uncertainties=True)(
            start(fixed={"amplitude": True}), X, data[position], weights=one_weight
        )
        assert_allclose(fitted.mean.std[position], single.mean.std, rtol=1e-3)
        assert_allclose(fitted.stddev.std[position], single.stddev.std, rtol=1e-3)


def test_point_21_of_a_linear_fitter(fit):
    rng = np.random.default_rng(21)
    data = np.stack([2 * X + 1, 4 - X]) + 0.05 * rng.normal(size=(2, 50))
    fitter = LinearLSQFitter(calc_uncertainties=True)
    fitted = fit(model=Linear1D(1, 0), fitter=fitter, data=data, world=(X,), fitting_axes=1)
    single = LinearLSQFitter(calc_uncertainties=True)(Linear1D(1, 0), X, data[1])
    assert_allclose(fitted.slope.std[1], single.slope.std, rtol=1e-6)
    assert_allclose(fitted.intercept.std[1], single.intercept.std, rtol=1e-6)


def test_point_21_standard_errors_of_positions_without_a_fit_are_nan(fit):
    data = spectra(MEANS)
    data[1, 2] = np.nan
    fitter = TRFLSQFitter(calc_uncertainties=True)
    fitted = fit(model=start(), fitter=fitter, data=data, world=(X,), fitting_axes=2)
    assert fitted.mean.std.shape == MEANS.shape
    assert_array_equal(np.isnan(fitted.mean.std), np.isnan(data[..., 0]))


def test_point_21_nothing_where_it_was_not_asked_for(fit):
    fitted = fit(model=start(), fitter=TRFLSQFitter(), data=spectra(MEANS), world=(X,), fitting_axes=2)
    assert fitted.mean.std is None


@pytest.mark.parametrize("size", [50, 7, 4, 1])
def test_point_22_model_is_evaluated_over_the_maps(fit, size):
    x = np.linspace(0, 10, size)
    fitted = fit(model=start(), fitter=TRFLSQFitter(), data=cube(MEANS), world=(X,), fitting_axes=0)
    expected = cube(MEANS, x=x)
    assert_allclose(fitted(x), expected, atol=1e-5)
    assert_allclose(fitted(x[:, np.newaxis, np.newaxis]), expected, atol=1e-5)


def test_point_22_scalars_and_units(fit):
    model = Gaussian1D(1.5 * u.K, 5 * u.km / u.s, 1 * u.km / u.s)
    fitted = fit(model=model, fitter=TRFLSQFitter(), data=cube(MEANS) * u.K, world=(X * u.km / u.s,), fitting_axes=0)
    assert_allclose(fitted(5000 * u.m / u.s).to_value(u.K), gaussian(5.0, 2.0, MEANS, 0.8), atol=1e-5)
    assert_allclose(fitted(X * 1000 * u.m / u.s).to_value(u.K), cube(MEANS), atol=1e-5)


class SlowFitter(LevMarLSQFitter):
    """Keeps the threads it was called in."""

    threads: ClassVar[set[int]] = set()

    def __call__(self, *args, **kwargs):
        self.threads.add(threading.get_ident())
        time.sleep(2e-4)
        return super().__call__(*args, **kwargs)


def test_point_23_few_hundred_spectra_are_shared_out(fit):
    SlowFitter.threads.clear()
    means = np.linspace(4, 6, 400)
    fitted = fit(model=start(), fitter=SlowFitter(), data=cube(means), world=(X,), fitting_axes=0, scheduler="threads")
    assert_allclose(fitted.mean.value, means, rtol=1e-6)
    assert len(SlowFitter.threads) > 1


def spoilt():
    """Spectra of which the second has a NaN sample, so that it fails."""
    data = spectra([4.0, 5.0, 6.0])
    data[1, 10] = np.nan
    return data


def test_point_24_folder_for_each_position_only_when_asked(fit, tmp_path):
    common = {"model": start(), "fitter": TRFLSQFitter(), "data": spoilt(), "world": (X,), "fitting_axes": 1}
    for diagnostics, folders in {"error": {"1"}, "all": {"0", "1", "2"}}.items():
        path = tmp_path / diagnostics
        with pytest.warns(FitWarning):
            fit(**common, diagnostics=diagnostics, diagnostics_path=path)
        assert {folder.name for folder in path.iterdir()} == folders
        assert [log.parent.name for log in path.rglob("error.log")] == ["1"]


def test_point_24_status_of_every_position_without_a_folder(fit):
    fitter = TRFLSQFitter()
    with pytest.warns(FitWarning):
        fit(model=start(), fitter=fitter, data=spoilt(), world=(X,), fitting_axes=1, fit_info=("status", "message"))
    status = fitter.fit_info.get_property_as_array("status")
    assert status[1] == Status.NON_FINITE_DATA
    assert (status[[0, 2]] > 0).all()
    assert "NaN" in fitter.fit_info[1].message


class CountingWCS(BaseWCSWrapper):
    """A WCS that counts the pixels it is asked about."""

    def __init__(self, wcs):
        super().__init__(wcs)
        self.asked = 0

    def __deepcopy__(self, memo):
        return self

    def pixel_to_world_values(self, *pixels):
        self.asked += np.broadcast(*pixels).size
        return self._wcs.pixel_to_world_values(*pixels)

    def world_to_pixel_values(self, *world):
        return self._wcs.world_to_pixel_values(*world)


def test_point_25_wcs_is_evaluated_along_the_spectrum_only(fit):
    wcs = WCS(naxis=3)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN", "VRAD"
    wcs.wcs.cunit = "deg", "deg", "m/s"
    wcs.wcs.crval = 50.0, 30.0, 0.0
    wcs.wcs.cdelt = -0.01, 0.01, X[1]
    wcs.wcs.crpix = 1, 1, 1
    counting = CountingWCS(wcs)
    means = np.linspace(4, 6, 150).reshape(10, 15)
    fitted = fit(model=start(), fitter=LevMarLSQFitter(), data=cube(means), world=counting, fitting_axes=0)
    assert_allclose(fitted.mean.value, means, rtol=1e-6)
    assert 50 <= counting.asked <= 5 * 50
