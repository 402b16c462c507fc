"""Points 1 to 11 of the differences from astropy: where it returns a wrong answer without a word."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from astropy import units as u
from astropy.modeling.fitting import LevMarLSQFitter, LinearLSQFitter, LMLSQFitter, TRFLSQFitter
from astropy.modeling.models import Chebyshev1D, Chebyshev2D, Const1D, Gaussian1D, Gaussian2D, Hermite1D, Legendre1D
from astropy.wcs import WCS
from numpy.testing import assert_allclose, assert_array_equal
from tests.parity.synthetic import MEANS, X, cube, spectra, start

from ndfit.errors import FitWarning
from ndfit.status import Status


def test_point_01_threads_do_not_share_the_fitter(fit):
    means = np.linspace(3.5, 6.5, 400)
    fitted = fit(
        model=start(),
        fitter=TRFLSQFitter(),
        data=cube(means),
        world=(X,),
        fitting_axes=0,
        scheduler="threads",
        chunk_n_max=10,
    )
    assert_allclose(fitted.mean.value, means, rtol=1e-6)


def test_point_02_two_calls_at_once_on_one_client(fit):
    distributed = pytest.importorskip("distributed")
    maps = [np.linspace(4, 5, 60), np.linspace(5, 6, 60)]

    def run(means):
        return fit(
            model=start(), fitter=TRFLSQFitter(), data=cube(means), world=(X,), fitting_axes=0, scheduler="default"
        )

    with (
        distributed.Client(processes=False, n_workers=2, threads_per_worker=1, dashboard_address=None),
        ThreadPoolExecutor(2) as pool,
    ):
        first, second = pool.map(run, maps)
    assert_allclose(first.mean.value, maps[0], rtol=1e-6)
    assert_allclose(second.mean.value, maps[1], rtol=1e-6)


@pytest.mark.parametrize("fitting_axes", [(1, 2), (2, 1)])
def test_point_03_celestial_pair(fit, fitting_axes):
    wcs = WCS(naxis=3)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN", "VRAD"
    wcs.wcs.cunit = "deg", "deg", "m/s"
    wcs.wcs.crval = 50.0, 30.0, 0.0
    wcs.wcs.crpix = 9, 7, 1
    wcs.wcs.cdelt = -0.01, 0.01, 1000.0
    ra, dec, _ = wcs.pixel_to_world_values(*np.meshgrid(np.arange(18), np.arange(14)), 0)
    image = 10 * np.exp(-0.5 * (((ra - 50.02) / 0.04) ** 2 + ((dec - 30.01) / 0.03) ** 2))
    centre, width = {(1, 2): ((30.0, 50.0), (0.03, 0.04)), (2, 1): ((50.0, 30.0), (0.04, 0.03))}[fitting_axes]
    fitted = fit(
        model=Gaussian2D(8, *centre, *width, theta=0, fixed={"theta": True}),
        fitter=LMLSQFitter(),
        data=np.stack([image, 2 * image]),
        world=wcs,
        fitting_axes=fitting_axes,
    )
    sky = {"dec": fitted.x_mean.value, "ra": fitted.y_mean.value}
    if fitting_axes == (2, 1):
        sky = {"dec": fitted.y_mean.value, "ra": fitted.x_mean.value}
    assert_allclose(sky["ra"], 50.02, atol=1e-5)
    assert_allclose(sky["dec"], 30.01, atol=1e-5)
    assert_allclose(fitted.amplitude.value, [10, 20], rtol=1e-4)


def test_point_04_fully_masked_position_is_nan_with_a_status(fit):
    data = cube(MEANS)
    data[:, 1, 2] = 77.0
    mask = np.zeros(data.shape, dtype=bool)
    mask[:, 1, 2] = True
    fitter = TRFLSQFitter()
    fitted = fit(
        model=start(), fitter=fitter, data=data, mask=mask, world=(X,), fitting_axes=0, fit_info=("status", "nfev")
    )
    expected = np.where(mask[0], np.nan, MEANS)
    assert_allclose(fitted.mean.value, expected, rtol=1e-6)
    status = fitter.fit_info.get_property_as_array("status")
    assert_array_equal(status == Status.ALL_MASKED, mask[0])


def test_point_05_mask_of_a_masked_array(fit):
    data = cube(MEANS)
    mask = np.zeros(data.shape, dtype=bool)
    mask[[3, 20, 41]] = True
    data[mask] = -1e3
    fitted = fit(model=start(), fitter=TRFLSQFitter(), data=np.ma.array(data, mask=mask), world=(X,), fitting_axes=0)
    assert_allclose(fitted.mean.value, MEANS, rtol=1e-6)
    assert_allclose(fitted.amplitude.value, 2.0, rtol=1e-6)


def test_point_06_misspelled_fitter_keyword(fit):
    with pytest.raises((TypeError, ValueError), match="maxitr") as raised:
        fit(
            model=start(),
            fitter=TRFLSQFitter(),
            data=cube(MEANS),
            world=(X,),
            fitting_axes=0,
            fitter_kwargs={"maxitr": 100},
        )
    assert "maxiter" in str(raised.value), "the message names the keywords the fitter knows"


def test_point_07_weights_of_the_caller_are_not_rewritten(fit):
    data = cube(MEANS)
    data[5] = 50.0
    mask = np.zeros(data.shape, dtype=bool)
    mask[5] = True
    weights = np.full(data.shape, 10.0)
    fitted = fit(
        model=start(), fitter=TRFLSQFitter(), data=data, weights=weights, mask=mask, world=(X,), fitting_axes=0
    )
    assert_array_equal(weights, 10.0)
    assert_allclose(fitted.mean.value, MEANS, rtol=1e-6)


def test_point_08_fit_info_of_levmar_is_each_positions_own(fit):
    rng = np.random.default_rng(8)
    data = spectra([5.0, 6.0, 5.0], amplitude=[1.5, 2.0, 2.0], stddev=[1.0, 0.8, 0.8]) + 0.01 * rng.normal(size=(3, 50))
    data[2, 10] = np.nan
    fitter = LevMarLSQFitter(calc_uncertainties=True)
    with pytest.warns(FitWarning, match="1"):
        fit(model=start(), fitter=fitter, data=data, world=(X,), fitting_axes=1, fit_info=True)
    nfev = fitter.fit_info.get_property_as_array("nfev")
    covariance = fitter.fit_info.get_property_as_array("param_cov")
    assert 0 < nfev[0] < nfev[1]
    assert nfev[2] == 0
    for position in (0, 1):
        single = LevMarLSQFitter()
        single(start(), X, data[position])
        assert_allclose(covariance[position], single.fit_info["param_cov"], rtol=1e-3, atol=1e-9)
    assert np.isnan(covariance[2]).all()


@pytest.mark.parametrize("scale", [1e-18, 1e3, 1e6])
def test_point_09_scale_of_the_data_does_not_matter(fit, scale):
    rng = np.random.default_rng(9)
    data = cube(MEANS) + 0.1 * rng.normal(size=(50, 3, 4))
    unit_fitter, scaled_fitter = TRFLSQFitter(), TRFLSQFitter()
    common = {"world": (X,), "fitting_axes": 0, "fit_info": ("success",)}
    unit = fit(model=start(), fitter=unit_fitter, data=data, **common)
    scaled = fit(model=Gaussian1D(1.5 * scale, 5.0, 1.0), fitter=scaled_fitter, data=data * scale, **common)
    assert scaled_fitter.fit_info.get_property_as_array("success").all()
    assert_allclose(scaled.amplitude.value / scale, unit.amplitude.value, rtol=1e-4)
    assert_allclose(scaled.mean.value, unit.mean.value, rtol=1e-4)
    assert_allclose(scaled.stddev.value, unit.stddev.value, rtol=1e-4)


def test_point_09_start_far_below_the_data(fit):
    """A fitter that crawls from there may stop at its limit, but not without a word."""
    fitter = TRFLSQFitter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fitted = fit(
            model=start(),
            fitter=fitter,
            data=cube(MEANS, amplitude=2e3),
            world=(X,),
            fitting_axes=0,
            fitter_kwargs={"maxiter": 100},
            fit_info=("success",),
        )
    success = fitter.fit_info.get_property_as_array("success")
    assert_allclose(fitted.amplitude.value[success], 2e3, rtol=1e-5)
    assert_allclose(fitted.mean.value[success], MEANS[success], rtol=1e-5)
    assert [warning.category for warning in caught] == [FitWarning] * (not success.all())


BOUNDED = Gaussian1D(1.5 * u.K, 5 * u.km / u.s, 1 * u.km / u.s)
"""The model of point 10: the data are given in mK, the world in m/s."""

BOUNDS = {
    "amplitude": (u.K, (1.2, 1.8), [1.8, 1.8, 1.8]),
    "mean": (u.km / u.s, (4.8, 5.3), [4.8, 5.0, 5.3]),
    "stddev": (u.km / u.s, (0.9, 3.0), [0.9, 0.9, 0.9]),
}


@pytest.mark.parametrize("name", BOUNDS)
@pytest.mark.parametrize("background", [None, Const1D(0 * u.K, fixed={"amplitude": True})], ids=["alone", "sum"])
def test_point_10_bounds_are_converted_with_the_parameters(fit, name, background):
    unit, bounds, expected = BOUNDS[name]
    model = BOUNDED.copy() if background is None else BOUNDED + background
    name = name if background is None else f"{name}_0"
    getattr(model, name).bounds = bounds
    fitted = fit(
        model=model,
        fitter=TRFLSQFitter(),
        data=cube([4.7, 5.0, 5.4], amplitude=2000.0) * u.mK,
        world=(X * 1000 * u.m / u.s,),
        fitting_axes=0,
    )
    parameter = getattr(fitted, name)
    assert_allclose(parameter.quantity.to_value(unit), expected, rtol=1e-3)
    assert_allclose(u.Quantity(parameter.bounds, parameter.unit).to_value(unit), bounds)
    assert getattr(model, name).bounds == bounds


def test_point_10_bounds_of_a_parameter_in_its_own_unit(fit):
    model = Gaussian1D(1.5 * u.K, 5 * u.km / u.s, 1000 * u.m / u.s, bounds={"stddev": (900, 3000)})
    fitted = fit(model=model, fitter=TRFLSQFitter(), data=cube(MEANS) * u.K, world=(X * u.km / u.s,), fitting_axes=0)
    assert_allclose(fitted.stddev.quantity.to_value(u.km / u.s), 0.9, rtol=1e-3)


@pytest.mark.parametrize("polynomial", [Chebyshev1D, Legendre1D, Hermite1D])
@pytest.mark.parametrize("frame", [{}, {"domain": (3000.0, 8000.0)}, {"domain": (4000.0, 7000.0), "window": (0, 2)}])
def test_point_11_orthogonal_polynomials_keep_their_domain(fit, polynomial, frame):
    x = np.linspace(4000, 7000, 61)
    data = np.stack([1 + 2e-4 * x + 1e-8 * x**2, 3 - 1e-4 * x + 2e-8 * x**2])
    fitted = fit(model=polynomial(2, **frame), fitter=LinearLSQFitter(), data=data, world=(x,), fitting_axes=1)
    assert_allclose(fitted.domain, frame.get("domain", (4000, 7000)))
    assert_allclose(fitted.window, frame.get("window", (-1, 1)))
    for position in range(2):
        coefficients = {name: getattr(fitted, name).value[position] for name in fitted.param_names}
        single = polynomial(2, domain=fitted.domain, window=fitted.window, **coefficients)
        assert_allclose(single(x), data[position], rtol=1e-9)


def test_point_11_domains_of_a_polynomial_in_two_dimensions(fit):
    y, x = np.meshgrid(np.linspace(100, 200, 15), np.linspace(-5, 40, 12), indexing="ij")
    data = np.stack([1 + 0.02 * y - 0.03 * x, 2 + 0.01 * y * x])
    fitted = fit(
        model=Chebyshev2D(1, 1),
        fitter=LinearLSQFitter(),
        data=data,
        world=(y[:, 0], x[0]),
        fitting_axes=(1, 2),
    )
    assert_allclose(fitted.x_domain, (100, 200))
    assert_allclose(fitted.y_domain, (-5, 40))
    for position in range(2):
        coefficients = {name: getattr(fitted, name).value[position] for name in fitted.param_names}
        single = Chebyshev2D(1, 1, x_domain=fitted.x_domain, y_domain=fitted.y_domain, **coefficients)
        assert_allclose(single(y, x), data[position], rtol=1e-9)
