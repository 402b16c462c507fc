"""Coordinates of the fitting axes: from pixel indices and from arrays."""

from __future__ import annotations

import astropy.units as u
import dask.array as da
import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st

from ndfit.problem.axes import Axes
from ndfit.problem.coords import coordinates

CUBE = (6, 3, 4)


@st.composite
def shapes_and_fitting_axes(draw):
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=4)))
    order = draw(st.permutations(range(len(shape))))
    return Axes(shape, tuple(order[: draw(st.integers(1, len(shape)))]))


@given(shapes_and_fitting_axes())
def test_pixels(axes):
    found = coordinates(None, axes)
    assert [(c.unit, c.name) for c in found] == [(None, "pixel")] * len(axes.fitting)
    for coordinate, axis in zip(found, axes.fitting, strict=True):
        assert coordinate.values.dtype == np.float64
        np.testing.assert_array_equal(np.broadcast_to(coordinate.values, axes.shape), np.indices(axes.shape)[axis])
        assert coordinate.values.size == axes.shape[axis]


@given(shapes_and_fitting_axes(), st.data())
def test_arrays_of_every_broadcastable_shape(axes, data):
    """1-D arrays lie along their own fitting axis, whatever its place; others broadcast as numpy does."""
    world, expected = [], []
    for axis in axes.fitting:
        full = np.sin(np.arange(np.prod(axes.shape))).reshape(axes.shape)
        ndim = data.draw(st.integers(1, len(axes.shape)))
        if ndim == 1:
            line = full[tuple(slice(None) if a == axis else 0 for a in range(full.ndim))]
            world.append(line)
            expected.append(np.expand_dims(line, [a for a in range(full.ndim) if a != axis]))
        else:
            kept = data.draw(st.lists(st.booleans(), min_size=ndim, max_size=ndim))
            part = full[(0,) * (full.ndim - ndim)]
            part = part[tuple(slice(None) if keep else slice(0, 1) for keep in kept)]
            world.append(part)
            expected.append(part)
    for form in (tuple, list):
        for coordinate, wanted in zip(coordinates(form(world), axes), expected, strict=True):
            assert coordinate.values.ndim == len(axes.shape)
            np.testing.assert_array_equal(
                np.broadcast_to(coordinate.values, axes.shape), np.broadcast_to(wanted, axes.shape)
            )


@pytest.mark.parametrize(
    "world",
    [
        pytest.param(np.arange(6.0), id="plain array"),
        pytest.param([0, 1, 2, 3, 4, 5], id="numbers"),
        pytest.param([[0, 1, 2, 3, 4, 5]], id="list of lists"),
        pytest.param(([0, 1, 2, 3, 4, 5],), id="tuple of list"),
        pytest.param((np.arange(6, dtype=">i2"),), id="big-endian integers"),
        pytest.param(np.arange(6.0).reshape(6, 1, 1), id="N-D"),
        pytest.param((da.arange(6, chunks=2),), id="dask"),
    ],
)
def test_one_fitting_axis_accepts(world):
    (coordinate,) = coordinates(world, Axes(CUBE, (0,)))
    assert coordinate.values.dtype == np.float64
    assert coordinate.values.dtype.isnative
    np.testing.assert_array_equal(np.asarray(coordinate.values), np.arange(6.0).reshape(6, 1, 1))


@pytest.mark.parametrize(
    ("world", "unit"),
    [
        (np.arange(4) * u.nm, u.nm),
        ((np.arange(4) * u.km / u.s,), u.km / u.s),
        ([u.Quantity(np.arange(4))], u.dimensionless_unscaled),
        (Table({"x": np.arange(4) * u.AA})["x"], u.AA),
        (np.arange(4), None),
    ],
)
def test_unit_is_kept_apart(world, unit):
    (coordinate,) = coordinates(world, Axes(CUBE, (2,)))
    assert coordinate.unit == unit
    assert type(coordinate.values) is np.ndarray
    np.testing.assert_array_equal(coordinate.values.ravel(), np.arange(4.0))


def test_order_is_that_of_the_fitting_axes():
    x, y = np.arange(4) * u.m, np.arange(6) * u.s
    first, second = coordinates((x, y), Axes(CUBE, (2, 0)))
    assert (first.values.shape, first.unit) == ((1, 1, 4), u.m)
    assert (second.values.shape, second.unit) == ((6, 1, 1), u.s)


def test_dask_array_is_not_computed():
    def fail(block):
        raise AssertionError("computed")

    lazy = da.ones(CUBE, chunks=2).map_blocks(fail, dtype="f4", meta=np.empty((0, 0, 0), "f4"))
    (coordinate,) = coordinates((lazy,), Axes(CUBE, (0,)))
    assert coordinate.values.dtype == np.float64
    assert coordinate.values.shape == CUBE


def test_masked_values_become_nan():
    masked = np.ma.MaskedArray(np.arange(6), mask=[0, 0, 1, 0, 0, 0])
    (coordinate,) = coordinates(masked, Axes((6,), (0,)))
    np.testing.assert_array_equal(coordinate.values, [0, 1, np.nan, 3, 4, 5])


@pytest.mark.parametrize(
    ("world", "fitting", "message"),
    [
        ((np.zeros(6),) * 2, (0,), r"number of world arrays \(2\) must match number of fitting axes \(1\)"),
        (np.zeros(6), (0, 1), r"number of world arrays \(1\) must match number of fitting axes \(2\)"),
        ((), (0, 1), r"number of world arrays \(0\) must match number of fitting axes \(2\)"),
        ((np.zeros(3), np.zeros(7)), (1, 2), r"world\[2\] has length 7 but data along dimension 2 has length 4"),
        ((np.zeros(1),), (0,), r"world\[0\] has length 1 but data along dimension 0 has length 6"),
        ((np.zeros((6, 4)),), (0,), r"broadcastable to the shape of the data \(expected \(6, 3, 4\)\), got \(6, 4\)\)"),
        ((np.zeros((2, 6, 3, 4)),), (0,), r"broadcastable .* got \(2, 6, 3, 4\)\)"),
        ((np.zeros(3), np.zeros((5, 3, 4))), (1, 2), r"broadcastable .* got \(5, 3, 4\)\)"),
    ],
)
def test_misfit_is_an_error(world, fitting, message):
    with pytest.raises(ValueError, match=message):
        coordinates(world, Axes(CUBE, fitting))


def test_a_list_of_numbers_is_one_array_however_short():
    (coordinate,) = coordinates([2.5], Axes((1, 3), (0,)))
    np.testing.assert_array_equal(coordinate.values, [[2.5]])


@pytest.mark.parametrize(
    ("world", "got"),
    [
        ("banana", "a str"),
        (3.0, "a float"),
        ({"x": np.zeros(6)}, "a dict"),
        ((None,), "a NoneType"),
        ((np.zeros(6, complex),), "dtype complex128"),
        ((np.zeros(6, "M8[s]"),), r"dtype datetime64\[s\]"),
    ],
)
@pytest.mark.parametrize("fitting", [(0,), (0, 1)])
def test_other_things_are_no_world(world, got, fitting):
    message = r"world should be None, a WCS object or a tuple of arrays.*got .*" + got
    with pytest.raises(TypeError, match=message):
        coordinates(world, Axes(CUBE, fitting))
