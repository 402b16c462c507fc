"""Memory limits: how they are written, and that chunks follow them."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from astropy.modeling.models import Gaussian1D

import ndfit
from ndfit import Instrument
from ndfit.options import Execution


@pytest.mark.parametrize(("limit", "size"), [("512 MB", 512_000_000), ("1 GiB", 2**30), (1000, 1000)])
def test_limits(limit: Any, size: int) -> None:
    assert Execution(memory_limit=limit).memory_limit == size


@pytest.mark.parametrize("limit", [0, -5, True, "much", None, "0 MB"])
def test_what_is_no_limit(limit: Any) -> None:
    with pytest.raises(ValueError, match="memory_limit should be a number of bytes, or text such as '512 MB'"):
        Execution(memory_limit=limit)


@pytest.mark.parametrize("keywords", [{}, {"uncertainty": 0.5}, {"clip": 4.0}, {"loss": "huber"}], ids=str)
def test_fits_in_work_stay_within_the_limit(keywords: dict[str, Any]) -> None:
    limit, n_fits = 3_000_000, 20_000
    x = np.arange(40.0)[:, None]
    data = (4.0 * np.exp(-0.5 * ((x - 20.0) / 3.0) ** 2) + np.zeros(n_fits)).astype(np.float32)
    data[3, ::7] = np.nan

    def fit(**more: Any) -> Any:
        return ndfit.fit(Gaussian1D(3.0, 19.0, 3.0), data, fitting_axes=0, scheduler="synchronous", **keywords, **more)

    fit()  # compiles
    tracemalloc.start()
    result = fit(memory_limit=limit)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    results = n_fits * (8 * 3 + 8 * 9 + 2 + 4 + 8 + 4 + 1)
    assert result.success.all()
    assert (
        peak - results < limit + 2_000_000
    )  # what does not grow with the data: the trace of the model, and workspaces


N_OWN = 1000
INSTRUMENTS: dict[str, Instrument] = {
    "a width a position": Instrument.gaussian(sigma=np.linspace(0.5, 2.0, N_OWN)),
    "bins and a width a position": Instrument.bins(nodes=3) @ Instrument.gaussian(sigma=np.linspace(0.5, 1.0, N_OWN)),
    "a matrix a position": Instrument.matrix(np.ones((N_OWN, 11, 40)) / 11.0),
    "a matrix and a power a position": (
        Instrument.matrix(np.ones((N_OWN, 3, 40)) / 3.0)
        @ Instrument.gaussian(resolving_power=np.linspace(20.0, 30.0, N_OWN))
    ),
}


@pytest.mark.parametrize("uncertainty", [None, 0.5])
@pytest.mark.parametrize("instrument", INSTRUMENTS.values(), ids=INSTRUMENTS)
def test_instruments_of_each_position_stay_within_the_limit(instrument: Instrument, uncertainty: float | None) -> None:
    limit, x = 5_000_000, 1.0 + np.arange(40.0)
    data = (4.0 * np.exp(-0.5 * ((x - 20.0) / 3.0) ** 2) + np.zeros((N_OWN, 1))).astype(np.float32)
    call: dict[str, Any] = {"fitting_axes": 1, "world": (x,), "scheduler": "synchronous", "uncertainty": uncertainty}

    def fit(**more: Any) -> Any:
        return ndfit.fit(Gaussian1D(3.0, 19.0, 3.0), data, instrument=instrument, **call, **more)

    expected = fit()
    tracemalloc.start()
    result = fit(memory_limit=limit)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    np.testing.assert_array_equal(result.parameters["stddev"], expected.parameters["stddev"])
    assert peak < limit + 2_000_000
