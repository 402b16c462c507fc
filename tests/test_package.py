"""The package as it is installed: what the wheel holds, and what importing it costs."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import pytest

import ndfit
from tests.children import python

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src"

# A job in another process, in which the package is the one in the wheel.
USE = """
import sys
import numpy as np
from astropy.modeling.models import Gaussian1D
import ndfit

assert ndfit.__file__.startswith(sys.argv[1]), ndfit.__file__
x = np.arange(20.0)
data = np.exp(-0.5 * (x[:, None] - [8.0, 9.0, 10.0]) ** 2)
result = ndfit.fit(Gaussian1D(1, 9, 1), data, fitting_axes=0)
assert result.success.all() and result.engine == "compiled"
result.report(sys.argv[2])
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    python("-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder), folder=ROOT)
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_is_pure_and_holds_every_file_of_the_package(wheel: Path) -> None:
    assert wheel.name == f"ndfit-{ndfit.__version__}-py3-none-any.whl"
    with ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if name.startswith("ndfit/")}
    source = {path for path in (SOURCE / "ndfit").rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert held == {path.relative_to(SOURCE).as_posix() for path in source}
    assert "ndfit/py.typed" in held
    assert any(name.startswith("ndfit/report/") and not name.endswith(".py") for name in held)


def test_the_wheel_works_without_its_source(wheel: Path, tmp_path: Path) -> None:
    with ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    page = tmp_path / "report.html"
    site = str(tmp_path / "site")
    python("-c", USE, site, str(page), variables={"PYTHONPATH": site}, folder=tmp_path)
    assert page.stat().st_size > 10_000


def test_importing_the_package_imports_nothing_heavy() -> None:
    late = ["llvmlite", "dask", "distributed", "matplotlib", "scipy", "xarray", "zarr", "h5py", "astropy"]
    code = f"import sys, ndfit; print([name for name in {late} if name in sys.modules])"
    assert python("-c", code).stdout.strip() == "[]"


def test_fitting_needs_no_extra(wheel: Path) -> None:
    extras = ["matplotlib", "distributed", "zarr", "xarray", "h5py"]
    code = f"import sys; sys.modules.update(dict.fromkeys({extras})); sys.argv = ['', '', '']\n" + USE.replace(
        "assert ndfit.__file__.startswith(sys.argv[1]), ndfit.__file__", ""
    ).replace("result.report(sys.argv[2])", "print(result.summary())")
    assert "3 positions" in python("-c", code).stdout


@pytest.mark.parametrize("name", ndfit.__all__)
def test_public_names_are_there(name: str) -> None:
    assert getattr(ndfit, name) is not None
    assert name in dir(ndfit)


def test_the_citation_is_of_this_version() -> None:
    assert f"\nversion: {ndfit.__version__}\n" in (ROOT / "CITATION.cff").read_text()
