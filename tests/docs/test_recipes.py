"""The recipes of docs/contributing.md, followed as they stand."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.modeling import Fittable1DModel, Parameter
from astropy.modeling.models import Gaussian1D
from numpy.testing import assert_allclose, assert_array_equal
from tests.children import python
from tools.pages import DOCS, ROOT

import ndfit
from ndfit import options
from ndfit.atomic import refuse_existing, replacing
from ndfit.cli.command_options import _of_group
from ndfit.errors import WrongArgument
from ndfit.io.check import check_contents, check_layer, record_of_text
from ndfit.io.formats import FORMATS, Format
from ndfit.io.layers import Contents, Layer
from ndfit.model.trace.rules import RULES
from ndfit.options import Objective
from ndfit.problem import containers

PAGE = (DOCS / "contributing.md").read_text()
X = np.arange(20.0)
DATA = 3.0 * np.exp(-0.5 * ((X[:, np.newaxis] - np.array([8.0, 9.0, 10.0])) / 2.0) ** 2)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`((?:ndfit|tests)/[\w/]+\.py)`", PAGE))))
def test_files_that_recipes_name_exist(name: str) -> None:
    assert (ROOT / name).is_file() or (ROOT / "src" / name).is_file()


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a process in which the recipes for an operator and a loss were followed says of fits with them."""
    cache = {"NDFIT_CACHE_DIR": str(tmp_path_factory.mktemp("cache"))}
    done = python(str(Path(__file__).with_name("recipe_child.py")), variables=cache)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("recipe", ["operator", "loss"])
def test_compiled_parts(said: dict[str, Any], recipe: str) -> None:
    assert said[recipe]["engine"] == "compiled"
    assert said[recipe]["converged"]
    assert said[recipe]["off"] < 0.01


def write_npz(path: Path, contents: Contents, cubes: Any, problem: Any, overwrite: bool) -> None:
    refuse_existing(path, overwrite)
    arrays = {"/".join(key): layer.values for key, layer in contents.layers.items()}
    with replacing(path, overwrite) as partial:
        np.savez(partial, record=np.array(json.dumps(contents.record)), **arrays)


def is_npz(path: Path) -> bool:
    return path.is_file() and path.read_bytes()[:2] == b"PK"


def read_npz(path: Path) -> Contents:
    with np.load(path, allow_pickle=False) as file:
        record = record_of_text(str(file["record"]))
        layers = {}
        for name in file.files:
            kind, _, parameter = name.partition("/")
            if name != "record":
                layers[kind, parameter] = Layer(kind, parameter, file[name])
                check_layer((kind, parameter), file[name].shape, file[name].dtype, record)
    contents = Contents(record, layers)
    check_contents(contents)
    return contents


def test_an_output_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FORMATS, "npz", Format("an npz file", (".npz",), write_npz, is_npz, read_npz))
    result = ndfit.fit(Gaussian1D(2 * u.K, 9, 1.5), DATA * u.K, fitting_axes=0)
    path = tmp_path / "fit.npz"
    result.write(path)
    again = ndfit.read(path)
    for name in result.param_names:
        assert_array_equal(again.parameters[name], result.parameters[name])
        assert_array_equal(again.errors[name], result.errors[name])
    assert again.parameters["amplitude"].unit == u.K
    assert again.summary() == result.summary()


class Spectra:
    """An object of another library: numbers, and their unit."""

    def __init__(self, numbers: Any, unit: str) -> None:
        self.numbers, self.unit = numbers, unit


def test_an_input(monkeypatch: pytest.MonkeyPatch) -> None:
    def is_spectra(value: Any) -> bool:
        return containers._is(value, Spectra.__module__.partition(".")[0], "Spectra")

    def of_spectra(data: Any, data_unit: Any, world: Any) -> tuple[Any, Any]:
        return data.numbers, data.unit if data_unit is None else data_unit

    model, spectra = Gaussian1D(2 * u.K, 9, 1.5), Spectra(DATA, "K")
    with pytest.raises(TypeError, match="unit, which are not read"):
        ndfit.fit(model, spectra, fitting_axes=0)
    monkeypatch.setattr(containers, "_CONTAINERS", ((is_spectra, of_spectra), *containers._CONTAINERS))
    result = ndfit.fit(model, spectra, fitting_axes=0)
    assert result.parameters["amplitude"].unit == u.K
    assert result.success.all()


@dataclass(frozen=True)
class WithAnOption(Objective):
    """A group that has one option more, described as the recipe says."""

    depth: int = field(
        default=2,
        metadata=options._option(
            "How deep.", options.Whole("a whole number from 1 to 9", 1, 9), on_command_line=True, recorded=False
        ),
    )


def test_an_option() -> None:
    with pytest.raises(WrongArgument, match="depth should be a whole number from 1 to 9, got 10"):
        WithAnOption(depth=10)
    assert options.deciding(WithAnOption(depth=3))["depth"] == 3
    assert "depth" not in options.recorded(WithAnOption())
    row = dict(_of_group(WithAnOption))["--depth"]
    assert (row["help"], row["type"].min) == ("How deep.", 1)


class LineInEmission(Fittable1DModel):
    """A line, whose `evaluate` cannot be traced."""

    amplitude = Parameter(default=1.0)
    centre = Parameter(default=9.0)

    @staticmethod
    def evaluate(x: Any, amplitude: Any, centre: Any) -> Any:
        if np.all(amplitude > 0.0):
            return amplitude * np.exp(-0.125 * (x - centre) ** 2)
        return np.zeros_like(x)


def line_rule(model: Any, inputs: Any, params: Any) -> Any:
    (x,), (amplitude, centre) = inputs, params
    return np.where(amplitude > 0.0, amplitude * np.exp(-0.125 * (x - centre) ** 2), 0.0)


def test_a_rule_for_a_class(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ndfit.fit(LineInEmission(), DATA, fitting_axes=0).engine == "reference"
    monkeypatch.setitem(RULES, LineInEmission, line_rule)
    result = ndfit.fit(LineInEmission(), DATA, fitting_axes=0)
    assert result.engine == "compiled"
    assert_allclose(result.parameters["centre"], [8.0, 9.0, 10.0], rtol=1e-6)


def test_a_wrong_rule_is_never_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RULES, LineInEmission, lambda model, inputs, params: 1.01 * line_rule(model, inputs, params))
    assert ndfit.fit(LineInEmission(), DATA, fitting_axes=0).engine == "reference"
