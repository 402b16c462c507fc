"""Models traced: compounds, functions of people's own, attributes that `evaluate` uses, and what is refused."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.modeling import CompoundModel, custom_model, fix_inputs, models
from scipy import special

from ndfit.model.interpret import evaluate
from ndfit.model.trace.tracing import Untraceable, trace
from ndfit.model.verify import verify

LINE = (np.linspace(0.3, 9.0, 41),)
PLANE = tuple(array.ravel() for array in np.mgrid[0.0:8.0, 0.0:9.0])
GAUSSIAN = models.Gaussian1D(2.0, 4.0, 1.2)


def assert_traced(model: Any, coords: tuple[np.ndarray, ...]) -> None:
    graph = trace(model)
    verify(graph, model, coords, model.parameters, free_of(model))
    with np.errstate(invalid="ignore"):
        expected = model(*coords)
    np.testing.assert_allclose(evaluate(graph, model.parameters, coords)[0], expected, rtol=1e-12, atol=1e-14)


def free_of(model: Any) -> tuple[int, ...]:
    return tuple(i for i, name in enumerate(model.param_names) if not (model.fixed[name] or model.tied[name]))


# astropy reads the annotations of these functions as units, so they have none.
@custom_model
def skewed(x, a=1.0, x_0=3.0, width=1.0, skew=0.5):
    t = (x - x_0) / width
    return a * np.exp(-(t**2) / 2) * (1 + special.erf(skew * t / np.sqrt(2)))


@custom_model
def general_normal(x, a=1.0, x_0=3.0, width=1.0, shape=1.7):
    return a * shape / (2 * width * special.gamma(1 / shape)) * np.exp(-((np.abs(x - x_0) / width) ** shape))


@custom_model
def own_voigt(x, a=1.0, x_0=4.0, sigma=0.5, gamma=0.4):
    z = ((x - x_0) + 1j * gamma) / (sigma * np.sqrt(2))
    return a * np.real(special.wofz(z)) / (sigma * np.sqrt(2 * np.pi))


@custom_model
def ramp(x, slope=1.0, start=3.1):
    return np.where(x > start, slope * np.sqrt(x - start), 0.0) * (x < 8)


@custom_model
def updated(x, a=1.0, b=2.0, c=3.0):
    y = a * np.exp(-x / b)
    y += c
    return y


@custom_model
def tilted(x, y, a=1.0, b=0.3):
    return a * np.hypot(x - b * y, 1.0)


@pytest.mark.parametrize("function", [skewed, general_normal, own_voigt, ramp, updated], ids=lambda cls: cls.__name__)
def test_custom_models(function: Callable[[], Any]) -> None:
    assert_traced(function(), LINE)


def test_a_custom_model_of_two_inputs() -> None:
    assert_traced(tilted() + models.Const2D(2.0), PLANE)


def template() -> Any:
    return models.Tabular1D(np.arange(-1.0, 11.0), np.sin(np.arange(12.0)), bounds_error=False, fill_value=0.0)


COMPOUNDS = {
    "sum": lambda: GAUSSIAN + models.Gaussian1D(1.0, 6.0, 0.7) + models.Linear1D(0.1, 0.2),
    "difference": lambda: models.Const1D(2.0) - GAUSSIAN,
    "product": lambda: GAUSSIAN * models.Polynomial1D(2, c0=1.0, c1=0.1, c2=0.01),
    "quotient": lambda: GAUSSIAN / models.Linear1D(2.0, 3.0),
    "power": lambda: GAUSSIAN ** models.Const1D(1.5),
    "pipe": lambda: models.Shift(1.0) | models.Scale(1.3) | GAUSSIAN,
    "mapping": lambda: models.Mapping((0, 0)) | models.Gaussian2D(1.0, 3.0, 4.0, 1.0, 2.0, 0.3),
    "identity": lambda: models.Identity(1) | GAUSSIAN,
    "template": lambda: (models.Shift(0.13) | models.Scale(0.9) | template()) * models.Const1D(2.0),
    "fix_inputs by name": lambda: fix_inputs(models.Gaussian2D(1.0, 3.0, 4.0, 1.0, 2.0, 0.3), {"y": 5.0}),
    "fix_inputs by position": lambda: fix_inputs(models.Planar2D(1.0, 2.0, 3.0), {0: 5.0}) + models.Const1D(1.0),
    "nested": lambda: (GAUSSIAN + models.Const1D(1.0)) * (models.Linear1D(0.1, 1.0) - models.Sine1D(0.2, 0.3, 0.1)),
}


@pytest.mark.parametrize("name", COMPOUNDS)
def test_compounds(name: str) -> None:
    assert_traced(COMPOUNDS[name](), LINE)


def test_a_join_of_inputs() -> None:
    assert_traced((models.Shift(1.0) & models.Scale(2.0)) | models.Moffat2D(1.0, 4.0, 8.0, 3.0, 1.4), PLANE)


ATTRIBUTES = {
    "domain": lambda: models.Chebyshev1D(3, domain=(0.0, 9.0), c0=1.0, c1=0.2, c3=0.5),
    "window": lambda: models.Legendre1D(3, domain=(0.0, 9.0), window=(-0.5, 0.5), c0=1.0, c3=0.5),
    "polynomial domain": lambda: models.Polynomial1D(2, domain=(0.0, 9.0), c0=1.0, c2=0.2),
    "extrapolated table": lambda: (
        models.Shift(1.0)
        | models.Tabular1D(np.arange(3.0, 8.0), np.arange(5.0) ** 2 + 7.0, bounds_error=False, fill_value=None)
    ),
    "black body in wavelength": lambda: (
        models.BlackBody(
            temperature=5000 * u.K, scale=1 * u.erg / (u.s * u.cm**2 * u.AA * u.sr)
        ).without_units_for_data(x=1 * u.AA, y=1 * u.erg / (u.s * u.cm**2 * u.AA * u.sr))
        | models.Scale(1e7)
    ),
}


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_attributes_of_the_instance_are_honoured(name: str) -> None:
    coords = (LINE[0] * 1e3,) if "wavelength" in name else LINE
    assert_traced(ATTRIBUTES[name](), coords)


@pytest.mark.parametrize("degrees", [(0, 0), (1, 0), (0, 2), (3, 1), (2, 4)])
@pytest.mark.parametrize("cls", [models.Chebyshev2D, models.Legendre2D, models.Hermite2D])
def test_orthogonal_polynomials_in_two_dimensions(cls: Any, degrees: tuple[int, int]) -> None:
    names = cls(*degrees).param_names
    model = cls(*degrees, x_domain=(0, 8), y_domain=(0, 9), **{name: 1.0 / (i + 1) for i, name in enumerate(names)})
    assert_traced(model, PLANE)


@pytest.mark.parametrize("degree", [0, 1, 2, 5])
@pytest.mark.parametrize("cls", [models.Chebyshev1D, models.Legendre1D, models.Hermite1D, models.Polynomial1D])
def test_polynomials_of_any_degree(cls: Any, degree: int) -> None:
    assert_traced(cls(degree, **{f"c{i}": 1.0 / (i + 1) for i in range(degree + 1)}), (np.linspace(-0.9, 0.9, 15),))


@pytest.mark.parametrize("degree", [0, 1, 3])
def test_polynomial_2d_of_any_degree(degree: int) -> None:
    assert_traced(models.Polynomial2D(degree, x_domain=(0, 8), y_domain=(0, 9), c0_0=2.0), PLANE)


class Doubled(models.Const1D):
    """A class that inherits from one with a rule, and computes something else."""

    @staticmethod
    def evaluate(x: Any, amplitude: Any) -> Any:
        return 2.0 * amplitude + 0.0 * x


class Raised(models.Gaussian1D):
    """A class whose `evaluate` uses an attribute of the instance."""

    pedestal = 0.0

    def evaluate(self, x: Any, amplitude: Any, mean: Any, stddev: Any) -> Any:
        return models.Gaussian1D.evaluate(x, amplitude, mean, stddev) + self.pedestal


def test_a_subclass_with_its_own_evaluate_does_not_use_its_parents_rule() -> None:
    assert_traced(Doubled(3.0), LINE)


def test_attributes_of_people_s_own_classes_are_honoured() -> None:
    model = Raised(1.0, 4.0, 1.0)
    model.pedestal = 2.5
    assert_traced(model, LINE)


def test_fixed_parameters_stay_parameters() -> None:
    model = GAUSSIAN.copy()
    model.mean.fixed = True
    found = evaluate(trace(model), [2.0, 5.0, 1.0], LINE)[0]
    np.testing.assert_allclose(found, models.Gaussian1D(2.0, 5.0, 1.0)(*LINE))


def test_the_model_is_not_changed() -> None:
    model = models.Legendre2D(1, 1, c0_0=1.0) + models.Const2D(1.0)
    before = pickle.dumps(model)
    trace(model)
    assert pickle.dumps(model) == before


@custom_model
def branching(x, a=1.0):
    return a * x if a > 0 else x


@custom_model
def centred(x, a=1.0):
    return a * (x - x.mean())


@custom_model
def broken(x, a=1.0):
    raise RuntimeError("not written yet\nsecond line")


@custom_model
def oscillation(x, frequency=1.0):
    return np.exp(1j * frequency * x)


def odd_black_body() -> Any:
    """Says that its output is something that no radiance is."""
    radiance = u.erg / (u.cm**2 * u.s * u.Hz * u.sr)
    model = models.BlackBody(temperature=5000 * u.K).without_units_for_data(x=1 * u.Hz, y=1 * radiance)
    model._output_units = u.K
    return model


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (branching(), "branching: Python branches on a value computed from a"),
        (centred(), "centred: the model combines all points of a value computed from x"),
        (broken(), "broken: RuntimeError: not written yet"),
        (models.Gaussian1D(1.0, 2.0, 3.0) + branching(name="my line"), "branching 'my line': Python branches"),
        (models.Gaussian1D([1.0, 2.0], [1.0, 2.0], [1.0, 2.0], n_models=2), "set of models"),
        (models.Gaussian1D([1.0, 2.0], [1.0, 2.0], [1.0, 2.0]), r"amplitude is an array of shape \(2,\)"),
        (models.Gaussian1D(1 * u.Jy, 1 * u.m, 1 * u.m), "amplitude has the unit 'Jy'"),
        (models.Scale(1.0) & models.Scale(2.0), "2 outputs"),
        (oscillation(), "the model's value is complex"),
        (odd_black_body(), "its output unit 'K' is neither per frequency nor per wavelength"),
        (models.Spline1D(), "spline fitters"),
        (models.Tabular1D(np.arange(3.0), np.arange(3.0), method="nearest"), "the method 'nearest'"),
        (models.Tabular1D(np.arange(3.0) * u.m, np.arange(3.0)), "the table has the unit 'm'"),
    ],
)
def test_refusals_give_one_line_reasons(model: Any, reason: str) -> None:
    with pytest.raises(Untraceable, match=reason) as caught:
        trace(model)
    assert "\n" not in str(caught.value)


def test_a_compound_of_a_class_of_its_own_may_do_anything() -> None:
    class Doubled(CompoundModel):
        def evaluate(self, *args: Any, **kwargs: Any) -> Any:
            return 2.0 * super().evaluate(*args, **kwargs)

    with pytest.raises(Untraceable, match="Doubled is not computed point by point"):
        trace(Doubled("+", models.Gaussian1D(), models.Const1D()))


def test_a_convolution_is_refused() -> None:
    convolution = pytest.importorskip("astropy.convolution")
    with pytest.raises(Untraceable, match="not computed point by point"):
        trace(convolution.convolve_models(GAUSSIAN, models.Gaussian1D(1.0, 0.0, 1.0)))


def test_an_approximate_voigt_is_refused() -> None:
    with pytest.warns(Warning, match="deprecated"):
        model = models.Voigt1D(method="humlicek2")
    with pytest.raises(Untraceable, match="method='wofz'"):
        trace(model)
