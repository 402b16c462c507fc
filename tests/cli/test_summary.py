"""`ndfit summary`: many files of results in one table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import Table
from tests.cli.cubes import HEADER, fails, line_cube, ndfit, write_cube

import ndfit as package


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A cube in K, half of it without data; the same in m/s; and one in Jy with another model."""
    folder = tmp_path_factory.mktemp("results")
    spiked = line_cube()
    spiked[:, 0] *= 0.01
    spiked[9, 0] = 50.0  # one channel, which is flagged
    half = line_cube()
    half[:, 0] = np.nan
    cubes = {
        "one": (half, HEADER, ("--model", "Gaussian1D", "--world-unit", "km/s")),
        "two": (spiked, HEADER, ("--model", "Gaussian1D")),
        "three": (line_cube(5.0), HEADER | {"BUNIT": "Jy"}, ("--model", "Gaussian1D + Const1D")),
        "four": (line_cube(), HEADER | {"BUNIT": "Jy"}, ("--model", "Gaussian1D")),
    }
    paths = []
    for name, (data, header, options) in cubes.items():
        cube = write_cube(folder / f"{name}.fits", data, header)
        paths.append(folder / f"{name}-fit.fits")
        run = ndfit("fit", cube, *options, "--out", paths[-1])
        assert run.exit_code == 0, run.output
    return paths


def test_a_row_a_file(results: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "summary.ecsv"
    run = ndfit("summary", *results, "--out", out)
    assert run.exit_code == 0, run.output
    table = Table.read(out)
    assert list(table["file"]) == [str(path) for path in results]
    assert list(table["shape"]) == ["3 x 4"] * 4
    assert list(table["NO_DATA"].filled(0)) == [4, 0, 0, 0]
    for row, path in zip(table, results, strict=True):
        result = package.read(path)
        assert row["positions"] == 12
        assert row["converged"] == result.success.sum()
        believed = result.success & ~package.disqualified(result.flags)
        assert row["believed"] == believed.sum()
        assert row["reduced_chi_square"] == pytest.approx(np.median(result.reduced_chi_square[believed]), rel=1e-12)
        names = [status.name for status in package.STATUS[0].status.__class__ if status.name in table.colnames]
        assert sum(row[name] for name in names if row[name] is not np.ma.masked) == 12
    assert table["median_mean"].unit == u.km / u.s
    second = package.read(results[1])
    believed = second.success & ~package.disqualified(second.flags)
    assert believed.sum() < 12
    assert table["flagged"][1] == np.count_nonzero(package.disqualified(second.flags)) > 0
    mean = np.median(second.parameters["mean"][believed].to_value(u.km / u.s))
    assert table["median_mean"][1] == pytest.approx(mean, rel=1e-12)
    assert table["median_mean"][2] is np.ma.masked  # there it is mean_0
    assert table["median_amplitude"].unit == u.K
    assert table["median_amplitude"][3] is np.ma.masked
    assert "median_amplitude" in run.stderr
    assert "Jy" in run.stderr


def test_without_a_file_it_is_printed(results: list[Path]) -> None:
    run = ndfit("summary", results[0])
    assert run.exit_code == 0
    assert Table.read(run.stdout, format="ascii.ecsv")["positions"][0] == 12


def test_nothing_to_believe_is_nan(tmp_path: Path) -> None:
    fits.writeto(tmp_path / "cube.fits", np.full((40, 1, 2), np.nan), fits.Header(HEADER))
    run = ndfit("fit", tmp_path / "cube.fits", "--model", "Gaussian1D", "--out", tmp_path / "fit.fits")
    assert run.exit_code == 0, run.output
    ndfit("summary", tmp_path / "fit.fits", "--out", tmp_path / "summary.ecsv")
    table = Table.read(tmp_path / "summary.ecsv")
    assert table["believed"][0] == 0
    assert np.isnan(table["median_mean"][0])


def test_broken_files(results: list[Path], tmp_path: Path) -> None:
    """One ends the command before anything is written, or is left out with a note."""
    broken, out = tmp_path / "broken.fits", tmp_path / "summary.ecsv"
    broken.write_text("no result")
    fails(ndfit("summary", results[0], broken, "--out", out), "broken.fits")
    assert not out.exists()
    run = ndfit("summary", results[0], broken, tmp_path / "none.fits", "--out", out, "--skip-broken")
    assert run.exit_code == 0, run.output
    assert len(Table.read(out)) == 1
    assert "broken.fits" in run.stderr
    assert "none.fits" in run.stderr
    fails(ndfit("summary", broken, "--skip-broken"), "None of the files")
    fails(ndfit("summary", results[0], "--out", out), "--overwrite")
    assert ndfit("summary", results[0], "--out", out, "--overwrite").exit_code == 0
