"""Coordinates of a fit: units, velocities, tables, redshifts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from tests.cli.cubes import HEADER, fails, fitted, means, ndfit, write_cube


def test_numbers_without_a_unit_are_in_that_of_the_header(tmp_path: Path) -> None:
    """wcslib changes Angstrom to m; a person who types 6563 means what the header says."""
    header = HEADER | {"CTYPE3": "WAVE", "CUNIT3": "Angstrom", "CRVAL3": 6550.0, "CDELT3": 0.5}
    path = write_cube(tmp_path / "cube.fits", header=header)
    result = fitted(tmp_path, path, "--model", "Gaussian1D", "--bounds", "mean=6550:6570", "--window", "6551:6568")
    assert result.parameters["mean"].unit == u.AA
    np.testing.assert_allclose(result.parameters["mean"].value, 6550 + means() / 0.25 * 0.5, atol=0.1)
    assert result.n_samples.max() == 35


def test_a_shift_is_taken_off_before_a_redshift(tmp_path: Path) -> None:
    """Plain numbers are in the unit of the fit, here the header's, and others are converted."""
    header = HEADER | {"CTYPE3": "WAVE", "CUNIT3": "Angstrom", "CRVAL3": 6550.0, "CDELT3": 0.5}
    path = write_cube(tmp_path / "cube.fits", header=header)
    shift = 0.5 * np.arange(12.0).reshape(3, 4)
    fits.writeto(tmp_path / "shift.fits", shift)
    expected = 6550 + means() / 0.25 * 0.5
    for text, value in (("3", 3.0), ("0.3nm", 3.0), (str(tmp_path / "shift.fits"), shift)):
        result = fitted(tmp_path, path, "--model", "Gaussian1D", "--shift", text, "--redshift", "0.1")
        assert result.parameters["mean"].unit == u.AA
        np.testing.assert_allclose(result.parameters["mean"].value, (expected - value) / 1.1, atol=0.1)


def test_frequencies_become_velocities(tmp_path: Path) -> None:
    rest, step = 115.27e9, -0.25e3 / 299792458.0 * 115.27e9
    header = HEADER | {"CTYPE3": "FREQ", "CUNIT3": "Hz", "CRVAL3": rest, "CDELT3": step}
    path = write_cube(tmp_path / "cube.fits", header=header)
    options = ("--model", "Gaussian1D", "--world-unit", "km/s")
    fails(ndfit("fit", path, *options), "give --rest")
    result = fitted(tmp_path, path, *options, "--rest", "115.27GHz", "--window", "1:9km/s")
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


@pytest.mark.parametrize(("unit", "power"), [("um", -1), ("Hz", 1), ("eV", 1), ("cm-1", 1), ("", -1)])
def test_what_a_redshift_does_to_coordinates(tmp_path: Path, unit: str, power: int) -> None:
    wave, centres = 10.0 + 0.02 * np.arange(200), np.array([11.0, 12.0, 13.0])
    flux = np.exp(-0.5 * ((wave - centres[:, None]) / 0.1) ** 2)
    path = tmp_path / "spectra.fits"
    fits.HDUList([fits.PrimaryHDU(flux), fits.ImageHDU(wave, name="WAVE")]).writeto(path)
    options = ("--world", "WAVE", *(("--world-unit", unit) if unit else ()), "--redshift", 0.5, "--guess", "auto")
    result = fitted(tmp_path, path, "--model", "Gaussian1D", *options)
    np.testing.assert_allclose(np.asarray(result.parameters["mean"]), centres * 1.5**power, rtol=1e-9)
