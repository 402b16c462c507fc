"""What every test shares: how Hypothesis draws its examples, how often faults are done, and a cluster of two workers.

A test that leaves something in the root of the repository fails.

A test that does the same fault many times takes their number as an argument, and states it in its marker:

    @pytest.mark.faults(few=3, many=50)
    def test_killed(fault_repeats: int) -> None:

It runs with 3 in `make test`, with 50 under `-m long`, and with a share of the 50, 3 at least, in `make test-faults`.
"""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    told = "do this share of the many faults of each test, 1.0 for all, in place of the few"
    parser.addoption("--fault-share", type=float, metavar="SHARE", help=told)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The numbers of faults that a test is run with."""
    if "fault_repeats" not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker("faults")
    assert marker is not None, f"{metafunc.definition.name} needs the marker faults(few=..., many=...)"
    few, many = marker.kwargs["few"], marker.kwargs["many"]
    share = metafunc.config.getoption("--fault-share")
    if share is None:
        numbers = [few, pytest.param(many, marks=pytest.mark.long)]
    else:
        numbers = [max(few, math.ceil(share * many))]
    metafunc.parametrize("fault_repeats", numbers)


@pytest.fixture(autouse=True)
def leaves_nothing_behind() -> Iterator[None]:
    """Hidden files are those of tools: pytest, coverage, editors."""
    there = _shown(ROOT)
    yield
    left = _shown(ROOT) - there
    assert not left, f"left in {ROOT}: {sorted(left)}"


def _shown(folder: Path) -> set[str]:
    return {name for name in os.listdir(folder) if not name.startswith(".")}


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
