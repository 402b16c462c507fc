"""What is handed to the fit: uncertainties, masks, missing values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.wcs import WCS
from tests.cli.cubes import HEADER, NOISE, SHAPE, fitted, line_cube, means, write_cube

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
