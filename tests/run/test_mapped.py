"""Which bytes of mapped files are asked for."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
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


def test_nothing_is_asked_for_that_is_read_backwards_or_in_no_file() -> None:
    assert list(mapped._runs(np.zeros((4, 5))[::-1])) == []
    assert mapped._map_of(np.zeros(3)) is None
    assert mapped._map_of(None) is None


class Watched(mmap.mmap):
    """A mapped file that notes what it is advised."""

    asked: list[tuple[int, int]]

    def madvise(self, option: int, start: int = 0, length: int | None = None) -> None:
        self.asked.append((start, length or len(self) - start))
        super().madvise(option, start, length or len(self) - start)


@pytest.mark.skipif(not hasattr(mmap, "MADV_WILLNEED"), reason="this system takes no advice")
@pytest.mark.parametrize("scheduler", ["threads", "synchronous"])
def test_every_page_is_asked_for(tmp_path: Path, scheduler: str) -> None:
    x = np.arange(20.0)[:, np.newaxis]
    cube = np.exp(-0.5 * ((x - 10.0) / 2.0) ** 2) + np.random.default_rng(0).normal(scale=0.1, size=(20, 5000))
    path = tmp_path / "cube"
    path.write_bytes(b"0123" * 30 + cube.tobytes())
    with path.open("rb") as file:
        whole = Watched(file.fileno(), 0, access=mmap.ACCESS_READ)
    whole.asked = []
    data = np.ndarray(cube.shape, buffer=whole, offset=120)
    result = ndfit.fit(Gaussian1D(1.0, 10.0, 2.0), data, fitting_axes=0, scheduler=scheduler)
    pages = {page for start, length in whole.asked for page in range(start // 4096, (start + length - 1) // 4096 + 1)}
    assert pages == set(range((len(whole) - 1) // 4096 + 1))
    of_memory = ndfit.fit(Gaussian1D(1.0, 10.0, 2.0), cube, fitting_axes=0, scheduler=scheduler)
    np.testing.assert_array_equal(result.parameters["mean"], of_memory.parameters["mean"])
