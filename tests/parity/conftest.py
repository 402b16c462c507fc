"""The function under test, once for each engine a person can ask for, on two workers however large the machine is."""

from __future__ import annotations

from functools import partial

import dask
import pytest

from ndfit import parallel_fit_dask


@pytest.fixture(autouse=True)
def two_workers():
    with dask.config.set(num_workers=2):
        yield


@pytest.fixture(params=["reference", "auto"])
def fit(request):
    """`parallel_fit_dask` with the engine chosen, in one thread unless the test names a scheduler."""
    return partial(parallel_fit_dask, engine=request.param, scheduler="synchronous")
