"""What of a mapped file is in memory."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what stands behind a map")


def resident(array: Any) -> int:
    """Bytes of the map that count as memory of the process."""
    address, inside = array.__array_interface__["data"][0], False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        name, *rest = line.split()
        if "-" in name and not name.endswith(":"):
            first, last = (int(edge, 16) for edge in name.split("-"))
            inside = first <= address < last
        elif inside and name == "Rss:":
            return int(rest[0]) * 1024
    raise AssertionError("the array is in no map")
