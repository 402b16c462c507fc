"""FITS: the layout, the WCS and units as other tools read them, cubes, and files that are whole or not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.modeling import custom_model
from astropy.modeling.models import Gaussian1D, Planar2D
from astropy.nddata import CCDData
from astropy.table import Table
from astropy.wcs import WCS, DistortionLookupTable
from numpy.testing import assert_allclose, assert_array_equal

import ndfit
from ndfit.io.fits_wcs import wcs_cards
from ndfit.status import FLAGS, STATUS, Status

SHAPE = (12, 3, 4)
CHANNELS = np.arange(SHAPE[0])


def cube_wcs() -> WCS:
    wcs = WCS(naxis=3)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN", "VRAD"
    wcs.wcs.crval = 83.633212345678912, -22.0145, 1000.0
    wcs.wcs.cdelt = -1e-3 / 3, 1e-3 / 3, 500.0
    wcs.wcs.crpix = 2.0, 1.5, 1.0
    wcs.wcs.cunit = "deg", "deg", "m/s"
    return wcs


def cube() -> np.ndarray:
    data = np.broadcast_to(5.0 * np.exp(-0.5 * ((CHANNELS - 5.0) / 1.5) ** 2), SHAPE[::-1]).T.copy()
    data += 0.01 * np.random.default_rng(1).normal(size=SHAPE)
    data[:, 1, 2] = np.nan
    return data


def fitted(**keywords: Any) -> ndfit.FitResult:
    model = Gaussian1D(4 * u.K, 3.4 * u.km / u.s, 1 * u.km / u.s)
    keywords = {"world": cube_wcs(), "fitting_axes": 0, "engine": "reference"} | keywords
    return ndfit.fit(model, cube() * u.K, **keywords)


@pytest.fixture(scope="module")
def result() -> ndfit.FitResult:
    return fitted()


@pytest.fixture(scope="module")
def path(result: ndfit.FitResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fits") / "fit.fits"
    result.to_fits(path, cubes=["model", "residual"])
    return path


def test_standard(path: Path) -> None:
    with fits.open(path, checksum=True) as hdus:
        hdus.verify("exception")
        names = [hdu.name for hdu in hdus]
    assert names[:7] == ["PRIMARY", "AMPLITUDE", "MEAN", "STDDEV", "AMPLITUDE_ERR", "MEAN_ERR", "STDDEV_ERR"]
    assert names[7:14] == ["CHI_SQUARE", "STATUS", "FLAGS", "EDM", "N_SAMPLES", "NFEV", "COVARIANCE"]
    assert names[14:] == ["STATUS_TABLE", "FLAG_TABLE", "RECORD", "MODEL", "RESIDUAL"]


@pytest.mark.parametrize(("name", "unit"), [("AMPLITUDE", u.K), ("MEAN_ERR", u.km / u.s), ("STATUS", u.one)])
def test_read_by_nddata(path: Path, result: ndfit.FitResult, name: str, unit: u.UnitBase) -> None:
    image = CCDData.read(path, hdu=name)
    assert image.unit == unit
    assert image.shape == SHAPE[1:]
    assert_array_equal(
        image.wcs.pixel_to_world_values(3, 1), cube_wcs().celestial.pixel_to_world_values(3, 1), strict=True
    )


def test_positions_without_an_answer_are_nan(path: Path) -> None:
    assert np.isnan(fits.getdata(path, "AMPLITUDE")[1, 2])
    assert fits.getdata(path, "STATUS")[1, 2] == Status.NO_DATA


def test_covariance_has_the_maps_on_its_first_axes(path: Path, result: ndfit.FitResult) -> None:
    with fits.open(path) as hdus:
        header, values = hdus["COVARIANCE"].header, hdus["COVARIANCE"].data
        assert_array_equal(values[0, 2], result.covariance[..., 0, 2])
        assert [header[f"COVPAR{number}"] for number in (1, 2, 3)] == ["amplitude", "mean", "stddev"]
        assert list(WCS(header).wcs.ctype) == ["RA---TAN", "DEC--TAN", "", ""]


def test_tables_tell_what_codes_mean(path: Path) -> None:
    table = Table.read(path, hdu="STATUS_TABLE")
    row = table[table["code"] == Status.NO_DATA][0]
    assert (row["name"], row["positions"], row["meaning"]) == ("NO_DATA", 1, STATUS[Status.NO_DATA].meaning)
    assert set(Table.read(path, hdu="FLAG_TABLE")["name"]) == {row.flag.name for row in FLAGS.values()}


def test_cubes_are_those_of_the_result(path: Path, result: ndfit.FitResult) -> None:
    with fits.open(path) as hdus:
        assert_array_equal(hdus["MODEL"].data, result.evaluate())
        assert_array_equal(hdus["RESIDUAL"].data, result.residual())
        assert hdus["MODEL"].header["BUNIT"] == "K"
        assert_allclose(WCS(hdus["MODEL"].header).wcs.crval, cube_wcs().wcs.crval, rtol=1e-15)


def test_nothing_is_replaced_unless_asked(path: Path, result: ndfit.FitResult, tmp_path: Path) -> None:
    with pytest.raises(FileExistsError, match="overwrite=True"):
        result.to_fits(path)
    before = fits.getdata(path, "MEAN")
    result.to_fits(path, cubes=["model", "residual"], overwrite=True)
    assert_array_equal(fits.getdata(path, "MEAN"), before)
    with pytest.raises(FileExistsError, match="is a folder"):
        result.to_fits(tmp_path, overwrite=True)


def test_a_failure_leaves_nothing_behind(result: ndfit.FitResult, tmp_path: Path, monkeypatch: Any) -> None:
    def fail(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("ndfit.io.fits._append_cube", fail)
    with pytest.raises(OSError, match="disk full"):
        result.to_fits(tmp_path / "fit.fits", cubes=["model"])
    assert list(tmp_path.iterdir()) == []


def test_compressed(result: ndfit.FitResult, tmp_path: Path) -> None:
    result.to_fits(tmp_path / "fit.fits.gz")
    assert (tmp_path / "fit.fits.gz").read_bytes()[:2] == b"\x1f\x8b"
    assert_array_equal(ndfit.read(tmp_path / "fit.fits.gz").status, result.status)
    with pytest.raises(ValueError, match="compressed"):
        result.to_fits(tmp_path / "cubes.fits.gz", cubes=["model"])


def test_unknown_cube(result: ndfit.FitResult, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cubes should be some of model, residual, got components"):
        result.to_fits(tmp_path / "fit.fits", cubes=["components"])


@pytest.mark.parametrize(
    ("world", "note"),
    [
        (np.arange(12.0) * u.km / u.s, "the data came without a WCS"),
        ("mixed", "cannot be separated"),
    ],
)
def test_why_there_is_no_wcs_is_said(tmp_path: Path, world: Any, note: str) -> None:
    if isinstance(world, str):
        world = cube_wcs()
        world.wcs.pc = np.array([[1, 0, 0], [0, 1, 0], [0, 0.2, 1]])
    fitted(world=world).to_fits(tmp_path / "fit.fits")
    header = fits.getheader(tmp_path / "fit.fits", "MEAN")
    assert note in " ".join(str(header["HISTORY"]).split())
    assert "CTYPE1" not in header


def test_a_wcs_with_a_distortion_table_is_left_out(tmp_path: Path) -> None:
    wcs = cube_wcs().celestial
    table = np.full((4, 4), 0.5, dtype=np.float32)
    wcs.cpdis1 = DistortionLookupTable(table, (1.0, 1.0), (1.0, 1.0), (1.0, 1.0))
    cards, note = wcs_cards(wcs, SHAPE[1:])
    assert len(cards) == 0
    assert "cannot be written" in note


def test_names_that_fits_cannot_tell_apart(tmp_path: Path) -> None:
    @custom_model
    def line(x, a=1.0, A=0.5, status=0.1):
        return a * x + A + status * x**2

    data = np.arange(24.0).reshape(4, 6)
    result = ndfit.fit(line(), data, fitting_axes=1, engine="reference")
    result.to_fits(tmp_path / "fit.fits")
    again = ndfit.read(tmp_path / "fit.fits", model=line())
    for name in result.param_names:
        assert_array_equal(again.parameters[name], result.parameters[name])
    assert_array_equal(again.status, result.status)
    assert_array_equal(fits.getdata(tmp_path / "fit.fits", "A", 2), result.parameters["A"])


@pytest.mark.parametrize("shape", [(4, 5), (2, 4, 5), (2, 3, 1, 4, 5)])
def test_any_number_of_iterating_axes(tmp_path: Path, shape: tuple[int, ...]) -> None:
    data = np.random.default_rng(0).normal(size=shape)
    result = ndfit.fit(Planar2D(), data, fitting_axes=(-1, -2), engine="reference")
    result.to_fits(tmp_path / "fit.fits", cubes=["model"])
    again = ndfit.read(tmp_path / "fit.fits", data=data)
    assert again.shape == result.shape == shape[:-2]
    assert_array_equal(again.parameters["slope_x"], result.parameters["slope_x"])
    assert_array_equal(fits.getdata(tmp_path / "fit.fits", "MODEL"), result.evaluate())
    assert_array_equal(again.evaluate(), result.evaluate())
