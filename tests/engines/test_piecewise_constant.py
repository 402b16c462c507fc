"""Which parameters are taken for edges between jumps, and where the search puts them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.modeling import Model
from astropy.modeling.models import Box1D, Disk2D, Gaussian1D, Gaussian2D, Moffat2D, Ring2D, custom_model
from numpy.testing import assert_allclose

from ndfit.engines.reference.piecewise_constant import piecewise_constant_parameters, search_start


@pytest.mark.parametrize(
    ("model", "found"),
    [(Gaussian1D(300.0, 2796.4, 0.2), ()), (Box1D(300.0, 2796.4, 4.1), (1, 2))],
    ids=["a line far from zero", "a box far from zero"],
)
def test_far_from_zero(model: Model, found: tuple[int, ...]) -> None:
    wavelength = np.linspace(2790.5, 2806.6, 63)
    assert piecewise_constant_parameters(model, model.parameters, (0, 1, 2), (wavelength,)) == found


def test_angle_of_a_round_gaussian() -> None:
    """It changes nothing but roundings."""
    model = Gaussian2D(1.0, 395.0, 188.0, 2.0, 2.0, theta=0.0)
    y, x = (axis.ravel() for axis in np.mgrid[178.0:199.0, 385.0:406.0])
    assert piecewise_constant_parameters(model, model.parameters, tuple(range(6)), (x, y)) == ()


@pytest.mark.parametrize("centre", [0.0, 0.05])
def test_an_edge_on_a_sample_is_an_edge(centre: float) -> None:
    """It seems to have a derivative there, as the sample changes sides; so it may after both parameters moved alike."""
    x = np.linspace(-5.0, 5.0, 101)
    model = Box1D(2.0, centre, 2.0)
    assert piecewise_constant_parameters(model, model.parameters, (0, 1, 2), (x,)) == (1, 2)
    assert piecewise_constant_parameters(model, model.parameters, (2, 0), (x,)) == (0,)
    assert piecewise_constant_parameters(model, model.parameters, (1,), (x,)) == (0,)


@pytest.mark.parametrize(
    "model",
    [
        Gaussian2D(5.0, 21.868, 8.228, 0.099, 0.119, 0.745),
        Gaussian2D(5.0, -10.726, 1.231, 0.006, 0.011, 0.47),
        Moffat2D(5.0, -7.733, 10.904, 0.058, 84.734),
    ],
)
def test_a_smooth_line_that_the_samples_miss_has_no_edges(model: Model) -> None:
    """A wider one reaches them, and has a derivative there."""
    y, x = (axis.ravel() for axis in np.mgrid[:15, :15].astype(float))
    assert piecewise_constant_parameters(model, model.parameters, tuple(range(model.parameters.size)), (x, y)) == ()


@pytest.mark.parametrize("model", [Disk2D(5.0, 7.331, 7.165, 5.18), Ring2D(5.0, 9.2, 10.0, 2.4, 1.6)])
def test_disks_and_rings_have_edges(model: Model) -> None:
    y, x = (axis.ravel() for axis in np.mgrid[:15, :15].astype(float))
    places = tuple(range(model.parameters.size))
    assert piecewise_constant_parameters(model, model.parameters, places, (x, y)) == places[1:]


def test_a_model_that_raises_has_none() -> None:
    @custom_model
    def strict(x, edge=1.0):
        raise ArithmeticError("not today")

    model = strict()
    assert piecewise_constant_parameters(model, model.parameters, (0,), (np.arange(5.0),)) == ()


NO_BOUNDS = np.full(3, -np.inf), np.full(3, np.inf)


def box(values: Any, x: Any) -> Any:
    amplitude, centre, width = values
    return np.where(np.abs(x - centre) <= 0.5 * width, amplitude, 0.0)


@pytest.mark.parametrize(
    ("start", "truth"),
    [((1.0, 0.0, 1.0), (3.0, 1.32, 2.2)), ((1.0, 4.0, 1.0), (3.0, -2.53, 4.1))],
)
def test_the_search_finds_edges(start: tuple[float, ...], truth: tuple[float, ...]) -> None:
    x = np.linspace(-5.0, 5.0, 101)
    data = box(truth, x)
    found = search_start(lambda values: box(values, x) - data, np.array(start), (1, 2), 10.0, NO_BOUNDS)
    assert_allclose(box(found, x), data, atol=0.02)


def test_the_search_keeps_to_the_bounds() -> None:
    x = np.linspace(-5.0, 5.0, 101)
    data = box((3.0, 1.32, 2.2), x)
    bounds = np.array([0.0, -1.0, 1.0]), np.array([2.0, 1.0, 3.0])
    found = search_start(lambda values: box(values, x) - data, np.array([1.0, 0.0, 1.0]), (1, 2), 10.0, bounds)
    assert (found >= bounds[0]).all()
    assert (found <= bounds[1]).all()
    assert_allclose(found[0], 2.0, rtol=1e-3)
    best = np.sum((box((2.0, 1.0, 2.84), x) - data) ** 2)
    assert np.sum((box(found, x) - data) ** 2) < 1.1 * best


def test_the_search_passes_over_places_where_the_model_is_no_number() -> None:
    x = np.linspace(-5.0, 5.0, 101)
    data = box((3.0, 1.32, 2.2), x)

    def residual(values: Any) -> Any:
        return np.where(values[1] < 0.0, np.nan, box(values, x) - data)

    found = search_start(residual, np.array([1.0, 0.5, 1.0]), (1, 2), 10.0, NO_BOUNDS)
    assert_allclose(box(found, x), data, atol=0.02)


@pytest.mark.parametrize("n_edges", [6, 20])
def test_many_edges_take_no_more_places_than_a_few(n_edges: int) -> None:
    """Nine places of each of six were half a million, and minutes at each position."""
    calls = 0

    def residual(values: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > 100_000:
            raise RuntimeError("the search does not end")
        return values

    start = np.full(n_edges, 0.1)
    found = search_start(residual, start, tuple(range(n_edges)), 1.0, (np.full(n_edges, -1.0), np.full(n_edges, 1.0)))
    assert np.sum(found**2) < np.sum(start**2)
