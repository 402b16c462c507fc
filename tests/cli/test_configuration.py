"""Options in a TOML file, and the options of a run as such a file."""

from __future__ import annotations

import os
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from tests.cli.cubes import fails, ndfit


def write(folder: Path, text: str) -> Path:
    path = folder / "fit.toml"
    path.write_text(text)
    return path


def test_saved_options_make_the_same_fit(tmp_path: Path, cube: Path) -> None:
    options = ["--model", "Gaussian1D + Const1D", "--world-unit", "km/s", "--bounds", "mean=2:7km/s"]
    options += ["--bounds", "stddev=0.1:3", "--fixed", "amplitude_1=0", "--seed", 7]
    first, again, config = tmp_path / "first.fits", tmp_path / "again.fits", tmp_path / "fit.toml"
    assert ndfit("fit", cube, *options, "--out", first, "--save-config", config).exit_code == 0
    saved = tomllib.loads(config.read_text())
    assert saved == {
        "cube": str(cube),
        "model": "Gaussian1D + Const1D",
        "world-unit": "km/s",
        "seed": 7,
        "guess": "also",
        "bounds": {"mean": "2:7km/s", "stddev": "0.1:3"},
        "fixed": {"amplitude_1": "0"},
        "out": str(first),
    }
    assert ndfit("fit", "--config", config, "--out", again).exit_code == 0
    with fits.open(first) as one, fits.open(again) as other:
        np.testing.assert_array_equal(one["MEAN_0"].data, other["MEAN_0"].data)


def test_a_name_that_toml_cannot_hold(tmp_path: Path, cube: Path) -> None:
    named = tmp_path / os.fsdecode(b"cube\xff.fits")
    try:
        shutil.copy(cube, named)
    except OSError:
        pytest.skip("no file may have this name here")
    config = tmp_path / "fit.toml"
    run = ndfit("fit", named, "--model", "Gaussian1D", "--out", tmp_path / "out.fits", "--save-config", config)
    assert run.exit_code == 2, run.output
    assert "TOML is UTF-8" in run.output
    assert not config.exists()


def test_the_command_line_comes_first(tmp_path: Path, cube: Path) -> None:
    config = write(tmp_path, f'cube = "{cube}"\nmodel = "Gaussian1D"\nfixed = ["stddev"]\nquiet-not = 1\n')
    fails(ndfit("fit", "--config", config), "has the key 'quiet-not', which is no option.")
    config = write(tmp_path, f'cube = "{cube}"\nmodel = "Gaussian1D"\nfixed = ["stddev"]\npixels = true\n')
    result = ndfit("fit", "--config", config, "--model", "Lorentz1D")
    fails(result, "The model has no parameter 'stddev'.")
    assert "in pixels" in ndfit("fit", "--config", config).stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("modle = 'Gaussian1D'", "has the key 'modle', which is no option. Did you mean model"),
        ("model = ", "cannot be read as TOML"),
        ("model = ['Gaussian1D']", "'model' should be text or a number, got ['Gaussian1D']"),
        ("[bounds]\nmean = [3, 6]", "'bounds' should be text or a number, got [3, 6]"),
    ],
)
def test_files_that_make_no_sense(tmp_path: Path, text: str, message: str) -> None:
    fails(ndfit("fit", "--config", write(tmp_path, text)), message)


def test_no_such_file(tmp_path: Path) -> None:
    fails(ndfit("fit", "--config", tmp_path / "absent.toml"), "There is no file")
