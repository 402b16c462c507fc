"""Instruments as callers describe them: what is refused, and what samples see."""

from __future__ import annotations

from typing import Any

import astropy.units as u
import dask.array as da
import numpy as np
import pytest
from astropy.modeling.models import Const1D, Const2D, Exponential1D, Gaussian1D, Gaussian2D
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


def test_something_else_than_an_instrument_is_refused() -> None:
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
    "edges": Instrument.bins(np.arange(31.0) ** 1.1),
    "kernel": Instrument.kernel([1.0, 3.0, 1.0]),
    "both": Instrument.bins() @ Instrument.gaussian(sigma=0.4),
}


@pytest.mark.parametrize("instrument", INSTRUMENTS.values(), ids=INSTRUMENTS)
def test_a_constant_stays_what_it_is(instrument: Instrument) -> None:
    np.testing.assert_allclose(seen(problem_of(instrument), Const1D(3.0)), 3.0, rtol=1e-12)


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
