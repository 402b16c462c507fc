"""`ndfit resume`: the run that was interrupted, with its own options, and what is no such run."""

from __future__ import annotations

import errno
import os
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


def fails_with(monkeypatch: pytest.MonkeyPatch, where: Any, name: str, error: Exception) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(where, name, fail)


def test_a_disk_that_is_full(cube: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence, whether it is full when the run begins or on the way, or when the options are written."""
    line = ("fit", cube, "--model", "Gaussian1D", "--checkpoint", tmp_path / "done")
    full = OSError(errno.ENOSPC, "No space left on device")
    told = []
    with monkeypatch.context() as patch:
        fails_with(patch, np, "savez", full)
        told.append(ndfit(*line))
        fails(told[-1], "No space left on device", "goes on where it stopped", code=1)
    with monkeypatch.context() as patch:
        fails_with(patch, os, "open", full)
        told.append(ndfit(*line))
        fails(told[-1], "cannot be used: No space left on device; make room", code=1)
    with monkeypatch.context() as patch:
        fails_with(patch, os, "mkdir", full)
        told.append(ndfit(*line[:-1], tmp_path / "other"))
        fails(told[-1], "cannot be made: No space left on device")
    with monkeypatch.context() as patch:
        fails_with(patch, os, "fsync", full)
        told.append(ndfit(*line[:-1], tmp_path / "another"))
        fails(told[-1], "cannot be written", "No space left on device")
    assert not [run.stderr for run in told if "Errno" in run.stderr]
    assert ndfit(*line).exit_code == 0


def test_options_of_a_run_that_never_began(cube: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the run that does begin are kept."""
    folder = tmp_path / "done"
    with monkeypatch.context() as patch:
        fails_with(patch, package, "fit", KeyboardInterrupt())  # type: ignore[arg-type]
        assert ndfit("fit", cube, "--model", "Const1D", "--checkpoint", folder).exit_code == 130
    assert ndfit("fit", cube, "--model", "Gaussian1D", "--checkpoint", folder).exit_code == 0
    assert 'model = "Gaussian1D"' in (folder / "options.toml").read_text()
    assert ndfit("resume", folder).exit_code == 0


@pytest.mark.skipif(os.name != "posix", reason="needs links")
def test_options_do_not_follow_a_planted_link(cube: Path, tmp_path: Path) -> None:
    folder = tmp_path / "done"
    folder.mkdir()
    (tmp_path / "precious").write_text("mine")
    (folder / "options.toml").symlink_to(tmp_path / "precious")
    assert ndfit("fit", cube, "--model", "Gaussian1D", "--checkpoint", folder).exit_code == 0
    assert (tmp_path / "precious").read_text() == "mine"
