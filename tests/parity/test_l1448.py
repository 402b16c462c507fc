"""The example of astropy's page on a part of the L1448 cube: the same maps, however the work is spread."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.modeling import fitting
from astropy.modeling.fitting import TRFLSQFitter
from astropy.modeling.models import Gaussian1D
from astropy.wcs import WCS
from numpy.testing import assert_allclose
from tests.parity.synthetic import gaussian
from tests.shared import shared_path

from ndfit import parallel_fit_dask
from ndfit.errors import FitWarning

SMALL = np.s_[:, 44:50, 54:64]
PAGE = np.s_[:, 25:75, 35:85]


class Cut(NamedTuple):
    data: Any
    wcs: WCS


def call(function, cut, **keywords):
    """The page's own call; the maps of its parameters. Widths are compared by magnitude: ndfit's are positive."""
    model = Gaussian1D(amplitude=1 * u.one, mean=4000 * u.m / u.s, stddev=500 * u.m / u.s)
    keywords = {"fitter": TRFLSQFitter(), "data_unit": u.one, "fitting_axes": 0} | keywords
    fitted = function(model=model, data=cut.data, world=cut.wcs, **keywords)
    assert fitted.mean.unit == fitted.stddev.unit == u.m / u.s
    return {
        "amplitude": fitted.amplitude.value,
        "mean": fitted.mean.value,
        "stddev": np.abs(fitted.stddev.value),
    }


def read(part=np.s_[:, :, :]):
    with fits.open(shared_path("data", "l1448_13co.fits")) as hdus, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # astropy on the header's dates and frames
        return Cut(hdus[0].data[part].copy(), WCS(hdus[0].header)[part])


@pytest.fixture(scope="module")
def small():
    return read(SMALL)


@pytest.fixture(scope="module")
def astropys(small):
    return call(fitting.parallel_fit_dask, small, scheduler="synchronous")


@pytest.fixture(scope="module", params=["reference", "auto"])
def run(request):
    return partial(parallel_fit_dask, engine=request.param)


@pytest.fixture(scope="module")
def in_one_thread(run, small):
    return call(run, small, scheduler="synchronous")


def squares(cut, maps):
    """Sum of squared residuals at each position."""
    velocity = cut.wcs.spectral.pixel_to_world_values(np.arange(len(cut.data)))[:, np.newaxis, np.newaxis]
    values = Gaussian1D.evaluate(velocity, maps["amplitude"], maps["mean"], maps["stddev"])
    return np.sum((cut.data - values) ** 2, axis=0)


def assert_same_maps(maps, expected, rtol):
    for name, values in expected.items():
        assert_allclose(maps[name], values, rtol=rtol, err_msg=name)


def test_reference_engine_gives_the_maps_of_astropy(small, astropys):
    maps = call(parallel_fit_dask, small, engine="reference", scheduler="synchronous")
    assert_same_maps(maps, astropys, rtol=1e-10)


def test_whole_cube_of_which_a_mask_leaves_the_part(astropys):
    whole = read()
    mask = np.ones(whole.data.shape, dtype=bool)
    mask[SMALL] = False
    maps = call(parallel_fit_dask, whole, mask=mask, engine="reference", scheduler="synchronous")
    assert np.isfinite(maps["mean"]).sum() == astropys["mean"].size
    assert_same_maps({name: values[SMALL[1:]] for name, values in maps.items()}, astropys, rtol=1e-10)


def test_summed_cost_is_no_worse_than_astropys(run, small, astropys, in_one_thread):
    velocity = small.wcs.spectral.pixel_to_world_values(np.arange(len(small.data)))

    def cost(maps):
        model = gaussian(velocity[:, np.newaxis, np.newaxis], **maps)
        return 0.5 * np.sum((small.data - model) ** 2)

    assert cost(in_one_thread) <= cost(astropys) * (1 + 1e-9)


@pytest.mark.parametrize(
    "schedule",
    [
        *({"scheduler": "synchronous", "chunk_n_max": size} for size in (1, 7, 10_000)),
        *({"scheduler": scheduler, "chunk_n_max": 20} for scheduler in (None, "default", "threads", "processes")),
    ],
    ids=lambda schedule: "-".join(map(str, schedule.values())),
)
def test_no_bit_depends_on_the_schedule(run, small, in_one_thread, schedule):
    assert_same_maps(call(run, small, **schedule), in_one_thread, rtol=0)


@pytest.mark.parametrize("engine", ["reference", "auto"])
@pytest.mark.usefixtures("client")
def test_no_bit_depends_on_a_cluster_of_two_workers(small, engine):
    run = partial(parallel_fit_dask, engine=engine)
    maps = call(run, small, scheduler="default", chunk_n_max=20)
    assert_same_maps(maps, call(run, small, scheduler="synchronous"), rtol=0)


@pytest.mark.long
@pytest.mark.parametrize("fitter_kwargs", [None, {"maxiter": 100}], ids=["as on the page", "limit given"])
def test_part_of_the_page(fitter_kwargs):
    """Some of these spectra have no line: the fitter stops at its limit there, which astropy's function keeps quiet."""
    page = read(PAGE)
    expected = call(fitting.parallel_fit_dask, page, scheduler="synchronous", fitter_kwargs=fitter_kwargs)
    with pytest.warns(FitWarning, match="limit of evaluations"):
        maps = call(parallel_fit_dask, page, engine="reference", fitter_kwargs=fitter_kwargs)
    # Where the fitter stopped away from a minimum, the reference engine goes on.
    same = np.all([np.isclose(maps[name], values, rtol=1e-10, atol=0.0) for name, values in expected.items()], axis=0)
    assert np.mean(same) > 0.99
    assert (squares(page, maps) <= squares(page, expected) * (1.0 + 1e-12))[~same].all()
