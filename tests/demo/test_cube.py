"""Which FITS files are cubes, which axis is spectral, and what is said of those that are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits

from ndfit.demo.cube import read_cube
from ndfit.io.images import ImageError

SKY = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CUNIT1": "deg", "CUNIT2": "deg", "CDELT1": -0.1, "CDELT2": 0.1}
VELOCITY = {"CTYPE3": "VRAD", "CUNIT3": "km/s", "CDELT3": 2.0, "CRPIX3": 1.0, "CRVAL3": 10.0}


def write(path: Path, shape: tuple[int, ...], header: dict[str, object]) -> Path:
    data = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    fits.writeto(path / "cube.fits", data, fits.Header(header))
    return path / "cube.fits"


def test_reads_a_cube(tmp_path: Path) -> None:
    cube = read_cube(write(tmp_path, (6, 2, 3), SKY | VELOCITY | {"BUNIT": "K"}))
    assert cube.axis == 0
    assert cube.unit == u.K
    assert cube.spectral_unit == u.m / u.s
    np.testing.assert_allclose(cube.spectral_values, 10e3 + 2e3 * np.arange(6))
    assert list(cube.sky.wcs.ctype) == ["RA---TAN", "DEC--TAN"]
    assert cube.notes == ()


def test_spectral_axis_is_found_wherever_it_is(tmp_path: Path) -> None:
    header = {"CTYPE1": "VRAD", "CUNIT1": "m/s", "CDELT1": 1.0, "CTYPE2": "RA---TAN", "CTYPE3": "DEC--TAN"}
    cube = read_cube(write(tmp_path, (2, 3, 6), header))
    assert cube.axis == 2
    assert cube.spectra.shape == (6, 2, 3)
    assert cube.spectral_values.shape == (6,)


def test_degenerate_axes_are_dropped(tmp_path: Path) -> None:
    cube = read_cube(write(tmp_path, (1, 6, 2, 3), SKY | VELOCITY | {"CTYPE4": "STOKES"}))
    assert cube.data.shape == (6, 2, 3)
    assert cube.axis == 0
    assert cube.wcs.naxis == 3


def test_without_a_spectral_axis_the_first_axis_is_fitted_in_pixels(tmp_path: Path) -> None:
    cube = read_cube(write(tmp_path, (6, 2, 3), SKY | {"CTYPE3": "LAMBDA"}))
    assert cube.wcs is None
    assert cube.spectral_unit == u.pix
    assert cube.sky is not None
    assert "in pixels" in cube.notes[0]


def test_unit_that_is_not_understood_is_left_out(tmp_path: Path) -> None:
    cube = read_cube(write(tmp_path, (6, 2, 3), SKY | VELOCITY | {"BUNIT": "furlongs?"}))
    assert cube.unit == u.dimensionless_unscaled
    assert "furlongs?" in cube.notes[0]


@pytest.mark.parametrize(
    ("shape", "message"),
    [((4, 5), r"not a cube.*\(4, 5\)"), ((4, 2, 3, 5), r"not a cube"), ((3, 4, 5), "has 3 spectral channels")],
)
def test_what_is_not_a_cube(tmp_path: Path, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ImageError, match=message):
        read_cube(write(tmp_path, shape, {}))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no file"):
        read_cube(tmp_path / "absent.fits")


def test_not_a_fits_file(tmp_path: Path) -> None:
    path = tmp_path / "notes.fits"
    path.write_text("not FITS")
    with pytest.raises(ImageError, match="cannot be read as a FITS file"):
        read_cube(path)


def test_truncated_file(tmp_path: Path) -> None:
    path = write(tmp_path, (60, 20, 30), SKY | VELOCITY)
    path.write_bytes(path.read_bytes()[:20000])
    with pytest.raises(ImageError, match="cannot be read as a FITS file"):
        read_cube(path)


def test_nothing_finite(tmp_path: Path) -> None:
    fits.writeto(tmp_path / "cube.fits", np.full((6, 2, 3), np.nan))
    with pytest.raises(ImageError, match="no finite sample"):
        read_cube(tmp_path / "cube.fits")
