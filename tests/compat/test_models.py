"""Each private name that is needed of astropy's models is there, and does what it is needed for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.modeling import custom_model, fix_inputs
from astropy.modeling.fitting import TRFLSQFitter
from astropy.modeling.models import BlackBody, Chebyshev2D, Const1D, Gaussian1D, Linear1D
from numpy.testing import assert_allclose, assert_array_equal

from ndfit._compat import astropy_models as models

X = np.linspace(0.0, 9.0, 10)


def test_values_of_another_shape() -> None:
    model = Gaussian1D(1.0, 2.0, 3.0)
    models.set_values(model, {"amplitude": np.ones((2, 3)), "mean": np.zeros((2, 3)), "stddev": np.ones((2, 3))})
    assert model.amplitude.shape == (2, 3)


def test_a_unit_leaves_the_number() -> None:
    model = Gaussian1D(1.0, 2.0 * u.m, 3.0 * u.m)
    models.set_unit(model.mean, u.km)
    assert model.mean.quantity == 2.0 * u.km


@pytest.mark.parametrize("unit", [u.m, 1.0])
def test_units_of_compounds_are_seen(unit: Any) -> None:
    model = Const1D(1.0) + Gaussian1D(1.0, 2.0 * unit, 3.0 * unit)
    assert models.has_units(model) == (unit is u.m)


def test_rules_for_units() -> None:
    model = Gaussian1D(1.0 * u.K, 2.0 * u.m, 3.0 * u.m)
    assert models.has_unit_rule(model)
    assert models.parameter_units(model, {"x": u.m}, {"y": u.K}) == {"amplitude": u.K, "mean": u.m, "stddev": u.m}
    assert not models.has_unit_rule(custom_model(lambda x, a=1.0: a * x)())


def test_units_from_data_of_a_product() -> None:
    model = Gaussian1D(1.0 * u.K, 2.0 * u.m, 3.0 * u.m) * Const1D(2.0 * u.s)
    found = models.units_from_data(model, {"x": [1.0] * u.km, "y": [1.0] * u.K * u.s})
    assert found.mean_0.unit == u.km


def test_output_unit_of_a_black_body() -> None:
    scale = 1.0 * u.erg / (u.cm**2 * u.AA * u.s * u.sr)
    assert models.output_unit(BlackBody(5000 * u.K, scale=scale)) == scale.unit


def test_basis_of_an_orthogonal_polynomial() -> None:
    model = Chebyshev2D(1, 1, c0_0=0.0, c1_0=2.0, c0_1=0.0, c1_1=3.0)
    basis = models.orthogonal_basis(model, X, X)
    assert_allclose(2.0 * basis[1] * basis[2] + 3.0 * basis[1] * basis[3], model(X, X))


def test_bare_numbers_are_taken() -> None:
    class Metres(Linear1D):  # type: ignore[misc]
        input_units = {"x": u.m}  # noqa: RUF012

    model = Metres(2.0, 0.0)
    with pytest.raises(u.UnitsError):
        model(3.0)
    models.accept_unitless_numbers(model)
    assert model(3.0) == 6.0


def test_compounds_can_be_let_be_fitted() -> None:
    compound = fix_inputs(Linear1D(1.0, 2.0) | Const1D(1.0), {"x": 1.0})
    for fittable in (True, False):
        models.let_be_fitted(compound, fittable)
        assert compound.fittable is fittable


def test_what_is_called_first() -> None:
    model = Linear1D(2.0, 0.0)
    models.call_first(model, lambda x, **keywords: models.prepared(model, x + 1.0, **keywords))
    assert_array_equal(model(X), 2.0 * (X + 1.0))
    assert_array_equal(Linear1D(2.0, 0.0)(X), 2.0 * X)


def test_equivalencies_are_combined() -> None:
    found = models.combined_equivalencies(("x",), {"x": u.spectral()}, {"x": u.parallax()})
    assert len(found["x"]) == len([*u.spectral(), *u.parallax()])


@pytest.mark.parametrize("wanted", [True, False])
def test_uncertainties_that_a_fitter_was_asked_for(wanted: bool) -> None:
    assert models.wants_uncertainties(TRFLSQFitter(calc_uncertainties=wanted)) is wanted


def test_attributes_that_every_model_has() -> None:
    assert set(vars(Linear1D(1.0, 2.0))) - {"slope", "intercept"} <= models.OF_EVERY_MODEL
    assert all(hasattr(Linear1D, name) for name in models.OF_EVERY_CLASS)
