"""What the cache of compiled code saves a process, and that a broken one costs no more than compiling again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.children import python

FIRST_FIT = """
import numpy as np
from astropy.modeling.fitting import TRFLSQFitter
from astropy.modeling.models import Gaussian1D
from ndfit import parallel_fit_dask

x = np.linspace(-5.0, 5.0, 40)
data = 3.0 * np.exp(-0.5 * (x - np.linspace(-1.0, 1.0, 50)[:, np.newaxis]) ** 2)
fitted = parallel_fit_dask(
    model=Gaussian1D(2.0, 0.0, 1.2),
    fitter=TRFLSQFitter(calc_uncertainties=True),
    data=data,
    world=(x,),
    fitting_axes=1,
    engine="compiled",
)
print(fitted.mean.value.tobytes().hex())
"""


class Run(NamedTuple):
    """What a process printed, and the cache's files as it left them: name -> time of the last change."""

    answer: str
    files: dict[str, int]


def first_fit(directory: Path) -> Run:
    answer = python("-W", "error", "-c", FIRST_FIT, variables={"NDFIT_CACHE_DIR": str(directory)}).stdout
    return Run(answer, {path.name: path.stat().st_mtime_ns for path in directory.rglob("*.code")})


@pytest.fixture(scope="module")
def cold(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    directory = tmp_path_factory.mktemp("cache") / "made" / "when needed"
    return directory, first_fit(directory)


def test_a_second_process_compiles_nothing(cold: tuple[Path, Run]) -> None:
    directory, first = cold
    assert first.files
    assert first_fit(directory) == first


def test_cut_files_are_compiled_again(cold: tuple[Path, Run]) -> None:
    directory, first = cold
    for path in directory.rglob("*.code"):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        os.utime(path, ns=(0, 0))
    mended = first_fit(directory)
    assert mended.answer == first.answer
    assert all(mended.files.values())
