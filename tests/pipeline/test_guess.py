"""Starting values from the data: how near the truth they are, what they respect, what they cannot do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from astropy.modeling import models
from astropy.modeling.models import Const1D, Const2D, Gaussian1D, Gaussian2D, Linear1D, Moffat2D, Planar2D, Polynomial1D
from numpy.testing import assert_allclose, assert_array_equal
from tests.engines.problems import block_for, bounds_of, engine_for, free_of

import ndfit
from ndfit.pipeline.guess.guess import Guess
from ndfit.pipeline.guess.terms import parse_terms
from ndfit.problem.types import Block

X = np.linspace(0.5, 100.5, 201)
ROWS, COLUMNS = (axis.ravel().astype(float) for axis in np.mgrid[:31, :33])


def guesser(model: Any) -> Guess:
    tied = any(model.tied.values())
    return Guess(parse_terms(model), free_of(model), engine_for(model).model.set_tied if tied else None)


def guess(model: Any, block: Block) -> np.ndarray:
    return next(guesser(model)(block))


def spectra(model: Any, data: Any, **keywords: Any) -> Block:
    return block_for(model, np.atleast_2d(data), (X,), **keywords)


def image(model: Any, truth: Any, coords: tuple[np.ndarray, ...] = (COLUMNS, ROWS)) -> Block:
    return replace(block_for(model, truth(*coords)[np.newaxis], coords), fitting_shape=(31, 33))


PROFILES = [
    Gaussian1D(3, 41.2, 4),
    models.Lorentz1D(3, 41.2, 6),
    models.Drude1D(3, 41.2, 6),
    models.Voigt1D(41.2, 3, 5, 5),
    models.Moffat1D(3, 41.2, 5, 1.0),
    models.Moffat1D(3, 41.2, 6, 2.5),
    models.RickerWavelet1D(3, 41.2, 5),
]


@pytest.mark.parametrize("truth", PROFILES, ids=lambda model: type(model).__name__)
@pytest.mark.parametrize("sign", [1, -1], ids=["emission", "absorption"])
def test_profiles_without_noise(truth: Any, sign: int) -> None:
    model = truth.copy()
    model.parameters = [
        value if name == "alpha" else 1.0 for name, value in zip(truth.param_names, truth.parameters, strict=True)
    ]
    found = guess(model, spectra(model, sign * truth(X)))[0]
    place = {"amplitude": 0, "mean": 0} | {name: i for i, name in enumerate(truth.param_names)}
    height = place.get("amplitude_L", place["amplitude"])
    assert_allclose(found[height], sign * truth.parameters[height], rtol=0.12)
    others = [i for i in range(found.size) if i != height]
    assert_allclose(found[others], truth.parameters[others], rtol=0.2)


@pytest.mark.parametrize("background", [Const1D(20.0), Linear1D(-0.3, 50.0), Polynomial1D(2, c0=9.0, c1=0.2, c2=-0.01)])
def test_lines_of_both_signs_on_a_background(background: Any) -> None:
    truth = Gaussian1D(10, 30, 3) + Gaussian1D(-6, 60, 2) + background
    model = Gaussian1D() + Gaussian1D() + type(background)(*((2,) if isinstance(background, Polynomial1D) else ()))
    data = truth(X) + 0.5 * np.random.default_rng(1).normal(size=(20, X.size))
    tables = list(guesser(model)(spectra(model, data)))
    assert len(tables) == 2
    for row, values in enumerate(tables[1]):
        assert_allclose(values[:6], [10, 30, 3, -6, 60, 2], rtol=0.3, err_msg=str(row))
        model.parameters = values
        assert_allclose(model(X), truth(X), atol=2.5)


def test_second_table_is_for_lines_of_both_signs_only() -> None:
    model = Gaussian1D() + Gaussian1D()
    truth = np.stack([(Gaussian1D(10, 30, 3) + Gaussian1D(side * 6, 60, 2))(X) for side in (1, -1)])
    first, second = guesser(model)(spectra(model, truth))
    assert (first[:, [0, 3]] >= 0).all()
    assert np.isnan(second[0]).all()
    assert np.isfinite(second[1]).all()


@pytest.mark.parametrize("scale", [0.01, -0.01])
def test_bounds_on_both_sides_leave_the_lines_of_the_first_table_alike(scale: float) -> None:
    limits = {"amplitude": (-0.8, 0.8)}
    model = Gaussian1D(bounds=limits) + Gaussian1D(bounds=limits)
    first = guess(model, spectra(model, scale * (Gaussian1D(10, 30, 3) + Gaussian1D(-6, 60, 2))(X)))
    assert (scale * first[:, [0, 3]] >= 0).all()


def test_overlapping_lines_are_told_apart() -> None:
    rng = np.random.default_rng(2)
    truth = Gaussian1D(12, 45, 3) + Gaussian1D(10, 53, 3)
    model = Gaussian1D() + Gaussian1D()
    found = guess(model, spectra(model, truth(X) + rng.normal(size=(50, X.size))))
    means = np.sort(found[:, [1, 4]], axis=1)
    assert np.mean(np.abs(means - [45, 53]).max(axis=1) < 3) > 0.9
    assert (found[:, [0, 3]] > 0).all()


def test_terms_that_are_subtracted() -> None:
    model = Const1D() - Gaussian1D()
    found = guess(model, spectra(model, (Const1D(8.0) - Gaussian1D(3, 41.2, 4))(X)))[0]
    assert_allclose(found, [8.0, 3.0, 41.2, 4.0], rtol=0.05)


def test_elliptical_gaussian_on_a_constant() -> None:
    truth = Gaussian2D(3, 14.3, 16.7, 3, 2, 0.6) + Const2D(1.0)
    model = Gaussian2D() + Const2D()
    assert_allclose(guess(model, image(model, truth))[0], truth.parameters, rtol=0.05)


@pytest.mark.parametrize("kind", [models.Lorentz2D, models.AiryDisk2D, models.RickerWavelet2D])
def test_round_sources_on_a_constant(kind: Any) -> None:
    truth, model = kind(3, 14.3, 16.7, 4.0) + Const2D(1.0), kind() + Const2D()
    noise = 0.05 * np.random.default_rng(13).normal(size=(5, ROWS.size))
    found = guess(
        model, replace(block_for(model, truth(COLUMNS, ROWS) + noise, (COLUMNS, ROWS)), fitting_shape=(31, 33))
    )
    assert_allclose(found, np.tile(truth.parameters, (5, 1)), rtol=0.1)


def test_moffat_on_a_plane() -> None:
    truth = Moffat2D(3, 14.3, 16.7, 3, 2.5) + Planar2D(0.01, 0.02, 1.0)
    model = Moffat2D(alpha=2.5) + Planar2D()
    found = guess(model, image(model, truth))[0]
    assert_allclose(found[:5], truth.parameters[:5], rtol=0.25)
    assert_allclose(found[1:3], truth.parameters[1:3], rtol=1e-3)


def test_image_in_turned_and_scaled_coordinates() -> None:
    cos, sin = np.cos(0.5), np.sin(0.5)
    coords = (0.01 * (cos * COLUMNS - sin * ROWS) + 5.0, 0.01 * (sin * COLUMNS + cos * ROWS) - 2.0)
    truth = Gaussian2D(3, 5.05, -1.8, 0.04, 0.02, 0.9)
    model = Gaussian2D()
    assert_allclose(guess(model, image(model, truth, coords))[0], truth.parameters, rtol=0.06)


def test_samples_that_are_not_used_say_nothing() -> None:
    model = Gaussian1D() + Const1D()
    clean = (Gaussian1D(5, 70, 3) + Const1D(2.0))(X)
    data, valid, weights = (np.tile(values, (2, 1)) for values in (clean, np.ones(X.size, bool), np.ones(X.size)))
    data[:, 20:26] = [[0.0], [1e6]]
    valid[0, 20:26], weights[1, 20:26] = False, 0.0
    found = guess(model, spectra(model, data, valid=valid, weights=weights))
    assert_allclose(found, np.tile([5, 70, 3, 2], (2, 1)), rtol=0.05)


def test_weights_tell_noise_from_a_line() -> None:
    rng = np.random.default_rng(3)
    sigma = np.where(X < 50, 20.0, 0.5)
    model = Gaussian1D()
    data = Gaussian1D(5, 70, 3)(X) + sigma * rng.normal(size=(30, X.size))
    found = guess(model, spectra(model, data, weights=np.tile(1 / sigma, (30, 1))))
    assert_allclose(found[:, 1], 70, atol=1)


def test_bounds_choose_the_line_and_hold_the_guess() -> None:
    model = Gaussian1D(1, 25, 2, bounds={"mean": (20, 40), "stddev": (None, 2.5)}) + Gaussian1D(1, 70, 2)
    found = guess(model, spectra(model, (Gaussian1D(5, 30, 3) + Gaussian1D(9, 70, 3))(X)))[0]
    assert_allclose(found[[1, 4]], [30, 70], atol=0.5)
    assert found[2] <= 2.5
    assert_allclose(found[5], 3, rtol=0.1)


def test_amplitude_bounds_choose_the_sign() -> None:
    model = Gaussian1D(1, 0, 1, bounds={"amplitude": (0, None)})
    found = guess(model, spectra(model, (Gaussian1D(5, 30, 3) + Gaussian1D(-9, 70, 3))(X)))[0]
    assert_allclose(found, [5, 30, 3], rtol=0.05)


def test_fixed_parameters_stay() -> None:
    model = Gaussian1D(1, 30, 1, fixed={"mean": True}) + Const1D(4.0, fixed={"amplitude": True})
    found = guess(model, spectra(model, (Gaussian1D(2, 32, 3) + Const1D(4.0))(X)))[0]
    assert_array_equal(found[[1, 3]], [30, 4])
    assert 1 < found[0] < 2


def test_a_fixed_background_lies_under_the_free_one() -> None:
    model = Gaussian1D() + Const1D(4.0, fixed={"amplitude": True}) + Linear1D()
    found = guess(model, spectra(model, (Gaussian1D(5, 70, 3) + Const1D(4.0) + Linear1D(0.1, 2.0))(X)))[0]
    assert_allclose(found, [5, 70, 3, 4, 0.1, 2], rtol=0.05)


def test_bounds_of_a_full_width_choose_the_line() -> None:
    """Full widths are 1.8 times the width of the Gaussian that is sought; wider ones would be the other line's."""
    model = models.Lorentz1D(1, 50, 6, bounds={"fwhm": (3.5, None)})
    found = guess(model, spectra(model, (models.Lorentz1D(5, 15, 5) + models.Lorentz1D(2.5, 75, 15))(X)))[0]
    assert_allclose(found[1], 15, atol=2)


def test_tied_parameters_follow() -> None:
    model = Gaussian1D() + Gaussian1D()
    model.mean_1.tied = lambda m: m.mean_0 + 20
    model.stddev_1.tied = lambda m: m.stddev_0
    found = guess(model, spectra(model, (Gaussian1D(9, 30, 3) + Gaussian1D(2, 50, 3) + Gaussian1D(4, 80, 3))(X)))[0]
    assert_allclose(found, [9, 30, 3, 2, 50, 3], rtol=0.1)


@pytest.mark.parametrize(("share", "apart"), [(1.0, 4.0), (1.0, 8.0), (2.0, 6.0), (0.5, 8.0)])
@pytest.mark.parametrize("slope", [0.0, 0.2])
def test_doublets_that_fill_the_range_on_a_slope(share: float, apart: float, slope: float) -> None:
    """Two lines with a tied height and width in 30 channels: what lies between them, or beside, is no line."""
    rng, x = np.random.default_rng(0), np.arange(30.0)
    centre, width, height = (rng.uniform(*ends, (80, 1)) for ends in ((4.0, 26.0 - apart), (1.0, 2.5), (0.5, 3.0)))
    lines = [np.exp(-0.5 * ((x - at) / width) ** 2) for at in (centre, centre + apart)]
    data = height * (lines[0] + share * lines[1]) + slope * x + 1.0 + 0.1 * rng.normal(size=(80, 30))
    model = Gaussian1D(1, 10, 1.5) + Gaussian1D(share, 10 + apart, 1.5) + Linear1D(0.0, 0.0)
    model.amplitude_1.tied = lambda m: share * m.amplitude_0
    model.stddev_1.tied = lambda m: m.stddev_0
    call: dict[str, Any] = {"world": (x,), "fitting_axes": 1}
    found = ndfit.fit(model, data, **call)
    truth = model.copy()
    columns = (height, centre, width, share * height, centre + apart, width)
    lines_at = {name: values[:, 0] for name, values in zip(model.param_names, columns, strict=False)}
    truth._reset_parameters(**lines_at, slope_2=np.full(80, slope), intercept_2=np.ones(80))
    best = ndfit.fit(truth, data, guess=None, **call)
    worse = (found.chi_square - best.chi_square) > 4.0 * best.chi_square / 24.0
    assert np.sum(worse & found.success & ~ndfit.disqualified(found.flags)) <= 3


def test_data_without_a_peak_keep_the_callers_values() -> None:
    model = Gaussian1D(1.5, 33.0, 2.5) + Const1D(7.0)
    assert_allclose(guess(model, spectra(model, np.zeros(X.size)))[0], [1.5, 33.0, 2.5, 0.0])


def test_coordinates_in_any_order_and_of_each_fit() -> None:
    rng = np.random.default_rng(4)
    order = np.stack([rng.permutation(X.size) for _ in range(3)])
    truth, model = Gaussian1D(5, 70, 3), Gaussian1D()
    block = block_for(model, truth(X[order]), (X[order],))
    assert_allclose(guess(model, block), np.tile(truth.parameters, (3, 1)), rtol=0.05)
    block = block_for(model, truth(X[order[:1]]), (X[order[0]],))
    assert_allclose(guess(model, block)[0], truth.parameters, rtol=0.05)


@pytest.mark.parametrize("weighted", [False, True])
def test_no_bit_depends_on_what_else_is_in_the_block(weighted: bool) -> None:
    rng = np.random.default_rng(5)
    data = (Gaussian1D(6, 30, 3) + Gaussian1D(5, 60, 2) + Linear1D(0.1, 1))(X) + rng.normal(size=(400, X.size))
    weights = rng.uniform(0.5, 2, data.shape) if weighted else None
    model = Gaussian1D() + Gaussian1D() + Linear1D()
    together = list(guesser(model)(spectra(model, np.asfortranarray(data), weights=weights)))
    for rows in (slice(0, 1), slice(1, 3), slice(250, 400)):
        alone = guesser(model)(spectra(model, data[rows], weights=None if weights is None else weights[rows]))
        for one, other in zip(alone, together, strict=True):
            assert_array_equal(one, other[rows])


class Gaussian1DofMine(Gaussian1D):
    """A person's own class, which may do anything."""


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (models.Tangent1D(), "Tangent1D"),
        (Gaussian1DofMine(), "Gaussian1DofMine"),
        (Gaussian1D() * Const1D(), r"operator '\*'"),
        (Gaussian1D() + models.Box1D(), "Box1D"),
    ],
)
def test_models_that_cannot_be_guessed_for(model: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        parse_terms(model)
    assert "Voigt1D" in str(caught.value)


def test_guess_is_inside_the_bounds() -> None:
    bounds = {"amplitude": (0, 2), "mean": (40, 45), "stddev": (1, 2)}
    model = Gaussian1D(1, 41, 1.5, bounds=bounds)
    lower, upper = bounds_of(model)
    found = guess(model, spectra(model, np.random.default_rng(6).normal(size=(50, X.size)) * 10))
    assert ((found >= lower) & (found <= upper)).all()


LONG = np.linspace(6480.0, 6640.0, 200)


def beside_a_brighter_one(ratio: float, sign: float, noise: float, rows: int = 60) -> np.ndarray:
    faint = sign * 10.0 * noise
    truth = Gaussian1D(ratio * faint, 6562.8, 2.4) + Gaussian1D(faint, 6583.45, 2.4)
    return np.asarray(truth(LONG) + noise * np.random.default_rng(8).normal(size=(rows, LONG.size)))


@pytest.mark.parametrize("ratio", [2, 6, 20, 50])
@pytest.mark.parametrize("sign", [1, -1], ids=["emission", "absorption"])
@pytest.mark.parametrize(
    "background", [None, Const1D(3.0), Polynomial1D(2, domain=(6480, 6640), c0=2, c1=0.5, c2=-0.4)]
)
def test_a_faint_line_beside_a_brighter_one(ratio: float, sign: float, background: Any) -> None:
    model = Gaussian1D(20, 6562, 2.4) + Gaussian1D(3, 6583, 2.4)
    data = beside_a_brighter_one(ratio, sign, 0.05)
    if background is not None:
        model, data = model + background, data + background(LONG)
    found = guess(model, block_for(model, data, (LONG,)))
    centres = np.sort(found[:, [1, 4]], axis=1)
    assert_allclose(centres, np.tile([6562.8, 6583.45], (60, 1)), atol=2.4)


@pytest.mark.parametrize("ratio", [2, 50])
def test_a_faint_source_beside_a_brighter_one(ratio: float) -> None:
    truth = Gaussian2D(2.0 * ratio, 12, 14, 3, 2, 0.4) + Gaussian2D(2.0, 22, 19, 2.5, 2, 1.0) + Const2D(3.0)
    model = Gaussian2D() + Gaussian2D() + Const2D()
    noise = 0.2 * np.random.default_rng(9).normal(size=(20, ROWS.size))
    found = guess(
        model, replace(block_for(model, truth(COLUMNS, ROWS) + noise, (COLUMNS, ROWS)), fitting_shape=(31, 33))
    )
    assert_allclose(np.sort(found[:, [1, 7]], axis=1), np.tile([12, 22], (20, 1)), atol=1.0)


def test_noise_free_lines_are_found_down_to_a_thousandth() -> None:
    data = np.stack([(Gaussian1D(30, 6562.8, 2.4) + Gaussian1D(30 / k, 6583.45, 2.4))(LONG) for k in (1, 30, 1000)])
    model = Gaussian1D() + Gaussian1D() + Const1D()
    found = guess(model, block_for(model, data + 2.0, (LONG,)))
    assert_allclose(np.sort(found[:, [1, 4]], axis=1), np.tile([6562.8, 6583.45], (3, 1)), atol=0.1)


@pytest.mark.parametrize("first", [1 / 3, 3.0], ids=["fainter first", "brighter first"])
@pytest.mark.parametrize("amplitudes", [True, False], ids=["amplitudes tied", "amplitudes free"])
@pytest.mark.parametrize("bounds", [(None, None), (6540.0, 6575.0)], ids=["anywhere", "bounded"])
def test_a_tied_doublet_is_found_as_one(first: float, amplitudes: bool, bounds: Any) -> None:
    """The strongest peak may be either of the lines."""
    truth = Gaussian1D(5 * first, 6560, 2.4) + Gaussian1D(5, 6590, 2.4)
    model = Gaussian1D(1, 6550, 2, bounds={"mean": bounds}) + Gaussian1D(1, 6580, 2) + Const1D()
    model.mean_1.tied = lambda m: m.mean_0 + 30.0
    model.stddev_1.tied = lambda m: m.stddev_0
    if amplitudes:
        model.amplitude_1.tied = lambda m: m.amplitude_0 / first
    data = truth(LONG) + 0.2 * np.random.default_rng(10).normal(size=(30, LONG.size))
    found = guess(model, block_for(model, data, (LONG,)))
    assert_allclose(found[:, [1, 4]], np.tile([6560, 6590], (30, 1)), atol=1.0)
    assert_allclose(found[:, [0, 3]], np.tile([5 * first, 5], (30, 1)), rtol=0.3)


@pytest.mark.parametrize("at", [18, 60, 66, 70, 78])
def test_one_sample_with_a_far_smaller_error_does_not_decide(at: int) -> None:
    sigma = np.full(X.size, 0.3)
    sigma[at] = 0.003
    data = Gaussian1D(10, 35, 4)(X) + 3.0 + sigma * np.random.default_rng(11).normal(size=(40, X.size))
    model = Gaussian1D() + Const1D()
    found = guess(model, spectra(model, data, weights=np.tile(1 / sigma, (40, 1))))
    assert_allclose(found[:, 1], 35, atol=1.5)


def mirrored_or_scaled(how: str, data: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Data, coordinates, and the factors of amplitude, mean and stddev."""
    if how == "reversed":
        return data[:, ::-1], X[::-1], np.array([1.0, 1.0, 1.0])
    if how == "data scaled":
        return 2.0**-90 * data, X, np.array([2.0**-90, 1.0, 1.0])
    if how == "coordinates scaled":
        return data, 1024.0 * X, np.array([1.0, 1024.0, 1024.0])
    return data, X + 2.0**20, np.array([1.0, 1.0, 1.0])


@pytest.mark.parametrize("how", ["reversed", "data scaled", "coordinates scaled", "moved"])
def test_the_guess_follows_what_the_data_follow(how: str) -> None:
    truth = Gaussian1D(30, 30, 3) + Gaussian1D(3, 60, 2) + Const1D(4.0)
    data = truth(X) + 0.1 * np.random.default_rng(12).normal(size=(30, X.size))
    model = Gaussian1D() + Gaussian1D() + Const1D()
    before = guess(model, spectra(model, data))
    changed, x, factors = mirrored_or_scaled(how, data)
    after = guess(model, block_for(model, changed, (x,)))
    shift = 2.0**20 if how == "moved" else 0.0
    back = (after[:, :6] - np.array([0.0, shift, 0.0, 0.0, shift, 0.0])) / np.tile(factors, 2)
    assert_allclose(back, before[:, :6], rtol=0.02)
    assert_allclose(after[:, 6] / factors[0], before[:, 6], rtol=0.02)
