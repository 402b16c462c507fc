"""An engine that is none of the package's, made as docs/contributing.md says, does what the others do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.modeling.models import Gaussian1D
from numpy.testing import assert_allclose, assert_array_equal

import ndfit
from ndfit.arrays import FloatArray
from ndfit.engines import select
from ndfit.engines.base import BlockResult, EngineChoice, SolveOptions
from ndfit.engines.registry import EngineRow, Request
from ndfit.problem.places import Places
from ndfit.problem.types import Block
from ndfit.status import Status

X = np.arange(30.0)
CENTRES = np.linspace(13.0, 17.0, 6)


@dataclass(frozen=True)
class SimplexEngine:
    """scipy's search without derivatives, for data without weights."""

    model: Any
    free: tuple[int, ...]
    tolerance: float = 1e-9
    name: str = "simplex"
    chunk_size: int = 100
    releases_gil: bool = False
    pointwise: bool = False
    calls_fitter: bool = False
    seconds_per_fit: float = 1e-2
    packages: tuple[str, ...] = ("ndfit", "scipy", "numpy")
    set_tied: None = None
    dimensions: None = None

    def fingerprint(self) -> dict[str, Any]:
        return {"computes": self.model, "tolerance": self.tolerance}

    def make_ready(self, options: SolveOptions) -> None:
        import scipy.optimize  # noqa: F401

    def __call__(self, block: Block, options: SolveOptions) -> BlockResult:
        from scipy.optimize import minimize

        block = block.whitened
        parameters, status = np.full(block.start.shape, np.nan), block.status.copy()
        cost, nfev = np.full(block.n_fits, np.nan), np.zeros(block.n_fits, np.int32)
        n_free = len(self.free)
        covariance = np.full((block.n_fits, n_free, n_free), np.nan) if options.covariance else None
        for row in np.flatnonzero(status == Status.READY):
            used = slice(None) if block.valid is None else block.valid[row]
            places = block.places.one(row)

            def half_chi_square(values: FloatArray, row: int = row, used: Any = used, places: Any = places) -> float:
                residual = (self.values(values[np.newaxis], places)[0] - block.data[row])[used]
                return 0.5 * float(residual @ residual)

            search = {"xatol": self.tolerance, "fatol": self.tolerance, "maxiter": 2000}
            found = minimize(half_chi_square, block.start[row], method="Nelder-Mead", options=search)
            parameters[row], cost[row], nfev[row], status[row] = found.x, found.fun, found.nfev, Status.XTOL
            if covariance is not None:
                covariance[row] = np.eye(n_free)
        return BlockResult(parameters, status, nfev, cost, covariance)

    def values(self, parameters: FloatArray, places: Places) -> FloatArray:
        (axis,) = (each if each.ndim == 2 else each[np.newaxis] for each in places.inputs)
        return places.seen(np.asarray(self.model.evaluate(axis, *(column[:, np.newaxis] for column in parameters.T))))


@pytest.fixture
def use_engine(monkeypatch: pytest.MonkeyPatch) -> Any:
    def use(**fields: Any) -> None:
        def build(request: Request) -> EngineChoice:
            problem = request.problem
            return EngineChoice(SimplexEngine(problem.model, problem.params.free, **fields), "for this test")

        monkeypatch.setattr(select, "ENGINES", (EngineRow("simplex", True, build), *select.ENGINES))

    return use


def fit(**keywords: Any) -> ndfit.FitResult:
    data = 3.0 * np.exp(-0.5 * ((X[:, np.newaxis] - CENTRES) / 2.0) ** 2)
    data = data + 0.01 * np.random.default_rng(0).normal(size=data.shape)
    data[28, 2] = 0.7
    keywords = {"chunk_n_max": 2, "clip": 5.0, "guess": "auto", "starts": 2, "bootstrap": 3, **keywords}
    return ndfit.fit(Gaussian1D(2.0, 15.0, 1.5), data, fitting_axes=0, **keywords)


@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_it_fits_with_everything_around_it(scheduler: str, use_engine: Any) -> None:
    use_engine()
    result = fit(scheduler=scheduler)
    assert result.engine == "simplex"
    assert_allclose(result.parameters["mean"], CENTRES, atol=0.05)
    assert result.n_samples[2] == 29
    assert (result.errors["mean"] > 0).all()


def test_it_goes_on_from_a_checkpoint(use_engine: Any, tmp_path: Path) -> None:
    use_engine()
    first = fit(checkpoint=tmp_path / "run")
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")}
    second = fit(checkpoint=tmp_path / "run")
    for name in first.param_names:
        assert_array_equal(first.parameters[name], second.parameters[name])
    assert kept == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")}
    use_engine(tolerance=1e-3)
    with pytest.raises(ndfit.CheckpointError, match="another run"):
        fit(checkpoint=tmp_path / "run")
