"""Names that every file system can hold, and keeps apart."""

from __future__ import annotations

import pytest

from ndfit.io.stored_names import free_name


@pytest.mark.parametrize("name", ["amplitude_0", "theta", "Größe", "auxiliary", "com10", "console", "a b", "x.1"])
def test_names_that_are_kept(name: str) -> None:
    assert free_name(name, "parameter", ["status"]) == name


@pytest.mark.parametrize("name", ["aux", "CON", "Nul", "prn", "com1", "LPT9", "lpt\u00b2"])
def test_devices_of_windows(name: str) -> None:
    assert free_name(name, "parameter", []) == f"parameter.{name}"


@pytest.mark.parametrize(
    "name", ["", "..", ".", "a/b", "a\\b", "a:b", "a.", "a ", "aux.txt", "../../x", "n" * 300, "a\0b", "a\nb"]
)
def test_what_is_no_name_for_a_folder(name: str) -> None:
    chosen = free_name(name, "world", [])
    assert chosen.startswith("world.")
    assert len(chosen) < 100
    assert not set(chosen) & set("/\\:\0\n")


def test_names_that_differ_in_capitals() -> None:
    taken: list[str] = []
    for name in ("ab", "aB", "Ab", "AB", "parameter.ab"):
        taken.append(free_name(name, "parameter", taken))
    assert len({name.casefold() for name in taken}) == len(taken)
