"""Wrong input: one sentence, exit code 2, no traceback, before any fit starts."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from tests.children import python
from tests.cli.cubes import HEADER, SHAPE, fails, line_cube, ndfit, write_cube

import ndfit as package

MODEL = ("--model", "Gaussian1D")


@pytest.fixture(autouse=True)
def no_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("the fit was started")

    monkeypatch.setattr(package, "fit", refuse)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with HDUs of several kinds."""
    path = tmp_path_factory.mktemp("many") / "many.fits"
    kelvin, jansky = (fits.ImageHDU(np.ones(SHAPE), name=name) for name in ("NOISE", "JANSKY"))
    kelvin.header["BUNIT"], jansky.header["BUNIT"] = "K", "Jy"
    fits.HDUList(
        [
            fits.PrimaryHDU(),
            fits.ImageHDU(line_cube(), fits.Header(HEADER), name="DATA"),
            fits.ImageHDU(np.ones((5, 5)), name="SMALL"),
            fits.BinTableHDU(Table({"x": [1.0], "name": ["a"]}), name="CATALOGUE"),
            kelvin,
            jansky,
        ]
    ).writeto(path)
    return path


# Arguments beside the file and the model -> parts of the sentence.
ON_MANY = [
    (("--hdu", "DAAT"), "has no HDU 'DAAT'. Did you mean DATA?"),
    (("--hdu", "9"), "has no HDU '9'. It has 6, counted from 0."),
    (("--hdu", "CATALOGUE"), "HDU CATALOGUE of", "is not an image but a table: name a column of it, as CATALOGUE/x."),
    (("--hdu", "CATALOGUE/y"), "The table CATALOGUE of", "has no column 'y'. There is x, name."),
    (("--hdu", "CATALOGUE/name"), "[CATALOGUE/name] holds <U1, and real numbers are needed."),
    (("--std", "SMALL/x"), "HDU SMALL of", "is not a table, and has no columns."),
    (("--std", "CATALOG/x"), "has no HDU 'CATALOG'. Did you mean CATALOGUE"),
    (("--hdu", "0"), "HDU 0 of", "is not an image"),
    (("--mask", "MSK"), "has no HDU 'MSK'."),
    (("--mask", "SMALL"), "Mask SMALL of shape (5, 5) does not match the data"),
    (("--mask", "absent.fits"), "There is no file absent.fits."),
    (("--std", "JANSKY"), "JANSKY is in 'Jy', which cannot be converted to 'K'", "--uncertainty-unit"),
    (("--variance", "NOISE"), "NOISE is in 'K', which is that of --std, and not of --variance."),
    (("--std", "NOISE", "--ivar", "NOISE"), "Give one of --std and --ivar."),
    (("--world", "SMALL"), "The coordinates cannot be used"),
    (("--shift", "SMALL"), "--shift SMALL has shape (5, 5), and the positions have (3, 4)."),
    (
        ("--shift", "3s"),
        "--shift is in 's', and the coordinates are in 'm / s'; without a unit, it is in that of the fit.",
    ),
    (("--redshift", "3"), "--redshift is for wavelengths and frequencies, and the coordinates are in 'm / s'."),
    (("--redshift", "3s"), "--redshift is in 's', and plain numbers are expected"),
    (("--calibration", "SMALL"), "Calibration SMALL of shape (5, 5) does not match the data"),
    (("--calibration", "SMAL"), "has no HDU 'SMAL'. Did you mean SMALL"),
    (("--std", "NOISE", "--read-noise", "2"), "Give one of --std and --read-noise."),
    (("--redshift", "SMALL"), "--redshift SMALL has shape (5, 5), and the positions have (3, 4)."),
    (("--axes", "3"), "--axes is 3, and the image has the axes 0 to 2 (40, 3, 4)."),
    (("--axes", "0,1"), "The model has 1 inputs, and --axes names 2 axes."),
    (("--axes", "z"), "--axes expects whole numbers"),
    (("--window", "20:30km/s"), "No sample lies in the window; the coordinate of axis 0 runs from 0 to 9750 m / s."),
    (("--window", "1:2GHz"), "The window is in 'GHz', and it cannot be converted to 'm / s'."),
    (("--window", "1:2,3:4"), "--window expects 1 range(s)"),
    (("--region", "0:2"), "--region expects 2 ranges of pixels, one for each axis of the positions (3, 4), got '0:2'."),
    (("--region", "0:2,3:9"), "There is nothing in 3:9 of an axis of 4 pixels.\n  0:2,3:9\n      ^"),
    (("--region", "0:2,a:b"), "Expected a range of pixels, such as 25:75.\n  0:2,a:b\n      ^"),
    (("--world-unit", "GHz"), "The coordinate is in 'm / s', which cannot be converted to 'GHz'"),
    (("--world-unit", "furlong"), "'furlong' is not a unit."),
    (("--world-unit", "km/s", "--rest", "115GHz"), "The coordinate is in 'm / s', and has no"),
    (("--rest", "115GHz"), "give --world-unit km/s as well"),
    (("--data-unit", "Kk"), "'Kk' is not a unit."),
    (("--start", "men=4"), "The model has no parameter 'men'. Did you mean mean?\n  men=4\n  ^"),
    (("--start", "mean"), "--start expects name=value."),
    (("--start", "mean=x"), "Expected a number, such as 5 or 5km/s.\n  mean=x\n       ^"),
    (("--start", "mean=5GHz"), "The value of 'mean' is in 'GHz', and it cannot be converted to 'm / s'."),
    (("--start", "mean=4", "--start", "mean=5"), "--start is given 'mean' twice."),
    (("--start", "mean=4", "--fixed", "mean"), "'mean' is given by --start and by --fixed"),
    (("--bounds", "mean=6:3"), "The lower limit 6 exceeds the upper limit 3."),
    (
        ("--bounds", "mean=nan:6"),
        "A limit should be a number, got nan: leave it out where there is none.\n  mean=nan",
    ),
    (("--fixed", "mean=inf"), "The value that 'mean' is fixed at should be a finite number, got inf."),
    (("--bounds", "mean=1:2K"), "The bound of 'mean' is in 'K', and it cannot be converted to 'm / s'."),
    (("--tied", "mean=stddev*"), "Expected a parameter or a number, found the end.\n  stddev*\n         ^"),
    (("--tied", "mean=2*mean"), "'mean' is tied to itself."),
    (("--plot", "fit.doc"), "--plot writes .png, .pdf, .svg, and fit.doc is none of these."),
    (("--out", "no/such/folder/fit.fits"), "for fit.fits does not exist: make it first."),
]


@pytest.mark.parametrize(
    ("arguments", "parts"), [(row[0], row[1:]) for row in ON_MANY], ids=[str(r[0]) for r in ON_MANY]
)
def test_arguments(many: Path, arguments: tuple[str, ...], parts: tuple[str, ...]) -> None:
    fails(ndfit("fit", many, *MODEL, *arguments), *parts)


def test_model_that_cannot_be_read(many: Path) -> None:
    result = ndfit("fit", many, "--model", "Gaussian1D + Gaus1D")
    fails(result, "There is no model 'Gaus1D'. Did you mean Gaussian1D", "\n  Gaussian1D + Gaus1D\n               ^\n")


def test_ambiguous_parameter(many: Path) -> None:
    result = ndfit("fit", many, "--model", "Gaussian1D + Const1D", "--bounds", "amplitude=0:")
    fails(result, "The model has several parameters 'amplitude': amplitude_0, amplitude_1.")


def test_no_such_file(tmp_path: Path) -> None:
    path = tmp_path / "absent.fits"
    result = ndfit("fit", path, *MODEL)
    fails(result, f"Error: There is no file {path}.\n")


def test_no_fits_file(tmp_path: Path) -> None:
    path = tmp_path / "notes.fits"
    path.write_text("not FITS")
    fails(ndfit("fit", path, *MODEL), "does not appear to be a valid FITS file.\n")


def test_not_a_cube(tmp_path: Path) -> None:
    path = write_cube(tmp_path / "line.fits", np.ones(30), {})
    fails(ndfit("fit", path, "--model", "Gaussian2D"), "has no image of 2 or more axes", "it has PRIMARY (30,).")
    fails(ndfit("fit", path, "--model", "Gaussian2D", "--hdu", 0), "has 1 axes (30,), and the model needs 2")


def test_pixels_have_no_unit(tmp_path: Path) -> None:
    path = write_cube(tmp_path / "cube.fits", header={})
    fails(ndfit("fit", path, *MODEL, "--world-unit", "km/s"), "The coordinates are pixels, and cannot be in 'km / s'")
    fails(ndfit("fit", path, *MODEL, "--world-unit", "Angstrom", "--redshift", "1"), "The coordinates are pixels, and")
    fails(ndfit("fit", path, *MODEL, "--start", "mean=3km/s"), "a plain number is expected there")


def test_output_exists(many: Path, tmp_path: Path) -> None:
    """It is found before the data are looked at."""
    out = tmp_path / "fit.fits"
    out.write_text("mine")
    for option in ("--out", "--report", "--save-config"):
        fails(ndfit("fit", many, *MODEL, option, out), f"{out} exists already: give --overwrite to replace it")
    assert out.read_text() == "mine"


@pytest.mark.skipif(os.name != "posix", reason="needs pipes and devices")
@pytest.mark.parametrize("words", ["a named pipe", "a device"])
def test_what_is_no_file(words: str, many: Path, tmp_path: Path) -> None:
    """It is not opened: nobody writes to the pipe, and the device has no end. In a child, which can be ended."""
    path = tmp_path / "given.fits"
    if words == "a named pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    lines = [("fit", path, *MODEL), ("fit", many, *MODEL, "--mask", path), ("fit", many, *MODEL, "--config", path)]
    code = (
        "import sys, json\n"
        "from tests.cli.cubes import ndfit\n"
        "for line in json.loads(sys.argv[1]):\n"
        "    result = ndfit(*line)\n"
        "    print(result.exit_code, result.stderr, end='')\n"
    )
    done = python("-c", code, json.dumps(lines, default=str), timeout=120)
    needed = ("a file is", "a file is", "a file with options is")
    assert done.stdout.splitlines() == [f"2 Error: {path} is {words}, and {what} needed." for what in needed]


@pytest.mark.skipif(os.name != "posix", reason="needs links")
def test_outputs_that_cannot_be_written(many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link to nothing, a pipe, and a folder without room: all are found before the data are looked at."""
    link, taken = tmp_path / "link.fits", tmp_path / "pipe"
    link.symlink_to("nowhere.fits")
    os.mkfifo(taken)
    for option in ("--out", "--report", "--save-config"):
        fails(ndfit("fit", many, *MODEL, option, link), f"{link} exists already: give --overwrite to replace it")
    astray = tmp_path / "astray.fits"
    astray.symlink_to(tmp_path / "nowhere" / "fit.fits")
    fails(
        ndfit("fit", many, *MODEL, "--out", astray, "--overwrite"), f"folder {tmp_path / 'nowhere'} for fit.fits does"
    )
    fails(ndfit("fit", many, *MODEL, "--out", taken, "--overwrite"), "a named pipe, which a file cannot replace")

    def no_room(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "mkdir", no_room)
    fails(ndfit("fit", many, *MODEL, "--out", tmp_path / "fit.fits"), "cannot be written", "No space left on device")


@pytest.mark.skipif(os.name != "posix", reason="needs links")
def test_outputs_that_replace_the_input_or_each_other(many: Path, tmp_path: Path) -> None:
    (tmp_path / "link.fits").symlink_to(many)
    for out in (many, tmp_path / "link.fits"):
        fails(ndfit("fit", many, *MODEL, "--out", out, "--overwrite"), f"{out} holds the data that are fitted")
    out = tmp_path / "one"
    fails(ndfit("fit", many, *MODEL, "--out", out, "--report", out), f"Two outputs are to be written to {out}")
    assert fits.getdata(many, "DATA").shape == SHAPE


def test_refused_by_the_fit(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `ndfit.fit` itself refuses is said in the words of the command line."""
    monkeypatch.undo()
    arguments = ("--start", "mean=1km/s", "--bounds", "mean=3:6km/s")
    fails(ndfit("fit", many, *MODEL, *arguments), "Every starting value of 'mean' is outside its bounds")
    result = ndfit("fit", many, "--model", "Tangent1D", "--guess", "auto")
    fails(result, "--guess auto cannot guess for Tangent1D", "--starts n.")


def test_no_command(tmp_path: Path) -> None:
    result = ndfit("fitt")
    assert result.exit_code == 2
    assert "No such command 'fitt'" in result.output
