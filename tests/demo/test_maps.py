"""Parameter maps as FITS. That they carry the sky is tested with the whole demonstration."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.modeling.models import Gaussian1D

from ndfit.demo.cube import Cube
from ndfit.demo.demo_maps import write_maps


@pytest.mark.parametrize("unit", [u.K, u.one, u.DN / u.s, u.electron, 1e-20 * u.erg / u.s, 0.3 * u.K])
def test_unit_is_read_back(tmp_path: Path, unit: u.UnitBase) -> None:
    unit = u.Unit(unit)
    cube = Cube("test", np.zeros((5, 2, 3)), unit, wcs=None, sky=None, axis=0)
    maps = np.arange(6.0).reshape(2, 3)
    write_maps(tmp_path / "maps.fits", cube, Gaussian1D(maps * unit, maps * u.pix, maps * u.pix))
    with fits.open(tmp_path / "maps.fits") as hdus:
        np.testing.assert_array_equal(hdus["AMPLITUDE"].data, maps)
        assert u.Unit(hdus["AMPLITUDE"].header["BUNIT"]) == unit
        assert u.Unit(hdus["MEAN"].header["BUNIT"]) == u.pix
