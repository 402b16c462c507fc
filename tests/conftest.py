"""What every test shares: how Hypothesis draws its examples, and a cluster of two workers."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(scope="session")
def cluster() -> Iterator[Any]:
    """A cluster of two single-threaded workers; its pages are on free ports, so that two test runs do not collide."""
    distributed = pytest.importorskip("distributed")
    pages = {"dashboard_address": "127.0.0.1:0", "worker_dashboard_address": None}
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, **pages) as cluster:
        yield cluster


@pytest.fixture
def client(cluster: Any) -> Iterator[Any]:
    """The active client of that cluster."""
    with importlib.import_module("distributed").Client(cluster) as client:
        yield client
