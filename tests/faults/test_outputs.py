"""Outputs with two writers, and with writers that are killed: in real processes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from tests.children import python

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.mark.faults(few=2, many=20)
@pytest.mark.parametrize("kind", ["fits", "zarr", "report", "config"])
def test_outputs_are_whole(kind: str, fault_repeats: int, tmp_path: Path) -> None:
    """With `overwrite=True` both writers succeed, without it one does; after a kill the old or the new is there."""
    if kind == "zarr":
        pytest.importorskip("zarr")
        pytest.importorskip("xarray")
    script = str(Path(__file__).parent / "writers.py")
    done = python("-W", "ignore", script, str(tmp_path), kind, str(fault_repeats), timeout=1800)
    assert not done.stderr, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    known = set(told["known"])
    assert len(known) == 2
    assert told["overwriting"]["ends"] == [[0, 0]] * fault_repeats
    assert set(told["overwriting"]["found"]) <= known
    assert set(told["overwriting"]["read"]) <= {1.0, 2.0}
    assert told["exclusive"]["ends"] == [[0, 17]] * fault_repeats
    assert set(told["exclusive"]["found"]) <= known
    assert not told["beside"]
    assert set(told["killed"]["found"]) <= known
    assert all(name.startswith(".partial-") for name in told["left"])
