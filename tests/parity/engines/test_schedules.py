"""No bit of any result depends on chunks, scheduler or the number of workers, whichever compiled engine solves."""

from __future__ import annotations

from typing import Any

import dask
import numpy as np
import pytest
from astropy.modeling import models
from astropy.modeling.fitting import TRFLSQFitter

from ndfit import parallel_fit_dask

X = np.linspace(-5.0, 5.0, 41)
SHAPE = (6, 9)
INFO = ("status", "nfev", "cost", "param_cov")

SCHEDULES = [
    *({"scheduler": "synchronous", "chunk_n_max": size} for size in (1, 7, 1000)),
    *({"scheduler": "threads", "chunk_n_max": 5, "num_workers": count} for count in (1, 2, 5)),
]


def _lines() -> dict[str, Any]:
    """Coordinates, weights and samples of each position's own, a tied and a bounded parameter."""
    rng = np.random.default_rng(3)
    world = X[:, np.newaxis, np.newaxis] + rng.uniform(-0.1, 0.1, (X.size, *SHAPE))
    mean = rng.uniform(-1.0, 1.0, SHAPE)
    data = 5.0 * np.exp(-0.5 * (world - mean) ** 2) + 1.0 + 0.3 * rng.standard_normal(world.shape)
    model = models.Gaussian1D(4.0, 0.0, 1.2, bounds={"mean": (-0.8, None)}) + models.Const1D(0.0)
    model.stddev_0.tied = lambda m: 0.1 * m.mean_0 + 1.0
    return {
        "model": model,
        "data": data,
        "world": (world,),
        "weights": rng.uniform(0.5, 2.0, data.shape),
        "mask": rng.uniform(size=data.shape) < 0.1,
    }


def _polynomials(**more: Any) -> dict[str, Any]:
    rng = np.random.default_rng(4)
    data = rng.uniform(-1.0, 1.0, SHAPE) * X[:, np.newaxis, np.newaxis] ** 2 + rng.standard_normal((X.size, *SHAPE))
    return {"model": models.Polynomial1D(3), "data": data, "world": (X,)} | more


PROBLEMS = {
    "lines": _lines(),
    "polynomials": _polynomials(),
    "polynomials, masked": _polynomials(mask=np.random.default_rng(5).uniform(size=(X.size, *SHAPE)) < 0.02),
    "polynomials, weighted": _polynomials(weights=np.random.default_rng(6).uniform(0.5, 2.0, (X.size, *SHAPE))),
}


def results(name: str, scheduler: Any, chunk_n_max: int, num_workers: int = 2) -> dict[str, Any]:
    fitter = TRFLSQFitter()
    with dask.config.set(num_workers=num_workers):
        fitted = parallel_fit_dask(
            **PROBLEMS[name],
            fitter=fitter,
            fitting_axes=0,
            engine="compiled",
            fit_info=INFO,
            scheduler=scheduler,
            chunk_n_max=chunk_n_max,
        )
    maps = {parameter: getattr(fitted, parameter).value for parameter in fitted.param_names}
    return maps | {info: fitter.fit_info.get_property_as_array(info) for info in INFO}


def assert_same_bits(found: dict[str, Any], expected: dict[str, Any]) -> None:
    for entry, values in expected.items():
        assert np.array_equal(found[entry], values, equal_nan=True), entry


@pytest.fixture(scope="module")
def at_once() -> dict[str, dict[str, Any]]:
    return {name: results(name, "synchronous", 10_000) for name in PROBLEMS}


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: "-".join(map(str, schedule.values())))
@pytest.mark.parametrize("name", PROBLEMS)
def test_chunks_and_threads(name: str, schedule: dict[str, Any], at_once: dict[str, dict[str, Any]]) -> None:
    assert (at_once[name]["status"] > 0).all()
    assert_same_bits(results(name, **schedule), at_once[name])


def test_processes(at_once: dict[str, dict[str, Any]]) -> None:
    assert_same_bits(results("lines", "processes", 20), at_once["lines"])


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_cluster(name: str, client: Any, at_once: dict[str, dict[str, Any]]) -> None:
    assert_same_bits(results(name, client, 20), at_once[name])
