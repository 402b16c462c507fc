"""What notebooks show: tables and maps, in which text from data does nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.modeling import custom_model
from astropy.modeling.models import Const1D, Gaussian1D

import ndfit

X = np.arange(30.0)
CENTRES = np.linspace(12.0, 18.0, 6).reshape(2, 3)
DATA = 3.0 * np.exp(-0.5 * ((X[:, None, None] - CENTRES) / 2.0) ** 2) + np.random.default_rng(3).normal(
    scale=0.1, size=(30, 2, 3)
)


@pytest.fixture(scope="module")
def result() -> ndfit.FitResult:
    return ndfit.fit(Gaussian1D(2.0 * u.K, 15.0, 2.0), DATA * u.K, fitting_axes=0, world=(X,))


def test_a_result_shows_ends_parameters_and_maps(result: Any) -> None:
    shown = result._repr_html_()
    assert "converged" in shown
    assert shown.count("<img") == 3
    assert "amplitude" in shown
    assert "K" in shown
    assert "<script" not in shown


def test_without_a_covariance_there_are_no_errors() -> None:
    plain = ndfit.fit(Gaussian1D(2.0, 15.0, 2.0), DATA, fitting_axes=0, covariance=False)
    assert "amplitude" in plain._repr_html_()


def test_one_fit_shows_values_and_errors(result: Any) -> None:
    one = result[1, 2]
    assert one.errors["mean"] == result.errors["mean"][1, 2]
    for shown in (repr(one), one._repr_html_()):
        assert f"{one.model.mean.value:.6g}" in shown
        assert f"+- {one.errors['mean']:.2g}" in shown


def test_a_fit_without_an_answer_says_why() -> None:
    data = DATA.copy()
    data[:, 0, 0] = np.nan
    one = ndfit.fit(Gaussian1D(2.0, 15.0, 2.0), data, fitting_axes=0)[0, 0]
    assert repr(one) == "<OneFit: every sample is NaN>"
    assert "every sample is NaN" in one._repr_html_()


def test_a_selection_shows_its_candidates() -> None:
    found = ndfit.select([Gaussian1D(2.0, 15.0, 2.0), Const1D(1.0)], DATA, fitting_axes=0)
    assert "Const1D" in found._repr_html_()


def test_text_of_the_data_is_escaped() -> None:
    """Names of parameters, units and the reason for an engine come from the caller."""
    evil = u.def_unit("<script>alert(1)</script>")
    model = custom_model(lambda x, a=1.0: a + 0.0 * x)()
    data = u.Quantity(DATA, evil)
    start = type(model)(a=1.0 * evil)
    start._parameter_units_for_data_units = lambda inputs, outputs: {"a": outputs["y"]}
    shown = ndfit.fit(start, data, fitting_axes=0, engine="reference")._repr_html_()
    assert "<script" not in shown
    assert "&lt;script" in shown
