"""The record of a run: strict JSON, nothing lost of models and ties, and honest about what a file cannot hold."""

from __future__ import annotations

import hashlib
import inspect
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.modeling import FittableModel, custom_model, fix_inputs, models
from astropy.modeling.fitting import TRFLSQFitter
from astropy.modeling.models import Const1D, Gaussian1D, Gaussian2D

import ndfit
from ndfit.io.json_values import exact, parse_exact
from ndfit.io.model_record import CannotRebuild, build, describe, describe_tie, expression, why_not_rebuilt
from ndfit.io.record import data_checksum
from ndfit.io.tie_text import ExpressionTie
from ndfit.io.units_text import bunit, parse_unit, unit_text
from ndfit.model.catalogue import _EXAMPLES

FITTABLE = sorted(
    {
        cls.__name__
        for cls in vars(models).values()
        if inspect.isclass(cls) and issubclass(cls, FittableModel) and not inspect.isabstract(cls)
    }
    - {"OrthoPolynomialBase", "Spline1D"}
)


def record(result: ndfit.FitResult) -> dict[str, Any]:
    return json.loads(json.dumps(dict(result._contents(None).record), allow_nan=False))


def test_what_repeats_the_run(tmp_path: Path) -> None:
    data = np.random.default_rng(0).normal(size=(2, 9)) * u.K
    model = Gaussian1D(3 * u.K, 4 * u.pix, np.array([1.0, 2.0]) * u.pix, bounds={"mean": (2.0, None)})
    result = ndfit.fit(model, data, fitting_axes=1, starts=2, seed=7, engine="reference", fitter_kwargs={"acc": 1e-5})
    (tmp_path / "cube.fits").write_bytes(b"cube")
    found = json.loads(json.dumps(dict(result._contents(tmp_path / "cube.fits").record), allow_nan=False))
    assert found["model"]["expression"] == "Gaussian1D"
    assert found["engine"] == {"name": "reference", "reason": result.reason}
    assert {"starts": 2, "seed": 7, "fitter": "TRFLSQFitter", "fitter_kwargs": {"acc": 1e-5}}.items() <= found[
        "options"
    ].items()
    assert set(found["versions"]) == {"python", "ndfit", "astropy", "numpy", "llvmlite"}
    assert found["data"]["sha256"]["data"] == hashlib.sha256(np.asarray(data).tobytes()).hexdigest()
    assert found["source"] == {"name": "cube.fits", "bytes": 4, "sha256": hashlib.sha256(b"cube").hexdigest()}
    amplitude, mean, stddev = found["parameters"]
    assert (amplitude["start"], amplitude["start_unit"], amplitude["lower"]) == (3.0, "K", "-inf")
    assert (mean["lower"], mean["upper"], mean["fixed"], mean["tied"]) == (2.0, "inf", False, None)
    assert stddev["start"] == "map"


def test_a_model_changed_after_the_fit_does_not_change_the_record() -> None:
    model = Gaussian1D(3.0, 4.0, 1.0)
    result = ndfit.fit(model, np.random.default_rng(0).normal(size=(2, 9)), fitting_axes=1, engine="reference")
    model.stddev.fixed = True
    model.mean = 99.0
    assert [row["fixed"] for row in record(result)["parameters"]] == [False, False, False]
    assert record(result)["parameters"][1]["start"] == 4.0


@pytest.mark.parametrize("name", FITTABLE)
def test_every_model_of_astropy_is_made_again(name: str) -> None:
    model = _EXAMPLES.get(name, getattr(models, name))()
    tree = json.loads(json.dumps(describe(model), allow_nan=False))
    assert why_not_rebuilt(model, tree) == ""


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (Gaussian1D() - (Const1D() - Const1D()), "Gaussian1D - (Const1D - Const1D)"),
        (Gaussian1D() + Const1D() + Const1D(), "Gaussian1D + Const1D + Const1D"),
        ((Gaussian1D() + Const1D()) * models.Polynomial1D(2), "(Gaussian1D + Const1D) * Polynomial1D(degree=2)"),
        ((Const1D() ** Const1D()) ** Const1D(), "(Const1D ** Const1D) ** Const1D"),
        (fix_inputs(Gaussian2D(), {"y": 0.25}), "fix_inputs(Gaussian2D, {y: 0.25})"),
    ],
)
def test_expressions(model: Any, text: str) -> None:
    tree = describe(model)
    assert expression(tree) == text
    assert why_not_rebuilt(model, tree) == ""


def test_a_covariance_left_by_a_fitter_is_no_argument() -> None:
    y, x = np.mgrid[:7, :7]
    model = TRFLSQFitter(calc_uncertainties=True)(Gaussian2D(1.0, 3.0, 3.0), x, y, Gaussian2D(1.1, 3.1, 3.0, 1.1)(x, y))
    assert model.cov_matrix is not None
    assert why_not_rebuilt(model, describe(model)) == ""


def test_only_models_of_astropy_are_made() -> None:
    @custom_model
    def bump(x, height=1.0):
        return height * x

    tree = describe(bump() + Const1D())
    assert expression(tree) == "bump + Const1D"
    assert "'bump'" in why_not_rebuilt(bump() + Const1D(), tree)
    for name in ("custom_model", "os", "Gaussian9D", "__builtins__"):
        with pytest.raises(CannotRebuild, match="there is no model"):
            build({"class": name, "arguments": {}})
    with pytest.raises(CannotRebuild, match="operator"):
        build({"operator": "__import__", "left": describe(Const1D()), "right": describe(Const1D())})


def test_a_class_that_keeps_an_argument_elsewhere_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    class Steeper(FittableModel):
        n_inputs = n_outputs = 1
        slope = models.Linear1D.slope.copy()

        def __init__(self, factor=1.0, **keywords):
            self._factor = factor
            super().__init__(**keywords)

        def evaluate(self, x, slope):
            return self._factor * slope * x

    monkeypatch.setattr(models, "Steeper", Steeper, raising=False)
    assert "differs" in why_not_rebuilt(Steeper(factor=2.0), describe(Steeper(factor=2.0)))
    assert why_not_rebuilt(Steeper(), describe(Steeper())) == ""


def test_ties() -> None:
    assert describe_tie(False) is None
    assert describe_tie(ExpressionTie("2 * mean_0")) == {"expression": "2 * mean_0"}
    assert "def test_ties" in describe_tie(test_ties)["python"]
    assert describe_tie(np.sin)["python"] == "sin"


def test_a_tie_that_is_text() -> None:
    model = Gaussian1D(3.0, 4.0, 0.5)
    assert ExpressionTie("-amplitude ** 2 / (mean - 1.5) + +2")(model) == -9.0 / 2.5 + 2
    for text in (
        "amplitude.value",
        "__import__('os')",
        "mean if mean else 1",
        "1 < mean",
        "True",
        "'a'",
        "mean[0]",
        "",
        "(",
    ):
        with pytest.raises(ValueError, match="a tie should be an expression"):
            ExpressionTie(text)


@pytest.mark.parametrize(
    "unit",
    [
        None,
        u.one,
        u.percent,
        0.3 * u.K,
        1e-20 * u.erg / u.s,
        u.K**0.5 / 3,
        u.mag,
        u.ABmag,
        u.dex(u.cm / u.s**2),
        u.electron,
    ],
)
def test_units_are_kept(unit: Any) -> None:
    unit = u.Unit(unit) if isinstance(unit, u.Quantity) else unit
    text = json.loads(json.dumps(unit_text(unit)))
    assert parse_unit(text) == unit
    assert isinstance(bunit(unit), str)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        "nan",
        3,
        0.1,
        -0.0,
        np.inf,
        (1, 2.5),
        np.array([[1.0, np.nan]]),
        np.arange(3, dtype=">i2"),
        2.5 * u.nm,
    ],
)
def test_values_are_kept(value: Any) -> None:
    found = parse_exact(json.loads(json.dumps(exact(value), allow_nan=False)))
    np.testing.assert_array_equal(found, value)
    assert type(found) is type(value)


def test_checksum_is_of_the_numbers() -> None:
    data = np.arange(12.0).reshape(3, 4)
    same = (data.astype(">f8"), data.astype(np.int16), data.T.copy().T)
    assert {data_checksum(each) for each in same} == {data_checksum(data)}
    assert data_checksum(data) != data_checksum(data.T)
