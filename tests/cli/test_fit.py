"""`ndfit fit`: what it finds, what it leaves, and how it ends."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.wcs import WCS
from tests.children import python, run
from tests.cli.cubes import HEADER, fails, fitted, line_cube, means, ndfit, write_cube

import ndfit as package
from ndfit.errors import WorkersLost


def test_workers_that_are_lost(cube: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lose(*_: Any, **__: Any) -> None:
        raise WorkersLost("a worker process was ended from outside")

    monkeypatch.setattr(package, "fit", lose)
    fails(ndfit("fit", cube, "--model", "Gaussian1D"), "Error: A worker process was ended from outside.", code=1)


@pytest.mark.parametrize("where", ["ndfit.cli.fit.prepare_job", "ndfit.cli.fit.say", "ndfit.cli.results.ndfit.read"])
def test_an_interrupt_at_any_moment(where: str, cube: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its exit code is that of an interrupt, and not that of a fit that failed."""

    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(where, interrupt)
    result = ndfit("info", cube) if "results" in where else ndfit("fit", cube, "--model", "Gaussian1D")
    assert result.exit_code == 130
    assert result.stderr == "Interrupted.\n"


def test_line_with_units_and_bounds(tmp_path: Path, cube: Path) -> None:
    result = fitted(tmp_path, cube, "--model", "Gaussian1D", "--world-unit", "km/s", "--bounds", "mean=2000:7e3m/s")
    assert result.engine == "compiled"
    assert result.parameters["mean"].unit == u.km / u.s
    assert result.parameters["amplitude"].unit == u.K
    np.testing.assert_allclose(result.parameters["mean"].value, means(), atol=0.05)
    row = next(row for row in result.record["parameters"] if row["name"] == "mean")
    assert (row["lower"], row["upper"]) == (2.0, 7.0)
    sky = WCS(fits.getheader(tmp_path / "fit.fits", "MEAN"))
    np.testing.assert_allclose(sky.pixel_to_world_values(3, 2), WCS(HEADER).celestial.pixel_to_world_values(3, 2))


def test_options_that_ndfit_fit_takes_as_they_are(tmp_path: Path, cube: Path) -> None:
    options = ("--loss", "huber", "--f-scale", 0.1, "--seed", 3, "--starts", 2)
    more = ("--refine", "neighbours", "--workers", 1, "--max-evaluations", 77)
    record = fitted(tmp_path, cube, "--model", "Gaussian1D", *options, *more).record["options"]
    assert {key: record[key] for key in ("loss", "f_scale", "seed", "starts", "refine", "fitter_kwargs")} == {
        "loss": "huber",
        "f_scale": 0.1,
        "seed": 3,
        "starts": 2,
        "refine": "neighbours",
        "fitter_kwargs": {"maxiter": 77},
    }


def test_report_and_picture(tmp_path: Path, cube: Path) -> None:
    page, picture = tmp_path / "fit.html", tmp_path / "fit.png"
    result = ndfit("fit", cube, "--model", "Gaussian1D", "--report", page, "--plot", picture)
    assert result.exit_code == 0, result.output
    assert result.stdout.endswith(f"Written: {page}\nWritten: {picture}\n")
    assert "<html" in page.read_text()
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_every_fit_fails(tmp_path: Path) -> None:
    path = write_cube(tmp_path / "cube.fits", line_cube()[:2])
    out = tmp_path / "fit.fits"
    result = ndfit("fit", path, "--model", "Gaussian1D", "--out", out)
    fails(result, "All 12 fits failed: fewer usable samples than free parameters.", code=1)
    assert not out.exists()


def test_interrupted(cube: Path, tmp_path: Path) -> None:
    """A real process and a real signal: exit code 130 and one line."""
    code = (
        "import os, signal, ndfit, ndfit.cli.main as m\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # which jobs in the background ignore
        "ndfit.fit = lambda *_, **__: os.kill(os.getpid(), signal.SIGINT)\n"
        "m.main()"
    )
    call = ("fit", str(cube), "--model", "Gaussian1D", "--out", "fit.fits")
    done = python("-c", code, *call, status=130, folder=tmp_path)
    assert done.stderr.endswith(
        "Interrupted: nothing is written; with --checkpoint FOLDER, a run goes on where it stopped.\n"
    )
    assert not (tmp_path / "fit.fits").exists()


def test_interrupted_with_a_checkpoint(cube: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(package, "fit", interrupt)
    run = ndfit("fit", cube, "--model", "Gaussian1D", "--checkpoint", tmp_path / "done")
    assert run.exit_code == 130
    folder = tmp_path / "done"
    assert (
        f"what is done is in {folder}; `ndfit resume {folder}`, or the same line again, goes on from there."
        in run.stderr
    )


def test_a_run_goes_on_from_its_checkpoint(cube: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, first, again = tmp_path / "done", tmp_path / "first.fits", tmp_path / "again.fits"
    line = ("fit", cube, "--model", "Gaussian1D", "--checkpoint", folder)
    assert ndfit(*line, "--out", first).exit_code == 0
    assert list(folder.rglob("*.npz"))
    monkeypatch.setattr("ndfit.run.region_pipeline.Pipeline.__call__", None)  # nothing is left to be fitted
    run = ndfit(*line, "--out", again)
    assert run.exit_code == 0, run.output
    for name, values in package.read(first).parameters.items():
        np.testing.assert_array_equal(package.read(again).parameters[name], values)


def test_checkpoint_of_another_run(cube: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = "done"
    assert ndfit("fit", cube, "--model", "Gaussian1D", "--checkpoint", folder).exit_code == 0
    fails(ndfit("fit", cube, "--model", "Lorentz1D", "--checkpoint", folder), f"Error: {folder} belongs to another run")


def test_in_a_process_of_its_own(cube: Path, tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("ndfit")
    command = [str(script), "fit", cube.name, "--model", "Gaussian1D", "--out", str(tmp_path / "fit.fits"), "--quiet"]
    done = run(command, variables={"PYTHONWARNINGS": "error"}, folder=cube.parent)
    assert (done.stdout, done.stderr) == ("", "")
    assert (tmp_path / "fit.fits").exists()


def test_derived_quantities(tmp_path: Path, cube: Path) -> None:
    page, picture = tmp_path / "fit.html", tmp_path / "fit.png"
    options = ("--model", "Gaussian1D + Const1D", "--world-unit", "km/s", "--derive", "flux", "--report", page)
    result = fitted(tmp_path, cube, *options, "--derive", "contrast=peak_0 - amplitude_1", "--plot", picture)
    assert list(result.derived) == ["flux_0", "contrast"]
    np.testing.assert_allclose(result.derived["flux_0"].to_value(u.K * u.km / u.s), np.sqrt(2 * np.pi) * 0.8, rtol=0.15)
    assert "contrast" in ndfit("info", tmp_path / "fit.fits").stdout


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("flx_0", "Did you mean flux_0"),
        ("flx_0", "--derive"),
        ("mean_0=flux_0", "is a parameter"),
        ("ratio=", "name=expression"),
        ("rest=flux_0", "is a setting of others"),
        ("ratio=open('x')", "should be an expression"),
    ],
)
def test_quantities_that_cannot_be_meant(asked: str, part: str, cube: Path) -> None:
    result = ndfit("fit", cube, "--model", "Gaussian1D + Const1D", "--derive", asked)
    fails(result, part.replace("Did", "did"))
    assert "Fitted" not in result.stdout


def test_fits_are_kept_where_a_quantity_cannot_be_formed(tmp_path: Path, cube: Path) -> None:
    out = tmp_path / "fit.fits"
    result = ndfit("fit", cube, "--model", "Gaussian1D", "--pixels", "--derive", "velocity", "--out", out)
    fails(result, "what was asked of them is left out", "needs its rest wavelength", code=1)
    assert package.read(out).success.all()


def test_detection(tmp_path: Path) -> None:
    data = line_cube()
    data[:, 1] = np.random.default_rng(2).normal(scale=0.02, size=data[:, 1].shape)
    path = write_cube(tmp_path / "cube.fits", data)
    result = fitted(
        tmp_path, path, "--model", "Gaussian1D + Const1D", "--detect", 0.001, "--save-config", tmp_path / "c.toml"
    )
    expected = np.ones((3, 4), dtype=bool)
    expected[1] = False
    np.testing.assert_array_equal(result.detected["amplitude_0"], expected)
    np.testing.assert_array_equal(result.good, expected)
    assert "no line of the model is detected" in ndfit("info", tmp_path / "fit.fits").stdout
    again = fitted(tmp_path, path, "--config", tmp_path / "c.toml")
    np.testing.assert_array_equal(again.false_alarm["amplitude_0"], result.false_alarm["amplitude_0"])
    fails(ndfit("fit", path, "--model", "Gaussian1D", "--detect", "2"), "--detect")


def test_fits_are_kept_where_nothing_can_be_detected(tmp_path: Path, cube: Path) -> None:
    out = tmp_path / "fit.fits"
    result = ndfit("fit", cube, "--model", "Const1D", "--detect", "0.01", "--out", out)
    fails(result, "what was asked of them is left out", "nothing to detect", code=1)
    assert package.read(out).success.all()
