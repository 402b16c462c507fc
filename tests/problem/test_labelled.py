"""Labelled arrays: their dimensions, coordinates and units are used, and results have them again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from astropy import units as u
from astropy.modeling import Fittable2DModel, Parameter
from astropy.modeling.models import Gaussian1D
from astropy.nddata import NDData
from astropy.utils.exceptions import AstropyUserWarning
from numpy.testing import assert_allclose, assert_array_equal

import ndfit

ECHO = np.array([5.0, 10.0, 20.0, 40.0, 80.0])
T2 = np.linspace(20.0, 60.0, 12).reshape(3, 4)


def decay(t, S0, T2):
    return S0 * np.exp(-t / T2)


def voxels() -> xr.DataArray:
    return xr.DataArray(
        decay(ECHO, 100.0, T2[..., None]),
        dims=("row", "x", "echo"),
        coords={
            "echo": ("echo", ECHO, {"units": "ms", "long_name": "echo time"}),
            "x": ("x", 0.5 * np.arange(4), {"units": "mm"}),
            "slice": 7,
            "region": (("row", "x"), np.arange(12).reshape(3, 4), {"source": "atlas"}),
            "label": ("row", ["a", "b", "c"]),
        },
        attrs={"units": "V"},
        name="signal",
    )


def fit(data: Any, **keywords: Any) -> ndfit.FitResult:
    return ndfit.fit(decay, data, **{"fitting_axes": "echo", "p0": [80, 30], "guess": None, **keywords})


@pytest.mark.parametrize("axes", ["echo", ["echo"], ("echo",), 2, -1, (2,)])
def test_the_fitting_axis_is_named_and_brings_its_coordinates(axes: Any) -> None:
    result = fit(voxels(), fitting_axes=axes)
    assert_allclose(result.parameters["T2"], T2)
    assert result._problem.data_unit == u.V


@pytest.mark.parametrize("order", [("row", "x", "echo"), ("echo", "x", "row"), ("x", "echo", "row")])
def test_the_order_of_dimensions_makes_no_difference(order: tuple[str, ...]) -> None:
    data = voxels()
    start = xr.DataArray(np.full((4, 3), 30.0) + np.arange(3), dims=("x", "row"))
    high = data["region"] * 0.0 + 200.0
    rng = np.random.default_rng(3)
    noisy = data + xr.DataArray(rng.normal(0.0, 1.0, data.shape), dims=data.dims)
    sigma = xr.DataArray(rng.uniform(0.5, 2.0, (5, 4)), dims=("echo", "x"), attrs={"units": "V"})
    bad = xr.zeros_like(data, dtype=bool)
    bad[0, 0, 1] = True
    keywords = {"uncertainty": sigma, "mask": bad, "p0": {"T2": start, "S0": 80}, "bounds": {"T2": (1, high)}}
    expected = fit(noisy.assign_attrs(data.attrs), **keywords).to_xarray()
    found = fit(noisy.transpose(*order).assign_attrs(data.attrs), **keywords).to_xarray()
    for name in ("T2", "T2_err", "n_samples"):
        assert_allclose(found[name].transpose("row", "x"), expected[name], rtol=1e-10)
    assert expected["n_samples"][0, 0] == 4


def test_maps_have_the_names_and_coordinates_of_the_data() -> None:
    data = voxels()
    dataset = fit(data).to_xarray(cubes=["model"])
    assert dataset["T2"].dims == ("row", "x")
    for name in ("x", "slice", "region", "label", "echo"):
        xr.testing.assert_identical(dataset[name].variable, data[name].variable)
    assert_allclose(dataset["T2"].sel(x=1.0), T2[:, 2])
    xr.testing.assert_allclose(dataset["model"].compute(), data.drop_attrs(deep=False), rtol=1e-9)
    without = fit(data).to_xarray()
    assert "echo" not in without.coords
    assert dataset["covariance"].dims == ("covariance.row", "column", "row", "x")


def test_dimensions_of_many_levels_stay(tmp_path: Path) -> None:
    result = fit(voxels().stack(place=("row", "x")))
    assert_allclose(result.to_xarray()["T2"].unstack("place"), T2)
    result.to_zarr(tmp_path / "t2.zarr")  # which has no levels
    stored = xr.open_zarr(tmp_path / "t2.zarr", consolidated=False).set_index(place=["row", "x"])
    assert_allclose(stored["T2"].unstack("place").transpose("row", "x"), T2)


def test_lazy_arrays_stay_lazy_and_missing_samples_are_left_out() -> None:
    data = voxels().where(voxels()["echo"] != 20.0)
    result = fit(data.chunk({"x": 2}))
    assert isinstance(result._problem.samples.data, da.Array)
    assert_allclose(result.parameters["T2"], T2)
    assert (result.n_samples == 4).all()


def test_pixels_are_fitted_where_they_are_asked_for_only() -> None:
    world = fit(voxels(), world="pixels", p0=[80, 3])._problem.samples.coords[0]
    assert_array_equal(world.ravel(), np.arange(5.0))
    assert_array_equal(fit(voxels().drop_vars("echo"))._problem.samples.coords[0].ravel(), np.arange(5.0))
    from astropy.wcs import WCS

    header = WCS(naxis=1)
    header.wcs.ctype, header.wcs.cdelt, header.wcs.crval = ["FREQ"], [2.0], [10.0]
    beside = NDData(np.arange(5.0), wcs=header)
    line = Gaussian1D(4.0, 2.0, 2.0)
    found = ndfit.fit(line, beside, fitting_axes=0, world="pixels")._problem.samples.coords[0]
    assert_array_equal(found, np.arange(5.0))


def test_coordinates_that_are_none_of_a_dimension_are_named() -> None:
    data = voxels().rename(echo="TE").swap_dims(TE="echo")
    assert "echo" not in data.coords
    assert_allclose(fit(data, fitting_axes="TE").parameters["T2"], T2)
    with pytest.raises(ValueError, match="fitting_axes='TE'"):
        fit(data)
    delays = xr.DataArray(ECHO * np.array([[1.0], [2.0], [4.0]]), dims=("row", "echo"))
    shifted = xr.DataArray(decay(delays, 100.0, xr.DataArray(T2, dims=("row", "x"))).transpose("row", "x", "echo"))
    for given in (delays, (delays,), (delays.T,)):
        assert_allclose(fit(shifted, world=given).parameters["T2"], T2)
    with pytest.raises(ValueError, match=r"world=\(data\['delay'\],\)"):
        fit(shifted.assign_coords(delay=delays), fitting_axes="delay")
    with pytest.raises(ValueError, match=r"world=\(data\['delay'\],\)"):
        fit(shifted.assign_coords(delay=delays))


def test_two_fitting_dimensions_and_known_inputs() -> None:
    x, y = np.arange(6.0), 10.0 + np.arange(5.0)
    image = xr.DataArray(2.0 * x + 3.0 * y[:, None], dims=("y", "x"), coords={"x": x, "y": y})
    gain = xr.DataArray([1.0, 2.0], dims="time")
    data = (image * gain).transpose("time", "y", "x")

    def plane(x, y, gain, a, b):
        return gain * (a * x + b * y)

    result = ndfit.fit(plane, data, fitting_axes=("x", "y"), inputs={"gain": gain})
    assert_allclose(result.parameters["a"], [2.0, 2.0])
    assert_allclose(result.parameters["b"], [3.0, 3.0])


@pytest.mark.parametrize("lazy", [False, True])
def test_times_are_seconds_and_a_warning_says_so(lazy: bool) -> None:
    start = np.datetime64("2020-01-01", "ns")
    data = voxels().assign_coords(echo=start + (ECHO * 1e9).astype("timedelta64[ns]"))
    with pytest.warns(AstropyUserWarning, match="seconds, counted from 2020-01-01T00:00:05"):
        result = fit(data.chunk() if lazy else data)
    assert_allclose(result.parameters["T2"], T2)
    assert_allclose(np.asarray(result._problem.samples.coords[0]).ravel(), ECHO - ECHO[0])
    waits = voxels().assign_coords(echo=(ECHO * 1e9).astype("timedelta64[ns]"))
    with pytest.warns(AstropyUserWarning, match="in seconds. Give world"):
        assert_allclose(fit(waits).parameters["S0"], 100.0)


def test_units_are_those_that_astropy_reads() -> None:
    line = Gaussian1D(1.0 * u.mV, 0.02 * u.s, 0.03 * u.s)
    data = voxels()
    data.values[:] = line(ECHO * u.ms).to_value(u.V)
    result = ndfit.fit(line, data, fitting_axes="echo", guess=None)
    assert result.parameters["mean"].unit == u.s
    assert_allclose(result.parameters["amplitude"].to_value(u.V), 1e-3)
    with pytest.warns(AstropyUserWarning, match="'counts per bin' of data are none that astropy reads"):
        fit(voxels().assign_attrs(units="counts per bin"))
    assert fit(voxels(), data_unit="mV")._problem.data_unit == u.mV


def test_what_lies_beside_the_data_has_units_too() -> None:
    data, sigma = voxels(), xr.DataArray(np.full(5, 20.0), dims="echo", attrs={"units": "mV"})
    in_volts = fit(data, uncertainty=0.02)
    assert_allclose(fit(data, uncertainty=sigma).errors["T2"], in_volts.errors["T2"], rtol=1e-9)
    weights = xr.DataArray(np.full(5, 0.05), dims="echo", attrs={"units": "mV-1"})
    assert_allclose(fit(data, weights=weights).errors["T2"], in_volts.errors["T2"], rtol=1e-9)


def test_lazy_coordinates_with_units_stay_lazy() -> None:
    delays = xr.DataArray(
        da.from_array(ECHO * np.array([[1.0], [2.0], [4.0]]), chunks=(1, 5)),
        dims=("row", "echo"),
        attrs={"units": "ms"},
    )
    data = xr.DataArray(
        decay(delays.compute(), 100.0, xr.DataArray(T2, dims=("row", "x"))).transpose("row", "x", "echo")
    )
    result = fit(data, world=delays)
    assert isinstance(result._problem.samples.coords[0], da.Array)
    assert result._problem.coord_units == (u.ms,)
    assert_allclose(result.parameters["T2"], T2)


def test_known_inputs_have_units() -> None:
    shift = xr.DataArray([0.0, 1000.0], dims="row", attrs={"units": "pm"})
    x = np.linspace(-3.0, 3.0, 20)
    data = xr.DataArray(
        np.exp(-0.5 * (x - np.array([[0.5], [1.5]])) ** 2), dims=("row", "x"), coords={"x": ("x", x, {"units": "nm"})}
    )

    class Shifted(Fittable2DModel):
        amplitude, mean = Parameter(default=0.8), Parameter(default=0.2, unit=u.nm)

        @property
        def input_units(self):
            return {"x": u.nm, "y": u.nm}

        def _parameter_units_for_data_units(self, inputs, outputs):
            return {"mean": inputs["x"], "amplitude": outputs["z"]}

        @staticmethod
        def evaluate(x, y, amplitude, mean):
            return amplitude * np.exp(-0.5 * (x - y - mean) ** 2)

    result = ndfit.fit(Shifted(), data, fitting_axes="x", inputs={"y": shift}, guess=None)
    assert_allclose(result.parameters["mean"].to_value(u.nm), 0.5)


def test_results_are_written_and_read_with_labels(tmp_path: Path) -> None:
    data = voxels()
    result = fit(data)
    result.to_zarr(tmp_path / "t2.zarr")
    result.to_fits(tmp_path / "t2.fits")
    stored = xr.open_zarr(tmp_path / "t2.zarr", consolidated=False)
    assert stored["T2"].dims == ("row", "x")
    assert_array_equal(stored["region"], data["region"])
    for name in ("t2.zarr", "t2.fits"):
        again = ndfit.read(tmp_path / name, data=data, model=decay)
        xr.testing.assert_identical(again.to_xarray()["T2"], result.to_xarray()["T2"])
        assert_allclose(again.residual(), 0.0, atol=1e-9)


def test_nothing_of_the_callers_is_changed() -> None:
    data = voxels()
    fit(data)
    xr.testing.assert_identical(data, voxels())


@pytest.mark.parametrize(
    ("change", "keywords", "error", "match"),
    [
        ({}, {"fitting_axes": "ecko"}, ValueError, "did you mean 'echo'"),
        ({}, {"fitting_axes": None}, TypeError, "row, x, echo"),
        ({}, {"fitting_axes": ("echo", "echo"), "p0": None}, ValueError, "twice"),
        ({}, {"fitting_axes": "region"}, ValueError, "name the dimension"),
        ({}, {"fitting_axes": 5}, ValueError, "out of range"),
        ({}, {"world": "pixel"}, TypeError, "'pixels'"),
        ({}, {"mask": voxels().isel(x=[1, 2]) > 0}, ValueError, "2 values along 'x'"),
        ({}, {"weights": voxels().assign_coords(x=np.arange(4.0))}, ValueError, "xarray.align"),
        ({}, {"uncertainty": xr.DataArray(np.ones(3), dims="z")}, ValueError, "z, which data"),
        ({}, {"p0": {"T2": voxels()}}, ValueError, "along which the model is fitted"),
        ({}, {"p0": {"T2": xr.DataArray(np.ones(2), dims="k")}}, ValueError, "k, which data"),
        ({"echo": list("abcde")}, {}, TypeError, "world='pixels'"),
    ],
)
def test_mistakes_are_named_with_the_remedy(change: Any, keywords: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        fit(voxels().assign_coords(change), **keywords)


def test_complex_data_are_refused_with_the_remedy() -> None:
    with pytest.raises(TypeError, match=r"data\.real and data\.imag"):
        fit(voxels() * 1j)
    with pytest.raises(TypeError, match=r"xarray\.DataArray have names"):
        fit(voxels().values)


def test_results_come_back_as_objects() -> None:
    data = voxels()
    result = fit(data)
    xr.testing.assert_identical(result.to("xarray"), result.to_xarray())
    assert result.to("table").colnames == result.diagnostics().colnames
    frame = result.to("pandas")
    assert_allclose(frame["T2"].to_xarray().transpose("row", "x"), T2)
    assert frame["label"].tolist() == list("aaaabbbbcccc")
    with pytest.raises(ValueError, match="xarray, table"):
        result.to("matlab")
    with pytest.raises(ValueError, match="one position"):
        fit(data.isel(row=0, x=0)).to("pandas")
    with pytest.raises((ValueError, ModuleNotFoundError), match="WCS"):
        result.to("ndcube")
