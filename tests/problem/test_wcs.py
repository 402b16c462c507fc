"""Coordinates of the fitting axes from FITS WCS, gwcs and WCS of one's own."""

from __future__ import annotations

import re
import warnings
from copy import deepcopy

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import ICRS
from astropy.io import fits
from astropy.modeling import models
from astropy.wcs import WCS, FITSFixedWarning
from astropy.wcs.wcsapi import BaseLowLevelWCS, HighLevelWCSWrapper, SlicedLowLevelWCS
from astropy.wcs.wcsapi.wrappers.base import BaseWCSWrapper
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.shared import shared_path

import ndfit.problem.wcs as module
from ndfit.problem.axes import Axes
from ndfit.problem.coords import coordinates


def fits_wcs(*axes, **attributes):
    """A WCS from (ctype, cunit, crval, crpix, cdelt) rows in FITS order."""
    wcs = WCS(naxis=len(axes))
    wcs.wcs.ctype, wcs.wcs.cunit, wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = map(list, zip(*axes, strict=True))
    for name, value in attributes.items():
        setattr(wcs.wcs, name, value)
    return wcs


def sky_cube(ra=50.0, dec=30.0, rotation=0.0, spectral=("VRAD", "m/s", -3000.0, 2, 250.0)):
    c, s = np.cos(np.radians(rotation)), np.sin(np.radians(rotation))
    return fits_wcs(
        ("RA---TAN", "deg", ra, 3, -0.01),
        ("DEC--TAN", "deg", dec, 2, 0.01),
        spectral,
        pc=[[c, -s, 0], [s, c, 0], [0, 0, 1]],
    )


def header_of(*parts, ext=0):
    with fits.open(shared_path(*parts)) as hdus:
        return hdus[ext].header, hdus[ext].data.shape


def read_wcs(header):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)
        return WCS(header)


def world_at_every_voxel(wcs, shape):
    with np.errstate(all="ignore"):
        return np.reshape(wcs.array_index_to_world_values(*np.indices(shape)), (-1, *shape))


def assert_matches(wcs, axes, worlds):
    """The coordinates are the named world axes at every voxel, and are no larger than they need be."""
    everywhere = world_at_every_voxel(deepcopy(wcs), axes.shape)
    for coordinate, world in zip(coordinates(wcs, axes), worlds, strict=True):
        assert coordinate.values.ndim == len(axes.shape)
        np.testing.assert_allclose(
            np.broadcast_to(coordinate.values, axes.shape), everywhere[world], rtol=1e-12, atol=1e-12
        )


class CountingWCS(BaseWCSWrapper):
    """Counts the pixels that it is asked for; a copy counts into the same total."""

    pixel_n_dim = world_n_dim = 3

    def __init__(self, wcs):
        super().__init__(wcs)
        self.pixels, self.largest = 0, 0

    def __deepcopy__(self, memo):
        return self

    def pixel_to_world_values(self, *pixel_arrays):
        asked = np.broadcast(*pixel_arrays).size
        self.pixels, self.largest = self.pixels + asked, max(self.largest, asked)
        return self._wcs.pixel_to_world_values(*pixel_arrays)

    def world_to_pixel_values(self, *world_arrays):
        raise AssertionError("not needed")


class OwnWCS(BaseLowLevelWCS):
    """One axis, by any function of the pixel."""

    pixel_n_dim = world_n_dim = 1
    # The base class declares these abstract; the last two are set for each object.
    world_axis_object_components = world_axis_object_classes = None
    world_axis_physical_types = world_axis_units = None

    def __init__(self, function, physical_type, unit):
        self.function = function
        self.world_axis_physical_types = [physical_type]
        self.world_axis_units = [unit]

    def pixel_to_world_values(self, *pixel_arrays):
        return self.function(*pixel_arrays)

    def world_to_pixel_values(self, *world_arrays):
        raise AssertionError("not needed")


# --- which world axis -------------------------------------------------------------------------------------------------


@st.composite
def permuted_linear_wcs(draw):
    """A linear WCS whose PC matrix sends each pixel axis to a world axis of its own."""
    ndim = draw(st.integers(1, 4))
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=ndim, max_size=ndim)))
    world_of_pixel = draw(st.permutations(range(ndim)))
    wcs = WCS(naxis=ndim)
    wcs.wcs.crval = draw(st.lists(st.floats(-10, 10), min_size=ndim, max_size=ndim))
    wcs.wcs.cdelt = draw(st.lists(st.sampled_from([-3.0, -0.1, 1e-9, 2.0, 1e6]), min_size=ndim, max_size=ndim))
    wcs.wcs.pc = np.eye(ndim)[:, np.argsort(world_of_pixel)].T
    fitting = draw(st.permutations(range(ndim)))[: draw(st.integers(1, ndim))]
    worlds = tuple(int(np.flatnonzero(wcs.wcs.pc[:, ndim - 1 - axis])[0]) for axis in fitting)
    return wcs, Axes(shape, tuple(fitting)), worlds


@given(permuted_linear_wcs())
def test_axis_permutations(case):
    wcs, axes, worlds = case
    assert_matches(wcs, axes, worlds)
    sizes = [coordinate.values.size for coordinate in coordinates(wcs, axes)]
    assert sizes == list(axes.fitting_shape)


@settings(max_examples=40)
@given(
    rotation=st.floats(-180, 180),
    dec=st.floats(-70, 70),
    aspect=st.sampled_from([0.1, 1.0, 6.0]),
    reverse=st.booleans(),
)
def test_celestial_pair_follows_orientation(rotation, dec, aspect, reverse):
    """Dec for the first image axis and RA for the second, until the image is rotated by 45 degrees or more."""
    tilt = abs(np.sin(np.radians(rotation)))
    assume(abs(tilt - np.sqrt(0.5)) > 0.01)
    wcs = sky_cube(dec=dec, rotation=rotation)
    wcs.wcs.pc = wcs.wcs.pc * np.array([1, aspect, 1])  # image pixels that are not square
    worlds = (1, 0) if tilt < np.sqrt(0.5) else (0, 1)
    order = slice(None, None, -1 if reverse else 1)
    assert_matches(wcs, Axes((2, 4, 5), (1, 2)[order]), worlds[order])


def test_tie_keeps_the_order_of_the_axes():
    wcs = fits_wcs(("", "", 0, 1, 1), ("", "", 0, 1, 1), pc=[[1 - 1e-10, -1], [1, 1]])
    assert_matches(wcs, Axes((4, 4), (0, 1)), (1, 0))


def test_pixel_outside_the_projection_in_the_middle_keeps_the_order():
    wcs = sky_cube()
    wcs.wcs.cdelt = [-60, 60, 250.0]
    wcs.wcs.ctype = ["RA---SIN", "DEC--SIN", "VRAD"]
    first, second = coordinates(wcs, Axes((1, 9, 9), (1, 2)))
    assert np.isnan(first.values[0, 4, 4])
    assert (first.name, second.name) == ("pos.eq.dec", "pos.eq.ra")


def test_all_three_axes():
    assert_matches(sky_cube(rotation=20), Axes((2, 4, 3), (2, 0, 1)), (0, 2, 1))


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wcs", "axes", "message"),
    [
        (
            WCS(naxis=3),
            Axes((20, 10), (0,)),
            "The WCS pixel_n_dim (3) does not match the number of dimensions in the data (2)",
        ),
        (
            sky_cube(),
            Axes((2, 4, 5), (1,)),
            "The number of WCS world axes corresponding to the fitting axes (2) does not match the number of fitting "
            "axes (1)",
        ),
        (
            fits_wcs(("", "", 0, 1, 1), ("", "", 0, 1, 1), pc=[[1, 0], [1, 0]]),
            Axes((4, 4), (0, 1)),
            "The WCS world axes [0, 1] do not each vary along a fitting axis of their own",
        ),
    ],
)
def test_misfit_is_an_error(wcs, axes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        coordinates(wcs, axes)


# --- kinds of axes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spectral",
    [
        ("VRAD", "m/s", -3000.0, 2, 250.0),
        ("VOPT", "m/s", 1e6, 2, 250.0),
        ("VOPT-F2W", "m/s", 1e6, 2, 2500.0),
        ("FREQ", "Hz", 1.1e11, 2, -1e6),
        ("WAVE", "m", 6.5e-7, 2, 1e-10),
        ("WAVE-LOG", "m", 6.5e-7, 2, 1e-9),
        ("AWAV", "m", 6.5e-7, 2, 1e-10),
    ],
)
def test_spectral_axis(spectral):
    wcs = sky_cube(spectral=spectral)
    wcs.wcs.restfrq, wcs.wcs.restwav = 1.1e11, 2.7e-3
    axes = Axes((7, 2, 3), (0,))
    assert_matches(wcs, axes, (2,))
    (coordinate,) = coordinates(wcs, axes)
    assert coordinate.values.shape == (7, 1, 1)
    assert coordinate.unit == u.Unit(spectral[1])


def test_degenerate_stokes_axis():
    wcs = fits_wcs(
        ("RA---SIN", "deg", 80, 2, -1e-3),
        ("DEC--SIN", "deg", -5, 2, 1e-3),
        ("VRAD", "m/s", 0, 1, 250.0),
        ("STOKES", "", 1, 1, 1),
    )
    axes = Axes((1, 6, 2, 3), (1,))
    assert_matches(wcs, axes, (2,))
    assert coordinates(wcs, axes)[0].values.shape == (1, 6, 1, 1)


def test_rotated_slit_raster():
    wcs = fits_wcs(
        ("WAVE", "Angstrom", 1393.0, 1, 0.025),
        ("HPLT-TAN", "arcsec", 100.0, 3, 0.33),
        ("HPLN-TAN", "arcsec", -50.0, 2, 2.0),
        pc=[[1, 0, 0], [0, 1, -0.1], [0, 0.1, 1]],
    )
    (coordinate,) = coordinates(wcs, Axes((2, 4, 70), (2,)))
    assert coordinate.unit == u.AA
    np.testing.assert_allclose(coordinate.values, 1393.0 + 0.025 * np.arange(70).reshape(1, 1, 70), rtol=1e-13)


def test_aips_velocity():
    header = fits.Header()
    rows = [("RA---SIN", 50.0, -1e-4), ("DEC--SIN", 30.0, 1e-4), ("VELO-LSR", 2000.0, 150.0)]
    for number, (ctype, crval, cdelt) in enumerate(rows, 1):
        header[f"CTYPE{number}"], header[f"CRVAL{number}"], header[f"CDELT{number}"] = ctype, crval, cdelt
        header[f"CRPIX{number}"] = 1.0
    header["RESTFREQ"] = 23.6944955e9
    (coordinate,) = coordinates(read_wcs(header), Axes((60, 2, 2), (0,)))
    assert coordinate.unit == u.m / u.s
    np.testing.assert_allclose(coordinate.values.ravel(), 2000 + 150 * np.arange(60))


def tab_wcs(table, ctypes):
    """A WCS whose last axes are read from one look-up table, of shape (..., number of those axes)."""
    count = len(ctypes)
    header = fits.Header({"WCSAXES": count + 1, "CTYPE1": "OFFSET", "CRPIX1": 1.0, "CDELT1": 1.0, "CRVAL1": 0.0})
    for number, ctype in enumerate(ctypes, 1):
        axis = number + 1
        header.update({f"CTYPE{axis}": ctype, f"CRPIX{axis}": 1.0, f"CDELT{axis}": 1.0, f"CRVAL{axis}": 1.0})
        header.update({f"PS{axis}_0": "WCS-TABLE", f"PS{axis}_1": "COORDS", f"PV{axis}_3": number})
    dims = "(" + ",".join(str(size) for size in table.shape[::-1]) + ")"
    column = fits.Column("COORDS", f"{table.size}D", array=table[None], dim=dims)
    hdus = fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns([column], name="WCS-TABLE")])
    return WCS(header, hdus)


def test_lookup_table_axis():
    wavelengths = 6.5e-7 * np.exp(0.01 * np.arange(8) ** 1.5)
    (coordinate,) = coordinates(tab_wcs(wavelengths[:, None], ["WAVE-TAB"]), Axes((8, 3), (0,)))
    np.testing.assert_allclose(coordinate.values, wavelengths[:, None], rtol=1e-14)


def test_lookup_table_of_two_axes_varies_along_both():
    """astropy's correlation matrix is blind to what a two-dimensional look-up table mixes."""
    slit, step = np.meshgrid(np.arange(4.0), np.arange(5.0), indexing="xy")
    wcs = tab_wcs(np.stack([6e-7 + 1e-9 * slit + 1e-10 * step**2, 7.0 * step], axis=-1), ["WAVE-TAB", "SLIT-TAB"])
    axes = Axes((5, 4, 2), (1,))
    assert_matches(wcs, axes, (1,))
    assert np.ptp(coordinates(wcs, axes)[0].values[:, 0, 0]) == pytest.approx(1.6e-9)


def test_wavelength_that_varies_over_the_field():
    """It has the size of the data along the slit, which shifts it, and size 1 along the other axis of the field."""
    wcs = fits_wcs(
        ("", "", 0, 1, 1), ("", "", 0, 1, 1), ("LAMBDA", "Angstrom", 5, 1, 0.5), pc=[[1, 0, 0], [0, 1, 0], [0, 0.1, 1]]
    )
    axes = Axes((6, 3, 4), (0,))
    assert_matches(wcs, axes, (2,))
    (coordinate,) = coordinates(wcs, axes)
    assert (coordinate.values.shape, coordinate.unit) == ((6, 3, 1), u.AA)


@pytest.fixture(scope="module")
def generalised_wcs():
    gwcs = pytest.importorskip("gwcs")
    frames = gwcs.coordinate_frames
    sky = models.Shift(-2) & models.Shift(-1) | models.Scale(-0.01) & models.Scale(0.01)
    sky |= models.Pix2Sky_TAN() | models.RotateNative2Celestial(0, 30, 180)
    wave = models.Tabular1D(points=np.arange(6), lookup_table=5e-7 * 1.01 ** np.arange(6))
    pixel = frames.CoordinateFrame(3, ["PIXEL"] * 3, (0, 1, 2), unit=[u.pix] * 3, name="pixels")
    world = frames.CompositeFrame(
        [
            frames.CelestialFrame(axes_order=(0, 1), unit=(u.deg, u.deg), reference_frame=ICRS()),
            frames.SpectralFrame(axes_order=(2,), unit=u.m, axes_names=("wavelength",)),
        ]
    )
    wcs = gwcs.WCS([(pixel, sky & wave), (world, None)])
    wcs.bounding_box = ((0.5, 4.5), (-0.5, 3.5), (-0.5, 5.5))
    return wcs


def test_gwcs_spectrum(generalised_wcs):
    """The first pixel of the image lies outside the bounding box; the wavelengths are known all the same."""
    (coordinate,) = coordinates(generalised_wcs, Axes((6, 4, 5), (0,)))
    assert (coordinate.values.shape, coordinate.unit, coordinate.name) == ((6, 1, 1), u.m, "wavelength")
    np.testing.assert_allclose(coordinate.values.ravel(), 5e-7 * 1.01 ** np.arange(6), rtol=1e-14)


def test_gwcs_image_is_unwrapped_and_nan_outside_the_bounding_box(generalised_wcs):
    dec, ra = coordinates(generalised_wcs, Axes((6, 4, 5), (1, 2)))
    assert dec.values.shape == ra.values.shape == (1, 4, 5)
    assert np.isnan(ra.values[..., 0]).all()
    assert np.isfinite(ra.values[..., 1:]).all()
    assert np.ptp(ra.values[..., 1:]) < 0.05
    np.testing.assert_allclose(dec.values[0, :, 2], 30 + 0.01 * (np.arange(4) - 1), atol=1e-9)


def test_high_level_and_sliced_wcs():
    wcs = sky_cube()
    sliced = SlicedLowLevelWCS(wcs, np.s_[3:, 1, :])
    (coordinate,) = coordinates(HighLevelWCSWrapper(sliced), Axes((4, 5), (0,)))
    np.testing.assert_allclose(coordinate.values, -3000 + 250.0 * (np.arange(3, 7)[:, None] - 1))


def test_undefined_values_are_nan_without_a_warning():
    (coordinate,) = coordinates(OwnWCS(lambda pixel: np.sqrt(pixel - 1), None, ""), Axes((4,), (0,)))
    np.testing.assert_allclose(coordinate.values, [np.nan, 0, 1, np.sqrt(2)])
    assert (coordinate.unit, coordinate.name) == (None, "world axis 0")


def test_wcs_of_one_axis():
    wcs = fits_wcs(("FREQ", "Hz", 1e9, 1, 1e6))
    assert_matches(wcs, Axes((5,), (0,)), (0,))


# --- units ------------------------------------------------------------------------------------------------------------


def test_values_come_in_the_unit_that_the_wcs_states_and_the_wcs_is_not_changed():
    """Evaluating this WCS turns its nm into m: neither the coordinates nor the caller's object show it."""
    wcs = sky_cube(spectral=("WAVE", "nm", 140.0, 1, 0.01))
    (coordinate,) = coordinates(wcs, Axes((5, 2, 2), (0,)))
    assert coordinate.unit == u.nm
    np.testing.assert_allclose(coordinate.values.ravel(), 140 + 0.01 * np.arange(5), rtol=1e-14)
    assert wcs.world_axis_units == ["deg", "deg", "nm"]
    assert list(wcs.wcs.crval) == [50, 30, 140]


def test_unit_that_appears_on_evaluation_is_used():
    wcs = fits_wcs(("OFFSET", "", 10, 1, 10), ("WAVE", "", 0.1, 1, 0.1))
    assert coordinates(wcs, Axes((4, 2), (0,)))[0].unit == u.m


def test_axis_without_a_unit_gives_plain_numbers():
    assert coordinates(WCS(naxis=2), Axes((4, 2), (0,)))[0].unit is None


# --- longitudes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("centre", [0.0, 359.99, 0.01, 180.0])
@pytest.mark.parametrize("system", [("RA---TAN", "DEC--TAN"), ("GLON-CAR", "GLAT-CAR"), ("HPLN-TAN", "HPLT-TAN")])
def test_longitude_is_continuous(centre, system):
    wcs = fits_wcs((system[0], "deg", centre, 6, -0.01), (system[1], "deg", 0.0, 4, 0.01), ("", "", 0, 1, 1))
    _, longitude = coordinates(wcs, Axes((2, 7, 12), (1, 2)))
    assert np.all(np.diff(longitude.values, axis=2) < 0)
    assert np.ptp(longitude.values) < 0.2
    raw = world_at_every_voxel(wcs, (2, 7, 12))[0]
    turns = (longitude.values - raw) / 360
    np.testing.assert_allclose(turns, np.round(turns), atol=1e-12)
    assert longitude.values[0, 3, 6] == raw[0, 3, 6]


def test_whole_sky_without_a_jump_is_left_alone():
    wcs = fits_wcs(("GLON-CAR", "deg", 180.0, 18.5, -10.0), ("GLAT-CAR", "deg", 0.0, 9.5, 10.0))
    _, longitude = coordinates(wcs, Axes((18, 36), (0, 1)))
    np.testing.assert_allclose(longitude.values[0], np.arange(355, 0, -10), atol=1e-9)


def test_longitude_is_continued_where_the_middle_of_the_data_has_none():
    """In the turn that holds the middle of those that there are."""
    longitude = np.array([359.8, 359.9, 0.0, np.nan, 0.2, 0.3, 0.4])
    np.testing.assert_allclose(
        module._continuous(longitude, 360.0), [-0.2, -0.1, 0.0, np.nan, 0.2, 0.3, 0.4], atol=1e-9
    )


def test_uneven_longitudes_without_a_jump_are_left_alone():
    """The last is more than half a turn away from the middle."""
    longitudes = np.array([1.0, 2, 3, 100, 150, 250, 300, 350, 359])
    wcs = OwnWCS(lambda pixel: longitudes[np.round(pixel).astype(int)], "pos.galactic.lon", "deg")
    (coordinate,) = coordinates(wcs, Axes((9,), (0,)))
    np.testing.assert_array_equal(coordinate.values, longitudes)


def test_slopes_are_not_misled_by_the_jump_of_a_longitude():
    """Taken across the jump, RA would seem to vary as much along one axis as along the other."""
    sheared = sky_cube(ra=0.0, dec=0.0)
    sheared.wcs.pc = [[1, -0.2, 0], [1, 0.9, 0], [0, 0, 1]]
    dec, ra = coordinates(sheared, Axes((2, 3, 5), (1, 2)))
    assert (dec.name, ra.name) == ("pos.eq.dec", "pos.eq.ra")


# --- how much is evaluated --------------------------------------------------------------------------------------------


def test_wcs_is_evaluated_along_the_axes_that_matter_only():
    shape = (53, 40, 30)
    corners = 2 * 2**3
    spectrum, image = CountingWCS(sky_cube()), CountingWCS(sky_cube())
    coordinates(spectrum, Axes(shape, (0,)))
    assert spectrum.pixels <= 53 + corners
    coordinates(image, Axes(shape, (1, 2)))
    assert image.pixels <= 40 * 30 + 2 * corners + 4


def test_large_evaluations_come_in_slabs(monkeypatch):
    monkeypatch.setattr(module, "_SLAB", 100)
    wcs = CountingWCS(sky_cube())
    found = coordinates(wcs, Axes((2, 23, 31), (1, 2)))
    assert wcs.largest == 100
    everywhere = world_at_every_voxel(sky_cube(), (1, 23, 31))
    for coordinate, world in zip(found, (1, 0), strict=True):
        np.testing.assert_array_equal(coordinate.values, everywhere[world])


# --- real headers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "ext", "fitting", "worlds", "size", "unit"),
    [
        ("l1448_13co.fits", 0, (0,), (2,), (53, 1, 1), u.m / u.s),
        ("radio_4d_blank_stokes.fits", 0, (1,), (2,), (1, 7, 1, 1), u.m / u.s),
        ("radio_hcn_galactic.fits", 0, (0,), (2,), (352, 1, 1), u.m / u.s),
        ("radio_n2hp_2x2.fits", 0, (0,), (2,), (501, 1, 1), u.m / u.s),
        ("iris_mgii_k_13x8x109.fits", 0, (3,), (0,), (1, 1, 1, 63), u.m),
        ("muse_a478_bcg_halpha.fits", 1, (0,), (2,), (240, 1, 1), u.m),
        ("gmos_ngc3081_halpha.fits", 1, (0,), (2,), (1800, 1, 1), None),
        ("l1448_13co.fits", 0, (1, 2), (1, 0), (1, 105, 105), u.deg),
        ("muse_hdfs_image.fits", 1, (0, 1), (1, 0), (331, 326), u.deg),
    ],
)
def test_real_headers(file, ext, fitting, worlds, size, unit):
    header, shape = header_of("data", file, ext=ext)
    wcs = read_wcs(header)
    found = coordinates(wcs, Axes(shape, fitting))
    voxels = np.random.default_rng(0).integers(0, shape, (50, len(shape))).T
    expected = np.array(wcs.array_index_to_world_values(*voxels))
    for coordinate, world in zip(found, worlds, strict=True):
        assert (coordinate.values.shape, coordinate.unit) == (size, unit)
        there = np.broadcast_to(coordinate.values, shape)[tuple(voxels)]
        np.testing.assert_allclose(there, expected[world], rtol=1e-12)
