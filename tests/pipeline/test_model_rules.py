"""What is known of a model is found again only for what is the same model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.modeling.fitting import TRFLSQFitter
from astropy.modeling.models import Const1D, Gaussian1D, Lorentz1D, Voigt1D
from tests.normalized import normalize

from ndfit.engines.fitters import parse_fitter
from ndfit.engines.select import select_engine
from ndfit.once import Latest
from ndfit.pipeline import model_rules
from ndfit.pipeline.model_rules import ModelRules, rules_of


class Own(Gaussian1D):
    """Computes what a Gaussian does, and is not astropy's class."""


def rules(model: Any, engine: str = "auto", data: Any = None, **keywords: Any) -> ModelRules:
    data = np.ones((12, 3)) if data is None else data
    problem, call = normalize(model=model, data=data, fitting_axes=0, **keywords), parse_fitter(TRFLSQFitter(), None)
    return rules_of(problem, select_engine(problem, call, engine, ()).engine)


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was found, and not known already."""
    models: list[Any] = []
    find = model_rules._find
    monkeypatch.setattr(model_rules, "_KNOWN", Latest(64))
    monkeypatch.setattr(model_rules, "_find", lambda problem, *rest: models.append(problem) or find(problem, *rest))
    return models


def test_a_known_model_is_not_looked_at_again(found: list[Any]) -> None:
    one, other = (rules(Gaussian1D(1.5, 4.5, 2.5) + Const1D(0.125)) for _ in range(2))
    assert one is other
    assert len(found) == 1


def test_the_model_of_the_callers_own_code_is_looked_at_every_time(found: list[Any]) -> None:
    assert rules(Lorentz1D(), "reference") == rules(Lorentz1D(), "reference") == rules(Lorentz1D())
    assert len(found) == 3


def test_other_models_with_the_same_values_have_rules_of_their_own() -> None:
    assert rules(Gaussian1D(1.5, 4.5, 2.5)).flags.lines
    assert not rules(Own(1.5, 4.5, 2.5)).flags.lines
    assert rules(Gaussian1D(1.5, 4.5, 2.5)).flags.lines


def test_bounds_ties_and_what_is_fixed_matter() -> None:
    assert rules(Lorentz1D()).sign_symmetric == (False, False, True)
    assert rules(Lorentz1D(bounds={"fwhm": (0.0, None)})).sign_symmetric == (False, False, False)
    assert rules(Lorentz1D(), bounds={"fwhm": ([-np.inf, 0.1, -np.inf], None)}).sign_symmetric == (False, False, False)
    assert rules(Lorentz1D(fixed={"fwhm": True})).sign_symmetric == (False, False, False)
    assert rules(Lorentz1D(tied={"fwhm": lambda m: m.amplitude})).sign_symmetric == (False, False, False)
    assert rules(Voigt1D(4.0, 1.0, 1.0, 1.0)).symmetries.turns
    assert not rules(Voigt1D(4.0, 1.0, 1.0, 1.0, fixed={"fwhm_G": True})).symmetries.turns
    assert not rules(Gaussian1D(bounds={"stddev": (None, None)})).flags.linear
    assert rules(Gaussian1D(bounds={"amplitude": (0.0, None)})).flags.linear == (0,)


def test_a_start_at_which_the_model_is_another_one_matters() -> None:
    assert rules(Lorentz1D(1.0, 4.0, 2.0)).sign_symmetric == (False, False, True)
    assert rules(Lorentz1D(0.0, 4.0, 2.0)).sign_symmetric == rules(Lorentz1D(1.0, 4.0, 2.0)).sign_symmetric
