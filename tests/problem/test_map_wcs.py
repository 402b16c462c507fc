"""The WCS of the maps agrees with that of the data, or is not given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.modeling.models import Multiply, Shift
from astropy.nddata import NDDataRef
from astropy.wcs import WCS
from astropy.wcs.wcsapi import SlicedLowLevelWCS
from numpy.testing import assert_allclose

from ndfit.problem.axes import Axes
from ndfit.problem.map_wcs import NO_ITERATING_AXES, NO_WCS, NOT_SEPARABLE, low_level, wcs_of_maps

SHAPE = (7, 5, 4)


def cube_wcs(rotated: bool = False) -> WCS:
    wcs = WCS(naxis=3)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN", "FREQ"
    wcs.wcs.crval = 83.6, 22.0, 1.42e9
    wcs.wcs.cdelt = -1e-3, 1e-3, 1e5
    wcs.wcs.cunit = "deg", "deg", "Hz"
    if rotated:
        wcs.wcs.pc = np.array([[1, 0, 0], [0, 1, 0.2], [0, 0, 1]])
    return wcs


def test_sky_of_a_cube() -> None:
    part, note = wcs_of_maps(cube_wcs(), Axes(SHAPE, (0,)))
    assert isinstance(part, WCS)
    assert note == ""
    assert list(part.wcs.ctype) == ["RA---TAN", "DEC--TAN"]
    assert_allclose(part.pixel_to_world_values(3, 4), cube_wcs().pixel_to_world_values(3, 4, 2)[:2])


def test_spectra_of_a_stack_of_images() -> None:
    part, _ = wcs_of_maps(cube_wcs(), Axes(SHAPE, (2, 1)))
    assert list(part.wcs.ctype) == ["FREQ"]


@pytest.mark.parametrize(
    ("wcs", "fitting", "note"),
    [
        (None, (0,), NO_WCS),
        (cube_wcs(), (0, 1, 2), NO_ITERATING_AXES),
        (cube_wcs(), (1,), NOT_SEPARABLE),
        (cube_wcs(rotated=True), (0,), NOT_SEPARABLE),
    ],
)
def test_none_with_the_reason(wcs: WCS | None, fitting: tuple[int, ...], note: str) -> None:
    assert wcs_of_maps(wcs, Axes(SHAPE, fitting)) == (None, note)


@pytest.mark.parametrize("item", [np.s_[0, 2:, 1:4, 1:], np.s_[0, 1:]])
def test_sky_of_a_sliced_cube(item: tuple[slice | int, ...]) -> None:
    stokes = WCS({**cube_wcs().to_header(), "WCSAXES": 4, "CTYPE4": "STOKES"})
    sliced = NDDataRef(np.zeros((1, *SHAPE)), wcs=stokes)[item]
    wcs = low_level(sliced.wcs)
    part, _ = wcs_of_maps(wcs, Axes(sliced.data.shape, (0,)))
    assert isinstance(part, WCS)
    assert_allclose(part.pixel_to_world_values(1, 2), wcs.pixel_to_world_values(1, 2, 0)[:2])


def plane_gwcs() -> Any:
    """A WCS that FITS cannot express: a plane behind a spectral axis, by astropy models."""
    gwcs = pytest.importorskip("gwcs")
    frames = gwcs.coordinate_frames
    detector = frames.CoordinateFrame(3, ("PIXEL",) * 3, (0, 1, 2), unit=(u.pix,) * 3, name="detector")
    plane = frames.CoordinateFrame(
        2, ("SPATIAL",) * 2, (0, 1), unit=(u.deg, u.deg), name="plane", axes_names=("u", "v")
    )
    spectral = frames.SpectralFrame(axes_order=(2,), unit=u.Hz)
    transform = Shift(1.0) & (Shift(2.0) | Multiply(3.0)) & Multiply(5.0)
    return gwcs.WCS([(detector, transform), (frames.CompositeFrame([plane, spectral]), None)])


def test_a_wcs_that_fits_cannot_express() -> None:
    wcs = plane_gwcs()
    part, note = wcs_of_maps(wcs, Axes(SHAPE, (0,)))
    assert note == ""
    assert_allclose(part.pixel_to_world_values(3, 4), wcs(3, 4, 0)[:2])


def test_a_slice_of_a_wcs_that_fits_cannot_express() -> None:
    wcs = SlicedLowLevelWCS(plane_gwcs(), [slice(None), slice(1, None), slice(2, None)])
    part, note = wcs_of_maps(wcs, Axes((7, 4, 2), (0,)))
    assert note == ""
    assert_allclose(part.pixel_to_world_values(1, 2), plane_gwcs()(3, 3, 0)[:2])


def test_a_single_position_at_the_origin() -> None:
    wcs = WCS(naxis=3)
    wcs.wcs.ctype = "XPOS", "YPOS", "FREQ"
    wcs.wcs.crpix = 1.0, 1.0, 1.0
    part, note = wcs_of_maps(wcs, Axes((7, 1, 1), (0,)))
    assert note == ""
    assert_allclose(part.pixel_to_world_values(0, 0), 0.0)
