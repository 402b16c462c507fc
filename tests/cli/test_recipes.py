"""The recipes of the documentation: options that exist, and a few runs on the data themselves."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
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


@pytest.fixture
def among_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with the data in it, where files can be written."""
    for path in shared_path("data").iterdir():
        (tmp_path / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("among_the_data")
@pytest.mark.parametrize(("name", "shape"), [("miri", ()), ("ngc3081", (8, 6))])
def test_lines_make_files_and_a_report(name: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    words = RECIPES[name]
    run = ndfit(*words[1:])
    assert run.exit_code == 0, run.output
    result = package.read(tmp_path / words[words.index("--out") + 1])
    assert result.shape == shape
    assert result.engine == "compiled"
    assert (tmp_path / words[words.index("--report") + 1]).stat().st_size > 10_000


@pytest.mark.usefixtures("among_the_data")
def test_the_fit_of_eis_is_that_of_its_own_software(tmp_path: Path) -> None:
    """The file of finished fits is the reference: what differs is a small part of the standard errors."""
    words = RECIPES["eis"]
    outputs = [index for option in ("--report", "--plot") for index in (words.index(option), words.index(option) + 1)]
    run = ndfit(*(word for index, word in enumerate(words[1:], 1) if index not in outputs))
    assert run.exit_code == 0, run.output
    result = package.read(tmp_path / "eis-fit.fits")
    with h5py.File(tmp_path / "eis_20210306_064444.fe_12_192_394.1c-0.fit.h5") as file:
        reference, errors = file["fit/params"][:], file["fit/perror"][:]
    limits = {"amplitude_0": 0.02, "mean_0": 0.03, "stddev_0": 0.07, "amplitude_1": 0.2}
    for number, (name, limit) in enumerate(limits.items()):
        known = errors[..., number] > 0
        differing = np.abs(result.parameters[name].value - reference[..., number])
        assert np.median(differing[known] / errors[..., number][known]) < limit
