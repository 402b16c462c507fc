"""guess, starts and refine, as a person uses them: on the L1448 cube and on simulated lines."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.modeling.fitting import TRFLSQFitter, parallel_fit_dask
from astropy.modeling.models import Const1D, Gaussian1D, Gaussian2D, Tangent1D
from astropy.wcs import WCS
from numpy.testing import assert_allclose, assert_array_equal
from tests.shared import shared_path

import ndfit

X = np.arange(80.0)
CUT = np.s_[:, 44:56, 48:60]
WHOLE = np.s_[:, :, :]
NO_IDEA = Gaussian1D(1, 0, 1) + Gaussian1D(1, 10, 1) + Const1D(0)


def l1448(part: Any) -> tuple[np.ndarray, Any]:
    with fits.open(shared_path("data", "l1448_13co.fits")) as hdus, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # astropy on the header's dates and frames
        return hdus[0].data[part].astype(float), WCS(hdus[0].header)[part]


def poor_start() -> Gaussian1D:
    return Gaussian1D(amplitude=1 * u.one, mean=3000 * u.m / u.s, stddev=100 * u.m / u.s)


def fit_l1448(part: Any, **keywords: Any) -> ndfit.FitResult:
    data, wcs = l1448(part)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ndfit.FitWarning)
        return ndfit.fit(poor_start(), data, fitting_axes=0, world=wcs, data_unit=u.one, **keywords)


def cost_of_astropy(part: Any) -> float:
    data, wcs = l1448(part)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = parallel_fit_dask(
            model=poor_start(),
            fitter=TRFLSQFitter(),
            data=data,
            world=wcs,
            fitting_axes=0,
            data_unit=u.one,
            scheduler="synchronous",
        )
    velocity = wcs.spectral.pixel_to_world_values(np.arange(len(data)))[:, None, None]
    maps = [getattr(fitted, name).value for name in fitted.param_names]
    return float(np.sum((data - Gaussian1D.evaluate(velocity, *maps)) ** 2))


def assert_near_the_best_known(part: Any) -> None:
    """Within 0.1 % of the better of 64 starts around the model's values, and 64 around the guess."""
    best = min(fit_l1448(part, starts=64, guess=guess).chi_square.sum() for guess in (None, "auto"))
    found = fit_l1448(part, guess="auto", refine="neighbours").chi_square.sum()
    assert found <= best * 1.001
    assert cost_of_astropy(part) > best * 1.001


def two_lines(shape: tuple[int, ...], apart: tuple[float, float]) -> tuple[np.ndarray, Any]:
    """Two lines of S/N 10 to 20, `apart` in units of the larger full width, on a constant; and the true model."""
    rng = np.random.default_rng(0)
    mean, width, other = rng.uniform(15, 40, shape), rng.uniform(1.5, 4, shape), rng.uniform(1.5, 4, shape)
    step = 2.355 * np.maximum(width, other) * rng.uniform(*apart, shape)
    truth = (
        Gaussian1D(rng.uniform(10, 20, shape), mean, width)
        + Gaussian1D(rng.uniform(10, 20, shape), mean + step, other)
        + Const1D(np.full(shape, 5.0))
    )
    values = [getattr(truth, name).value for name in truth.param_names]
    first, second = (Gaussian1D.evaluate(X[:, None, None], *values[i : i + 3]) for i in (0, 3))
    return first + second + 5.0 + rng.normal(size=(80, *shape)), truth


# The cost of one spectrum in a thousand is least for two lines of opposite signs that grow without end.
@pytest.mark.filterwarnings("ignore::ndfit.FitWarning")
@pytest.mark.parametrize("apart", [(1.0, 3.0), (0.7, 1.5)])
def test_two_lines_reach_the_global_minimum(apart: tuple[float, float]) -> None:
    data, truth = two_lines((30, 30), apart)
    from_truth = ndfit.fit(truth, data, fitting_axes=0)
    found = ndfit.fit(NO_IDEA, data, fitting_axes=0, guess="auto", refine="neighbours")
    assert np.mean(found.chi_square <= from_truth.chi_square * (1 + 1e-6)) >= 0.99


def crossing_lines(shape: tuple[int, int]) -> tuple[np.ndarray, Any]:
    """Two lines of S/N 7 to 13 whose places cross along curves of the map, on a constant; and the true model."""
    y, x = np.indices(shape)
    truth = (
        Gaussian1D(10 + 3 * np.cos(x / 9), 40 + 14 * np.sin(x / 25) + 0.1 * y, 2.5 + 0.5 * np.cos(y / 15))
        + Gaussian1D(10 + 3 * np.sin(y / 11), 40 + 14 * np.cos(y / 20), 3.5 + 0.5 * np.sin(x / 13))
        + Const1D(np.full(shape, 5.0))
    )
    values = [getattr(truth, name).value for name in truth.param_names]
    first, second = (Gaussian1D.evaluate(X[:, None, None], *values[i : i + 3]) for i in (0, 3))
    return first + second + 5.0 + np.random.default_rng(5).normal(size=(80, *shape)), truth


@pytest.mark.filterwarnings("ignore::ndfit.FitWarning")
@pytest.mark.parametrize(
    ("starts", "share"), [(1, 0.9), pytest.param(30, 0.99, marks=pytest.mark.long)], ids=["one start", "thirty"]
)
def test_crossing_lines_reach_the_global_minimum(starts: int, share: float) -> None:
    shape = (60, 60) if starts > 1 else (30, 60)
    data, truth = crossing_lines(shape)
    from_truth = ndfit.fit(truth, data, fitting_axes=0, covariance=False)
    found = ndfit.fit(NO_IDEA, data, fitting_axes=0, guess="auto", starts=starts, refine="neighbours", covariance=False)
    assert np.mean(found.chi_square <= from_truth.chi_square * (1 + 1e-6)) >= share


def test_two_lines_are_missed_without_a_guess() -> None:
    data, truth = two_lines((10, 10), (1.0, 3.0))
    from_truth = ndfit.fit(truth, data, fitting_axes=0, guess=None)
    found = ndfit.fit(NO_IDEA, data, fitting_axes=0, guess=None)
    assert np.mean(found.chi_square <= from_truth.chi_square * (1 + 1e-6)) < 0.5


@pytest.mark.filterwarnings("ignore:.* did not converge.*no step lowers the cost:ndfit.FitWarning")  # of one fit of 72
@pytest.mark.parametrize(
    "schedule",
    [
        {"scheduler": "synchronous", "chunk_n_max": 7},
        {"scheduler": "threads", "chunk_n_max": 20},
        pytest.param({"scheduler": "processes", "chunk_n_max": 40}, marks=pytest.mark.long),
    ],
    ids=str,
)
def test_no_bit_depends_on_the_schedule(schedule: dict[str, Any]) -> None:
    data, _ = two_lines((8, 9), (0.5, 1.5))
    keywords: dict[str, Any] = {"fitting_axes": 0, "guess": "auto", "starts": 3, "seed": 4, "refine": "neighbours"}
    together = ndfit.fit(NO_IDEA, data, scheduler="synchronous", **keywords)
    apart = ndfit.fit(NO_IDEA, data, **keywords, **schedule)
    for name in together.param_names:
        assert_array_equal(apart.parameters[name], together.parameters[name], err_msg=name)
    assert_array_equal(apart.nfev, together.nfev)


@pytest.mark.filterwarnings("ignore:.* did not converge.*no step lowers the cost:ndfit.FitWarning")  # of one fit of 72
def test_more_starts_are_never_worse_and_belong_to_the_seed() -> None:
    data, _ = two_lines((8, 9), (0.5, 1.5))

    def costs(**keywords: Any) -> np.ndarray:
        return ndfit.fit(NO_IDEA, data, fitting_axes=0, **keywords).chi_square

    one, few, many = costs(), costs(starts=4, seed=2), costs(starts=12, seed=2)
    assert (few <= one).all()
    assert (many <= few).all()
    assert many.sum() < one.sum()
    assert_array_equal(costs(starts=4, seed=2), few)
    assert not np.array_equal(costs(starts=4, seed=3), few)


def test_starts_are_drawn_between_bounds() -> None:
    """A line that no search finds from the start: the model is flat there."""
    data = Gaussian1D(10, 60, 1)(X)[:, None] + 0.1 * np.random.default_rng(0).normal(size=(80, 5))
    model = Gaussian1D(1, 5, 1, bounds={"mean": (0, 79), "stddev": (0.5, 5)})
    plain = ndfit.fit(model, data, fitting_axes=0, guess=None)
    assert (np.abs(plain.parameters["mean"] - 60) > 1).any()
    found = ndfit.fit(model, data, fitting_axes=0, guess=None, starts=30)
    assert_allclose(found.parameters["mean"], 60, atol=0.1)


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_guess_with_units_masks_and_ties(engine: str) -> None:
    rng = np.random.default_rng(1)
    truth = Gaussian1D(10, 30, 3) + Gaussian1D(5, 50, 3) + Const1D(2)
    data = truth(X)[:, None] + 0.3 * rng.normal(size=(80, 4))
    data[10, 0], data[11, 1] = np.nan, 1e5
    mask = np.zeros(data.shape, dtype=bool)
    mask[11, 1] = True
    model = Gaussian1D(1 * u.K, 0 * u.km, 1 * u.km) + Gaussian1D(1 * u.K, 0 * u.km, 1 * u.km) + Const1D(0 * u.K)
    model.stddev_1.tied = lambda m: m.stddev_0
    found = ndfit.fit(
        model, data * u.K, mask=mask, world=(X * 1000 * u.m,), fitting_axes=0, guess="auto", engine=engine
    )
    assert found.parameters["mean_0"].unit == u.km
    means = np.sort([found.parameters[name].value for name in ("mean_0", "mean_1")], axis=0)
    assert_allclose(means, np.tile([[30], [50]], 4), atol=0.5)
    assert_array_equal(found.parameters["stddev_0"], found.parameters["stddev_1"])


def test_guess_replaces_starting_values_that_are_nan() -> None:
    data = np.tile(Gaussian1D(10, 30, 3)(X)[:, None], 3)
    model = Gaussian1D(1, np.array([np.nan, 30, np.nan]), 1)
    assert_allclose(ndfit.fit(model, data, fitting_axes=0, guess="auto").parameters["mean"], 30, rtol=1e-6)


def test_images() -> None:
    y, x = np.mgrid[:21, :23]
    truth = Gaussian2D(5, 12.2, 8.7, 3, 1.8, 0.5)
    data = truth(x, y) + 0.2 * np.random.default_rng(2).normal(size=(6, 21, 23))
    found = ndfit.fit(Gaussian2D(1, 0, 0, 1, 1, 0), data, fitting_axes=(2, 1), guess="auto")
    assert_allclose(found.parameters["x_mean"], 12.2, atol=0.3)
    assert_allclose(found.parameters["y_mean"], 8.7, atol=0.3)


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"guess": "moments"}, "guess should be one of also, auto, None"),
        ({"starts": 0}, "starts should be a positive whole number"),
        ({"starts": 2.5}, "starts should be a positive whole number"),
        ({"starts": 2, "seed": -1}, "seed should be a whole number"),
        ({"refine": True}, "refine should be one of neighbours, None"),
    ],
)
def test_bad_arguments(keywords: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ndfit.fit(Gaussian1D(), np.ones((80, 2)), fitting_axes=0, **keywords)


def test_model_that_cannot_be_guessed_for() -> None:
    with pytest.raises(ValueError, match="cannot guess for Tangent1D: it is for sums of Gaussian1D"):
        ndfit.fit(Tangent1D(), np.ones((80, 2)), fitting_axes=0, guess="auto")


def test_l1448_from_one_poor_start() -> None:
    assert_near_the_best_known(CUT)


@pytest.mark.long
def test_whole_l1448_from_one_poor_start() -> None:
    assert_near_the_best_known(WHOLE)


def test_no_line_is_fitted_upside_down() -> None:
    """Elimination of amplitudes alone turns 3 % of these over; the caller's amplitudes say which way is up."""
    rng = np.random.default_rng(0)
    x = np.linspace(-5, 5, 53)
    means = rng.uniform(-2, 2, 600)
    data = 5 * np.exp(-0.5 * ((x[:, None] - means) / 0.8) ** 2) + 0.5 * rng.normal(size=(53, 600))
    found, truth = (
        ndfit.fit(Gaussian1D(height, where, width) + Const1D(0), data, world=x, fitting_axes=0, engine="compiled")
        for height, where, width in ((4, 0, 1), (5, means, np.full(600, 0.8)))
    )
    assert_allclose(found.chi_square, truth.chi_square, rtol=1e-6)


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_a_compound_starts_from_maps(engine: str) -> None:
    """astropy counts the numbers in the maps of a compound's left half as its parameters."""
    shape = (2, 3)
    means = np.linspace(20.0, 60.0, 6).reshape(shape)
    whole = [np.full(shape, value) for value in (4.0, 3.0, 0.5, 2.0)]
    start = (
        Gaussian1D(whole[0], means + 1.0, whole[1]) + Gaussian1D(whole[3], means + 12.0, whole[1]) + Const1D(whole[2])
    )
    model = Gaussian1D(5.0, 0.0, 2.5) + Gaussian1D(2.0, 11.0, 2.5) + Const1D(0.7)
    data = np.stack([model(X - mean) for mean in means.ravel()], axis=1).reshape(-1, *shape)
    result = ndfit.fit(start, data, world=(X,), fitting_axes=0, engine=engine)
    assert_allclose(result.parameters["mean_0"], means, atol=1e-4)
    assert_allclose(result.parameters["mean_1"], means + 11.0, atol=1e-4)
    assert_allclose(result.evaluate(), data, atol=1e-4)
    assert_allclose(result[1, 2].residual, 0.0, atol=1e-4)
    assert_allclose(result.model(X[:, None, None]), data, atol=1e-4)


def line_elsewhere(n_fits: int = 60) -> tuple[Any, np.ndarray, np.ndarray]:
    """A start that serves no position, and lines all over the spectrum."""
    rng = np.random.default_rng(21)
    centres = rng.uniform(15, 65, n_fits)
    data = 12.0 * np.exp(-0.5 * ((X[:, None] - centres) / 3.0) ** 2) + 2.0 + rng.normal(size=(80, n_fits))
    return Gaussian1D(10, 40, 3) + Const1D(1), data, centres


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_both_starts_are_the_default(engine: str) -> None:
    model, data, centres = line_elsewhere(20)
    alone = ndfit.fit(model, data, fitting_axes=0, guess=None, engine=engine)
    found = ndfit.fit(model, data, fitting_axes=0, engine=engine)
    assert (np.abs(alone.parameters["mean_0"] - centres) > 2).any()
    assert_allclose(found.parameters["mean_0"], centres, atol=2)
    same = np.abs(alone.parameters["mean_0"] - centres) < 2
    assert_array_equal(found.parameters["mean_0"][same], alone.parameters["mean_0"][same])
    assert (found.nfev > alone.nfev).all()


def test_two_minima_that_the_data_do_not_tell_apart_are_ambiguous() -> None:
    """One line in the model, two equal ones in the data: the caller's is kept, and the flag says so."""
    data = (Gaussian1D(10, 20, 2) + Gaussian1D(10.02, 60, 2))(X)[:, None] + np.zeros((80, 3))
    sigma = np.full((80, 3), 1.0)
    found = ndfit.fit(Gaussian1D(9, 21, 2.5), data, fitting_axes=0, uncertainty=sigma)
    assert_allclose(found.parameters["mean"], 20, atol=0.1)
    assert (found.flags & ndfit.Flag.AMBIGUOUS).all()
    surely = ndfit.fit(Gaussian1D(9, 21, 2.5), data, fitting_axes=0, uncertainty=sigma / 200)
    assert_allclose(surely.parameters["mean"], 60, atol=0.1)
    assert not surely.flags.any()
    for guess in (None, "auto"):
        alone = ndfit.fit(Gaussian1D(9, 21, 2.5), data, fitting_axes=0, uncertainty=sigma, guess=guess)
        assert not alone.flags.any()


def test_lines_that_the_guess_finds_are_in_the_callers_order() -> None:
    """A fit from the caller's values, far from either line, may reach them too: in which order, last digits decide."""
    rng = np.random.default_rng(22)
    data = (Gaussian1D(10, 20, 2) + Gaussian1D(20, 60, 2))(X)[:, None] + 0.3 * rng.normal(size=(80, 10))
    for first, second in ((35, 45), (45, 35)):
        model = Gaussian1D(1, first, 1) + Gaussian1D(1, second, 1)
        found = ndfit.fit(model, data, fitting_axes=0)
        alone = ndfit.fit(model, data, fitting_axes=0, guess=None)
        guessed = ~(alone.chi_square < 1.1 * found.chi_square)
        assert guessed.sum() > 5
        in_order = (found.parameters["mean_0"] < found.parameters["mean_1"]) == (first < second)
        assert in_order[guessed].all()
        assert not found.flags.any()


def test_ambiguity_is_known_after_refinement_clipping_and_from_a_checkpoint(tmp_path: Path) -> None:
    rng = np.random.default_rng(23)
    data = (Gaussian1D(10, 20, 2) + Gaussian1D(10.02, 60, 2))(X)[:, None] + 0.02 * rng.normal(size=(80, 12))
    keywords: dict[str, Any] = {"fitting_axes": 0, "uncertainty": np.ones((80, 12))}
    model = Gaussian1D(9, 21, 2.5) + Const1D(0)
    plain = ndfit.fit(model, data, **keywords).flags & ndfit.Flag.AMBIGUOUS
    assert np.count_nonzero(plain) > 8
    for options in (
        {"refine": "neighbours"},
        {"refine": "neighbours", "bootstrap": 4},
        {"bootstrap": 4},
        {"clip": 9.0},
    ):
        found = ndfit.fit(model, data, **keywords, **options)
        assert_array_equal(found.flags & ndfit.Flag.AMBIGUOUS, plain, err_msg=str(options))
    twice = [ndfit.fit(model, data, **keywords, checkpoint=tmp_path / "folder", starts=2) for _ in range(2)]
    assert_array_equal(twice[0].flags, twice[1].flags)
    assert_array_equal(twice[0].parameters["mean_0"], twice[1].parameters["mean_0"])


@pytest.mark.parametrize("guess", ["also", "auto"])
def test_lines_are_found_among_channels_of_a_large_error(guess: str) -> None:
    """A tenth (a fifth, with the guess alone) of these lines were missed without a flag."""
    rng = np.random.default_rng(5)
    height, mean, stddev, level = rng.uniform([0.5, 16, 1.5, -1], [2, 64, 4, 1], (200, 4)).T[:, :, np.newaxis]
    sigma = 0.1 * np.where(rng.random((200, 80)) < 0.2, 100.0, 1.0)
    data = height * np.exp(-0.5 * ((X - mean) / stddev) ** 2) + level + sigma * rng.normal(size=sigma.shape)
    model = Gaussian1D(1, 40, 3) + Const1D(0)
    result = ndfit.fit(model, data, fitting_axes=1, world=(X,), uncertainty=sigma, guess=guess)
    missed = np.abs(result.parameters["mean_0"] - mean[:, 0]) > 5.0 * result.errors["mean_0"]
    assert np.count_nonzero(result.success & ~ndfit.disqualified(result.flags) & missed) == 0


@pytest.mark.parametrize("guess", ["also", "auto"])
def test_a_tied_doublet_is_not_taken_for_one_broad_line(guess: str) -> None:
    """One in eight (one in four, with the guess alone) was, with a line of the other sign beside it and no flag."""
    rng = np.random.default_rng(3)
    one, other, stddev, level = rng.uniform([0.5, 0.5, 1.5, -1], [2, 2, 3, 1], (200, 4)).T[:, :, np.newaxis]
    mean = rng.uniform(20, 48, (200, 1))
    clean = sum(a * np.exp(-0.5 * ((X - m) / stddev) ** 2) for a, m in ((one, mean), (other, mean + 8.0))) + level
    data = clean + rng.normal(0, 0.1, clean.shape)
    model = Gaussian1D(1, 24, 3) + Gaussian1D(1, 32, 3) + Const1D(0)
    model.mean_1.tied = lambda fitted: fitted.mean_0 + 8.0
    model.stddev_1.tied = lambda fitted: fitted.stddev_0
    result = ndfit.fit(model, data, fitting_axes=1, world=(X,), uncertainty=np.full(data.shape, 0.1), guess=guess)
    assert_array_equal(result.chi_square < np.sum((data - clean) ** 2, axis=1) / 0.01, True)


def test_outliers_that_will_be_clipped_do_not_attract_the_guess() -> None:
    rng = np.random.default_rng(24)
    data = Gaussian1D(10, 30, 3)(X)[:, None] + 2.0 + 0.5 * rng.normal(size=(80, 40))
    data[rng.integers(45, 80, 40), np.arange(40)] += 60.0
    for options in ({"clip": 5.0}, {"loss": "cauchy"}):
        for guess in ("auto", "also"):
            found = ndfit.fit(Gaussian1D(8, 32, 3) + Const1D(1), data, fitting_axes=0, guess=guess, **options)
            assert_allclose(found.parameters["mean_0"], 30, atol=0.5)


def test_models_that_cannot_be_guessed_or_need_not_start_from_the_callers_values_alone() -> None:
    rng = np.random.default_rng(25)
    data = 9.0 * np.exp(-0.5 * ((X[:, None] - 41.0) / 4.0) ** 2) + 0.3 * rng.normal(size=(80, 3))
    shaped = Gaussian1D(1, 40, 5, fixed={"mean": True, "stddev": True}) + Const1D(1)
    for model in (Gaussian1D(1, 40, 5) * Const1D(1, fixed={"amplitude": True}), shaped, Const1D(1)):
        one, other = (ndfit.fit(model, data, fitting_axes=0, guess=guess) for guess in (None, "also"))
        assert_array_equal(one.nfev, other.nfev)
        for name in model.param_names:
            assert_array_equal(one.parameters[name], other.parameters[name])
