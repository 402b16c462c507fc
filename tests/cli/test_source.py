"""Which image and which axes are fitted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.cli.cubes import HEADER, SHAPE, fitted, line_cube, ndfit, write_cube

import ndfit as package


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
