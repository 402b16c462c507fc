"""`ndfit info`, `report`, `models` and `demo`, and the group that holds them."""

from __future__ import annotations

from pathlib import Path

import pytest
from astropy.modeling.models import Const1D, Spline1D
from tests.children import python
from tests.cli.cubes import fails, line_cube, ndfit, write_cube

import ndfit as package


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, cube: Path) -> Path:
    """A file of results, and beside it the options that made it."""
    folder = tmp_path_factory.mktemp("results")
    options = ("--model", "Gaussian1D + Const1D", "--world-unit", "km/s", "--window", "1:8km/s")
    constraints = ("--bounds", "mean=3:6km/s", "--fixed", "amplitude_1=0")
    paths = ("--out", folder / "fit.fits", "--save-config", folder / "fit.toml")
    assert ndfit("fit", cube, *options, *constraints, *paths).exit_code == 0
    return folder / "fit.fits"


def test_info(results: Path) -> None:
    text = ndfit("info", results).stdout
    for part in (
        "Model     Gaussian1D + Const1D\n",
        "Data      cube.fits, SHA-256 ",
        "Shape     (29, 3, 4) K\n",
        "Fitted    along axes [0]\n",
        f"by ndfit {package.__version__}\n",
        "Engine    compiled: the model compiles, and agrees with the caller's\n",
        "  mean_0           km / s           from 3 to 6\n",
        "  amplitude_1      K                fixed\n",
        "12 positions, compiled engine",
        "converged: the cost changes by less than ftol",
    ):
        assert part in text


def test_info_of_what_is_no_result(cube: Path, tmp_path: Path) -> None:
    fails(ndfit("info", cube), "is a FITS file, but not one of ndfit's results")
    fails(ndfit("info", tmp_path / "absent.fits"), "There is nothing at")


def test_report_shows_the_data_where_they_are_given_back(results: Path, tmp_path: Path) -> None:
    alone, full = tmp_path / "alone.html", tmp_path / "full.html"
    assert ndfit("report", results, "--out", alone).stdout == f"Written: {alone}\n"
    run = ndfit("report", results, "--out", full, "--config", results.with_suffix(".toml"))
    assert run.exit_code == 0, run.output
    assert full.stat().st_size > alone.stat().st_size + 29 * 12 * 4
    fails(ndfit("report", results, "--out", full), "exists already")


def test_report_refuses_other_data(results: Path, tmp_path: Path) -> None:
    other = write_cube(tmp_path / "other.fits", line_cube() + 1.0)
    config = tmp_path / "other.toml"
    lines = results.with_suffix(".toml").read_text().splitlines()
    config.write_text("\n".join(f'cube = "{other}"' if line.startswith("cube") else line for line in lines))
    result = ndfit("report", results, "--out", tmp_path / "page.html", "--config", config)
    fails(result, "What is given is not what was fitted: data differ")


def test_models() -> None:
    text = ndfit("models", "Gaussian1D", "Voigt1D").stdout
    assert text.splitlines() == [
        "model       inputs  compiles  linear parameters",
        "Gaussian1D  1       yes       amplitude",
        "Voigt1D     1       yes       amplitude_L",
    ]
    fails(ndfit("models", "Gauss1D"), "There is no model 'Gauss1D'. Did you mean Gaussian1D")


def test_all_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ndfit.cli.models.fittable_classes", lambda: (Const1D, Spline1D))
    first, second = ndfit("models").stdout.splitlines()[1:]
    assert first.split() == ["Const1D", "1", "yes", "amplitude"]
    assert second.split()[:3] == ["Spline1D", "1", "no"]


def test_help_names_the_commands_and_exit_codes() -> None:
    text = " ".join(ndfit("--help").stdout.split())
    for part in ("fit Fit a model", "0 all went well, 1 the fit failed, 2 the input cannot be used, 130 interrupted"):
        assert part in text
    assert ndfit("demo", "--help").stdout.startswith("Usage: main demo")
    assert package.__version__ in ndfit("--version").stdout


def test_help_is_quick() -> None:
    """Nothing heavy is imported for it."""
    code = "import sys, ndfit.cli.main; sys.exit(any(name in sys.modules for name in ('astropy', 'llvmlite', 'dask')))"
    python("-c", code)


def test_what_a_command_does_not_need_is_not_imported(cube: Path, tmp_path: Path) -> None:
    late = ["dask.array", "pandas", "xarray", "scipy.special", "matplotlib", "distributed", "zarr"]
    code = "import sys; from ndfit.cli.main import main; main(sys.argv[1:], standalone_mode=False); "
    code += f"print([name for name in {late} if name in sys.modules])"
    out = tmp_path / "out.fits"
    fitted = python("-c", code, "fit", str(cube), "--model", "Gaussian1D + Const1D", "--out", str(out))
    assert fitted.stdout.splitlines()[-1] == "[]"


def test_the_options_of_fit_are_in_sections() -> None:
    text = ndfit("fit", "--help").stdout
    sections = [line[:-1] for line in text.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert sections[0] == "Model, and where it is fitted"
    assert sections[-1] == "Output"
    assert len(sections) == 10
    assert text.index("Coordinates:") < text.index("--world-unit") < text.index("Data:") < text.index("--missing")
