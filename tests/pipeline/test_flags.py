"""Every flag where it is due, and nowhere else, with both engines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.modeling.fitting import TRFLSQFitter
from astropy.modeling.models import (
    AiryDisk2D,
    Const1D,
    Const2D,
    Exponential1D,
    Gaussian1D,
    Gaussian2D,
    Identity,
    KingProjectedAnalytic1D,
    Linear1D,
    Lorentz1D,
    Mapping,
    Moffat2D,
    Sersic1D,
    Shift,
    Sine1D,
    Voigt1D,
)
from numpy.testing import assert_allclose, assert_array_equal
from tests.normalized import normalize

import ndfit
from ndfit.engines.fitters import parse_fitter
from ndfit.engines.select import select_engine
from ndfit.errors import FitWarning
from ndfit.pipeline.flags import Answers, flags_of_parameters
from ndfit.pipeline.model_rules import rules_of
from ndfit.problem.types import Block
from ndfit.status import Flag

ENGINES = pytest.mark.parametrize("engine", ["auto", "reference"])
# Lines between the samples, and widths at zero, are hard to end at; that is not what is looked at here.
pytestmark = pytest.mark.filterwarnings("ignore:.*did not converge")
RNG = np.random.default_rng(8)
X = np.arange(60.0)
NOISE = 0.02 * RNG.normal(size=(6, X.size))
PLAIN = 1.0 + 0.001 * NOISE


def fit(model: Any, data: Any, **keywords: Any) -> ndfit.FitResult:
    return ndfit.fit(model, data, **({"fitting_axes": 1, "guess": None} | keywords))


def has(result: ndfit.FitResult, flag: Flag) -> Any:
    return (result.flags & flag) > 0


def line(sigma: float, centre: float = 30.3, x: Any = X) -> Any:
    return Gaussian1D(5.0, centre, sigma)(x) + 1.0


START = Gaussian1D(4.0, 30.0, 1.0) + Const1D(1.0)


@ENGINES
@pytest.mark.parametrize(("sigma", "due"), [(0.3, True), (0.5, True), (0.7, False), (3.0, False)])
def test_lines_that_samples_do_not_show(sigma: float, due: bool, engine: str) -> None:
    result = fit(START, line(sigma) + NOISE, engine=engine)
    assert_array_equal(has(result, Flag.UNDERSAMPLED), due)
    # What is in one sample alone may be anywhere beside it, and of any width.
    others = result.flags if sigma > 0.3 else result.flags & ~np.uint32(Flag.UNCERTAIN)
    assert not ndfit.disqualified(others).any()


def test_the_distance_of_samples_counts_that_is_at_the_line() -> None:
    x = np.concatenate((np.arange(0.0, 20.0, 0.5), np.arange(20.0, 60.0, 4.0)))
    for centre, due in ((10.2, False), (41.0, True)):
        data = line(1.2, centre, x) + NOISE[:, : x.size]
        model = Gaussian1D(4.0, centre, 1.2) + Const1D(1.0)
        for world in ((x,), (np.broadcast_to(x, data.shape),)):
            assert_array_equal(has(fit(model, data, world=world), Flag.UNDERSAMPLED), due)


def test_a_width_that_is_fixed_may_be_too_narrow() -> None:
    model = START.copy()
    model.stddev_0 = 0.3
    model.stddev_0.fixed = True
    result = fit(model, line(0.3) + NOISE)
    assert has(result, Flag.UNDERSAMPLED).all()


def test_a_gap_of_masked_samples_does_not_make_a_line_narrow() -> None:
    mask = np.zeros(X.size, dtype=bool)
    mask[[30, 31]] = True
    assert not fit(START, line(1.0) + NOISE, mask=mask).flags.any()


def test_lines_at_other_coordinates_than_the_samples_are_not_judged() -> None:
    model = Shift(0.0) | Gaussian1D(4.0, 30.0, 0.3)
    model.offset_0.fixed = True
    result = fit(model, line(0.3) - 1.0 + NOISE)
    assert not has(result, Flag.UNDERSAMPLED).any()


Y2, X2 = np.mgrid[:15, :15].astype(float)


@ENGINES
@pytest.mark.parametrize(
    ("star", "due"),
    [
        (Gaussian2D(9, 7.2, 6.9, 2.0, 0.4, 0.5), True),
        (Gaussian2D(9, 7.2, 6.9, 2.0, 1.0, 0.5), False),
        (AiryDisk2D(9, 7.2, 6.9, 1.2), True),
        (AiryDisk2D(9, 7.2, 6.9, 3.0), False),
        (Moffat2D(9, 7.2, 6.9, 0.8, 2.5), True),
        (Moffat2D(9, 7.2, 6.9, 2.0, 2.5), False),
    ],
)
def test_images_of_points(star: Any, due: bool, engine: str) -> None:
    data = star(X2, Y2) + 0.01 * np.random.default_rng(1).normal(size=(2, 15, 15))
    result = ndfit.fit(star, data, fitting_axes=(2, 1), engine=engine)
    assert_array_equal(has(result, Flag.UNDERSAMPLED), due)
    assert_array_equal(result.flags & ~np.uint32(Flag.UNDERSAMPLED), 0)


@ENGINES
def test_a_centre_that_left_the_samples_and_a_width_that_left_them(engine: str) -> None:
    """An exponential is the flank of a line that is infinitely far away."""
    slope = np.exp(0.03 * X) + 1e-4 * NOISE
    flank = fit(Gaussian1D(4.0, 80.0, 20.0), slope, engine=engine, fitter_kwargs={"maxiter": 3000})
    inside = fit(Gaussian1D(4.0, 80.0, 20.0, bounds={"mean": (0, 100)}), slope, engine=engine)
    far = np.abs(flank.parameters["mean"] - 29.5) > 88.5
    wide = 2.355 * flank.parameters["stddev"] > 295
    assert (far | wide).all()
    assert_array_equal(has(flank, Flag.OUT_OF_RANGE), far | wide)
    assert_array_equal((flank.parameter_flags["mean"] & Flag.OUT_OF_RANGE) > 0, far)
    assert_array_equal((flank.parameter_flags["stddev"] & Flag.OUT_OF_RANGE) > 0, wide)
    assert ndfit.disqualified(flank.flags).all()
    assert not has(inside, Flag.OUT_OF_RANGE).any()


@ENGINES
def test_a_line_that_may_be_anywhere(engine: str) -> None:
    """Noise alone, and a line that is seen; errors above what samples or the line can tell, and what disqualifies."""
    noise = np.random.default_rng(9).normal(size=(40, X.size))
    start = Gaussian1D(1.0, 30.0, 3.0)
    nothing = fit(start, noise, engine=engine)
    errors = {name: nothing.errors[name] for name in ("mean", "stddev")}
    width = 2.3548 * nothing.parameters["stddev"]
    most = {"mean": np.minimum(width, X[-1] - X[0]), "stddev": X[-1] - X[0]}
    for name, error in errors.items():
        at_bound = (nothing.parameter_flags[name] & Flag.AT_BOUND) > 0
        assert_array_equal((nothing.parameter_flags[name] & Flag.UNCERTAIN) > 0, (error > most[name]) & ~at_bound)
    uncertain = has(nothing, Flag.UNCERTAIN)
    assert uncertain.any()
    assert not uncertain.all()
    assert ndfit.disqualified(nothing.flags)[uncertain].all()
    assert not has(fit(start, 6.0 * start(X) + noise, engine=engine), Flag.UNCERTAIN).any()


def test_the_range_is_that_of_the_samples_that_are_used() -> None:
    mask = np.broadcast_to(X > 20, (6, X.size)).copy()
    mask[0] = False
    model = Gaussian1D(5.0, 45.0, 30.0) + Const1D(1.0)
    model.mean_0.fixed = False
    model.stddev_0.fixed = True
    data = Gaussian1D(5.0, 45.0, 30.0)(X) + 1.0 + 1e-4 * NOISE
    assert_array_equal(has(fit(model, data, mask=mask), Flag.OUT_OF_RANGE), [False] + [True] * 5)


@pytest.mark.parametrize("before", [None, Identity(1)])
def test_a_width_of_a_voigt_profile_that_ended_at_zero(before: Any) -> None:
    data = Lorentz1D(5.0, 30.3, 6.0)(X) + 0.05 * np.random.default_rng(2).normal(size=(12, X.size))
    profile = Voigt1D(30.0, 4.0, 5.0, 2.0)
    result = fit(profile if before is None else before | profile, data)
    small, large = ("fwhm_G", "fwhm_L") if before is None else ("fwhm_G_1", "fwhm_L_1")
    gauss, error = result.parameters[small], result.errors[small]
    unknown = (gauss < 1e-3) | (gauss < 0.1 * error) | np.isnan(error)
    assert 2 <= unknown.sum() < 12
    assert_array_equal((result.parameter_flags[small] & Flag.AT_ZERO) > 0, unknown)
    assert not (result.parameter_flags[large] & Flag.AT_ZERO).any()


@ENGINES
def test_lines_that_are_well_determined_have_no_flag(engine: str) -> None:
    data = Voigt1D(30.3, 5.0, 4.0, 6.0)(X) + 1.0 + NOISE
    assert not fit(Voigt1D(30.0, 4.0, 5.0, 5.0) + Const1D(1.0), data, engine=engine).flags.any()


@ENGINES
@pytest.mark.parametrize("covariance", [True, False])
def test_parameters_without_effect_are_named(covariance: bool, engine: str) -> None:
    """A model in Angstrom on coordinates in metres."""
    x = np.linspace(6.50e-7, 6.53e-7, X.size)
    model = Gaussian1D(5.0, 6515.0, 3.0) + Const1D(1.0)
    with pytest.warns(FitWarning, match=r"'amplitude_0', 'mean_0' and 'stddev_0' have no effect.*6.5e-07 to 6.53e-07"):
        result = fit(model, line(3.0) + NOISE, world=(x,), engine=engine, covariance=covariance)
    assert has(result, Flag.NO_EFFECT).all()
    assert not has(result, Flag.SINGULAR).any()
    for name in ("amplitude_0", "mean_0", "stddev_0"):
        assert ((result.parameter_flags[name] & Flag.NO_EFFECT) > 0).all()
    assert not result.parameter_flags["amplitude_1"].any()
    assert "amplitude_0 6, mean_0 6, stddev_0 6" in result.summary()
    if covariance:
        assert np.isnan(result.errors["mean_0"]).all()
        expected = np.sqrt(result.reduced_chi_square / X.size)
        assert_allclose(result.errors["amplitude_1"], expected, rtol=1e-6)


@ENGINES
def test_the_call_of_astropy_says_so_too(engine: str) -> None:
    fitter = TRFLSQFitter()
    with pytest.warns(FitWarning, match="'mean_0' and 'stddev_0' have no effect"):
        ndfit.parallel_fit_dask(
            model=Gaussian1D(5.0, 6515.0, 3.0) + Const1D(1.0),
            fitter=fitter,
            data=line(3.0) + NOISE,
            fitting_axes=1,
            engine=engine,
            fit_info=("flags",),
        )
    assert_array_equal(fitter.fit_info.get_property_as_array("flags") & Flag.NO_EFFECT, Flag.NO_EFFECT)


def test_some_positions_without_effect_are_flagged_and_not_warned_of() -> None:
    starts = np.array([30.0, 30.0, 500.0, 30.0, 30.0, -400.0])
    model = Gaussian1D(np.full(6, 4.0), starts, np.full(6, 1.0)) + Const1D(np.full(6, 1.0))
    result = fit(model, line(2.0) + NOISE)
    far = [False, False, True, False, False, True]
    assert_array_equal(has(result, Flag.NO_EFFECT), far)
    assert_array_equal(np.isnan(result.errors["mean_0"]), far)
    assert np.isfinite(result.errors["amplitude_1"]).all()


def test_no_effect_in_a_model_that_is_linear() -> None:
    model = Gaussian1D(1.0, 6515.0, 3.0, fixed={"mean": True, "stddev": True}) + Const1D(1.0)
    for covariance in (True, False):
        with pytest.warns(FitWarning, match="'amplitude_0' has no effect"):
            result = fit(model, PLAIN, covariance=covariance)
        assert result.engine == "linear"
        assert_array_equal(result.parameter_flags["amplitude_0"], Flag.NO_EFFECT)


@pytest.mark.parametrize("bounds", [(6500.0, 6530.0), (6500.0, None), (None, -1.0), (np.full(6, 99.0), None)])
def test_bounds_that_miss_the_coordinates_are_said_before_the_first_fit(bounds: Any) -> None:
    model = Gaussian1D(5.0, 6515.0 if bounds[0] is not None else -5.0, 3.0) + Const1D(1.0)
    with pytest.warns(FitWarning) as caught:
        fit(model, line(3.0) + NOISE, bounds={"mean_0": bounds})
    assert "bounds of 'mean_0'" in str(caught[0].message)
    assert "0 to 59" in str(caught[0].message)


def test_bounds_that_meet_the_coordinates_anywhere_are_not_spoken_of() -> None:
    fit(START, line(2.0) + NOISE, bounds={"mean_0": (np.array([25.0, 25.0, 25.0, 25.0, 25.0, 30.0]), 40.0)})


@ENGINES
def test_errors_of_what_is_tied_to_what_is_not_determined(engine: str) -> None:
    model = Const1D(1.0) + Const1D(2.0) + Const1D(3.0)
    model.amplitude_2.tied = lambda m: 2.0 * m.amplitude_0
    result = fit(model, PLAIN, engine=engine)
    for name in model.param_names:
        assert np.isnan(result.errors[name]).all(), name
    assert_array_equal(result.flags, Flag.SINGULAR)


@ENGINES
def test_errors_of_what_is_tied_to_what_is_determined_beside_it(engine: str) -> None:
    model = Const1D(1.0) + Const1D(2.0) + Linear1D(0.1, 1.0, fixed={"intercept": True}) + Const1D(0.0)
    model.amplitude_3.tied = lambda m: 2.0 * m.slope_2
    result = fit(model, PLAIN, engine=engine)
    assert_allclose(result.errors["amplitude_3"], 2.0 * result.errors["slope_2"], rtol=1e-6)
    assert np.isfinite(result.errors["slope_2"]).all()
    assert np.isnan(result.errors["amplitude_1"]).all()


@ENGINES
def test_a_bound_that_an_interior_point_method_does_not_reach(engine: str) -> None:
    x = np.linspace(0, 5, 30)
    data = 1.5 * x + 0.3 + 0.1 * np.random.default_rng(8).normal(size=(4, 30))
    model = Linear1D(1.0, -0.5, bounds={"intercept": (None, 0.0)})
    result = fit(model, data, world=(x,), uncertainty=np.full(30, 0.1), engine=engine)
    assert_array_equal(result.flags, Flag.AT_BOUND)
    assert_array_equal(result.parameter_flags["intercept"], Flag.AT_BOUND)
    assert_allclose(result.errors["slope"], 0.1 / np.sqrt(x @ x), rtol=1e-6)
    assert np.isnan(result.errors["intercept"]).all()


def test_a_bootstrap_gives_no_error_where_there_is_none() -> None:
    model = Gaussian1D(4.0, 30.0, 2.0, bounds={"mean": (None, 30.0)})
    result = fit(model, line(2.0) - 1.0 + NOISE, bootstrap=10)
    assert (result.parameter_flags["mean"] & Flag.AT_BOUND).all()
    assert np.isnan(result.errors["mean"]).all()
    assert np.isfinite(result.errors["stddev"]).all()


def test_as_many_parameters_as_samples() -> None:
    result = fit(START, line(2.0)[:, None].T[:, 28:32] + NOISE[:, :4], world=(X[28:32],))
    assert has(result, Flag.NO_FREEDOM).all()
    assert np.isnan(result.errors["mean_0"]).all()


def test_flags_of_parameters_are_kept_in_files_and_by_refinements(tmp_path: Any) -> None:
    starts = np.array([30.0, 30.0, 500.0, 30.0, 30.0, -400.0])
    model = Gaussian1D(np.full(6, 4.0), starts, np.full(6, 1.0)) + Const1D(np.full(6, 1.0))
    result = fit(model, line(2.0) + NOISE)
    for name in ("fit.fits", "fit.zarr"):
        (result.to_fits if name.endswith("fits") else result.to_zarr)(tmp_path / name)
        again = ndfit.read(tmp_path / name)
        for parameter, flags in result.parameter_flags.items():
            assert_array_equal(again.parameter_flags[parameter], flags, strict=True)
        assert again.summary() == result.summary()
    refined = fit(model, line(2.0) + NOISE, refine="neighbours")
    assert not refined.flags.any()
    assert not any(flags.any() for flags in refined.parameter_flags.values())


@ENGINES
def test_stamps_on_a_plain_background(engine: str) -> None:
    star = Gaussian2D(9, 7.2, 6.9, 2.0, 1.2, 0.5) + Const2D(1.0)
    data = star(X2, Y2) + 0.05 * np.random.default_rng(1).normal(size=(3, 15, 15))
    assert not ndfit.fit(star, data, fitting_axes=(2, 1), engine=engine).flags.any()


def test_shapes_that_ran_away() -> None:
    """Moffat profiles on Gaussian stars, King profiles without an edge: parameters that are not told from infinity."""
    noise = np.random.default_rng(3).normal(size=(40, 15, 15))
    stars = noise + Gaussian2D(20.0, 7.0, 7.0, 1.7, 1.4)(X2, Y2)
    result = ndfit.fit(Moffat2D(15.0, 7.0, 7.0, 2.0, 2.2), stars, fitting_axes=(2, 1))
    alpha, error = result.parameters["alpha"], result.errors["alpha"]
    lost = error > np.maximum(alpha, 10.0)
    assert 5 <= lost.sum() < 40
    assert_array_equal((result.parameter_flags["alpha"] & Flag.UNCERTAIN) > 0, lost)
    true = noise + Moffat2D(20.0, 7.0, 7.0, 3.0, 2.5)(X2, Y2)
    assert not ndfit.disqualified(ndfit.fit(Moffat2D(15.0, 7.0, 7.0, 2.0, 2.2), true, fitting_axes=(2, 1)).flags).any()


def test_lengths_and_frequencies_that_samples_do_not_tell() -> None:
    x = np.linspace(0.5, 10.0, 60)
    noise = 0.3 * np.random.default_rng(4).normal(size=(40, x.size))
    for start, data in (
        (KingProjectedAnalytic1D(8.0, 1.5, 7.0), 5.0 * np.exp(-x / 3.0)),
        (Exponential1D(5.0, 30.0), np.full(x.size, 5.0)),
    ):
        name = start.param_names[-1]
        result = fit(start, data + noise, world=(x,))
        value, error = result.parameters[name], result.errors[name]
        known = np.isfinite(error)
        lost = error[known] > np.maximum(np.abs(value[known]), 9.5)
        assert lost.sum() >= 5
        assert_array_equal((result.parameter_flags[name][known] & Flag.UNCERTAIN) > 0, lost)
    # An error of a phase or of a slope may exceed its value without anything being wrong.
    wave = fit(Sine1D(1.0, 0.31, 0.0) + Linear1D(0.0, 0.0), Sine1D(1.0, 0.31, 0.0)(x) + noise, world=(x,))
    assert not ndfit.disqualified(wave.flags).any()


def flags_at(model: Any, value: Any, error: Any, coords: Any) -> Any:
    """Flags of the free parameters of one answer, by name."""
    grids = np.meshgrid(*coords)
    axes = tuple(range(len(coords), 0, -1))
    problem = normalize(model=model, data=np.ones((2, *grids[0].shape)), world=coords, fitting_axes=axes)
    rules = rules_of(problem, select_engine(problem, parse_fitter(TRFLSQFitter(), None), "auto", ()).engine).flags
    points = tuple(grid.ravel() for grid in grids)
    parameters, status = np.array([value], float), np.zeros(1, np.int16)
    bounds = (np.full((1, len(value)), -np.inf), np.full((1, len(value)), np.inf))
    block = Block(np.ones((1, points[0].size)), None, None, points, parameters, *bounds, status, grids[0].shape)
    answers = Answers(block, rules, parameters, lambda own: np.array([error[own]]), np.zeros((1, len(error)), bool))
    names = [model.param_names[column] for column in rules.free]
    return dict(zip(names, flags_of_parameters(answers)[0].tolist(), strict=True))


def test_a_centre_that_is_known_less_well_than_its_line_is_wide() -> None:
    """With or without a Mapping before the line."""
    line = Gaussian1D(1.0, 20.3, 1.0, fixed={"stddev": True})
    for model in (line, Mapping((0,)) | line, Identity(1) | line):
        for error, due in ((2.0, 0), (3.0, Flag.UNCERTAIN)):
            found = flags_at(model, [1.0, 20.3, 1.0], [0.1, error], (5.0 * np.arange(9.0),))
            assert list(found.values()) == [0, due]
    swapped = flags_at(
        Mapping((0,)) | Shift(0.0) | line, [0.0, 1.0, 20.3, 1.0], [0.1, 0.1, 3.0], (5.0 * np.arange(9.0),)
    )
    assert not any(swapped.values())


@pytest.mark.parametrize(("error", "due"), [(0.02, 0), (0.2, Flag.AT_ZERO), (20.0, Flag.UNCERTAIN)])
def test_an_index_that_is_positive_can_end_at_zero(error: float, due: int) -> None:
    """Of a profile of Sersic's: below zero there is no index."""
    found = flags_at(Sersic1D(3.0, 4.0, 0.5), [3.0, 4.0, 0.01], [0.1, 0.1, error], (np.linspace(0.2, 10.0, 60),))
    assert found == {"amplitude": 0, "r_eff": 0, "n": due}


def test_a_width_ends_at_zero_whether_its_sign_has_a_meaning_or_not() -> None:
    """An Airy disk is even in its radius; astropy computes it for positive ones alone."""
    coords, narrow = (np.arange(9.0), np.arange(9.0)), 1e-4
    found = flags_at(AiryDisk2D(5.0, 4.0, 4.0, 1.0), [5.0, 4.0, 4.0, narrow], [0.1, 1e-6, 1e-6, 1e-6], coords)
    assert found == {"amplitude": 0, "x_0": 0, "y_0": 0, "radius": Flag.AT_ZERO}


@pytest.mark.parametrize("loss", ["arctan", "cauchy", "huber"])
def test_losses_that_do_not_see_most_of_the_samples(loss: str) -> None:
    """An f_scale of 1 for data in thousands: whatever a few samples agree upon is a minimum."""
    data = 1e3 * (line(3.0) + NOISE)
    start = Gaussian1D(4e3, 30.0, 2.0) + Const1D(1e3)
    blind = fit(start, data, loss=loss, f_scale=0.1)
    assert_array_equal(has(blind, Flag.MOSTLY_OUTLIERS), loss != "huber")
    assert ndfit.disqualified(Flag.MOSTLY_OUTLIERS)
    for scaled in (
        fit(start, data, loss=loss, f_scale=20.0),
        fit(start, data, loss=loss, uncertainty=np.full(60, 20.0)),
    ):
        assert not has(scaled, Flag.MOSTLY_OUTLIERS).any()
