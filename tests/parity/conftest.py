"""The function under test, once for each engine a person can ask for."""

from __future__ import annotations

from functools import partial

import pytest

from ndfit import parallel_fit_dask


@pytest.fixture(params=["reference", "auto"])
def fit(request):
    """`parallel_fit_dask` with the engine chosen, in one thread unless the test names a scheduler."""
    return partial(parallel_fit_dask, engine=request.param, scheduler="synchronous")
