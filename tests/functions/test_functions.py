"""Plain functions as models: the same numbers as scipy's `curve_fit`, by plain names."""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.modeling import custom_model, fitting
from astropy.modeling.models import Const1D, Gaussian1D
from scipy.optimize import Bounds, curve_fit

import ndfit

TIME = np.linspace(0.0, 100.0, 12)
S0, T2 = np.linspace(1.0, 3.0, 20), np.linspace(10.0, 40.0, 20)


def decay(t, S0, T2):
    return S0 * np.exp(-t / T2)


DATA = decay(TIME[:, None], S0, T2) + np.random.default_rng(1).normal(0.0, 0.01, (12, 20))


def fit(func: Any, data: Any = DATA, **keywords: Any) -> ndfit.FitResult:
    return ndfit.fit(func, data, **{"fitting_axes": 0, "world": (TIME,), "guess": None, **keywords})


@pytest.fixture(scope="module")
def of_scipy() -> Any:
    """Values and errors, (2, parameters, positions)."""
    fits = [curve_fit(decay, TIME, column, p0=[1.0, 20.0], xtol=1e-12, ftol=1e-12) for column in DATA.T]
    return np.array([[value for value, _ in fits], [np.sqrt(np.diag(matrix)) for _, matrix in fits]]).transpose(0, 2, 1)


@pytest.mark.parametrize(
    "given",
    [
        {"p0": [1.0, 20.0]},
        {"p0": {"T2": 20}},
        {"p0": {"T2": np.full(20, 20.0), "S0": 2}},
        {"p0": np.stack([S0, T2])},
        {"p0": [1, 20], "bounds": ([0, 1], [10, np.inf])},
        {"p0": [1, 20], "bounds": (0, 1e3)},
        {"p0": [1, 20], "bounds": Bounds([0, 1], [10, 500])},
        {"p0": [1, 20], "bounds": {"T2": (np.ones(20), 500)}},
        {"bounds": {"T2": (1, 200)}, "p0": {"T2": 30}},
        {"bounds": {"T2": (5, 45)}},
    ],
)
def test_a_function_is_fitted_as_scipy_does(given: dict[str, Any], of_scipy: Any) -> None:
    result = fit(decay, **given)
    assert result.engine == "compiled"
    for name, value, error in zip(("S0", "T2"), *of_scipy, strict=True):
        np.testing.assert_allclose(result.parameters[name], value, rtol=1e-5)
        np.testing.assert_allclose(result.errors[name], error, rtol=1e-3)


def test_fixed_and_tied_by_name() -> None:
    result = fit(decay, p0={"S0": S0, "T2": 20}, fixed=["S0"])
    np.testing.assert_array_equal(result.parameters["S0"], S0)
    assert result.free_names == ("T2",)
    tied = fit(decay, p0={"T2": 20}, tied={"S0": lambda model: 0.1 * model.T2})
    np.testing.assert_allclose(tied.parameters["S0"], 0.1 * tied.parameters["T2"])
    assert fit(decay, p0=[1, 20], fixed={"S0": False}).free_names == ("S0", "T2")


def test_constraints_by_name_hold_for_models_of_astropy_too() -> None:
    line = Gaussian1D(1 * u.K, 40 * u.s, 10 * u.s)
    data = line(TIME * u.s)[:, None] * [1.0, 2.0]
    result = fit(line, data, world=(TIME * u.s,), p0={"mean": 41.0, "stddev": 11 * u.s}, fixed=("amplitude",))
    assert line.mean.value == 40
    assert not line.fixed["amplitude"]
    np.testing.assert_array_equal(result.parameters["amplitude"], [1, 1] * u.K)
    with pytest.raises(ValueError, match="did you mean 'stddev'"):
        fit(line, data, world=(TIME * u.s,), bounds={"stdev": (0, 1)})


def test_a_branch_on_one_number_goes_to_the_reference_engine_with_the_reason(of_scipy: Any) -> None:
    def branching(t, S0, T2):
        if T2 < 0:
            return np.zeros_like(t)
        return S0 * np.exp(-t / T2)

    result = fit(branching, p0=[1.0, 20.0])
    assert result.engine == "reference"
    assert "branches" in result.reason
    np.testing.assert_allclose(result.parameters["T2"], of_scipy[0][1], rtol=1e-4)


def test_defaults_options_and_keywords() -> None:
    def recovery(t, M0, T1=20.0, *, kind="saturation", offset=0.0, sign=True):
        assert (kind, sign) == ("saturation", True)
        return M0 * (1.0 - np.exp(-t / T1)) + offset

    model = ndfit.as_model(recovery)
    assert model.param_names == ("M0", "T1", "offset")
    np.testing.assert_array_equal(model.parameters, [1.0, 20.0, 0.0])
    assert ndfit.as_model(functools.partial(recovery, offset=1.0)).param_names == ("M0", "T1")
    data = recovery(TIME, 2.0, 30.0, offset=0.5)[:, None]
    assert fit(recovery, data).parameters["offset"][0] == pytest.approx(0.5, abs=1e-6)


def test_methods_and_objects_that_are_called() -> None:
    class Decays:
        def one(self, t, S0, T2):
            return decay(t, S0, T2)

        def __call__(self, t, S0, T2):
            return decay(t, S0, T2)

    for func in (Decays().one, Decays(), lambda t, S0, T2: decay(t, S0, T2)):
        assert ndfit.as_model(func).param_names == ("S0", "T2")
        assert fit(func, p0=[1, 20]).engine == "compiled"


def test_two_coordinates_and_a_known_input() -> None:
    x, y, rate = np.arange(7.0), np.arange(5.0), np.array([1.0, 2.0])
    plane = x * 2.0 + y[:, None] * 3.0 + 1.0

    def tilted(x, y, a, b, c):
        return a * x + b * y + c

    result = ndfit.fit(tilted, plane[None] * [[[1.0]], [[2.0]]], fitting_axes=(2, 1), world=(x, y))
    np.testing.assert_allclose(result.parameters["a"], [2, 4])
    np.testing.assert_allclose(result.parameters["b"], [3, 6])

    def scaled(t, rate, S0, T2):
        return rate * decay(t, S0, T2)

    data = scaled(TIME[:, None], rate, 3.0, 20.0)
    result = fit(scaled, data, inputs={"rate": rate}, p0={"T2": 10})
    np.testing.assert_allclose(result.parameters["S0"], 3.0)
    result = fit(lambda rate, t, S0, T2: scaled(t, rate, S0, T2), data, inputs={"rate": rate}, p0={"T2": 10})
    np.testing.assert_allclose(result.parameters["S0"], 3.0)


def test_parameters_are_single_numbers_as_curve_fit_gives_them() -> None:
    def refuses_arrays(t, S0, T2):
        assert not isinstance(T2, np.ndarray)
        return decay(t, S0, T2)

    result = fit(refuses_arrays, p0=[1, 20])
    assert result.engine == "compiled", result.reason


def test_one_number_stands_for_all_samples() -> None:
    for engine in ("compiled", "reference"):
        result = fit(lambda t, c, d: c if math.pi else d, np.full((12, 2), 4.0), fixed=["d"], engine=engine)
        np.testing.assert_allclose(result.parameters["c"], 4.0)


def test_the_numbers_of_units_are_fitted() -> None:
    """A function knows no units: coordinates and data are the numbers that they are in their own units."""
    result = fit(decay, DATA * u.mV, world=(TIME * u.ms,), p0=[1, 20])
    assert not isinstance(result.parameters["T2"], u.Quantity)
    np.testing.assert_allclose(result.parameters["T2"], fit(decay, p0=[1, 20]).parameters["T2"], rtol=1e-9)
    assert result.evaluate().shape == DATA.shape
    with pytest.raises(u.UnitsError, match="plain number"):
        fit(decay, p0={"T2": 20 * u.ms})


def test_functions_add_to_models_and_can_be_chosen_between() -> None:
    model = ndfit.as_model(decay, p0={"T2": 20}) + Const1D(0.0)
    result = fit(model, DATA + 0.5)
    assert result.engine == "compiled"
    np.testing.assert_allclose(result.parameters["amplitude_1"], 0.5, atol=0.1)
    flat = lambda t, c: c + 0.0 * t  # noqa: E731
    chosen = ndfit.select([flat, ndfit.as_model(decay, p0=[1, 20])], DATA, fitting_axes=0, world=(TIME,), guess=None)
    assert (chosen.choice == 1).all()


def test_astropys_call_takes_functions() -> None:
    fitted = ndfit.parallel_fit_dask(
        model=ndfit.as_model(decay, p0=[1, 20]), fitter=fitting.TRFLSQFitter(), data=DATA, fitting_axes=0, world=(TIME,)
    )
    np.testing.assert_allclose(fitted.T2.value, fit(decay, p0=[1, 20]).parameters["T2"])


def test_a_file_is_read_back_with_the_function(tmp_path: Path) -> None:
    result = fit(decay, p0=[1, 20])
    result.to_fits(tmp_path / "decays.fits")
    again = ndfit.read(tmp_path / "decays.fits", model=decay, data=DATA, world=(TIME,))
    np.testing.assert_array_equal(again.parameters["T2"], result.parameters["T2"])
    np.testing.assert_allclose(again.evaluate(), result.evaluate(), rtol=1e-12)
    assert again.record["model"]["expression"] == "decay"
    with pytest.raises(ValueError, match="model should be the one"):
        ndfit.read(tmp_path / "decays.fits", model=lambda t, a: a * t)


def test_processes_are_given_functions() -> None:
    def local(t, S0, T2):
        return decay(t, S0, T2) if math.isfinite(S0) else t

    result = fit(local, DATA[:, :4], p0=[1, 20], scheduler="processes")
    np.testing.assert_allclose(result.parameters["T2"], fit(decay, DATA[:, :4], p0=[1, 20]).parameters["T2"], rtol=1e-4)


def test_nothing_of_the_callers_is_changed() -> None:
    model, starts = ndfit.as_model(decay), {"T2": np.full(20, 20.0)}
    fit(model, p0=starts, fixed=["S0"], bounds={"T2": (1, 50)})
    assert model.T2 == 1.0
    assert not any(model.fixed.values())
    assert model.T2.bounds == (None, None)


@pytest.mark.parametrize(
    ("func", "keywords", "error", "match"),
    [
        (decay, {"p0": {"T_2": 1}}, ValueError, "did you mean 'T2'"),
        (decay, {"p0": [1.0]}, ValueError, "1 value.*S0, T2"),
        (decay, {"p0": "T2"}, TypeError, "p0 should be"),
        (decay, {"p0": {"T2": "long"}}, TypeError, "number"),
        (decay, {"p0": {"T2": np.ones(3)}}, ValueError, "does not broadcast"),
        (decay, {"bounds": {"TT2": (0, 1)}}, ValueError, "did you mean 'T2'"),
        (decay, {"bounds": ([0, 1, 2], [3, 4, 5])}, ValueError, "3 value"),
        (decay, {"bounds": 5}, TypeError, "pair"),
        (decay, {"bounds": ([2, 2], [1, 3])}, ValueError, "exceeds"),
        (decay, {"p0": [1, 20], "bounds": (0, 10)}, ValueError, "outside its bounds"),
        (decay, {"fixed": ["SO"]}, ValueError, "did you mean 'S0'"),
        (decay, {"fixed": {"S0": 3.0}}, TypeError, "p0"),
        (decay, {"tied": {"S0": 3.0}}, TypeError, "function of the model"),
        (decay, {"tied": {"s0": lambda model: 1.0}}, ValueError, "no parameter"),
        (decay, {"inputs": {"TE": 1.0}}, ValueError, "no argument of decay"),
        (decay, {"fixed": ["S0", "T2"]}, ValueError, "nothing to fit"),
        (np.exp, {}, ValueError, "lambda x, a, b"),
        (max, {}, ValueError, "lambda x, a, b"),
        (lambda x, *values: x, {}, ValueError, "any number of arguments"),
        (lambda x: x, {}, ValueError, "each parameter"),
        (lambda x, bounds: x, {}, ValueError, "bounds_"),
        (lambda x, a=3 * u.ms: x, {}, ValueError, "knows no units"),
        ("gauss", {}, TypeError, "a function|astropy model"),
        (Gaussian1D, {}, TypeError, "an instance"),
    ],
)
def test_mistakes_are_named_with_the_remedy(func: Any, keywords: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        fit(func, **keywords)


def test_complex_numbers_are_refused_with_the_remedy() -> None:
    with pytest.raises(TypeError, match="real and the imaginary part"):
        fit(decay, DATA + 1j)
    calls = []

    def wave(t, a):
        calls.append(t)
        return a * np.exp(1j * t)

    with pytest.raises(TypeError, match="absolute value"):
        fit(wave, DATA)
    assert len(calls) == 1
    with pytest.raises(TypeError, match="absolute value"):
        fit(custom_model(lambda x, a=1.0: a * np.exp(1j * x))(), DATA)


def test_maps_of_bounds_are_for_the_call() -> None:
    with pytest.raises(ValueError, match=r"ndfit\.fit"):
        ndfit.as_model(decay, bounds={"T2": (np.ones(3), 10)})
    assert ndfit.as_model(decay, bounds={"T2": (5, 9)}).T2 == 7.0
    assert ndfit.as_model(decay, bounds={"T2": (5, None)}).T2 == 6.0
    assert ndfit.as_model(decay, bounds={"T2": (-np.inf, 0)}).T2 == -1.0
