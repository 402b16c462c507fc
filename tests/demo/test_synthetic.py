"""The synthetic cube has what the demonstration is to show."""

from __future__ import annotations

import numpy as np
from astropy import units as u

from ndfit.demo.synthetic import NOISE, synthetic_cube


def test_same_seed_same_cube() -> None:
    np.testing.assert_array_equal(synthetic_cube(3).data, synthetic_cube(3).data)
    assert not np.array_equal(synthetic_cube(3).data, synthetic_cube(4).data, equal_nan=True)


def test_shape_units_and_sky() -> None:
    cube = synthetic_cube()
    assert cube.data.shape == (53, 105, 105)
    assert cube.data.dtype == np.float32
    assert cube.spectral_unit == u.m / u.s
    assert list(cube.wcs.wcs.ctype) == ["RA---SFL", "DEC--SFL", "VOPT"]
    assert list(cube.sky.wcs.ctype) == ["RA---SFL", "DEC--SFL"]


def test_one_corner_was_not_observed() -> None:
    missing = np.isnan(synthetic_cube().data)
    assert missing[:, 0, -1].all()
    assert 0.005 < missing.mean() < 0.05
    np.testing.assert_array_equal(missing.all(axis=0), missing.any(axis=0))


def test_two_components_cross() -> None:
    """Somewhere two lines stand apart with a dip between them, somewhere else there is one."""
    data = synthetic_cube().data
    smooth = sum(data[shift : shift + 49] for shift in range(5)) / 5
    before, after = np.maximum.accumulate(smooth, axis=0), np.maximum.accumulate(smooth[::-1], axis=0)[::-1]
    dip = (np.minimum(before, after) - smooth).max(axis=0)
    two = dip > 5 * NOISE / np.sqrt(5)
    assert 300 < np.count_nonzero(two) < 5000
