"""Models of lmfit, expressions of sympy and point-spread functions of photutils."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ndfit

X = np.linspace(-5.0, 5.0, 60)
WHY = "a field's package, which `make test-fields` installs"


@pytest.fixture
def lmfit_models() -> Any:
    return pytest.importorskip("lmfit.models", reason=WHY)


@pytest.fixture
def sympy() -> Any:
    return pytest.importorskip("sympy", reason=WHY)


@pytest.fixture
def psf() -> Any:
    return pytest.importorskip("photutils.psf", reason=WHY)


def test_a_composite_of_lmfit(lmfit_models: Any) -> None:
    model = lmfit_models.GaussianModel(prefix="g_") + lmfit_models.LinearModel()
    model.set_param_hint("g_amplitude", value=2.0, min=0.0)
    model.set_param_hint("g_center", value=0.0, min=-2.0, max=2.0)
    model.set_param_hint("g_sigma", value=1.5)
    model.set_param_hint("slope", value=0.0)
    model.set_param_hint("intercept", value=0.0)
    true = model.make_params(g_amplitude=3.0, g_center=0.2, g_sigma=1.0, slope=0.1, intercept=1.0)
    rng = np.random.default_rng(0)
    data = np.stack([model.eval(true, x=X) + rng.normal(0.0, 0.02, X.size) for _ in range(4)])
    result = ndfit.fit(model, data, fitting_axes=1, world=(X,), guess=None)
    assert result.engine == "compiled"
    for position, samples in enumerate(data):
        expected = model.fit(samples, model.make_params(), x=X)
        for name, value in expected.best_values.items():
            assert result.parameters[name][position] == pytest.approx(value, abs=2e-6)
            assert result.errors[name][position] == pytest.approx(expected.params[name].stderr, rel=1e-3)


@pytest.mark.parametrize("name", ["VoigtModel", "LorentzianModel", "PseudoVoigtModel", "ExponentialModel", "StepModel"])
def test_models_of_lmfit_compile(lmfit_models: Any, name: str) -> None:
    model = getattr(lmfit_models, name)()
    for parameter, value in zip(list(model.param_names), (2.0, 1.0, 0.7, 0.5), strict=False):
        model.set_param_hint(parameter, value=value)
    data = model.eval(model.make_params(), x=X) * np.array([[1.0], [1.2]])
    result = ndfit.fit(model, data, fitting_axes=1, world=(X,), guess=None)
    assert result.engine == "compiled", result.reason
    np.testing.assert_allclose(result.evaluate(), data, atol=1e-6)


def test_what_lmfit_says_of_parameters_is_used(lmfit_models: Any) -> None:
    model = lmfit_models.GaussianModel()
    model.set_param_hint("center", vary=False, value=0.5)
    model.set_param_hint("sigma", expr="2 * amplitude", min=0.1)
    made = ndfit.as_model(model)
    assert made.fixed["center"]
    assert made.tied["sigma"]
    assert made.param_names == ("amplitude", "center", "sigma")
    model.set_param_hint("sigma", expr="sqrt(amplitude)")
    with pytest.raises(ValueError, match="tied="):
        ndfit.as_model(model)
    with pytest.raises(ValueError, match="independent"):
        ndfit.fit(lmfit_models.GaussianModel(), np.ones((3, 4, 5)), fitting_axes=(0, 1))


def test_expressions_of_sympy(sympy: Any) -> None:
    t, s0, t2 = sympy.symbols("t S0 T2")
    data = 3.0 * np.exp(-np.linspace(0, 100, 12) / np.array([[20.0], [30.0]]))
    world = (np.linspace(0, 100, 12),)
    for model in (
        sympy.Lambda((t, s0, t2), s0 * sympy.exp(-t / t2)),
        ndfit.as_model(s0 * sympy.exp(-t / t2), inputs=[t]),
        ndfit.as_model(s0 * sympy.exp(-t / t2), inputs=["t"]),
    ):
        result = ndfit.fit(model, data, fitting_axes=1, world=world, p0={"T2": 10}, guess=None)
        assert result.engine == "compiled"
        np.testing.assert_allclose(result.parameters["T2"], [20.0, 30.0])
    with pytest.raises(ValueError, match="Lambda"):
        ndfit.fit(s0 * sympy.exp(-t / t2), data, fitting_axes=1)
    with pytest.raises(ValueError, match="no symbol of"):
        ndfit.as_model(s0 * t, inputs=["u"])
    with pytest.raises(ValueError, match="left to fit"):
        ndfit.as_model(t**2, inputs=[t])


@pytest.mark.parametrize(
    ("name", "shape", "engine"),
    [
        ("CircularGaussianPRF", {"fwhm": 2.5}, "compiled"),
        ("CircularGaussianPSF", {"fwhm": 2.5}, "compiled"),
        ("CircularGaussianSigmaPRF", {"sigma": 1.2}, "compiled"),
        ("GaussianPRF", {"x_fwhm": 2.5, "y_fwhm": 2.2}, "compiled"),
        ("GaussianPSF", {"x_fwhm": 2.5, "y_fwhm": 2.2}, "compiled"),
        ("MoffatPSF", {"alpha": 2.0, "beta": 2.5}, "compiled"),
        ("AiryDiskPSF", {"radius": 3.0}, "reference"),
    ],
)
def test_point_spread_functions_of_photutils(psf: Any, name: str, shape: dict[str, float], engine: str) -> None:
    model = getattr(psf, name)(flux=10.0, x_0=5.2, y_0=4.9, **shape)
    y, x = np.mgrid[:11, :11]
    data = np.stack([model.evaluate(x, y, *model.parameters) * scale for scale in (1.0, 2.0)])
    result = ndfit.fit(model, data, fitting_axes=(2, 1), guess=None)
    assert result.engine == engine, result.reason
    np.testing.assert_allclose(result.parameters["flux"], [10.0, 20.0], rtol=1e-6)


def test_an_image_as_point_spread_function_goes_to_the_reference_engine(psf: Any) -> None:
    y, x = np.mgrid[:11, :11]
    model = psf.ImagePSF(np.exp(-((x - 5.0) ** 2 + (y - 5.0) ** 2) / 4.0), flux=10.0, x_0=5.0, y_0=5.0)
    data = model.evaluate(x, y, 20.0, 5.2, 4.9)[None]
    result = ndfit.fit(model, data, fitting_axes=(2, 1), guess=None)
    assert result.engine == "reference"
    assert "ImagePSF" in result.reason
    assert result.parameters["flux"][0] == pytest.approx(20.0, rel=1e-5)
