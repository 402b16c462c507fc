"""Which of several models is chosen where, and what the chosen one says."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.modeling.fitting import FittingWithOutlierRemoval, TRFLSQFitter
from astropy.modeling.models import Const1D, Gaussian1D, Linear1D
from astropy.stats import sigma_clip
from numpy.testing import assert_allclose, assert_array_equal

import ndfit

X = np.arange(100.0)
NOISE = 0.1
CLIPPING = FittingWithOutlierRemoval(TRFLSQFitter(), sigma_clip)


def lines(n_fits: int, seed: int = 9) -> tuple[Any, Any]:
    """How many lines, of S/N 10 and more and 1.5 FWHM or more apart, each of some spectra has; and the spectra."""
    rng = np.random.default_rng(seed)
    number = rng.integers(0, 3, n_fits)
    widths, peaks = rng.uniform(2.5, 5.0, (2, n_fits)), rng.uniform(1.0, 3.0, (2, n_fits))
    first = rng.uniform(20.0, 50.0, n_fits)
    second = first + 2.3548 * widths.max(axis=0) * rng.uniform(1.5, 2.5, n_fits)
    data = 0.5 + NOISE * rng.normal(size=(n_fits, X.size))
    for index, centre in enumerate((first, second)):
        line = peaks[index, :, None] * np.exp(-0.5 * ((X - centre[:, None]) / widths[index, :, None]) ** 2)
        data += np.where(number[:, None] > index, line, 0.0)
    return number, data


def candidates(unit: Any = 1.0) -> list[Any]:
    def line(mean: float) -> Any:
        return Gaussian1D(1.0 * unit, mean, 4.0)

    level = Const1D(0.5 * unit)
    return [level, line(40.0) + level, line(30.0) + line(60.0) + level]


@pytest.mark.filterwarnings("ignore:.*did not converge:ndfit.errors.FitWarning")
@pytest.mark.parametrize("uncertainty", [None, NOISE])
def test_the_number_of_lines_is_found(uncertainty: float | None) -> None:
    number, data = lines(600)
    sigma = None if uncertainty is None else np.full(X.size, uncertainty)
    selection = ndfit.select(candidates(), data, world=(X,), fitting_axes=1, uncertainty=sigma, guess="auto")
    assert (selection.choice == number).mean() > 0.97
    assert "Gaussian1D + Gaussian1D + Const1D" in selection.summary()
    plain = ndfit.select(candidates(), data, world=(X,), fitting_axes=1, uncertainty=sigma, guess="auto", margin=0.0)
    assert_array_equal(plain.choice, np.argmin(plain.values, axis=0))
    assert (plain.choice == number).mean() < (selection.choice == number).mean()


# Two lines, where there are fewer, may grow without end.
@pytest.mark.filterwarnings("ignore:.*did not converge:ndfit.errors.FitWarning")
def test_what_the_chosen_models_say() -> None:
    number, data = lines(12)
    cube = (data.T.reshape(X.size, 4, 3) * u.Jy).astype(float)
    selection = ndfit.select(candidates(u.Jy), cube, world=(X,), fitting_axes=0, guess="auto")
    assert_array_equal(selection.choice, number.reshape(4, 3))
    values = selection.evaluate()
    for position in np.ndindex(4, 3):
        fit = selection[position]
        assert_allclose(values[(slice(None), *position)], u.Quantity(fit.model(X), u.Jy).value)
    one = selection.parameters(1)["mean_0"]
    assert_array_equal(np.isfinite(one), selection.choice == 1)
    assert selection.parameters(1)["amplitude_0"].unit == u.Jy
    assert_array_equal(np.isfinite(selection.errors(2)["amplitude_1"].value), selection.choice == 2)


def test_positions_without_an_answer_choose_nothing() -> None:
    _, data = lines(3)
    data[1] = np.nan
    selection = ndfit.select([Const1D(0.5), Linear1D(0.0, 0.5)], data, world=(X,), fitting_axes=1)
    assert selection.choice[1] == -1
    assert (selection.choice[[0, 2]] >= 0).all()
    assert np.isnan(selection.evaluate()[1]).all()
    assert selection[1].model is None
    with pytest.raises(IndexError, match="one index for each"):
        selection[0:2]


def test_equals_are_decided_by_simplicity_then_order() -> None:
    data = np.zeros((2, X.size)) + 0.1 * np.sin(X)
    models = [Linear1D(), Const1D(1.0), Const1D(0.0)]
    selection = ndfit.select(models, data, world=(X,), fitting_axes=1)
    assert_array_equal(selection.choice, 1)


@pytest.mark.parametrize(
    ("models", "keywords", "message"),
    [
        ([], {}, "at least one model"),
        ([Const1D()], {"criterion": "dic"}, "criterion should be one of aic, bic"),
        ([Const1D()], {"margin": -1.0}, "margin should be a number that is not negative"),
        ([Const1D()], {"margin": np.nan}, "margin should be a number that is not negative"),
        ([Const1D()], {"clip": 3.0}, "clip leaves out other samples for other models"),
        ([Const1D()], {"fitter": CLIPPING}, "the fitter leaves out other samples for other models"),
    ],
)
def test_what_cannot_be_compared_is_refused(models: list[Any], keywords: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ndfit.select(models, np.ones((2, X.size)), fitting_axes=1, **keywords)


@pytest.mark.parametrize("criterion", ["aic", "bic"])
@pytest.mark.parametrize("level", [0.0, 1.0, 3.7e-20, 1e15])
def test_a_line_explains_nothing_of_spectra_that_are_constant(criterion: str, level: float) -> None:
    """Of what rounding leaves, some candidate is always the best."""
    data = np.full((5, 60), level)
    models = [Const1D(1.0), Linear1D(0.1, 1.0), Gaussian1D(1.0, 30.0, 4.0) + Const1D(1.0)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        chosen = ndfit.select(models, data, fitting_axes=1, criterion=criterion)
    assert_array_equal(chosen.choice, 0)


def test_lines_without_noise_are_found() -> None:
    x = np.arange(60.0)
    data = 1e-18 * (Gaussian1D(1.0, 30.0, 4.0)(x) + np.array([[1.0], [100.0]]))
    models = [Const1D(1e-18), Gaussian1D(1e-18, 29.0, 3.0) + Const1D(1e-18)]
    assert_array_equal(ndfit.select(models, data, fitting_axes=1).choice, 1)
