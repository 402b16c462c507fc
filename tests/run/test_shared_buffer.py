"""A result that another process leaves in shared memory is whole, or is not there."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from ndfit.run import shared_buffer as module
from ndfit.run.shared_buffer import Address, SharedBuffer, write_result
from ndfit.run.tasks import leaving

pytestmark = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="needs Linux's anonymous files")

_PLACES = module._places
_FRESH = multiprocessing.get_context("spawn")
ARRAYS = st_numpy.arrays(
    dtype=st.sampled_from(["f8", ">f4", "i2", "u1", "?", "O"]),
    shape=st_numpy.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=70),
    elements=st.integers(0, 1),
)


@given(arrays=st.lists(ARRAYS, max_size=5), told=st.dictionaries(st.integers(), st.text()))
def test_what_is_left_is_taken(arrays: list[Any], told: dict[int, str]) -> None:
    slot = SharedBuffer()
    assert not slot.filled
    assert slot.address is not None
    assert write_result((arrays, told), slot.address)
    assert slot.filled
    taken, also_told = slot.take()
    assert also_told == told
    for before, after in zip(arrays, taken, strict=True):
        assert before.dtype == after.dtype
        np.testing.assert_array_equal(before, after)
        after[...] = 1  # the caller may write to it


def test_arrays_that_are_not_contiguous() -> None:
    slot = SharedBuffer()
    arrays = np.arange(60.0).reshape(3, 4, 5)
    left = [arrays.T, arrays[:, ::2], arrays.transpose(1, 0, 2)]
    assert slot.address is not None
    assert write_result(left, slot.address)
    for before, after in zip(left, slot.take(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_the_first_result_stays() -> None:
    slot = SharedBuffer()
    assert slot.address is not None
    assert write_result("first", slot.address)
    assert write_result("second", slot.address)
    assert slot.take() == "first"


def test_a_slot_that_another_worker_fills_is_let_alone() -> None:
    with closing(SharedBuffer()) as slot, open(f"/proc/self/fd/{slot.address.descriptor}", "rb") as other:  # type: ignore[union-attr]
        import fcntl

        fcntl.flock(other, fcntl.LOCK_EX)
        assert not write_result("result", slot.address)  # type: ignore[arg-type]
        assert not slot.filled


def test_a_slot_that_is_gone_or_another_is_not_written_to() -> None:
    slot = SharedBuffer()
    assert slot.address is not None
    gone = slot.address
    slot.close()
    assert not write_result("result", gone)
    with closing(SharedBuffer()) as following:
        assert following.address is not None
        assert following.address.descriptor == gone.descriptor
        assert not write_result("result", gone)
        assert not following.filled
    assert not write_result("result", Address(2**22 + 1, 0, "nobody"))


def test_a_task_says_what_it_could_not_leave() -> None:
    with closing(SharedBuffer()) as slot:
        assert leaving(None, str, 1) == "1"
        assert leaving(Address(2**22 + 1, 0, "nobody"), str, 1) == "1"
        assert leaving(slot.address, str, 1) is None
        assert slot.take() == "1"


def test_without_such_memory_results_travel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create")
    with closing(SharedBuffer()) as slot:
        assert slot.address is None
        assert not slot.filled


def test_a_full_memory_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(lengths: list[int]) -> Any:
        raise OSError(28, "No space left on device")

    with closing(SharedBuffer()) as slot, monkeypatch.context() as patched:
        patched.setattr(module, "_places", full)
        assert not write_result("result", slot.address)  # type: ignore[arg-type]
        assert not slot.filled


def _killing_places(lengths: list[int]) -> Iterator[tuple[int, int]]:
    """Ends the process with part of the result in place already."""
    yield from list(_PLACES(lengths))[:-1]
    os.kill(os.getpid(), signal.SIGKILL)


def _leave(address: Address, killed: bool) -> None:
    if killed:
        module._places = _killing_places
    write_result([np.ones(2**20), np.ones(2**20)], address)


def test_a_worker_that_is_killed_halfway_leaves_room_for_the_next() -> None:
    slot = SharedBuffer()
    told = []
    for killed in (True, False):
        process = _FRESH.Process(target=_leave, args=(slot.address, killed))
        process.start()
        process.join()
        told.append((process.exitcode, slot.filled, slot._file.seek(0, os.SEEK_END) >= 2**23))
    assert told == [(-signal.SIGKILL, False, True), (0, True, True)]
    assert slot.take()[0].sum() == 2**20
