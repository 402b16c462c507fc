"""The estimated distance to the minimum goes from the engine to everything that shows it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.modeling.fitting import TRFLSQFitter
from astropy.modeling.models import Gaussian1D
from numpy.testing import assert_array_equal
from tests.result.pages import Page

import ndfit
from ndfit.engines.base import BlockResult, SolveOptions
from ndfit.engines.compiled.compiled_engine import CompiledEngine
from ndfit.problem.types import Block

X = np.arange(20.0)
DATA = np.exp(-0.5 * ((X - np.array([8.0, 9.0, 10.0, 11.0])[:, None]) / 1.5) ** 2)
DATA[2] = np.nan
EXPECTED = [1.0, 2.0, np.nan, 4.0]


@pytest.fixture(autouse=True)
def _engine_that_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Distances that are one more than the number of the position."""
    solve = CompiledEngine.__call__

    def solved(self: CompiledEngine, block: Block, options: SolveOptions) -> BlockResult:
        return replace(solve(self, block, options), edm=1.0 + block.positions)

    monkeypatch.setattr(CompiledEngine, "__call__", solved)


def fit(**keywords: Any) -> ndfit.FitResult:
    return ndfit.fit(Gaussian1D(1, 9, 1), DATA, fitting_axes=1, **keywords)


def test_a_map_and_single_fits() -> None:
    result = fit()
    assert result.edm.dtype == np.float64
    assert_array_equal(result.edm, EXPECTED)
    assert result[3].edm == 4.0
    assert result[3].flags == 0
    assert np.isnan(result[2].edm)
    assert_array_equal(result.diagnostics()["edm"], EXPECTED)


@pytest.mark.parametrize("keywords", [{"clip": 3.0}, {"bootstrap": 3}, {"refine": "neighbours"}, {"starts": 3}])
def test_whatever_is_done_to_fits(keywords: dict[str, Any]) -> None:
    assert_array_equal(fit(**keywords).edm, EXPECTED)


def test_files(tmp_path: Path) -> None:
    result = fit()
    result.to_fits(tmp_path / "fit.fits")
    result.to_zarr(tmp_path / "fit.zarr")
    for name in ("fit.fits", "fit.zarr"):
        assert_array_equal(ndfit.read(tmp_path / name).edm, EXPECTED)
    assert_array_equal(result.to_xarray()["edm"], EXPECTED)


def test_a_checkpoint_keeps_it(tmp_path: Path) -> None:
    for _ in range(2):
        assert_array_equal(fit(checkpoint=tmp_path / "run", chunk_n_max=2).edm, EXPECTED)


def test_fit_info() -> None:
    fitter = TRFLSQFitter()
    ndfit.parallel_fit_dask(
        model=Gaussian1D(1, 9, 1), fitter=fitter, data=DATA, fitting_axes=1, fit_info=("edm", "status")
    )
    assert_array_equal(fitter.fit_info.get_property_as_array("edm"), EXPECTED)


def test_the_report(tmp_path: Path) -> None:
    result = fit()
    result.report(tmp_path / "report.html")
    page = Page(tmp_path / "report.html")
    rows = page.array(page.content["rows"]).astype(int)
    assert_array_equal(page.array(page.content["edm"]), np.array(EXPECTED)[rows])
    assert_array_equal(page.array(page.content["flags"]), result.flags[rows])
