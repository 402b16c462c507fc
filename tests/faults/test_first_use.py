"""The first fits of a fresh process are right, whoever else makes theirs at the same moment.

What is compiled, loaded or registered late is met once in the life of a process, so that tests in one process never see
two threads meet there.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.children import python
from tests.faults.first_use import WAYS

SCRIPT = str(Path(__file__).with_name("first_use.py"))
_EACH_COLD = 4  # one of as many processes starts with an empty cache
_NEED_FORK = {"forked", "forked_while_fitting", "forked_while_fitting_one_by_one"}
# Where most was seen to go wrong; the others are for the long tests.
_ALWAYS = {"threads", "drawn", "callers", "in_dask_threads", "cluster", "forked_while_fitting", "beside_llvm"}


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("warm")


@pytest.mark.faults(few=1, many=20)
@pytest.mark.parametrize("way", [pytest.param(way, marks=() if way in _ALWAYS else pytest.mark.long) for way in WAYS])
def test_first_use(way: str, fault_repeats: int, warm: Path, tmp_path: Path) -> None:
    if way in _NEED_FORK and not hasattr(os, "fork"):
        pytest.skip("needs fork")
    with _busy_cores(0 if fault_repeats == 1 else os.cpu_count() or 1):
        for number in range(fault_repeats):
            cache = tmp_path / f"cold-{number}" if number % _EACH_COLD == 1 else warm
            done = python("-W", "ignore", SCRIPT, way, variables={"NDFIT_CACHE_DIR": str(cache)})
            assert done.stdout.endswith("right\n"), done


@contextmanager
def _busy_cores(count: int) -> Iterator[None]:
    """So many other processes that never wait."""
    busy = [multiprocessing.get_context("spawn").Process(target=_never_wait, daemon=True) for _ in range(count)]
    for process in busy:
        process.start()
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.join()


def _never_wait() -> None:
    while True:
        pass
