"""The recipes of the documentation: options that exist, and a few runs on the data themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.cubes import ndfit
from tests.shared import shared_path
from tools.recipes import DOCS, recipes

import ndfit as package
from ndfit.cli.expression import parse_expression
from ndfit.cli.fit import fit
from ndfit.cli.settings import Settings

RECIPES = recipes()


@pytest.mark.parametrize("name", RECIPES)
def test_lines_are_options_and_models_that_exist(name: str) -> None:
    words = RECIPES[name]
    assert words[:2] == ["ndfit", "fit"]
    with fit.make_context("fit", words[2:]) as context:
        settings = Settings.of(context.params)
    assert parse_expression(settings.model).build().n_outputs == 1
    assert settings.out is not None
    assert settings.report is not None
    assert (DOCS / "images" / "recipes" / f"{name}.png").stat().st_size < 120_000


@pytest.mark.parametrize(("name", "shape"), [("spectrum", ()), ("ngc3081", (8, 6))])
def test_lines_make_files_and_a_report(
    name: str, shape: tuple[int, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = RECIPES[name]
    (tmp_path / words[2]).symlink_to(shared_path("data", words[2]))
    monkeypatch.chdir(tmp_path)
    run = ndfit(*words[1:])
    assert run.exit_code == 0, run.output
    result = package.read(tmp_path / words[words.index("--out") + 1])
    assert result.shape == shape
    assert result.engine == "compiled"
    assert (tmp_path / words[words.index("--report") + 1]).stat().st_size > 10_000
