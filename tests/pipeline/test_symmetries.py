"""Every row of the table of symmetries leaves astropy's own model as it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.modeling import custom_model, models
from numpy.testing import assert_allclose

import ndfit
from ndfit.pipeline.symmetries import _SYMMETRIES, Period, Symmetries, Turn, _changed, symmetries_of

ROWS = [(kind, row) for kind, rows in _SYMMETRIES.items() for row in rows]


@pytest.mark.parametrize(("kind", "row"), ROWS)
def test_the_model_stays_as_it_is(kind: str, row: Turn | Period) -> None:
    model = getattr(models, kind)()
    rng = np.random.default_rng(1)
    coords = rng.uniform(-3.0, 3.0, (model.n_inputs, 50))
    for _ in range(20):
        values = rng.uniform(0.2, 0.9, len(model.param_names))
        assert_allclose(
            model.evaluate(*coords, *_changed(row, values)), model.evaluate(*coords, *values), rtol=1e-9, atol=1e-12
        )


@pytest.mark.parametrize(("kind", "row"), [pair for pair in ROWS if isinstance(pair[1], Period)])
def test_no_shorter_period_would_do(kind: str, row: Period) -> None:
    model = getattr(models, kind)()
    coords = np.random.default_rng(2).uniform(-1.5, 1.5, (model.n_inputs, 2000))
    values = np.linspace(0.3, 0.9, len(model.param_names))
    halved = Period(row.column, 0.5 * row.length)
    assert not np.allclose(model.evaluate(*coords, *_changed(halved, values)), model.evaluate(*coords, *values))


def test_places_in_a_compound() -> None:
    model = models.Const2D(1.0) + models.Gaussian2D() * models.Sersic2D()
    free = tuple(range(len(model.param_names)))
    assert symmetries_of(model, free, ()) == Symmetries((), (Period(6, np.pi), Period(13, np.pi)))
    assert [model.param_names[row.column] for row in symmetries_of(model, free, ()).periods] == ["theta_1", "theta_2"]
    assert symmetries_of(model, free[:6], ()) == Symmetries()


def test_classes_of_the_same_name_are_left_alone() -> None:
    @custom_model
    def Voigt1D(x: Any, x_0: float = 0, amplitude_L: float = 1, fwhm_L: float = 1, fwhm_G: float = 1) -> Any:
        return amplitude_L * (x - x_0) * fwhm_L + fwhm_G

    assert symmetries_of(Voigt1D(), (0, 1, 2, 3), (np.arange(4.0),)) == Symmetries()


def test_a_tie_that_raises_belongs_to_the_fit() -> None:
    model = models.Voigt1D()
    model.x_0.tied = lambda m: 1 / 0
    assert symmetries_of(model, (1, 2, 3), (np.arange(4.0),)) == Symmetries()


@pytest.mark.parametrize("engine", ["auto", "reference"])
def test_fits_that_start_a_dozen_turns_away(engine: str) -> None:
    y, x = np.mgrid[:15, :15].astype(float)
    data = models.Gaussian2D(10, 7.3, 6.8, 3, 1.5, 0.7)(x, y) + 0.1 * np.random.default_rng(0).normal(size=(2, 15, 15))
    near, far = (
        ndfit.fit(models.Gaussian2D(10, 7, 7, 3, 2, 0.5 + angle), data, fitting_axes=(2, 1), engine=engine)
        for angle in (0.0, 12 * np.pi)
    )
    for name in near.param_names:
        assert_allclose(far.parameters[name], near.parameters[name], rtol=1e-4)
        assert_allclose(far.errors[name], near.errors[name], rtol=1e-3)


def test_both_widths_of_voigt_profiles_come_out_positive() -> None:
    x = np.linspace(-5.0, 5.0, 101)
    data = models.Voigt1D(0.3, 5.0, 1.0, 1.2)(x) + 0.01 * np.random.default_rng(0).normal(size=(4, x.size))
    result = ndfit.fit(models.Voigt1D(0.2, 5.0, -1.1, -1.0), data, fitting_axes=1, world=(x,))
    assert_allclose(result.parameters["fwhm_L"], 1.0, rtol=0.1)
    assert_allclose(result.parameters["fwhm_G"], 1.2, rtol=0.1)
