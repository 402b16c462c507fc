"""Mapped files: which bytes are asked for, what is given back, and that edits in memory stay."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.modeling.models import Gaussian1D
from hypothesis import given
from hypothesis import strategies as st

import ndfit
from ndfit.run import mapped

SHAPE = (6, 5, 4)


@given(
    order=st.permutations(range(3)),
    cuts=st.tuples(*(st.tuples(st.integers(0, size - 1), st.integers(1, size)) for size in SHAPE)),
    step=st.sampled_from([1, 2]),
)
def test_runs_are_the_bytes_of_the_array(order: list[int], cuts: Any, step: int) -> None:
    whole = np.arange(120, dtype="f4").reshape(SHAPE)
    view = whole[tuple(slice(start, start + size, step) for start, size in cuts)].transpose(order)
    origin = whole.ctypes.data
    covered = [(begin - origin + i) // 4 for begin, length in mapped._runs(view) for i in range(0, length, 4)]
    assert sorted(covered) == sorted(view.ravel().astype(int))


def test_views_that_are_read_backwards_or_of_no_file() -> None:
    assert list(mapped._runs(np.zeros((4, 5))[::-1])) == []
    assert mapped._map_of(np.zeros(3)) is None
    assert mapped._map_of(None) is None


@pytest.fixture
def cube(tmp_path: Path) -> Path:
    x = np.arange(20.0)[:, np.newaxis, np.newaxis]
    line = np.exp(-0.5 * ((x - 10.0) / 2.0) ** 2)
    noise = np.random.default_rng(0).normal(scale=0.1, size=(20, 300, 300))
    path = tmp_path / "cube.fits"
    fits.writeto(path, (line + noise).astype("f4"))
    with path.open("rb") as file:  # as files are that were written long ago
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return path


def resident_pages_of_files() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split("RssFile:")[1].split()[0]) * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="told by Linux's /proc alone")
def test_pages_of_large_files_are_given_back_and_edits_stay(cube: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Gaussian1D(1.0, 10.0, 2.0)
    with fits.open(cube, memmap=True) as hdus:
        data = hdus[0].data
        data[:, 0, 0] = 7.0  # in memory, not in the file
        data[:, 0, 1] = np.nan
        kept = ndfit.fit(model, data, fitting_axes=0)
        before = resident_pages_of_files()
        monkeypatch.setattr(mapped, "LARGE", 0)
        given_back = ndfit.fit(model, data, fitting_axes=0)
        assert before - resident_pages_of_files() > 0.5 * data.nbytes
        np.testing.assert_array_equal(data[:, 0, 0], 7.0)
        assert given_back.status[0, 1] == kept.status[0, 1] < 0
    np.testing.assert_array_equal(given_back.parameters["mean"], kept.parameters["mean"])
