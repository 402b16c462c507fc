"""Which lines are there: rates on pure noise, completeness, and the way of what is found through files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.modeling.models import Const1D, Const2D, Gaussian1D, Gaussian2D
from scipy.stats import binom

import ndfit
from ndfit.derived import detection

X = np.linspace(-30.0, 30.0, 61)
MATCHED = np.sqrt(np.sqrt(np.pi) * 3.0)
"""S/N of a line of amplitude 1 and standard deviation 3 in noise of 1, its place and width known."""


def model(**bounds: Any) -> Any:
    return Gaussian1D(1.0, 0.0, 3.0, bounds=bounds or {"amplitude": (0, None), "stddev": (1, 8)}) + Const1D(0.0)


def fitted(snr: float, n_fits: int, seed: int, start: Any = None, **keywords: Any) -> ndfit.FitResult:
    rng = np.random.default_rng(seed)
    centre = rng.uniform(-20.0, 20.0, (n_fits, 1))
    data = snr / MATCHED * np.exp(-0.5 * ((X - centre) / 3.0) ** 2) + 1.0 + rng.normal(size=(n_fits, X.size))
    given = {"uncertainty": 1.0} | keywords
    return ndfit.fit(model() if start is None else start, data, fitting_axes=1, world=(X,), **given)


pytestmark = pytest.mark.filterwarnings("ignore:.* fits did not converge")


@pytest.mark.parametrize("keywords", [{}, {"uncertainty": None}, {"guess": None}], ids=str)
@pytest.mark.parametrize("rate", [0.01, 0.001])
def test_noise_is_detected_as_often_as_was_asked_for(rate: float, keywords: dict[str, Any]) -> None:
    """Within the sampling error of 20,000 positions and of 10,000 fits of noise."""
    n_fits = 20_000
    found = int(fitted(0.0, n_fits, 11, **keywords).detect(rate).detected["amplitude_0"].sum())
    spread = np.sqrt(n_fits * rate + (n_fits * rate) ** 2 / min(10_000 * rate, 100.0))
    assert abs(found - n_fits * rate) < 3.5 * spread
    assert found > 0


@pytest.mark.parametrize("snr", [7.0, 10.0])
def test_clear_lines_are_detected(snr: float) -> None:
    result = fitted(snr, 5000, 3).detect(0.001)
    assert result.detected["amplitude_0"].mean() >= 0.95
    assert result.good.mean() >= 0.95


def test_probabilities_of_noise_are_uniform() -> None:
    alarm = fitted(0.0, 10_000, 8).detect(seed=5).false_alarm["amplitude_0"]
    for share in (0.5, 0.1, 0.02):
        found = int((alarm <= share).sum())
        assert binom.sf(found, 10_000, share * 1.15) > 1e-4
        assert binom.cdf(found, 10_000, share * 0.85) > 1e-4


def test_a_slope_and_a_second_line_are_fitted_again() -> None:
    """What one amplitude gains is what chi-square loses without it, with what is linear beside it fitted again."""
    rng = np.random.default_rng(2)
    start = Gaussian1D(5.0, -6.0, 3.0) + Gaussian1D(4.0, 6.0, 3.0) + Const1D(1.0)
    data = start(X) + rng.normal(size=(4, X.size))
    result = ndfit.fit(start, data, fitting_axes=1, world=(X,), uncertainty=1.0, guess=None)
    gained = detection._gained(result._problem, result._maps, result.covariance, "amplitude_1", True)
    for k in range(4):
        values = {name: float(each[k]) for name, each in result.parameters.items()}
        lines = [np.exp(-0.5 * ((X - values[f"mean_{i}"]) / values[f"stddev_{i}"]) ** 2) for i in (0, 1)]
        chi = [
            np.linalg.lstsq(np.stack(columns, axis=1), data[k], rcond=None)[1][0]
            for columns in ([lines[0], lines[1], np.ones(X.size)], [lines[0], np.ones(X.size)])
        ]
        np.testing.assert_allclose(gained[k], chi[1] - chi[0], rtol=1e-5)


def test_the_same_for_any_chunks_and_for_other_scales() -> None:
    plain = fitted(2.0, 400, 4).detect(simulations=2000)
    parts = fitted(2.0, 400, 4, chunk_n_max=7).detect(simulations=2000)
    np.testing.assert_array_equal(plain.false_alarm["amplitude_0"], parts.false_alarm["amplitude_0"])
    rng = np.random.default_rng(4)
    centre = rng.uniform(-20.0, 20.0, (400, 1))
    data = 2.0 / MATCHED * np.exp(-0.5 * ((X - centre) / 3.0) ** 2) + 1.0 + rng.normal(size=(400, X.size))
    scaled = ndfit.fit(model(), 1e-18 * data, fitting_axes=1, world=(X,), uncertainty=1e-18).detect(simulations=2000)
    share = np.mean(scaled.detected["amplitude_0"] == plain.detected["amplitude_0"])
    assert share > 0.98  # starting values are not scaled with the data


@pytest.mark.parametrize("ending", ["fits", "zarr"])
def test_through_files(ending: str, tmp_path: Path) -> None:
    result = fitted(4.0, 60, 6).detect(0.02, simulations=500, seed=9)
    result.write(tmp_path / f"fit.{ending}")
    again = ndfit.read(tmp_path / f"fit.{ending}")
    np.testing.assert_array_equal(again.false_alarm["amplitude_0"], result.false_alarm["amplitude_0"])
    np.testing.assert_array_equal(again.detected["amplitude_0"], result.detected["amplitude_0"])
    np.testing.assert_array_equal(again.flags, result.flags)
    np.testing.assert_array_equal(again.good, result.good)
    assert again.record["detection"] == {"rate": 0.02, "simulations": 500, "seed": 9}
    with pytest.raises(ValueError, match="detect before it is written"):
        again.detect()


def test_flags_say_where_nothing_is() -> None:
    result = fitted(0.0, 100, 6).detect(0.01, simulations=1000)
    nowhere = (result.flags & ndfit.Flag.NOT_DETECTED) > 0
    np.testing.assert_array_equal(nowhere, ~result.detected["amplitude_0"])
    assert nowhere.mean() > 0.9
    again = result.detect(0.9, simulations=1000)
    assert ((again.flags & ndfit.Flag.NOT_DETECTED) > 0).sum() < nowhere.sum()
    assert not (fitted(0.0, 100, 6).flags & ndfit.Flag.NOT_DETECTED).any()
    assert "no line of the model is detected" in result.summary()


def test_counts_images_and_gaps() -> None:
    rng = np.random.default_rng(1)
    counts = rng.poisson(np.where(np.arange(6)[:, None] < 3, 3.0 + 12.0 * np.exp(-0.5 * (X / 3.0) ** 2), 3.0))
    found = ndfit.fit(model(), counts, fitting_axes=1, world=(X,), statistic="cash").detect(0.001, simulations=1000)
    np.testing.assert_array_equal(found.detected["amplitude_0"], np.arange(6) < 3)
    y, x = np.mgrid[:15, :15]
    image = np.exp(-0.5 * ((x - 7) ** 2 + (y - 8) ** 2) / 4.0) * np.array([9.0, 0.0])[:, None, None]
    image = image + rng.normal(size=(2, 15, 15))
    image[:, :3] = np.nan
    star = Gaussian2D(1, 7, 7, 2, 2, bounds={"x_stddev": (0.8, 5), "y_stddev": (0.8, 5)}) + Const2D(0)
    found = ndfit.fit(star, image, fitting_axes=(2, 1), uncertainty=1.0).detect(0.001, simulations=500)
    np.testing.assert_array_equal(found.detected["amplitude_0"], [True, False])


def test_a_position_without_an_answer_is_not_detected() -> None:
    data = np.stack([8.0 * np.exp(-0.5 * (X / 3.0) ** 2) + 1.0, np.full(X.size, np.nan)])
    result = ndfit.fit(model(), data, fitting_axes=1, world=(X,), uncertainty=1.0).detect(simulations=300)
    assert result.detected["amplitude_0"].tolist() == [True, False]
    assert np.isnan(result.false_alarm["amplitude_0"][1])
    assert result.good.tolist() == [True, False]
    single = ndfit.fit(model(), data[0], fitting_axes=0, world=(X,), uncertainty=1.0).detect(simulations=300)
    assert single.detected["amplitude_0"].shape == ()
    assert single.good


def test_good_without_being_asked_for() -> None:
    result = fitted(5.0, 200, 2)
    np.testing.assert_array_equal(result.good, result.detect().good)
    flat = ndfit.fit(Const1D(), np.ones((3, 9)), fitting_axes=1)
    assert flat.good.all()  # nothing to detect


def test_pictures_of_chosen_positions() -> None:
    rng = np.random.default_rng(1)
    data = rng.normal(1.0, 0.1, (4, 5, 9))
    result = ndfit.fit(Const1D(), data, fitting_axes=2)
    where = np.zeros((4, 5), dtype=bool)
    where[1:3] = True
    image = result.plot(where=where)[0, 0].images[0].get_array()
    np.testing.assert_array_equal(~np.ma.getmaskarray(image), where)
    with pytest.raises(ValueError, match="where should be an array of True and False of shape"):
        result.plot(where=where[:2])


@pytest.mark.parametrize("rate", [0.0, 1.0, -1.0, np.nan, "much"])
def test_rates_that_are_none(rate: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="rate"):
        fitted(3.0, 4, 1).detect(rate)


def test_what_cannot_be_detected() -> None:
    flat = ndfit.fit(Const1D(), np.ones((3, 9)), fitting_axes=1)
    with pytest.raises(ValueError, match="no line with a free amplitude"):
        flat.detect()
    with pytest.raises(ValueError, match="nothing was detected yet"):
        flat.detected  # noqa: B018
    with pytest.raises(ValueError, match="covariance=False"):
        fitted(3.0, 4, 1, covariance=False).detect()
    with pytest.raises(ValueError, match="simulations"):
        fitted(3.0, 4, 1).detect(simulations=3)


@pytest.mark.parametrize("snr", [0.5, 2.0, 4.0, 5.0, 7.0, 10.0])
def test_limits_cover_the_flux_that_was_put_in(snr: float) -> None:
    """Detected or not, at least 99.5 % of lines are below their limit of 99.7 %."""
    result = fitted(snr, 4000, 21, guess="also").limit(3.0 * np.sqrt(8 * np.log(2)))
    limit = result.derived["flux_limit_0"]
    known = np.isfinite(limit)
    assert known.mean() > 0.98
    flux = np.sqrt(2 * np.pi) * 3.0 * snr / MATCHED
    assert np.mean(limit[known] >= flux) >= 0.995
    assert np.median(limit[known]) < flux * (3.0 if snr >= 4 else 20.0)


def test_limits_have_units_and_go_into_files(tmp_path: Path) -> None:
    wave = (6500.0 + X) * u.AA
    data = np.random.default_rng(3).normal(1.0, 0.1, (5, X.size)) * u.Jy
    line = Gaussian1D(1 * u.Jy, 6500 * u.AA, 3 * u.AA, bounds={"stddev": (1, 8)}) + Const1D(1 * u.Jy)
    result = ndfit.fit(line, data, fitting_axes=1, world=(wave,), uncertainty=0.1 * u.Jy)
    plain = result.limit(7.0 * u.AA).derived["flux_limit_0"]
    assert plain.unit.is_equivalent(u.Jy * u.AA)
    speed = (299792.458 * 7.0 / result.parameters["mean_0"].value) * u.km / u.s
    np.testing.assert_allclose(result.limit(speed).derived["flux_limit_0"], plain, rtol=1e-9)
    np.testing.assert_allclose(result.limit(0.7 * u.nm).derived["flux_limit_0"], plain, rtol=1e-12)
    assert (result.limit(7 * u.AA, confidence=0.9).derived["flux_limit_0"] < plain).all()
    result.limit(7.0 * u.AA).write(tmp_path / "fit.fits")
    np.testing.assert_array_equal(ndfit.read(tmp_path / "fit.fits").derived["flux_limit_0"], plain)
    for wrong, message in ((-1.0, "positive"), (3 * u.kg, "kg"), (np.ones(3), "shape")):
        with pytest.raises((ValueError, u.UnitsError), match=message):
            result.limit(wrong)
    with pytest.raises(ValueError, match="confidence"):
        result.limit(7.0, confidence=1.5)
    with pytest.raises(ValueError, match="limits are for lines"):
        ndfit.fit(Const1D(), np.ones((3, 9)), fitting_axes=1).limit(1.0)


@pytest.mark.parametrize("simulations", [100, 105, 150, 999])
def test_clear_lines_with_few_fits_of_noise(simulations: int) -> None:
    result = fitted(50.0, 20, 3)
    assert result.detect(0.001, simulations=simulations).detected["amplitude_0"].all()


def test_few_fits_of_noise_give_the_rate() -> None:
    found = [
        fitted(0.0, 2000, 11).detect(0.02, simulations=100, seed=seed).detected["amplitude_0"] for seed in range(8)
    ]
    assert 0.5 * 0.02 < np.mean(found) < 2.0 * 0.02
