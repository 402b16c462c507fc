"""A loop over constants of a model, while other threads fit: each answer is right, and nothing grows with the loop."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.modeling import custom_model
from astropy.modeling.models import Gaussian1D

import ndfit

X = np.linspace(0.0, 10.0, 25)


def line_at(place: float) -> Any:
    """A line whose centre is a constant in a closure, with free height and width."""

    @custom_model
    def line(x, height=1.0, width=1.0):  # type: ignore[no-untyped-def]
        return height * np.exp(-0.5 * ((x - place) / width) ** 2)

    return line(1.0, 1.2)


def check(place: float) -> None:
    data = 3.0 * np.exp(-0.5 * ((X - place) / 0.9) ** 2) * np.ones((2, 1))
    result = ndfit.fit(line_at(place), data, world=(X,), fitting_axes=1, guess=None, engine="compiled", progress=False)
    np.testing.assert_allclose(result.parameters["height"], 3.0, rtol=1e-6)
    np.testing.assert_allclose(result.parameters["width"], 0.9, rtol=1e-6)


@contextmanager
def others_fit() -> Iterator[list[BaseException]]:
    """Another thread fits meanwhile, with models of its own; what went wrong there."""
    stop, wrong = threading.Event(), []

    def work() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            start = Gaussian1D(2.0, 5.0 + number % 3, 1.0)
            data = Gaussian1D(3.0, 5.0, 1.0)(X) * np.ones((2, 1))
            try:
                result = ndfit.fit(start, data, world=(X,), fitting_axes=1, guess=None, progress=False)
                np.testing.assert_allclose(result.parameters["mean"], 5.0, atol=1e-5)
            except BaseException as error:
                wrong.append(error)
                return

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield wrong
    finally:
        stop.set()
        thread.join()


def resident() -> int:
    """Bytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="asks the kernel for the memory of a process")
@pytest.mark.parametrize("count", [100, pytest.param(10_000, marks=pytest.mark.long)])
def test_a_loop_over_constants(count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NDFIT_CACHE_DIR", str(tmp_path))
    places = np.random.default_rng(0).uniform(2.0, 8.0, count)
    with others_fit() as wrong:
        for place in places[:50]:
            check(place)
        files, memory = len(list(tmp_path.rglob("*.code"))), resident()
        for place in places[50:]:
            check(place)
    assert not wrong
    assert len(list(tmp_path.rglob("*.code"))) <= files + 2
    assert resident() - memory < 64 * 2**20
