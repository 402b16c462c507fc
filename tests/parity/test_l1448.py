"""The example of astropy's page on a part of the L1448 cube: the same maps, however the work is spread."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.modeling import fitting
from astropy.modeling.models import Gaussian1D
from astropy.wcs import WCS
from numpy.testing import assert_allclose, assert_array_equal
from tests.shared import shared_path

SMALL = np.s_[:, 44:50, 54:64]
PAGE = np.s_[:, 25:75, 35:85]


class Cut(NamedTuple):
    data: Any
    wcs: WCS
    expected: dict[str, np.ndarray]


def call(function, data, wcs, **keywords):
    """The page's own call; the maps of its parameters. Widths are compared by magnitude: ndfit's are positive."""
    model = Gaussian1D(amplitude=1 * u.one, mean=4000 * u.m / u.s, stddev=500 * u.m / u.s)
    keywords = {"fitter": fitting.TRFLSQFitter(), "data_unit": u.one, "fitting_axes": 0} | keywords
    fitted = function(model=model, data=data, world=wcs, **keywords)
    assert fitted.mean.unit == fitted.stddev.unit == u.m / u.s
    return {
        "amplitude": fitted.amplitude.value,
        "mean": fitted.mean.value,
        "stddev": np.abs(fitted.stddev.value),
    }


def cut(part):
    with fits.open(shared_path("data", "l1448_13co.fits")) as hdus, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # astropy on the header's dates and frames
        data, wcs = hdus[0].data[part].copy(), WCS(hdus[0].header)[part]
    return Cut(data, wcs, call(fitting.parallel_fit_dask, data, wcs, scheduler="synchronous"))


@pytest.fixture(scope="module")
def small():
    return cut(SMALL)


def assert_same_maps(maps, expected, rtol=1e-10):
    for name, values in expected.items():
        assert_allclose(maps[name], values, rtol=rtol, err_msg=name)


@pytest.mark.parametrize("scheduler", [None, "default", "synchronous", "threads", "processes"])
def test_same_maps_with_every_scheduler(fit, small, scheduler):
    assert_same_maps(call(fit, small.data, small.wcs, scheduler=scheduler, chunk_n_max=20), small.expected)


@pytest.mark.parametrize("chunk_n_max", [1, 7, 10_000])
def test_same_maps_in_any_chunk_size(fit, small, chunk_n_max):
    assert_same_maps(call(fit, small.data, small.wcs, chunk_n_max=chunk_n_max), small.expected)


def test_same_maps_from_the_whole_memory_mapped_file(fit, small):
    """The WCS of the whole cube and lazily read data, of which a mask leaves the part."""
    path = shared_path("data", "l1448_13co.fits")
    with fits.open(path, memmap=True) as hdus, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wcs = WCS(hdus[0].header)
        mask = np.ones(hdus[0].data.shape, dtype=bool)
        mask[SMALL] = False
        maps = call(fit, hdus[0].data, wcs, mask=mask)
    assert np.isfinite(maps["mean"]).sum() == small.expected["mean"].size
    assert_same_maps({name: values[SMALL[1:]] for name, values in maps.items()}, small.expected)


def test_same_maps_over_a_cluster_of_two_workers(fit, small):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster),
    ):
        maps = call(fit, small.data, small.wcs, scheduler="default", chunk_n_max=20)
    assert_same_maps(maps, small.expected)


def test_bits_do_not_depend_on_the_schedule(fit, small):
    base = call(fit, small.data, small.wcs)
    for keywords in ({"chunk_n_max": 5}, {"scheduler": "threads", "chunk_n_max": 11}):
        maps = call(fit, small.data, small.wcs, **keywords)
        for name, values in base.items():
            assert_array_equal(maps[name], values, err_msg=f"{name} with {keywords}")


@pytest.mark.long
def test_same_maps_on_the_part_of_the_page(fit):
    page = cut(PAGE)
    assert_same_maps(call(fit, page.data, page.wcs), page.expected)
