"""`ndfit fit`: what it finds, what it leaves, and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.wcs import WCS
from tests.cli.cubes import HEADER, NOISE, SHAPE, VELOCITY, fails, line_cube, means, ndfit, write_cube

import ndfit as package


def fitted(tmp_path: Path, *arguments: object) -> Any:
    """The result of `ndfit fit` with these arguments."""
    out = tmp_path / "fit.fits"
    result = ndfit("fit", *arguments, "--out", out, "--overwrite")
    assert result.exit_code == 0, result.output
    return package.read(out)


def test_line_with_units_and_bounds(tmp_path: Path, cube: Path) -> None:
    result = fitted(tmp_path, cube, "--model", "Gaussian1D", "--world-unit", "km/s", "--bounds", "mean=2000:7e3m/s")
    assert result.engine == "compiled"
    assert result.parameters["mean"].unit == u.km / u.s
    assert result.parameters["amplitude"].unit == u.K
    np.testing.assert_allclose(result.parameters["mean"].value, means(), atol=0.05)
    row = next(row for row in result.record["parameters"] if row["name"] == "mean")
    assert (row["lower"], row["upper"]) == (2.0, 7.0)
    sky = WCS(fits.getheader(tmp_path / "fit.fits", "MEAN"))
    np.testing.assert_allclose(sky.pixel_to_world_values(3, 2), WCS(HEADER).celestial.pixel_to_world_values(3, 2))


def test_numbers_without_a_unit_are_in_that_of_the_header(tmp_path: Path) -> None:
    """wcslib changes Angstrom to m; a person who types 6563 means what the header says."""
    header = HEADER | {"CTYPE3": "WAVE", "CUNIT3": "Angstrom", "CRVAL3": 6550.0, "CDELT3": 0.5}
    path = write_cube(tmp_path / "cube.fits", header=header)
    result = fitted(tmp_path, path, "--model", "Gaussian1D", "--bounds", "mean=6550:6570", "--window", "6551:6568")
    assert result.parameters["mean"].unit == u.AA
    np.testing.assert_allclose(result.parameters["mean"].value, 6550 + means() / 0.25 * 0.5, atol=0.1)
    assert result.n_samples.max() == 35


def test_frequencies_become_velocities(tmp_path: Path) -> None:
    rest, step = 115.27e9, -0.25e3 / 299792458.0 * 115.27e9
    header = HEADER | {"CTYPE3": "FREQ", "CUNIT3": "Hz", "CRVAL3": rest, "CDELT3": step}
    path = write_cube(tmp_path / "cube.fits", header=header)
    options = ("--model", "Gaussian1D", "--world-unit", "km/s")
    fails(ndfit("fit", path, *options), "give --rest")
    result = fitted(tmp_path, path, *options, "--rest", "115.27GHz", "--window", "1:9km/s")
    np.testing.assert_allclose(result.parameters["mean"].to_value(u.km / u.s), means(), atol=0.05)


def test_ties_and_fixed_parameters(tmp_path: Path) -> None:
    data = line_cube() + 0.5 * np.exp(-0.5 * ((VELOCITY[:, None, None] - means() - 2.5) / 0.8) ** 2)
    path = write_cube(tmp_path / "cube.fits", data)
    result = fitted(
        tmp_path,
        *(path, "--model", "Gaussian1D + Gaussian1D + Const1D", "--world-unit", "km/s"),
        *("--tied", "mean_1 = mean_0 + 2500m/s", "--tied", "stddev_1=stddev_0", "--fixed", "amplitude_2=0"),
    )
    values = {name: np.asarray(map_.value) for name, map_ in result.parameters.items()}
    np.testing.assert_allclose(values["mean_0"], means(), atol=0.06)
    np.testing.assert_allclose(values["mean_1"], values["mean_0"] + 2.5, rtol=1e-14)
    np.testing.assert_array_equal(values["stddev_1"], values["stddev_0"])
    np.testing.assert_array_equal(values["amplitude_2"], 0.0)


def test_window_and_region(tmp_path: Path, cube: Path) -> None:
    whole = fitted(tmp_path, cube, "--model", "Gaussian1D", "--window", "1:8km/s")
    part = fitted(tmp_path, cube, "--model", "Gaussian1D", "--window", "1:8km/s", "--region", "1:3,:2")
    assert part.shape == (2, 2)
    assert part.n_samples.max() == 29
    np.testing.assert_array_equal(part.parameters["mean"], whole.parameters["mean"][1:3, :2])
    sky = WCS(fits.getheader(tmp_path / "fit.fits", "MEAN"))
    np.testing.assert_allclose(sky.pixel_to_world_values(0, 0), WCS(HEADER).celestial.pixel_to_world_values(0, 1))


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


def test_coordinates_from_an_hdu_at_rest(tmp_path: Path) -> None:
    """Spectra of different redshift on one wavelength table, as in MaNGA's files."""
    wave = 6400.0 + 2.0 * np.arange(200)
    redshift = np.array([0.0, 0.01, 0.02])
    centre = 6563.0 * (1 + redshift)
    flux = np.exp(-0.5 * ((wave - centre[:, None]) / 4.0) ** 2) + np.random.default_rng(0).normal(scale=0.01)
    path = tmp_path / "spectra.fits"
    images = {"FLUX": flux, "WAVE": wave, "Z": redshift}
    fits.HDUList([fits.PrimaryHDU(), *(fits.ImageHDU(values, name=name) for name, values in images.items())]).writeto(
        path
    )
    options = ("--world", "WAVE", "--world-unit", "Angstrom", "--redshift", "Z", "--window", "6520:6600")
    result = fitted(tmp_path, path, "--model", "Gaussian1D + Const1D", *options, "--bounds", "mean=6555:6570Angstrom")
    np.testing.assert_allclose(result.parameters["mean_0"].value, 6563.0, atol=0.01)
    np.testing.assert_allclose(result.parameters["stddev_0"].value, 4.0 / (1 + redshift), rtol=1e-3)


def test_images_without_wcs(tmp_path: Path) -> None:
    y, x = np.indices((15, 17))
    stamps = np.stack([np.exp(-0.5 * (((x - 8 - k) / 2.0) ** 2 + ((y - 7) / 1.5) ** 2)) for k in (0, 1)])
    path = write_cube(tmp_path / "stamps.fits", stamps, {})
    run = ndfit("fit", path, "--model", "Gaussian2D", "--fixed", "theta=0deg", "--out", tmp_path / "fit.fits")
    assert "Note: The header has no WCS for axis 2: the coordinates are pixels, counted from 0.\n" in run.stderr
    result = package.read(tmp_path / "fit.fits")
    np.testing.assert_allclose(result.parameters["x_mean"], [8, 9], atol=1e-6)
    np.testing.assert_allclose(result.parameters["y_stddev"], 1.5, atol=1e-6)


def test_axes_of_length_one_are_dropped(tmp_path: Path) -> None:
    header = HEADER | {"CTYPE4": "STOKES", "CRVAL4": 1.0, "CRPIX4": 1.0, "CDELT4": 1.0}
    path = write_cube(tmp_path / "cube.fits", line_cube()[np.newaxis], header)
    result = fitted(tmp_path, path, "--model", "Gaussian1D", "--world-unit", "km/s")
    assert result.shape == SHAPE[1:]
    assert result.wcs.pixel_n_dim == 2


def test_products_are_fitted_in_plain_numbers(tmp_path: Path, cube: Path) -> None:
    options = ("--model", "Const1D * Gaussian1D", "--fixed", "amplitude_0=1", "--world-unit", "km/s")
    result = fitted(tmp_path, cube, *options, "--start", "mean=4", "--start", "stddev=1")
    np.testing.assert_allclose(result.parameters["mean_1"], means(), atol=0.05)
    assert "numbers are plain: coordinates in km / s, data in K." in ndfit("fit", cube, *options).stderr
    fails(ndfit("fit", cube, *options, "--start", "mean=4km/s"), "a plain number is expected there")


def test_options_that_ndfit_fit_takes_as_they_are(tmp_path: Path, cube: Path) -> None:
    options = ("--loss", "huber", "--f-scale", 0.1, "--seed", 3, "--starts", 2)
    more = ("--refine", "neighbours", "--workers", 1, "--max-evaluations", 77)
    record = fitted(tmp_path, cube, "--model", "Gaussian1D", *options, *more).record["options"]
    assert {key: record[key] for key in ("loss", "f_scale", "seed", "starts", "refine", "fitter_kwargs")} == {
        "loss": "huber",
        "f_scale": 0.1,
        "seed": 3,
        "starts": 2,
        "refine": "neighbours",
        "fitter_kwargs": {"maxiter": 77},
    }


def test_starting_values_are_used(tmp_path: Path, cube: Path) -> None:
    options = ("--model", "Gaussian1D(mean=3.5km/s)", "--world-unit", "km/s", "--start", "stddev=900m/s")
    rows = {row["name"]: row for row in fitted(tmp_path, cube, *options).record["parameters"]}
    assert (rows["mean"]["start"], rows["stddev"]["start"], rows["stddev"]["start_unit"]) == (3.5, 0.9, "km / s")


def test_report_and_picture(tmp_path: Path, cube: Path) -> None:
    page, picture = tmp_path / "fit.html", tmp_path / "fit.png"
    result = ndfit("fit", cube, "--model", "Gaussian1D", "--report", page, "--plot", picture)
    assert result.exit_code == 0, result.output
    assert result.stdout.endswith(f"Written: {page}\nWritten: {picture}\n")
    assert "<html" in page.read_text()
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_every_fit_fails(tmp_path: Path) -> None:
    path = write_cube(tmp_path / "cube.fits", line_cube()[:2])
    out = tmp_path / "fit.fits"
    result = ndfit("fit", path, "--model", "Gaussian1D", "--out", out)
    fails(result, "All 12 fits failed: fewer usable samples than free parameters.", code=1)
    assert not out.exists()


def test_interrupted(cube: Path, tmp_path: Path) -> None:
    """A real process and a real signal: exit code 130 and one line."""
    code = (
        "import os, signal, ndfit, ndfit.cli.main as m\n"
        "ndfit.fit = lambda *_, **__: os.kill(os.getpid(), signal.SIGINT)\n"
        "m.main()"
    )
    out = tmp_path / "fit.fits"
    command = [sys.executable, "-c", code, "fit", str(cube), "--model", "Gaussian1D", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 130
    assert done.stderr.endswith("Interrupted: nothing is written.\n")
    assert not out.exists()


def test_in_a_process_of_its_own(cube: Path, tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("ndfit")
    command = [str(script), "fit", cube.name, "--model", "Gaussian1D", "--out", str(tmp_path / "fit.fits"), "--quiet"]
    environment = os.environ | {"PYTHONWARNINGS": "error"}
    done = subprocess.run(
        command, cwd=cube.parent, capture_output=True, text=True, timeout=120, check=False, env=environment
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "fit.fits").exists()
