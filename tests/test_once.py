"""What is kept of what was built."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ndfit.once import Latest, cached_property


def test_the_latest_are_kept() -> None:
    known: Latest[int] = Latest(2)
    built: list[int] = []

    def get(key: int) -> int:
        return known.get(key, lambda: built.append(key) or -key)  # type: ignore[func-returns-value]

    assert [get(key) for key in (1, 2, 1, 3, 1, 2)] == [-1, -2, -1, -3, -1, -2]
    assert built == [1, 2, 3, 2]


def test_what_raises_is_built_again() -> None:
    known: Latest[int] = Latest(2)
    with pytest.raises(ZeroDivisionError):
        known.get("a", lambda: 1 // 0)
    assert known.get("a", lambda: 3) == 3


def test_threads_get_what_belongs_to_their_keys_and_build_while_others_do() -> None:
    known: Latest[Any] = Latest(3)
    with ThreadPoolExecutor(4) as pool:
        inner = known.get("outer", lambda: pool.submit(known.get, "inner", lambda: "inner").result(timeout=60))
        found = list(pool.map(lambda number: known.get(number % 7, lambda: number % 7), range(2000)))
    assert inner == "inner"
    assert found == [number % 7 for number in range(2000)]


class Waiting:
    """Another is asked, by another thread, while this one computes."""

    def __init__(self, other: Waiting | None = None) -> None:
        self.other, self.times = other, 0

    @cached_property
    def value(self) -> int:
        """What it computes."""
        self.times += 1
        if self.other is None:
            return 1
        with ThreadPoolExecutor(1) as pool:
            return 1 + pool.submit(lambda: self.other.value).result(timeout=60)


def test_a_property_is_computed_once_and_no_thread_waits_for_another_object() -> None:
    waiting = Waiting(Waiting())
    assert (waiting.value, waiting.value, waiting.times) == (2, 2, 1)
    assert Waiting.value.__doc__ == "What it computes."
