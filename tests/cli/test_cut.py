"""Window and region."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.wcs import WCS
from tests.cli.cubes import HEADER, fitted, means

from ndfit.cli.cut import cut_out
from ndfit.cli.world import World
from ndfit.problem.axes import Axes


def test_window_and_region(tmp_path: Path, cube: Path) -> None:
    whole = fitted(tmp_path, cube, "--model", "Gaussian1D", "--window", "1:8km/s")
    part = fitted(tmp_path, cube, "--model", "Gaussian1D", "--window", "1:8km/s", "--region", "1:3,:2")
    assert part.shape == (2, 2)
    assert part.n_samples.max() == 29
    np.testing.assert_array_equal(part.parameters["mean"], whole.parameters["mean"][1:3, :2])
    sky = WCS(fits.getheader(tmp_path / "fit.fits", "MEAN"))
    np.testing.assert_allclose(sky.pixel_to_world_values(0, 0), WCS(HEADER).celestial.pixel_to_world_values(0, 1))


@pytest.mark.parametrize("window", ["1.25:6km/s", "1250:6000m/s", "5:24pix", "5pix:24pix"])
def test_windows_in_any_unit_are_the_same(tmp_path: Path, cube: Path, window: str) -> None:
    result = fitted(tmp_path, cube, "--model", "Gaussian1D", "--window", window)
    np.testing.assert_array_equal(result.n_samples, 20)
    np.testing.assert_allclose(result.parameters["mean"].to_value(u.km / u.s), means(), atol=0.1)


def test_pixels_keep_their_numbers_in_a_window(tmp_path: Path, cube: Path) -> None:
    result = fitted(tmp_path, cube, "--model", "Gaussian1D", "--pixels", "--window", "5:30")
    np.testing.assert_allclose(np.asarray(result.parameters["mean"]), means() / 0.25, atol=0.2)


def test_windows_where_coordinates_differ_from_position_to_position() -> None:
    """Samples are left out one by one; slices alone would keep too many."""
    axes = Axes((2, 6), (1,))
    values = np.arange(6.0) + np.array([[0.0], [2.0]])
    cut = cut_out(axes, World((values,), (values,), (None,)), "2:4", None)
    assert cut.outside is not None
    np.testing.assert_array_equal(~cut.outside, [[False, False, True, True, True, False], [True] * 3 + [False] * 3])
    assert cut.spans(World((values,), (values,), (None,))) == ((2.0, 4.0),)
