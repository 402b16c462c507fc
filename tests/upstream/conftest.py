"""Two workers however large the machine is: each process that starts imports astropy."""

from __future__ import annotations

import dask
import pytest


@pytest.fixture(autouse=True)
def two_workers():
    with dask.config.set(num_workers=2):
        yield
