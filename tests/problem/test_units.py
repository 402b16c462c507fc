"""Units of data, coordinates and parameters; bounds and ties that move with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.modeling.models import Const1D, Gaussian1D, Linear1D, Moffat1D, Polynomial1D, custom_model
from numpy.testing import assert_allclose
from tests.normalized import normalize

from ndfit.problem.types import FitProblem

X = np.linspace(0.0, 10.0, 20)


def problem_of(model: Any, data_unit: Any = u.Jy, world: Any = X * u.um, **keywords: Any) -> FitProblem:
    return normalize(model=model, data=np.ones((20, 2)), data_unit=data_unit, fitting_axes=0, world=world, **keywords)


def test_parameters_are_converted_to_the_units_of_the_fit() -> None:
    problem = problem_of(Gaussian1D(1500 * u.mJy, 7 * u.um, 0.002 * u.mm))
    assert_allclose([float(value) for value in problem.params.start], [1.5, 7.0, 2.0])
    assert_allclose(problem.model.parameters, [1.5, 7.0, 2.0])
    assert problem.units == (u.Jy, u.um, u.um)


def test_coordinates_are_converted_to_the_unit_of_the_model() -> None:
    problem = problem_of(Gaussian1D(1 * u.Jy, 7000 * u.nm, 1 * u.um))
    assert_allclose(problem.samples.coords[0].ravel(), X * 1000)


def test_coordinates_are_converted_by_equivalencies() -> None:
    rest = 100 * u.GHz
    model = Gaussian1D(1 * u.Jy, 5 * u.km / u.s, 1 * u.km / u.s)
    frequency = np.linspace(99.99, 100.0, 20) * u.GHz
    problem = problem_of(model, world=frequency, equivalencies={"x": u.doppler_radio(rest)})
    assert_allclose(problem.samples.coords[0].ravel(), frequency.to_value(u.km / u.s, u.doppler_radio(rest)))


def test_bounds_move_with_their_parameter() -> None:
    model = Gaussian1D(
        1500 * u.mJy, 7 * u.um, 0.002 * u.mm, bounds={"amplitude": (1000, None), "stddev": (0.001, 0.01)}
    )
    params = problem_of(model).params
    assert_allclose(params.lower, [1.0, -np.inf, 1.0])
    assert_allclose(params.upper, [np.inf, np.inf, 10.0])
    assert model.stddev.bounds == (0.001, 0.01)


def test_bounds_of_the_call_are_converted() -> None:
    params = problem_of(Gaussian1D(1 * u.Jy, 7 * u.um, 1 * u.um), bounds={"mean": (6500 * u.nm, None)}).params
    assert_allclose(params.lower[1], 6.5)
    with pytest.raises(u.UnitConversionError, match="a bound of 'mean' is in 's'"):
        problem_of(Gaussian1D(1 * u.Jy, 7 * u.um, 1 * u.um), bounds={"mean": (1 * u.s, None)})
    with pytest.raises(ValueError, match="bounds name"):
        problem_of(Gaussian1D(1 * u.Jy, 7 * u.um, 1 * u.um), bounds={"centre": (1, None)})


def doubled(model: Any) -> Any:
    return 2 * model.amplitude_0


def shifted(model: Any) -> Any:
    return model.amplitude_0 + 500 * u.mJy


def shifted_number(model: Any) -> Any:
    return model.amplitude_0.value + 500


def shifted_quantity(model: Any) -> Any:
    return model.amplitude_0.quantity + 0.5 * u.Jy


@pytest.mark.parametrize(
    ("tie", "expected"), [(doubled, 6.0), (shifted, 3.5), (shifted_number, 3.5), (shifted_quantity, 3.5)]
)
def test_ties_mean_what_they_meant_in_the_callers_units(tie: Any, expected: float) -> None:
    model = Const1D(1000 * u.mJy) + Const1D(1000 * u.mJy)
    model.amplitude_1.tied = tie
    unitless = problem_of(model).model
    unitless.parameters = [3.0, 0.0]
    assert_allclose(unitless.tied["amplitude_1"](unitless), expected)


def test_units_of_a_product_are_shared_out() -> None:
    time = np.linspace(0, 1, 20) * u.s
    model = Linear1D(5 * u.m / u.s**2, 1 * u.m / u.s) * Linear1D(0.1 * u.kg / u.s, 9 * u.kg)
    model.slope_0.fixed = True
    problem = problem_of(model, data_unit=u.kg * u.m / u.s, world=time)
    assert problem.params.fixed == (True, False, False, False)
    assert problem.units == (u.m / u.s**2, u.m / u.s, u.kg / u.s, u.kg)


def test_model_without_units_gets_those_of_the_data() -> None:
    assert problem_of(Gaussian1D(1, 7, 1)).units == (u.Jy, u.um, u.um)
    assert problem_of(Gaussian1D(1, 7, 1), data_unit=None).units == (None, None, None)


@pytest.mark.parametrize(
    ("model", "keywords", "message"),
    [
        (Gaussian1D(1 * u.K, 7 * u.um, 1 * u.um), {}, "amplitude in 'K'"),
        (Gaussian1D(1 * u.Jy, 7 * u.um, 1 * u.um), {"world": X * u.s}, "'s', which cannot be converted to 'um'"),
        (Gaussian1D(1 * u.Jy, 7 * u.um, 1 * u.um), {"world": None}, "world=None gives pixels"),
        (Polynomial1D(1, c0=1 * u.Jy, c1=1 * u.K / u.um), {}, "cannot be converted"),
    ],
    ids=["data", "world", "pixels", "one of several"],
)
def test_units_that_do_not_convert_are_named(model: Any, keywords: dict[str, Any], message: str) -> None:
    with pytest.raises(u.UnitsError, match=message):
        problem_of(model, **keywords)


def test_model_that_cannot_be_fitted_with_units_says_so() -> None:
    @custom_model
    def scaled(x, factor=1.0):
        return factor * x

    with pytest.raises(u.UnitsError, match="_parameter_units_for_data_units"):
        problem_of(scaled(2.0 * u.Jy))
    problem = problem_of(scaled(2.0))
    assert problem.units == (None,)
    assert_allclose(problem.params.start, [2.0])


def test_parameters_without_a_unit_stay_as_they_are_beside_those_that_have_one() -> None:
    problem = problem_of(Moffat1D(1500 * u.mJy, 7 * u.um, 0.002 * u.mm, 2.5))
    assert_allclose([float(value) for value in problem.params.start], [1.5, 7.0, 2.0, 2.5])
    assert problem.units == (u.Jy, u.um, u.um, None)


def test_pixels_serve_models_in_pixels() -> None:
    problem = problem_of(Gaussian1D(1 * u.Jy, 7 * u.pix, 1 * u.pix), world=None)
    assert problem.units == (u.Jy, u.pix, u.pix)
    assert_allclose(problem.samples.coords[0].ravel(), np.arange(20.0))


def test_input_without_a_unit_takes_any_coordinate() -> None:
    class Free(Gaussian1D):
        """Says of its input that any unit will do."""

        @property
        def input_units(self) -> Any:
            return {"x": None}

    problem = problem_of(Free(1 * u.Jy, 7 * u.um, 1 * u.um), world=X * u.nm)
    assert_allclose(problem.samples.coords[0].ravel(), X)
    assert_allclose(problem.params.start[1], 7000.0)


def test_tie_in_bare_numbers_sees_the_rest_of_the_model_too() -> None:
    model = Const1D(1000 * u.mJy) + Const1D(1000 * u.mJy)
    model.amplitude_1.tied = lambda m: float(m.amplitude_0) * len(m.param_names)
    unitless = problem_of(model).model
    unitless.parameters = [3.0, 0.0]
    assert_allclose(unitless.tied["amplitude_1"](unitless), 6.0)


def test_tie_that_no_unit_touches_is_left_as_it_is() -> None:
    def same(model: Any) -> Any:
        return model.amplitude_0.value

    def of_quantities(model: Any) -> Any:
        return model.amplitude_0.quantity.to_value(u.mJy) / 1000

    for tie, kept in ((same, True), (of_quantities, False)):
        model = Const1D(2 * u.Jy) + Const1D(2 * u.Jy)
        model.amplitude_1.tied = tie
        unitless = problem_of(model).model
        assert (unitless.tied["amplitude_1"] is tie) == kept
        unitless.parameters = [3.0, 0.0]
        assert_allclose(unitless.tied["amplitude_1"](unitless), 3.0)


def test_tie_sees_the_one_parameter_whose_unit_changes_in_the_caller_s() -> None:
    model = Gaussian1D(2000 * u.mJy, 7 * u.um, 1 * u.um)
    model.stddev.tied = lambda m: m.amplitude.value / 1000
    unitless = problem_of(model).model
    unitless.parameters = [3.0, 7.0, 0.0]
    assert_allclose(unitless.tied["stddev"](unitless), 3.0)


def test_parameter_whose_unit_fits_no_other_is_named() -> None:
    class Odd(Gaussian1D):
        """Asks for a unit that its own parameters do not convert to."""

        def without_units_for_data(self, **kwargs: Any) -> Any:
            return Odd(1.0, 7.0, 1.0)

        def with_units_from_data(self, **kwargs: Any) -> Any:
            return Gaussian1D(1 * u.Jy, 7 * u.s, 1 * u.um)

    with pytest.raises(u.UnitConversionError, match="parameter 'mean' is in 'um', which cannot be converted to 's'"):
        problem_of(Odd(1 * u.Jy, 7 * u.um, 1 * u.um))


def test_bare_model_takes_bare_numbers_whatever_its_class_says() -> None:
    class InMicrometres(Gaussian1D):
        """Asks for a unit of its input even where its parameters have none."""

        @property
        def input_units(self) -> Any:
            return {"x": u.um}

    unitless = problem_of(InMicrometres(1 * u.Jy, 7 * u.um, 1 * u.um)).model
    assert_allclose(unitless(X), Gaussian1D(1.0, 7.0, 1.0)(X))
