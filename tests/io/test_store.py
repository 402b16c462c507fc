"""xarray and zarr: dimensions, coordinates, units, lazy cubes, and stores that are whole or not there."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr
import zarr
from astropy.io import fits
from astropy.modeling import custom_model
from astropy.modeling.models import Linear1D, Planar2D
from astropy.wcs import WCS
from numpy.testing import assert_allclose, assert_array_equal
from tests.io.test_fits import SHAPE, cube_wcs, fitted
from tests.problem.test_map_wcs import plane_gwcs

import ndfit
from ndfit.io import store


@pytest.fixture(scope="module")
def result() -> ndfit.FitResult:
    return fitted()


def test_dimensions_coordinates_and_units(result: ndfit.FitResult) -> None:
    dataset = result.to_xarray()
    assert dict(dataset.sizes) == {"axis_1": 3, "axis_2": 4, "row": 3, "column": 3}
    assert_array_equal(dataset["mean"], result.parameters["mean"].value)
    assert dataset["mean"].attrs["units"] == "km / s"
    assert "units" not in dataset["status"].attrs
    assert_array_equal(dataset.axis_2, np.arange(4))
    ra, dec = cube_wcs().celestial.pixel_to_world_values(*np.indices((3, 4))[::-1])
    assert_allclose(dataset.ra, ra, rtol=1e-15)
    assert_allclose(dataset.dec, dec, rtol=1e-15)
    assert dataset.ra.attrs["units"] == "deg"
    variance = dataset.covariance.sel(row="mean", column="mean")
    assert_array_equal(variance, result.covariance[..., 1, 1])


def test_a_spectral_axis_of_positions_has_one_dimension() -> None:
    data = np.random.default_rng(0).normal(size=SHAPE)
    result = ndfit.fit(Planar2D(), data, world=cube_wcs(), fitting_axes=(2, 1), engine="reference")
    dataset = result.to_xarray()
    assert dataset["dopplerveloc_radio"].dims == ("axis_0",)
    assert_allclose(dataset["dopplerveloc_radio"], 1000.0 + 500.0 * np.arange(SHAPE[0]))


def test_a_wcs_that_fits_cannot_express(tmp_path: Path) -> None:
    data = np.random.default_rng(0).normal(size=SHAPE)
    result = ndfit.fit(Linear1D(), data, world=plane_gwcs(), fitting_axes=0, engine="reference")
    dataset = result.to_xarray()
    assert_allclose(dataset["u"], 1.0 + np.arange(4))
    assert_allclose(dataset["v"], 3.0 * (2.0 + np.arange(3)))
    result.to_zarr(tmp_path / "fit.zarr")
    again = ndfit.read(tmp_path / "fit.zarr")
    assert again.wcs is None
    for each in (result, again):
        each.to_fits(tmp_path / "fit.fits", overwrite=True)
        assert "cannot be written in a FITS header" in str(fits.getheader(tmp_path / "fit.fits", "SLOPE")["HISTORY"])


def test_cubes_stay_lazy_until_they_are_written(result: ndfit.FitResult, tmp_path: Path) -> None:
    dataset = result.to_xarray(cubes=["model"])
    assert isinstance(dataset["model"].data, da.Array)
    assert dataset["model"].dims == ("axis_0", "axis_1", "axis_2")
    assert dataset["model"].attrs["units"] == "K"
    result.to_zarr(tmp_path / "fit.zarr", cubes=["model", "residual"])
    with xr.open_zarr(tmp_path / "fit.zarr", consolidated=False) as stored:
        assert_array_equal(stored["model"], result.evaluate())
        assert_array_equal(stored["residual"], result.residual())
        assert_array_equal(stored["ra"], dataset["ra"])


def test_cubes_of_uneven_chunks(tmp_path: Path) -> None:
    data = da.from_array(np.random.default_rng(0).normal(size=(7, 20)), chunks=((3, 1, 3), (20,)))
    result = ndfit.fit(Linear1D(), data, fitting_axes=1, engine="reference")
    result.to_zarr(tmp_path / "fit.zarr", cubes=["residual"])
    assert_array_equal(zarr.open_array(tmp_path / "fit.zarr" / "residual", mode="r")[...], result.residual())


def test_nothing_is_replaced_unless_asked(result: ndfit.FitResult, tmp_path: Path) -> None:
    path = tmp_path / "fit.zarr"
    result.to_zarr(path)
    with pytest.raises(FileExistsError, match="overwrite=True"):
        result.to_zarr(path)
    result.to_zarr(path, overwrite=True)
    assert list(tmp_path.iterdir()) == [path]


def test_a_store_that_is_replaced_while_it_is_read(
    result: ndfit.FitResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read is one of the two, whole."""
    path, read, left = tmp_path / "fit.zarr", store._read_store, iter(range(2))
    result.to_zarr(path)

    def replaced_meanwhile(place: Path) -> Any:
        found = read(place)
        if (number := next(left, None)) is not None:
            result.to_zarr(path, overwrite=True)
            if number:
                raise KeyError("a chunk that is gone")
            return None
        return found

    monkeypatch.setattr(store, "_read_store", replaced_meanwhile)
    assert ndfit.read(path).param_names == result.param_names


def test_a_store_whose_writer_was_killed(result: ndfit.FitResult, tmp_path: Path) -> None:
    path, aside = tmp_path / "fit.zarr", tmp_path / ".partial-0123456789abcdef" / "fit.zarr.old0"
    result.to_zarr(path)
    aside.parent.mkdir()
    path.rename(aside)
    assert ndfit.read(path).param_names == result.param_names
    with pytest.raises(FileExistsError, match="overwrite=True"):
        result.to_zarr(path)
    assert path.exists()


def test_a_folder_of_other_things_is_left_alone(result: ndfit.FitResult, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(FileExistsError, match="no zarr store"):
        result.to_zarr(tmp_path, overwrite=True)
    assert (tmp_path / "thesis.tex").exists()


def test_a_failure_leaves_nothing_behind(result: ndfit.FitResult, tmp_path: Path, monkeypatch: Any) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(xr.Dataset, "to_zarr", fail)
    with pytest.raises(OSError, match="disk full"):
        result.to_zarr(tmp_path / "fit.zarr")
    assert list(tmp_path.iterdir()) == []


def test_names_that_are_taken(tmp_path: Path) -> None:
    @custom_model
    def line(x, row=1.0, status=0.5, Status=0.1, model=0.0):
        return row * x + status + Status * x**2 + model * x**3

    data = np.random.default_rng(0).normal(size=(4, 9))
    result = ndfit.fit(line(), data, fitting_axes=1, engine="reference")
    result.to_zarr(tmp_path / "fit.zarr", cubes=["model"])
    again = ndfit.read(tmp_path / "fit.zarr", model=line())
    for name in result.param_names:
        assert_array_equal(again.parameters[name], result.parameters[name])
    assert_array_equal(again.status, result.status)
    assert result.to_xarray()["parameter.row"].dims == ("axis_0",)


def test_names_that_no_folder_may_have(tmp_path: Path) -> None:
    """Devices of Windows, names that differ in capitals alone, and a world axis that would lead elsewhere."""

    @custom_model
    def line(x, aux=1.0, con=0.5, ab=0.1, aB=0.2, Ab=0.3):
        return aux * x + con + ab * x**2 + aB * x**3 + Ab * x**4

    header = {"CTYPE1": "LINEAR", "CNAME1": "../../elsewhere", "CTYPE2": "WAVE", "CUNIT2": "m"}
    data = np.random.default_rng(0).normal(size=(9, 4))
    result = ndfit.fit(line(), data, world=WCS(fits.Header(header)), fitting_axes=0, engine="reference")
    result.to_zarr(tmp_path / "fit.zarr")
    folders = {path.name.casefold() for path in (tmp_path / "fit.zarr").iterdir()}
    assert len(folders) == len(list((tmp_path / "fit.zarr").iterdir()))
    assert {"parameter.aux", "parameter.con", "aux_err"} < folders
    assert not {"aux", "con"} & folders
    again = ndfit.read(tmp_path / "fit.zarr", model=line())
    for name in result.param_names:
        assert_array_equal(again.parameters[name], result.parameters[name])


@pytest.mark.skipif(os.name != "posix", reason="needs pipes")
def test_a_pipe_in_a_store(result: ndfit.FitResult, tmp_path: Path) -> None:
    """It is not opened, as nobody writes to it."""
    result.to_zarr(tmp_path / "fit.zarr")
    (tmp_path / "fit.zarr" / "status" / "zarr.json").unlink()
    os.mkfifo(tmp_path / "fit.zarr" / "status" / "zarr.json")
    with pytest.raises(ndfit.UnreadableFile, match=r"zarr\.json in it is a named pipe"):
        ndfit.read(tmp_path / "fit.zarr")


@pytest.mark.parametrize("name", ["zarr", "xarray"])
def test_without_the_extra_packages(result: ndfit.FitResult, tmp_path: Path, monkeypatch: Any, name: str) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModuleNotFoundError, match=rf'needs {name}.* pip install "ndfit\[io\]"'):
        result.to_zarr(tmp_path / "fit.zarr")


def test_a_store_that_is_no_group(result: ndfit.FitResult, tmp_path: Path) -> None:
    path = tmp_path / "fit.zarr"
    result.to_zarr(path)
    about = path / "zarr.json"
    about.write_text(json.dumps(json.loads(about.read_text()) | {"node_type": "array"}))
    with pytest.raises(ndfit.UnreadableFile, match=re.escape(str(path))):
        ndfit.read(path)


def test_a_codec_of_a_long_name(result: ndfit.FitResult, tmp_path: Path) -> None:
    path = tmp_path / "fit.zarr"
    result.to_zarr(path)
    about = path / "status" / "zarr.json"
    codec = {"name": "m " * 500 + "\x1b"}
    about.write_text(json.dumps(json.loads(about.read_text()) | {"codecs": [codec]}))
    with pytest.raises(ndfit.UnreadableFile, match="damaged") as caught:
        ndfit.read(path)
    assert len(str(caught.value)) < 600
    assert str(caught.value).isprintable()
