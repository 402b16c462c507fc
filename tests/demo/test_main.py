"""The demonstration as it is run: what it leaves, what it says, and how it fails."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.wcs import WCS
from click.testing import CliRunner, Result
from PIL import Image

from ndfit.demo.__main__ import main
from ndfit.demo.synthetic import NOISE, synthetic_cube

PART = np.s_[:, 81:87, 90:100]  # of the synthetic cube: bright single lines


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def cube_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cube = synthetic_cube()
    path = tmp_path_factory.mktemp("cube") / "part.fits"
    header = cube.wcs[PART].to_header()
    header["BUNIT"] = "K"
    data = cube.data[PART].copy()
    data[:, 0, :3] = np.nan
    fits.writeto(path, data, header)
    return path


@pytest.fixture(scope="module")
def left_behind(cube_path: Path) -> Path:
    """Output folder of one run, which the tests below look at."""
    out = cube_path.parent / "out"
    result = run(cube_path, "--out", out)
    assert result.exit_code == 0, result.output
    assert "60 spectra" in result.output
    assert "Fitted without bounds in" in result.output
    for name in ("maps-without-bounds.fits", "maps-with-bounds.fits", "demo.png"):
        assert str(out / name) in result.output
    return out


def test_nothing_but_the_results_is_left(left_behind: Path) -> None:
    assert sorted(path.name for path in left_behind.iterdir()) == [
        "demo.png",
        "maps-with-bounds.fits",
        "maps-without-bounds.fits",
    ]


def test_maps_carry_names_units_and_sky(left_behind: Path, cube_path: Path) -> None:
    sky = WCS(fits.getheader(cube_path)).celestial
    with fits.open(left_behind / "maps-with-bounds.fits") as hdus:
        hdus.verify("exception")
        assert [hdu.name for hdu in hdus[1:]] == ["AMPLITUDE", "MEAN", "STDDEV"]
        assert [u.Unit(hdu.header["BUNIT"]) for hdu in hdus[1:]] == [u.K, u.m / u.s, u.m / u.s]
        for hdu in hdus[1:]:
            assert hdu.data.shape == (6, 10)
            assert WCS(hdu.header).wcs.compare(sky.wcs, tolerance=1e-9)


def test_maps_hold_the_fit(left_behind: Path, cube_path: Path) -> None:
    cube = fits.getdata(cube_path).astype(float)
    with fits.open(left_behind / "maps-with-bounds.fits") as hdus:
        amplitude, mean, stddev = (hdu.data for hdu in hdus[1:])
    np.testing.assert_array_equal(np.isnan(mean), np.isnan(cube).any(axis=0))
    velocity = WCS(fits.getheader(cube_path)).spectral.pixel_to_world_values(np.arange(cube.shape[0]))[:, None, None]
    residual = cube - amplitude * np.exp(-0.5 * ((velocity - mean) / stddev) ** 2)
    assert np.nanstd(residual) == pytest.approx(NOISE, rel=0.1)


def test_picture_is_a_picture(left_behind: Path) -> None:
    with Image.open(left_behind / "demo.png") as picture:
        assert picture.width > picture.height > 800
        assert len(picture.convert("RGB").getcolors(maxcolors=2**24)) > 200


def test_cube_without_wcs(tmp_path: Path) -> None:
    channels = np.arange(20.0)[:, None, None]
    data = np.exp(-0.5 * ((channels - 9) / 2) ** 2) * np.ones((20, 2, 3))
    data += np.random.default_rng(0).normal(scale=0.05, size=data.shape)
    fits.writeto(tmp_path / "plain.fits", data)
    result = run(tmp_path / "plain.fits", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "in pixels" in result.output
    np.testing.assert_allclose(fits.getdata(tmp_path / "out" / "maps-with-bounds.fits", "MEAN"), 9, atol=0.3)


def test_bad_input_is_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    result = run(tmp_path / "absent.fits", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert result.output == f"Error: There is no file {tmp_path / 'absent.fits'}.\n"


def test_output_folder_that_cannot_be_made(tmp_path: Path, cube_path: Path) -> None:
    (tmp_path / "out").write_text("in the way")
    result = run(cube_path, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert result.output.startswith("Error: ")
    assert str(tmp_path / "out") in result.output
