"""Objects of other libraries: what they say is used, or refused with the line to type."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from astropy import units as u
from astropy.io import fits
from astropy.modeling.fitting import TRFLSQFitter
from astropy.modeling.models import Gaussian1D
from astropy.nddata import CCDData, NDData
from astropy.table import MaskedColumn, Table
from astropy.utils.exceptions import AstropyUserWarning
from numpy.testing import assert_allclose

import ndfit

X = np.linspace(0.0, 10.0, 40)
AMPLITUDES = np.array([2.0, 5.0, 9.0])
DATA = AMPLITUDES[:, None] * np.exp(-0.5 * (X - 4.2) ** 2)
START = Gaussian1D(4.0, 4.5, 1.5)


def labelled(**attrs: Any) -> xr.DataArray:
    return xr.DataArray(DATA, dims=("pos", "x"), coords={"x": X}, attrs=attrs)


def stand_in(package: str, name: str, **attributes: Any) -> Any:
    """An object whose class says that it is of a package that is not installed here."""
    return type(name, (), {"__module__": f"{package}.module", **attributes})()


def fitted(data: Any, model: Any = START, **keywords: Any) -> Any:
    result = ndfit.fit(model, data, **({"fitting_axes": 1} | keywords))
    assert_allclose(np.asarray(result.parameters["mean"]), 4.2, atol=1e-3)
    return result


@pytest.mark.parametrize("lazy", [False, True])
def test_coordinates_may_be_labelled_arrays(lazy: bool) -> None:
    data = labelled().chunk({"pos": 1}) if lazy else labelled()
    result = fitted(data, world=(data["x"],))
    assert isinstance(result._problem.samples.data, da.Array) == lazy
    fitted(data, world=data["x"])
    model = ndfit.parallel_fit_dask(model=START, fitter=TRFLSQFitter(), data=data, fitting_axes=1, world=(data.x,))
    assert_allclose(model.amplitude, AMPLITUDES, rtol=1e-4)


def test_units_of_labelled_arrays_are_used() -> None:
    x = xr.DataArray(X, dims="x", attrs={"units": "nm"})
    in_metres = Gaussian1D(4.0 * u.K, 4.5e-9 * u.m, 1.5e-9 * u.m)
    for keywords in ({"data_unit": "K"}, {}):
        result = ndfit.fit(in_metres, labelled(units="K"), fitting_axes=1, world=(x,), **keywords)
        assert_allclose(result.parameters["mean"].to_value(u.nm), 4.2, atol=1e-3)
    with pytest.raises(TypeError, match="weights is a DataArray with units"):
        ndfit.fit(START, DATA, fitting_axes=1, world=(X,), weights=labelled(units="1 / K"))
    with pytest.raises(TypeError, match="astropy cannot read"):
        ndfit.fit(START, DATA, fitting_axes=1, world=(x.assign_attrs(units="days since 2000"),))


def test_a_labelled_array_without_coordinates_or_units_is_an_array() -> None:
    data = xr.DataArray(AMPLITUDES[:, None] * np.exp(-0.5 * (np.arange(12.0) - 4.2) ** 2), dims=("pos", "x"))
    fitted(data)


def test_a_dataset_holds_several_arrays() -> None:
    with pytest.raises(TypeError, match=r'data\["flux"\]'):
        ndfit.fit(START, xr.Dataset({"flux": labelled()}), fitting_axes=1)


def test_results_are_read_with_labelled_arrays(tmp_path: Any) -> None:
    data = labelled()
    fitted(data, world=(data.x,)).to_fits(tmp_path / "fit.fits")
    again = ndfit.read(tmp_path / "fit.fits", data=data, world=(data.x,))
    assert_allclose(again.residual(), 0.0, atol=1e-3)


def test_an_index_of_pandas_is_a_coordinate() -> None:
    frame = pd.DataFrame(DATA.T, index=pd.Index(X, name="wavelength"), columns=["a", "b", "c"])
    for axes in (0, "wavelength"):
        dataset = fitted(frame, fitting_axes=axes).to_xarray()
        assert_allclose(dataset["amplitude"].sel(columns="b"), 5.0, rtol=1e-3)
    fitted(frame["b"], fitting_axes=0)
    fitted(frame, fitting_axes=0, world=(frame.index,))
    counted = pd.Series(DATA[1, :30])
    assert ndfit.fit(Gaussian1D(4.0, 16.0, 6.0), counted, fitting_axes=0).success.all()
    nullable = frame["b"].astype("Float64")
    nullable.iloc[3] = pd.NA
    assert ndfit.fit(START, nullable, fitting_axes=0).n_samples == 39
    with pytest.raises(TypeError, match="several levels"):
        ndfit.fit(START, frame.stack(), fitting_axes=0)
    with pytest.raises(TypeError, match="numbers or times"):
        ndfit.fit(START, frame, fitting_axes="columns")


def test_an_image_of_a_fits_file_brings_unit_and_wcs() -> None:
    header = fits.Header({"CTYPE1": "WAVE", "CUNIT1": "nm", "CRVAL1": X[0], "CRPIX1": 1.0, "CDELT1": X[1] - X[0]})
    header.update({"CTYPE2": "LINEAR", "CRVAL2": 0.0, "CRPIX2": 1.0, "CDELT2": 1.0, "BUNIT": "K"})
    line = Gaussian1D(4.0 * u.K, 4.5 * u.nm, 1.5 * u.nm)
    for hdu in (fits.PrimaryHDU(DATA, header), fits.ImageHDU(DATA, header), fits.CompImageHDU(DATA, header)):
        result = ndfit.fit(line, hdu, fitting_axes=1)
        assert_allclose(result.parameters["mean"].to_value(u.nm), 4.2, atol=1e-3)
        assert result.parameters["amplitude"].unit == u.K
        assert result.wcs is not None
    assert ndfit.fit(Gaussian1D(4.0, 16.0, 6.0), fits.PrimaryHDU(DATA), fitting_axes=1).success.all()
    with pytest.raises(TypeError, match=r"hdus\[0\], hdus\[1\]"):
        ndfit.fit(line, fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(DATA)]), fitting_axes=1)
    with pytest.raises(TypeError, match="without an array"):
        ndfit.fit(line, fits.PrimaryHDU(), fitting_axes=1)
    with pytest.raises(TypeError, match="column"):
        ndfit.fit(line, fits.BinTableHDU(Table({"flux": X})), fitting_axes=1)
    header["BUNIT"] = "furlong per bin"
    with pytest.warns(AstropyUserWarning, match="BUNIT"):
        ndfit.fit(Gaussian1D(4.0, 4.5 * u.nm, 1.5 * u.nm), fits.PrimaryHDU(DATA, header), fitting_axes=1)


def test_arrays_of_several_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match=r"lengths 30, 40.*NaN"):
        ndfit.fit(START, [DATA[0], DATA[1, :30]], fitting_axes=1)


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"axes_manager": SimpleNamespace()}, "coordinates"),
        ({"units": "K"}, "a unit"),
        ({"mask": np.zeros(3), "unit": "K"}, "a mask and a unit"),
    ],
)
def test_what_other_objects_say_is_refused_by_name(attributes: Any, said: str) -> None:
    other = stand_in("hyperspy", "Signal1D", __array__=lambda self, *_, **__: DATA, **attributes)
    with pytest.raises(TypeError, match=rf"hyperspy.module.Signal1D with {said}, which are not read"):
        ndfit.fit(START, other, fitting_axes=1, world=(X,))


def test_an_array_with_a_unit_beside_it_is_refused() -> None:
    class WithUnits(np.ndarray):
        units = "K"

    with pytest.raises(TypeError, match="WithUnits with a unit"):
        ndfit.fit(START, DATA.view(WithUnits), fitting_axes=1, world=(X,))


def test_anything_else_that_becomes_an_array_is_one() -> None:
    fitted(stand_in("some", "Tensor", __array__=lambda self, *_, **__: DATA), world=(X,))
    fitted(DATA.tolist(), world=(X.tolist(),))


def test_columns_of_tables_have_their_unit_and_mask() -> None:
    table = Table({"flux": DATA[1] * 1e3, "x": X})
    table["flux"].unit, table["x"].unit = "mJy", "nm"
    model = Gaussian1D(4.0 * u.Jy, 4.5 * u.nm, 1.5 * u.nm)
    for data_unit in (None, u.Jy):
        result = ndfit.fit(model, table["flux"], fitting_axes=0, world=(table["x"],), data_unit=data_unit)
        assert_allclose(result.parameters["amplitude"].to_value(u.Jy), 5.0, rtol=1e-4)
    column = MaskedColumn(np.where(np.arange(40) == 3, 1e6, DATA[1] * 1e3), mask=np.arange(40) == 3, unit="mJy")
    result = ndfit.fit(model, column, fitting_axes=0, world=(table["x"],))
    assert_allclose(result.parameters["amplitude"].to_value(u.Jy), 5.0, rtol=1e-4)


def test_nddata_of_any_kind_is_read() -> None:
    fitted(NDData(DATA), world=(X,))
    ndfit.fit(Gaussian1D(4.0 * u.K, 4.5, 1.5), CCDData(DATA, unit="K"), fitting_axes=1, world=(X,))
