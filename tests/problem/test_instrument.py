"""Instruments as callers describe them: what is refused, and what samples see."""

from __future__ import annotations

from typing import Any

import astropy.units as u
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from astropy.modeling.models import Const1D, Const2D, Exponential1D, Gaussian1D, Gaussian2D, Polynomial2D
from scipy.special import ndtr
from tests.normalized import normalize

from ndfit import Instrument
from ndfit.problem.places import Places

X = np.arange(30.0)
WRONG: dict[str, tuple[Any, str]] = {
    "no width": (lambda: Instrument.gaussian(), "give one of sigma, fwhm and resolving_power, got none"),
    "two widths": (lambda: Instrument.gaussian(sigma=1.0, fwhm=2.0), "got sigma, fwhm"),
    "a kernel of text": (lambda: Instrument.kernel("abc"), "real numbers"),
    "no kernel": (lambda: Instrument.kernel([]), "finite numbers, one at least"),
    "a kernel with a gap": (lambda: Instrument.kernel([1.0, np.nan, 1.0]), "finite numbers"),
    "a kernel of nothing": (lambda: Instrument.kernel([1.0, 0.0, -1.0]), "normalise=False"),
    "an even kernel": (lambda: Instrument.kernel([1.0, 1.0]), "no middle value"),
    "a centre outside": (lambda: Instrument.kernel([1.0, 1.0], centre=2), "centre should be"),
    "a row as a matrix": (lambda: Instrument.matrix(np.ones(5)), r"\(\.\.\., n, M\)"),
    "an even matrix": (lambda: Instrument.matrix(np.ones((4, 30))), "give their offsets"),
    "too few offsets": (lambda: Instrument.matrix(np.ones((4, 30)), offsets=(1, 0)), "4 whole numbers"),
    "a prompt of two dimensions": (lambda: Instrument.prompt(np.ones((2, 2))), "one dimension"),
    "no nodes": (lambda: Instrument.bins(nodes=0), "nodes should be"),
    "no noise": (lambda: Instrument.correlated_noise(), "either length or correlation"),
    "a negative length": (lambda: Instrument.correlated_noise(length=-1.0), "length should be"),
    "a covariance": (lambda: Instrument.correlated_noise(correlation=4.0 * np.eye(30)), "ones on its diagonal"),
    "no correlation": (lambda: Instrument.correlated_noise(correlation=[[1.0, 2.0], [2.0, 1.0]]), "positive definite"),
    "not symmetric": (lambda: Instrument.correlated_noise(correlation=[[1.0, 0.1], [0.2, 1.0]]), "symmetric"),
    "a width of two lengths": (lambda: Instrument.gaussian(sigma=[[1.0, 2.0], [3.0]]), "real numbers"),
    "a list of widths with units": (lambda: Instrument.gaussian(sigma=[1.0 * u.m, 2.0 * u.m]), "real numbers"),
    "a width that is true": (lambda: Instrument.gaussian(sigma=True), "real numbers"),
    "a labelled width": (lambda: Instrument.gaussian(sigma=xr.DataArray([1.0, 2.0], dims="s")), "without labels"),
    "a number as a kernel": (lambda: Instrument.kernel(1.0), "an array of finite numbers"),
    "a masked kernel": (lambda: Instrument.kernel(np.ma.array([1.0, 2.0, 1.0], mask=[1, 0, 0])), "finite numbers"),
    "a centre that is true": (lambda: Instrument.kernel([1.0, 1.0], centre=True), "centre should be"),
    "half an offset": (lambda: Instrument.matrix(np.ones((1, 30)), offsets=(0.5,)), "1 whole numbers"),
    "an offset alone": (lambda: Instrument.matrix(np.ones((1, 30)), offsets=0), "1 whole numbers"),  # type: ignore[arg-type]
    "an endless length": (lambda: Instrument.correlated_noise(length=1e20), "less than 1e9"),
    "bins of values at samples": (lambda: Instrument.bins() @ Instrument.kernel([1.0]), "as in kernel @ bins"),
    "a spread of them": (
        lambda: Instrument.gaussian(sigma=1.0) @ Instrument.matrix(np.ones((1, 30))),
        "as in matrix @ gaussian",
    ),
    "bins twice": (lambda: Instrument.bins() @ Instrument.bins(), "give bins once"),
    "noise twice": (
        lambda: Instrument.correlated_noise(length=1.0) @ Instrument.correlated_noise(length=1.0),
        "correlated_noise once",
    ),
}
MISFITS: dict[str, tuple[Instrument, str]] = {
    "a negative width": (Instrument.gaussian(sigma=-1.0), "positive, got -1"),
    "a width of zero at a sample": (Instrument.gaussian(sigma=np.where(X == 3.0, 0.0, 1.0)), "positive, got 0"),
    "widths of other samples": (Instrument.gaussian(sigma=np.ones(7)), "does not match the data"),
    "a width in another unit": (Instrument.gaussian(sigma=1.0 * u.nm), "the coordinates have no unit"),
    "a width that is far too large": (Instrument.gaussian(sigma=1e6), "is its width in the unit"),
    "too few edges": (Instrument.bins(np.arange(30.0)), "should have 31 values"),
    "edges that turn": (Instrument.bins(np.r_[np.arange(30.0), 3.0]), "rise, or fall"),
    "edges the other way round": (
        Instrument.bins(np.arange(29.5, -1.0, -1.0)),
        "the coordinate of each sample between",
    ),
    "edges elsewhere": (Instrument.bins(np.arange(31.0) + 100.0), "sample 0 is at 0, its bin from 100 to 101"),
    "no width that is known": (Instrument.gaussian(sigma=np.nan), "a positive number somewhere"),
    "a matrix of other samples": (Instrument.matrix(np.ones((3, 29))), "30 values in each"),
    "a matrix for other positions": (Instrument.matrix(np.ones((5, 3, 30))), r"the shape \(2,\) of the positions"),
    "a kernel of two dimensions": (Instrument.kernel(np.ones((3, 3))), "'kernel' of the instrument is for 2"),
    "a correlation of other samples": (Instrument.correlated_noise(correlation=np.eye(5)), r"the shape \(30, 30\)"),
}


@pytest.mark.parametrize(("make", "message"), WRONG.values(), ids=WRONG)
def test_what_describes_no_instrument_is_refused(make: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        make()


@pytest.mark.parametrize(("instrument", "message"), MISFITS.values(), ids=MISFITS)
def test_what_does_not_fit_the_data_is_refused(instrument: Instrument, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        normalize(model=Gaussian1D(), data=np.ones((2, 30)), fitting_axes=1, instrument=instrument).samples.places()


ORDERS: dict[str, tuple[Any, Instrument, str]] = {
    "mixed": (np.random.default_rng(0).permutation(30.0 + np.arange(30.0)), Instrument.bins(), "rise, or fall"),
    "mixed, spread": (np.r_[1.0, 0.0, np.arange(2.0, 30.0)], Instrument.gaussian(sigma=1.0), "sort the samples"),
    "one place": (np.full(30, 3.0), Instrument.gaussian(sigma=1.0), "turn or repeat"),
    "one of two positions": (np.stack([X, np.r_[1.0, 0.0, X[2:]]]), Instrument.bins(), "at 1 of 2 positions"),
    "times that fall": (X[::-1], Instrument.prompt([1.0, 2.0]), "times should rise"),
}


@pytest.mark.parametrize(("x", "instrument", "message"), ORDERS.values(), ids=ORDERS)
def test_samples_without_an_order_are_refused(x: np.ndarray, instrument: Instrument, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        problem_of(instrument, world=(x,))


def test_an_instrument_needs_two_samples_or_edges() -> None:
    call = {"model": Const1D(), "data": np.ones((2, 1)), "world": (np.array([3.0]),)}
    with pytest.raises(ValueError, match="there is one along a fitting axis"):
        problem_of(Instrument.bins(), **call)
    np.testing.assert_allclose(seen(problem_of(Instrument.bins([2.0, 5.0]), **call), Const1D(2.0)), 2.0)


def test_widths_on_a_plane_are_the_same_for_all_its_samples() -> None:
    call = {"model": Gaussian2D(), "data": np.ones((2, 8, 9)), "fitting_axes": (2, 1)}
    with pytest.raises(ValueError, match="resolving_power is for one fitting axis, got 2"):
        normalize(**call, instrument=Instrument.gaussian(resolving_power=5.0))
    with pytest.raises(ValueError, match="for one fitting axis only"):
        normalize(**call, instrument=Instrument.gaussian(sigma=np.ones((8, 9))))


def test_something_else_than_an_instrument_is_refused() -> None:
    for without in (Instrument, Instrument.bins):
        with pytest.raises(TypeError, match=r"with parentheses, such as Instrument\.bins\(\)"):
            normalize(model=Gaussian1D(), data=np.ones((2, 30)), fitting_axes=1, instrument=without)
    with pytest.raises(TypeError, match=r"instrument should be an ndfit\.Instrument, got 1\.5"):
        normalize(model=Gaussian1D(), data=np.ones((2, 30)), fitting_axes=1, instrument=1.5)
    with pytest.raises(TypeError):
        Instrument.bins() @ 3


def test_a_plain_width_beside_coordinates_with_a_unit_is_refused() -> None:
    model = Gaussian1D(1.0 * u.K, 5 * u.nm, 1 * u.nm)
    call = {"model": model, "data": np.ones((2, 30)) * u.K, "fitting_axes": 1, "world": (X * u.nm,)}
    with pytest.raises(u.UnitConversionError, match="has no unit, and the coordinates are in 'nm'"):
        normalize(**call, instrument=Instrument.gaussian(sigma=1.0))
    with pytest.raises(u.UnitConversionError, match="is in 's', and the coordinates are in 'nm'"):
        normalize(**call, instrument=Instrument.gaussian(sigma=1.0 * u.s))


def test_an_instrument_says_what_it_does() -> None:
    whole = Instrument.correlated_noise(length=2.0) @ Instrument.bins() @ Instrument.gaussian(sigma=1.0)
    assert repr(whole) == "Instrument(gaussian, then bins, then correlated noise)"


def test_nothing_of_the_callers_is_kept_or_changed() -> None:
    kernel, widths = np.array([1.0, 2.0, 1.0]), np.ones(30)
    instrument = Instrument.kernel(kernel) @ Instrument.gaussian(sigma=widths)
    problem = normalize(model=Gaussian1D(), data=np.ones((2, 30)), fitting_axes=1, instrument=instrument)
    before = seen(problem, Gaussian1D(1.0, 15.0, 2.0))
    np.testing.assert_array_equal(kernel, [1.0, 2.0, 1.0])
    kernel[:], widths[:] = 0.0, 7.0
    np.testing.assert_array_equal(seen(problem, Gaussian1D(1.0, 15.0, 2.0)), before)


def places_of(problem: Any) -> Places:
    places, _ = problem.samples.load().places()
    return places


def seen(problem: Any, model: Any) -> np.ndarray:
    """What the samples of a problem see of a model, (1 or N, M)."""
    places = places_of(problem)
    inputs = [np.atleast_2d(axis) for axis in places.inputs]
    values = np.broadcast_to(model(*inputs), np.broadcast_shapes((1, 1), *(axis.shape for axis in inputs)))
    return places.seen(np.asarray(values, dtype=float))


def problem_of(instrument: Instrument, **others: Any) -> Any:
    call = {"model": Gaussian1D(), "data": np.ones((2, 30)), "fitting_axes": 1, "world": (X,)} | others
    return normalize(**call, instrument=instrument)


@pytest.mark.parametrize("sigma", [0.3, 0.5, 2.0])
@pytest.mark.parametrize("phase", [0.0, 0.21, 0.5])
def test_bins_take_the_mean(sigma: float, phase: float) -> None:
    centre = 15.0 + phase
    exact = np.sqrt(2.0 * np.pi) * sigma * np.diff(ndtr((np.arange(31) - 0.5 - centre) / sigma))
    found = seen(problem_of(Instrument.bins()), Gaussian1D(1.0, centre, sigma))[0]
    np.testing.assert_allclose(found, exact, atol=1e-6)


@pytest.mark.parametrize("centre", [1.0, 15.3, 29.4])
def test_a_spread_adds_its_square_also_at_the_edges(centre: float) -> None:
    """Light from a line beyond the last sample is seen, too."""
    found = seen(problem_of(Instrument.gaussian(sigma=1.1)), Gaussian1D(1.0, centre, 0.8))[0]
    whole = np.hypot(0.8, 1.1)
    np.testing.assert_allclose(found, 0.8 / whole * np.exp(-0.5 * ((X - centre) / whole) ** 2), atol=1e-6)


INSTRUMENTS = {
    "gaussian": Instrument.gaussian(sigma=1.3),
    "of each sample": Instrument.gaussian(fwhm=2.0 + 0.05 * X),
    "bins": Instrument.bins(),
    "edges": Instrument.bins(np.arange(31.0) - 0.5 + 0.3 * np.sin(np.arange(31.0))),
    "kernel": Instrument.kernel([1.0, 3.0, 1.0]),
    "both": Instrument.bins() @ Instrument.gaussian(sigma=0.4),
}


@pytest.mark.parametrize("instrument", INSTRUMENTS.values(), ids=INSTRUMENTS)
def test_a_constant_stays_what_it_is(instrument: Instrument) -> None:
    np.testing.assert_allclose(seen(problem_of(instrument), Const1D(3.0)), 3.0, rtol=1e-12)


UNEVEN = {
    "two steps": np.cumsum(np.where(X < 15.0, 0.6, 1.4)),
    "every other": np.cumsum(np.where(X % 2.0, 1.2, 0.5)),
    "geometric": np.geomspace(1.0, 60.0, 30),
    "falling": np.geomspace(60.0, 1.0, 30),
}


@pytest.mark.parametrize("x", UNEVEN.values(), ids=UNEVEN)
def test_uneven_samples_are_spread_and_averaged_by_their_coordinates(x: np.ndarray) -> None:
    """The model and the exact answer, of a line where samples are dense and of one where they are not."""
    middle = 0.5 * (x[1:] + x[:-1])
    edges = np.r_[2.0 * x[0] - middle[0], middle, 2.0 * x[-1] - middle[-1]]
    for centre in (x[8] + 0.1, x[20] + 0.1):
        line = Gaussian1D(1.0, centre, 3.0)
        averaged = 3.0 * np.sqrt(2.0 * np.pi) * np.diff(ndtr((edges - centre) / 3.0)) / np.diff(edges)
        for instrument in (Instrument.bins(nodes=21), Instrument.bins(edges, nodes=21)):
            np.testing.assert_allclose(seen(problem_of(instrument, world=(x,)), line)[0], averaged, atol=1e-9)
        whole = np.hypot(3.0, 1.5)
        found = seen(problem_of(Instrument.gaussian(sigma=1.5, nodes=21), world=(x,)), line)[0]
        np.testing.assert_allclose(found, 3.0 / whole * np.exp(-0.5 * ((x - centre) / whole) ** 2), atol=1e-6)


def test_an_uneven_plane_is_spread_by_its_coordinates() -> None:
    x, y = np.r_[np.arange(0.0, 6.0, 0.5), np.arange(6.0, 14.0, 2.0)], np.arange(12.0)[::-1]
    call = {"model": Gaussian2D(), "data": np.ones((1, 12, 16)), "fitting_axes": (2, 1), "world": (x, y)}
    model, (sx, sy) = Gaussian2D(1.0, 5.2, 5.7, 1.5, 2.0), np.hypot((1.5, 2.0), (0.7, 1.2))
    along = [np.exp(-0.5 * ((axis - c) / s) ** 2) for axis, c, s in ((x, 5.2, sx), (y, 5.7, sy))]
    found = seen(normalize(**call, instrument=Instrument.gaussian(sigma=(0.7, 1.2), nodes=13)), model)[0]
    np.testing.assert_allclose(found.reshape(16, 12), 3.0 / sx / sy * np.outer(*along), atol=1e-6)


@pytest.mark.parametrize("nodes", [7, 8, 12])
@pytest.mark.parametrize("sigma", [1e-200, 1e-3, 0.02, 0.045])
def test_a_narrow_spread_is_that_of_the_polynomial_through_the_nodes(sigma: float, nodes: int) -> None:
    x = np.cumsum(np.where(X % 2.0, 1.2, 0.9))
    found = seen(problem_of(Instrument.gaussian(sigma=sigma, nodes=nodes), world=(x,)), Gaussian1D(1.0, 15.3, 2.0))[0]
    whole = np.hypot(2.0, sigma)
    np.testing.assert_allclose(found, 2.0 / whole * np.exp(-0.5 * ((x - 15.3) / whole) ** 2), atol=2e-6)


def test_known_inputs_are_interpolated_by_the_coordinate() -> None:
    """One that is the coordinate itself stays it."""
    x = UNEVEN["every other"]
    problem = normalize(
        model=Polynomial2D(1), data=np.ones((2, 30)), fitting_axes=1, world=(x,), inputs={"y": x},
        instrument=Instrument.bins(),
    )  # fmt: skip
    own, known = (axis.reshape(30, 7)[1:-1] for axis in places_of(problem).inputs)
    np.testing.assert_allclose(known, own, atol=1e-12)


def test_what_is_lazy_and_wrong_is_left_out() -> None:
    for instrument in (
        Instrument.gaussian(sigma=da.from_array(np.array([1.0, -1.5]), chunks=1)),
        Instrument.bins(da.from_array(np.stack([np.arange(31.0) - 0.5, np.arange(31.0)[::-1]]), chunks=(1, 31))),
        Instrument.gaussian(sigma=np.ma.array([1.0, 99.0], mask=[False, True])),
    ):
        valid = problem_of(instrument).samples.load().used().valid
        assert valid is not None
        np.testing.assert_array_equal(valid.all(axis=1), [True, False])
        assert not valid[1].any()
    x = da.from_array(np.stack([X, np.r_[1.0, 0.0, X[2:]]]), chunks=(1, 30))
    valid = problem_of(Instrument.bins(), world=(x,)).samples.load().used().valid
    np.testing.assert_array_equal(valid.any(axis=1), [True, False])  # type: ignore[union-attr]


@pytest.mark.parametrize("unit", [u.AA, u.nm, u.GHz, u.eV, 1 / u.cm], ids=str)
def test_a_width_may_be_a_velocity(unit: u.UnitBase) -> None:
    x = np.linspace(4000.0, 4400.0, 30) * unit
    call = {"model": Gaussian1D(1.0 * u.K, 4200.0 * unit, 30.0 * unit), "data": np.ones((2, 30)) * u.K, "world": (x,)}
    model, c = Gaussian1D(1.0, 4200.0, 20.0), 299_792.458
    found = seen(problem_of(Instrument.gaussian(fwhm=1500.0 * u.km / u.s), **call), model)
    np.testing.assert_allclose(found, seen(problem_of(Instrument.gaussian(resolving_power=c / 1500.0), **call), model))
    of_each = np.array([1500.0, 2500.0]) * u.km / u.s / np.sqrt(8.0 * np.log(2.0))
    found = seen(problem_of(Instrument.gaussian(sigma=of_each), **call), model)
    powers = Instrument.gaussian(resolving_power=c / np.array([1500.0, 2500.0]))
    np.testing.assert_allclose(found, seen(problem_of(powers, **call), model))


def test_a_velocity_along_velocities_is_a_width_of_theirs() -> None:
    call = {"model": Gaussian1D(1.0 * u.K, 5 * u.km / u.s, 1 * u.km / u.s), "data": np.ones((2, 30)) * u.K}
    call["world"] = (X * u.km / u.s,)
    found = seen(problem_of(Instrument.gaussian(sigma=1300.0 * u.m / u.s), **call), Gaussian1D(1.0, 15.0, 2.0))
    expected = seen(problem_of(Instrument.gaussian(sigma=1.3)), Gaussian1D(1.0, 15.0, 2.0))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_resolving_power_makes_the_width_grow_with_the_coordinate() -> None:
    x = np.linspace(4000.0, 5000.0, 501)
    problem = problem_of(Instrument.gaussian(resolving_power=1500.0), data=np.ones((2, 501)), world=(x,))
    for centre in (4200.0, 4800.0):
        own = centre / 1500.0 / np.sqrt(8.0 * np.log(2.0))
        whole = np.hypot(1.5, own)
        found = seen(problem, Gaussian1D(1.0, centre, 1.5))[0]
        np.testing.assert_allclose(found, 1.5 / whole * np.exp(-0.5 * ((x - centre) / whole) ** 2), atol=2e-3)


def test_a_kernel_is_convolved_with_and_a_matrix_multiplied() -> None:
    model, kernel = Gaussian1D(1.0, 15.0, 2.0), np.array([1.0, 2.0, 4.0])
    found = seen(problem_of(Instrument.kernel(kernel, centre=0)), model)[0]
    expected = [sum(kernel[k] * model(j - k) for k in range(3)) / 7.0 for j in range(30)]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    diagonals = np.random.default_rng(0).random((5, 30))
    matrix = sum(np.diag(diagonals[k][max(o, 0) : 30 + min(o, 0)], o) for k, o in enumerate(range(2, -3, -1)))
    found = seen(problem_of(Instrument.matrix(diagonals)), model)[0]
    np.testing.assert_allclose(found, matrix @ model(X), atol=1e-12)


@pytest.mark.parametrize("first", [-2, 0, 3])
def test_a_prompt_delays_a_decay_that_begins_at_the_first_sample(first: int) -> None:
    prompt = np.array([1.0, 3.0, 1.0])
    model = Exponential1D(1.0, -4.0) + Const1D(0.1)
    found = seen(problem_of(Instrument.prompt(prompt, first=first)), model)[0]
    expected = [
        sum(prompt[k] / 5.0 * (0.1 + (np.exp(-(j - first - k) / 4.0) if j - first - k >= 0 else 0.0)) for k in range(3))
        for j in range(30)
    ]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_what_is_left_of_the_flash_before_is_seen_before_the_first_sample() -> None:
    found = seen(problem_of(Instrument.prompt([0.0, 1.0], period=40.0)), Exponential1D(1.0, -20.0))[0]
    np.testing.assert_allclose(found, np.exp(-np.where(X == 0.0, 39.0, X - 1.0) / 20.0), rtol=1e-12)
    with pytest.raises(ValueError, match="the period of the flashes should be positive, got -1"):
        problem_of(Instrument.prompt([0.0, 1.0], period=-1.0))


def test_planes_are_spread_along_both_axes_and_averaged_over_pixels() -> None:
    y, x = np.mgrid[:15, :15].astype(float)
    call = {"model": Gaussian2D(), "data": np.ones((2, 15, 15)), "fitting_axes": (2, 1)}
    model = Gaussian2D(1.0, 7.2, 6.6, 0.9, 1.2)
    problem = normalize(**call, instrument=Instrument.gaussian(sigma=(1.0, 0.7)))
    sx, sy = np.hypot(0.9, 1.0), np.hypot(1.2, 0.7)
    exact = 0.9 * 1.2 / sx / sy * np.exp(-0.5 * ((x - 7.2) / sx) ** 2 - 0.5 * ((y - 6.6) / sy) ** 2)
    np.testing.assert_allclose(seen(problem, model)[0].reshape(15, 15), exact.T, atol=1e-5)
    edges = np.arange(16) - 0.5
    along = [np.diff(ndtr((edges - c) / s)) * s * np.sqrt(2.0 * np.pi) for c, s in ((7.2, 0.9), (6.6, 1.2))]
    found = seen(normalize(**call, instrument=Instrument.bins(nodes=5)), model)[0].reshape(15, 15)
    np.testing.assert_allclose(found, np.outer(*along), atol=1e-6)
    kernel = np.arange(9.0).reshape(3, 3) + 1.0
    found = seen(normalize(**call, instrument=Instrument.kernel(kernel)), Gaussian2D(1.0, 7.0, 7.0, 1e-3, 1e-3))[0]
    # Of a point, the kernel itself is seen; its first axis is the model's first input.
    np.testing.assert_allclose(found.reshape(15, 15)[6:9, 6:9], kernel / kernel.sum(), atol=1e-12)
    np.testing.assert_allclose(seen(normalize(**call, instrument=Instrument.kernel(kernel)), Const2D(2.0)), 2.0)


def test_each_position_has_its_own_widths_lazy_or_not() -> None:
    widths = np.array([0.8, 1.5])
    for given in (widths, da.from_array(widths, chunks=1), widths[:, np.newaxis] + np.zeros(30)):
        found = seen(problem_of(Instrument.gaussian(sigma=given)), Gaussian1D(1.0, 15.0, 0.8))
        whole = np.hypot(0.8, widths)[:, np.newaxis]
        np.testing.assert_allclose(found, 0.8 / whole * np.exp(-0.5 * ((X - 15.0) / whole) ** 2), atol=1e-5)


def test_units_of_widths_and_edges_are_those_of_the_coordinate() -> None:
    call = {
        "model": Gaussian1D(1.0 * u.K, 5 * u.nm, 1 * u.nm),
        "data": np.ones((2, 30)) * u.K,
        "world": (X * u.nm,),
    }
    for given, plain in (
        (Instrument.gaussian(sigma=13.0 * u.AA), Instrument.gaussian(sigma=1.3)),
        (Instrument.bins((np.arange(31) - 0.5) * 10.0 * u.AA), Instrument.bins(np.arange(31) - 0.5)),
    ):
        np.testing.assert_allclose(
            seen(problem_of(given, **call), Gaussian1D(1.0, 15.0, 1.0)),
            seen(problem_of(plain), Gaussian1D(1.0, 15.0, 1.0)),
            rtol=1e-12,
        )


def test_samples_that_see_no_number_or_nothing_are_left_out() -> None:
    widths = np.where(X == 7.0, np.nan, 1.0)
    used = problem_of(Instrument.gaussian(sigma=widths)).samples.used()
    assert used.valid is not None
    left_out = np.flatnonzero(~used.valid[0])
    assert 7 in left_out
    assert 20 not in left_out
    assert np.isfinite(used.places.inputs[0]).all()
    diagonals = np.ones((3, 30))
    diagonals[:, 9:14] = 0.0
    used = problem_of(Instrument.matrix(diagonals)).samples.used()
    np.testing.assert_array_equal(np.flatnonzero(~used.valid[0]), [10, 11, 12])  # type: ignore[index]
