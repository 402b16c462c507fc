"""Objects of field packages: what they say is used, and said where it is not."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.modeling.models import Const1D, Gaussian1D, Gaussian2D
from astropy.nddata import StdDevUncertainty, VarianceUncertainty
from astropy.utils.exceptions import AstropyUserWarning
from astropy.wcs import WCS
from numpy.testing import assert_allclose, assert_array_equal

import ndfit

WHY = "a field's package, which `make test-fields` installs"
GHZ = 100.0 + 0.001 * np.arange(40)
START = Gaussian1D(2.0 * u.K, 100.018 * u.GHz, 0.003 * u.GHz)
RNG = np.random.default_rng(2)
MEANS = RNG.uniform(100.016, 100.024, (3, 4))
LINES = 5.0 * np.exp(-0.5 * ((GHZ[:, None, None] - MEANS) / 0.002) ** 2) + RNG.normal(0.0, 0.01, (40, 3, 4))

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")


def package(name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name, reason=WHY)


def wcs_of_cube() -> WCS:
    wcs = WCS(naxis=3)
    wcs.wcs.ctype, wcs.wcs.cunit = ["RA---TAN", "DEC--TAN", "FREQ"], ["deg", "deg", "Hz"]
    wcs.wcs.cdelt, wcs.wcs.crval, wcs.wcs.crpix = [-1e-3, 1e-3, 1e6], [10.0, 20.0, 1e11], [1.0, 1.0, 1.0]
    return wcs


def check_means(result: Any) -> None:
    assert_allclose(result.parameters["mean"].to_value(u.GHz), MEANS, atol=1e-4)
    assert result.parameters["amplitude"].unit == u.K


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("use_dask", [False, True])
def test_spectral_cubes_bring_mask_unit_and_wcs(use_dask: bool) -> None:
    cubes = package("spectral_cube")
    data = LINES.copy()
    data[5, 1, 1] = 1e4
    cube = cubes.SpectralCube(data * u.K, wcs=wcs_of_cube(), use_dask=use_dask)
    cube = cube.with_mask(cube < 1e3 * u.K)
    for keywords in ({}, {"fitting_axes": 0}):
        result = ndfit.fit(START, cube, **keywords)
        check_means(result)
        assert result.n_samples[1, 1] == 39
        assert result.wcs.pixel_n_dim == 2
    pixels = ndfit.fit(Gaussian1D(2.0, 18.0, 3.0), cube, world="pixels")
    assert_allclose(pixels.parameters["mean"], (MEANS - 100.0) / 0.001, atol=0.1)


def test_ndcubes_bring_everything_and_extra_coordinates_are_said() -> None:
    ndcube = package("ndcube")
    mask = np.zeros(LINES.shape, bool)
    mask[0, 0, 0] = True
    sigma = StdDevUncertainty(np.full(LINES.shape, 0.01))
    cube = ndcube.NDCube(LINES, wcs=wcs_of_cube(), unit="K", mask=mask, uncertainty=sigma)
    result = ndfit.fit(START, cube, fitting_axes=0)
    check_means(result)
    assert result.n_samples[0, 0] == 39
    assert_allclose(result.reduced_chi_square, 1.0, atol=0.8)
    cube.extra_coords.add("exposure", 0, np.arange(40.0) * u.s)
    with pytest.warns(AstropyUserWarning, match="extra coordinates"):
        ndfit.fit(START, cube, fitting_axes=0)


@pytest.mark.parametrize("axis", [0, 2])
def test_spectra_are_fitted_along_their_spectral_axis(axis: int) -> None:
    specutils = package("specutils")
    flux = np.moveaxis(LINES, 0, axis) * u.K
    bad = np.zeros(flux.shape, bool)
    bad[0, 0, 0] = True
    spectrum = specutils.Spectrum(
        flux=flux,
        spectral_axis=GHZ * u.GHz,
        spectral_axis_index=axis,
        mask=bad,
        uncertainty=VarianceUncertainty(np.full(flux.shape, 1e-4)),
    )
    result = ndfit.fit(START, spectrum)
    check_means(result)
    assert result.n_samples[0, 0] == 39
    assert_allclose(result.reduced_chi_square, 1.0, atol=0.8)
    assert_allclose(result.residual(), 0.0, atol=0.1)


def ragged(specutils: Any) -> list[Any]:
    return [
        specutils.Spectrum(flux=LINES[cut, 0, number] * u.K, spectral_axis=GHZ[cut] * u.GHz)
        for number, cut in enumerate((slice(0, 40), slice(3, 33), slice(10, 40)))
    ]


def test_lists_of_spectra_may_be_of_any_length() -> None:
    specutils = package("specutils")
    spectra = ragged(specutils)
    for given in (spectra, tuple(spectra), specutils.SpectrumList(spectra)):
        result = ndfit.fit(START, given)
        assert_allclose(result.parameters["mean"].to_value(u.GHz), MEANS[0, :3], atol=1e-4)
        assert_array_equal(result.n_samples, [40, 30, 30])
    for number, spectrum in enumerate(spectra):
        alone = ndfit.fit(START, spectrum)
        assert_allclose(result.parameters["mean"][number].value, alone.parameters["mean"].value, rtol=1e-9)
    in_other_units = [
        specutils.Spectrum(flux=each.flux.to(u.mK), spectral_axis=each.spectral_axis.to(u.MHz)) for each in spectra[1:]
    ]
    again = ndfit.fit(START, [spectra[0], *in_other_units])
    assert_allclose(again.parameters["mean"].value, result.parameters["mean"].value, rtol=1e-9)


def test_lists_with_nothing_in_common_are_refused() -> None:
    specutils = package("specutils")
    spectra = ragged(specutils)
    other = specutils.Spectrum(flux=LINES[:, 0, 0] * u.Jy, spectral_axis=GHZ * u.GHz)
    with pytest.raises(u.UnitConversionError, match="no common unit"):
        ndfit.fit(START, [spectra[0], other])
    with_errors = specutils.Spectrum(
        flux=LINES[:, 0, 0] * u.K, spectral_axis=GHZ * u.GHz, uncertainty=StdDevUncertainty(np.ones(40))
    )
    with pytest.raises(ValueError, match="all or none"):
        ndfit.fit(START, [spectra[0], with_errors])
    result = ndfit.fit(START, [with_errors, with_errors])
    assert_allclose(result.chi_square, np.sum(result[0].residual ** 2) * np.ones(2), rtol=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_signals_of_hyperspy_bring_their_axes() -> None:
    hs = package("hyperspy.api")
    signal = hs.signals.Signal1D(np.moveaxis(LINES, 0, -1))
    energy, column, row = signal.axes_manager[-1], signal.axes_manager[0], signal.axes_manager[1]
    energy.name, energy.units, energy.scale, energy.offset = "Frequency", "GHz", 0.001, 100.0
    column.name, column.units, column.scale = "x", "nm", 0.5
    row.name = "y"
    line = Gaussian1D(2.0, 100.018 * u.GHz, 0.003 * u.GHz)
    for data in (signal, signal.as_lazy()):
        result = ndfit.fit(line, data)
        assert_allclose(result.parameters["mean"].to_value(u.GHz), MEANS, atol=1e-4)
        dataset = result.to_xarray()
        assert dataset["mean"].dims == ("y", "x")
        assert_allclose(dataset["x"], 0.5 * np.arange(4))
        assert dataset["x"].attrs["units"] == "nm"
    by_name = ndfit.fit(line, signal, fitting_axes="Frequency")
    assert_array_equal(by_name.parameters["mean"], result.parameters["mean"])
    y, x = np.mgrid[:9, :8]
    images = hs.signals.Signal2D(Gaussian2D(3.0, 4.0, 5.0, 1.5, 1.2)(x, y)[None] * np.ones((2, 1, 1)))
    found = ndfit.fit(Gaussian2D(2.0, 3.5, 4.5, 1.0, 1.0), images)
    assert_allclose(found.parameters["x_mean"], 4.0, atol=1e-5)
    assert_allclose(found.parameters["y_mean"], 5.0, atol=1e-5)


def test_results_come_back_as_cubes() -> None:
    package("ndcube")
    from ndcube import NDCube

    data = LINES.copy()
    data[:, 1, 2] = np.nan
    result = ndfit.fit(START, NDCube(data, wcs=wcs_of_cube(), unit="K"), fitting_axes=0)
    cubes = result.to("ndcube")
    assert list(cubes) == list(result.param_names)
    mean = cubes["mean"]
    assert mean.unit == result.parameters["mean"].unit
    assert_array_equal(mean.data, result.parameters["mean"].value)
    assert_array_equal(mean.uncertainty.array, result.errors["mean"].value)
    assert_array_equal(np.argwhere(mean.mask), [[1, 2]])
    whole = NDCube(data, wcs=wcs_of_cube(), unit="K")[0]
    assert_allclose(mean.axis_world_coords()[0].ra.deg, whole.axis_world_coords()[0].ra.deg, atol=1e-9)
    with pytest.raises(ValueError, match="WCS"):
        ndfit.fit(Gaussian1D(2.0, 18.0, 3.0), LINES, fitting_axes=0).to("ndcube")


@pytest.mark.parametrize("axis", [0, 2])
def test_results_come_back_as_spectra(axis: int) -> None:
    specutils = package("specutils")
    flux = np.moveaxis(LINES, 0, axis) * u.K
    given = specutils.Spectrum(flux=flux, spectral_axis=GHZ * u.GHz, spectral_axis_index=axis)
    result = ndfit.fit(START, given)
    fitted = result.to("spectrum")
    assert fitted.flux.shape == flux.shape
    assert_allclose(fitted.spectral_axis.to_value(u.GHz), GHZ)
    assert_allclose((given.flux - fitted.flux).to_value(u.K), result.residual(), atol=1e-12)
    spectra = ragged(specutils)
    several = ndfit.fit(START, spectra).to("spectrum")
    for one, other in zip(several, spectra, strict=True):
        assert_allclose(one.spectral_axis.to_value(u.GHz), other.spectral_axis.value)
        assert_allclose(one.flux.to_value(u.K), other.flux.value, atol=0.1)


def test_ccd_images_bring_unit_and_mask() -> None:
    from astropy.nddata import CCDData

    image = CCDData(np.full((5, 6), 3.0), unit="adu", mask=np.eye(5, 6, dtype=bool))
    result = ndfit.fit(Const1D(1.0 * u.adu), image, fitting_axes=1)
    assert_array_equal(result.n_samples, np.full(5, 5))
    assert result.parameters["amplitude"].unit == u.adu
