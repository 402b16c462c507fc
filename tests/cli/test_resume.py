"""`ndfit resume`: the run that was interrupted, with its own options, and what is no such run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.cli.cubes import fails, ndfit

import ndfit as package


def test_an_interrupted_run_goes_on_with_its_options(
    cube: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, whole, out = tmp_path / "done", tmp_path / "whole.fits", tmp_path / "fit.fits"
    line = ("fit", cube, "--model", "Gaussian1D", "--bounds", "mean=3:6km/s", "--seed", "5")
    assert ndfit(*line, "--out", whole).exit_code == 0

    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(package, "fit", interrupt)
        assert ndfit(*line, "--out", out, "--checkpoint", folder).exit_code == 130
    assert not out.exists()
    run = ndfit("resume", folder)
    assert run.exit_code == 0, run.output
    assert f"Written: {out}" in run.output
    assert package.read(out).record["options"]["seed"] == 5
    for name, values in package.read(whole).parameters.items():
        np.testing.assert_array_equal(package.read(out).parameters[name], values)
    fails(ndfit("resume", folder), "exists already: give --overwrite")
    assert ndfit("resume", folder, "--overwrite", "--quiet").output == ""


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    fails(ndfit("resume", tmp_path), "is not the folder of an `ndfit fit --checkpoint`")


def test_a_folder_of_something_else_is_left_alone(cube: Path, tmp_path: Path) -> None:
    folder = tmp_path / "thesis"
    folder.mkdir()
    (folder / "chapter-1.txt").write_text("words")
    fails(ndfit("fit", cube, "--model", "Gaussian1D", "--checkpoint", folder), "is no checkpoint")
    assert [entry.name for entry in folder.iterdir()] == ["chapter-1.txt"]
