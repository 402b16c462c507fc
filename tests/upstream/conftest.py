"""Two workers however large the machine is: each process that starts imports astropy. Markers of xarray's tests."""

from __future__ import annotations

import dask
import pytest


@pytest.fixture(autouse=True)
def two_workers():
    with dask.config.set(num_workers=2):
        yield


def pytest_configure(config: pytest.Config) -> None:
    for name in ("flaky", "network"):
        config.addinivalue_line("markers", f"{name}: of xarray's own tests")
