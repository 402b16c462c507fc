"""Model expressions: what they build, and what is said of those that make no sense."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.modeling import models
from hypothesis import given
from hypothesis import strategies as st

from ndfit.cli.bad_input import PointedError
from ndfit.cli.expression import parse_expression
from ndfit.cli.quantities import Amount

X = np.linspace(0.5, 3.0, 7)

SAME = [
    ("Gaussian1D", models.Gaussian1D()),
    ("Gaussian1D + Const1D", models.Gaussian1D() + models.Const1D()),
    ("Linear1D - Linear1D - Const1D", models.Linear1D() - models.Linear1D() - models.Const1D()),
    ("Linear1D - (Linear1D - Const1D)", models.Linear1D() - (models.Linear1D() - models.Const1D())),
    ("Gaussian1D + Gaussian1D * Linear1D", models.Gaussian1D() + models.Gaussian1D() * models.Linear1D()),
    ("(Gaussian1D + Gaussian1D) * Linear1D", (models.Gaussian1D() + models.Gaussian1D()) * models.Linear1D()),
    ("Linear1D ** Linear1D ** Const1D", models.Linear1D() ** models.Linear1D() ** models.Const1D()),
    ("Shift | Gaussian1D + Const1D", models.Shift() | models.Gaussian1D() + models.Const1D()),
    ("Gaussian1D / Linear1D / Linear1D", models.Gaussian1D() / models.Linear1D() / models.Linear1D()),
]


@pytest.mark.parametrize(("text", "model"), SAME, ids=[text for text, _ in SAME])
def test_operators_bind_as_in_python(text: str, model: Any) -> None:
    """Parameters are all different, so that models that combine in another order differ."""
    built = parse_expression(text).build()
    assert built.param_names == model.param_names
    values = 1.0 + 0.1 * np.arange(len(model.param_names))
    np.testing.assert_array_equal(built.evaluate(X, *values), model.evaluate(X, *values))


def test_values_by_position_and_by_keyword() -> None:
    values = parse_expression("Gaussian1D(2, stddev=3 km/s) + Polynomial1D(2, c1=-1e-3)").values
    assert values == {"amplitude_0": Amount(2.0), "stddev_0": Amount(3.0, u.km / u.s), "c1_1": Amount(-0.001)}


def test_values_may_have_units_with_parentheses() -> None:
    values = parse_expression("Const1D(3 erg/(s cm2))").values
    assert values == {"amplitude": Amount(3.0, u.erg / (u.s * u.cm**2))}


def test_built_with_values() -> None:
    model = parse_expression("Gaussian1D + Const1D").build({"mean_0": 4 * u.km / u.s, "amplitude_1": 2.0})
    assert model.mean_0.quantity == 4 * u.km / u.s
    assert (model.amplitude_0.value, model.amplitude_1.value) == (1.0, 2.0)


WRONG = [
    ("Gaussian1D + Gaus1D", 13, "There is no model 'Gaus1D'. Did you mean Gaussian1D"),
    ("Gaussian1D(men=3)", 11, "has no parameter 'men'. Did you mean mean?"),
    ("Gaussian1D + ", 13, "Expected a model, found the end."),
    ("Gaussian1D + 2", 13, "Expected a model, found '2'. A number is a model too: Const1D(2)."),
    ("Gaussian1D Const1D", 11, "Expected one of"),
    ("(Gaussian1D", 11, "Expected ')'"),
    ("Gaussian1D(mean=5kms)", 17, "'kms' is not a unit. Did you mean km?"),
    ("Gaussian1D(mean=abc)", 16, "Expected a number"),
    ("Gaussian1D(mean", 15, "Expected name=value, found the end after 'mean'."),
    ("Gaussian1D(1", 12, "Expected ')', found the end."),
    ("Gaussian1D(1, 2, 3, 4)", 20, "takes no more values by position"),
    ("Gaussian1D(1, amplitude=2)", 14, "is given 'amplitude' twice"),
    ("Gaussian1D + Gaussian2D", 11, "The models cannot be combined"),
    ("Const1D + Polynomial1D", 10, "needs its degree"),
    ("Polynomial1D(1.5)", 13, "degree should be a whole number"),
    ("(" * 80, 51, "nested more than 50 deep"),
    ("+".join(["Const1D"] * 1100), 800, "more than 100 models"),
    ("+".join(["Chebyshev2D(20, 20)"] * 3), 40, "more than 1000 parameters"),
    ("x" * 20_000, 10_000, "10000 are the most"),
    ("__import__('os')", 0, "There is no model '__import__'"),
    ("Gaussian1D.evaluate", 10, "Expected one of"),
    ("", 0, "Expected a model"),
]


@pytest.mark.parametrize(("text", "position", "message"), WRONG, ids=[text[:24] for text, *_ in WRONG])
def test_errors_point_at_the_character(text: str, position: int, message: str) -> None:
    with pytest.raises(PointedError) as caught:
        parse_expression(text)
    assert message in caught.value.reason
    assert caught.value.position == position
    reason, line, caret = caught.value.message.split("\n")
    assert reason == caught.value.reason
    if len(text) <= 100:
        assert (line, caret) == (f"  {text}", f"  {' ' * position}^")
    else:
        assert len(line) <= 150
        assert line[len(caret) - 1 :].startswith(text[position : position + 5])


@given(st.text(alphabet="Gaussian1DConst(),=+-*/|. 05ekms", max_size=40))
def test_any_text_is_a_model_or_an_error(text: str) -> None:
    with contextlib.suppress(PointedError):
        assert parse_expression(text).build().n_outputs == 1
