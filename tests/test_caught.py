"""Warnings caught in several threads at once leave the filters of the process as they were."""

from __future__ import annotations

from pathlib import Path

from tests.children import python

SCRIPT = str(Path(__file__).parent / "faults" / "caught_warnings.py")


def test_fits_in_several_threads_leave_the_filters_as_they_were() -> None:
    done = python(SCRIPT)
    assert done.stdout.split() == ["0", "0"], done
