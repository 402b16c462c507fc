"""What is handed to the fit: uncertainties, masks, missing values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.wcs import WCS
from tests.cli.cubes import HEADER, NOISE, SHAPE, fails, fitted, line_cube, means, ndfit, write_cube

import ndfit as package


@pytest.mark.parametrize(("kind", "power"), [("std", 1), ("variance", 2), ("ivar", -2)])
def test_uncertainties_of_every_kind_say_the_same(tmp_path: Path, kind: str, power: int) -> None:
    sigma = NOISE * (1.0 + np.arange(SHAPE[0])[:, None, None] / 20) * np.ones(SHAPE)
    hdu = fits.ImageHDU(sigma**power, name="NOISE")
    hdu.header["BUNIT"] = (u.K**power).to_string("fits")
    path = tmp_path / "cube.fits"
    fits.HDUList([fits.PrimaryHDU(line_cube(), fits.Header(HEADER)), hdu]).writeto(path)
    result = fitted(tmp_path, path, "--model", "Gaussian1D", f"--{kind}", "NOISE")
    direct = package.fit(
        result.model.__class__(1 * u.K, 4000 * u.m / u.s, 800 * u.m / u.s),
        line_cube(),
        fitting_axes=0,
        world=WCS(HEADER),
        data_unit=u.K,
        uncertainty=sigma,
    )
    for name in direct.param_names:
        np.testing.assert_allclose(result.parameters[name].value, direct.parameters[name].value, rtol=1e-5)
        np.testing.assert_allclose(result.errors[name].value, direct.errors[name].value, rtol=1e-4)


def test_mask_missing_values_and_other_files(tmp_path: Path) -> None:
    """Spoiled samples, marked in three ways, leave the fit as it is without them."""
    data = line_cube()
    data[5], data[30, 1] = 50.0, -200.0
    data[7] = np.nan
    path = write_cube(tmp_path / "cube.fits", data)
    mask = np.zeros(SHAPE[0], dtype=np.int16)
    mask[5] = 4
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(mask, name="BAD")]).writeto(tmp_path / "mask.fits")
    result = fitted(
        tmp_path, path, "--model", "Gaussian1D", "--mask", f"{tmp_path / 'mask.fits'}[BAD]", "--missing", -200
    )
    assert sorted(set(result.n_samples.ravel())) == [37, 38]
    np.testing.assert_allclose(result.parameters["mean"].to_value(u.km / u.s), means(), atol=0.05)


@pytest.mark.parametrize(("dtype", "missing", "left_out"), [("i2", -200, 1), ("i2", -200.5, 0), ("f4", -999.9, 1)])
def test_missing_values_are_compared_as_the_file_rounds_them(
    tmp_path: Path, dtype: str, missing: float, left_out: int
) -> None:
    data = (100 * line_cube()).astype(dtype)
    data[20] = -200 if dtype == "i2" else missing
    path = write_cube(tmp_path / "cube.fits", data)
    result = fitted(tmp_path, path, "--model", "Gaussian1D", "--missing", missing)
    np.testing.assert_array_equal(result.n_samples, SHAPE[0] - left_out)


@pytest.mark.parametrize(
    ("missing", "left_out"), [("-200", 2), (":-199", 4), ("-201:-199", 4), ("-201:-200.5", 2), ("50:", 0)]
)
def test_ranges_of_missing_values(missing: str, left_out: int, tmp_path: Path) -> None:
    data = line_cube()
    data[:2, 0, 0], data[2:4, 0, 0] = -200.0, -200.998
    path = write_cube(tmp_path / "cube.fits", data)
    out = tmp_path / "fit.fits"
    run = ndfit("fit", path, "--model", "Gaussian1D", "--missing", missing, "--out", out)
    assert run.exit_code == 0, run.output
    assert package.read(out).n_samples[0, 0] == data.shape[0] - left_out
    assert ("2 samples are within 1 % of -200 and are kept" in run.stderr) == (missing == "-200")


def test_what_is_no_missing_value(cube: Path) -> None:
    fails(ndfit("fit", cube, "--model", "Gaussian1D", "--missing", "none"), "Expected a number")
    fails(ndfit("fit", cube, "--model", "Gaussian1D", "--missing", "3K"), "without a unit")


def test_a_variance_that_is_given_as_a_deviation(tmp_path: Path) -> None:
    header = HEADER | {"BUNIT": "K2"}
    fits.writeto(tmp_path / "var.fits", np.ones((40, 3, 4)), fits.Header(header))
    path = write_cube(tmp_path / "cube.fits")
    run = ndfit("fit", path, "--model", "Gaussian1D", "--std", tmp_path / "var.fits")
    fails(run, "is in 'K2', which is that of --variance, and not of --std")


def test_other_images_that_might_be_meant(tmp_path: Path) -> None:
    path = tmp_path / "arrays.fits"
    hdus = [fits.PrimaryHDU(), *(fits.ImageHDU(np.linspace(1, 2, 30), name=name) for name in ("WAVE", "FLUX"))]
    fits.HDUList(hdus).writeto(path)
    run = ndfit("fit", path, "--model", "Const1D")
    assert "WAVE is fitted, the first image of the file; there is FLUX too: see --hdu." in run.stderr
    assert "too: see --hdu" not in ndfit("fit", path, "--model", "Const1D", "--hdu", "FLUX").stderr
