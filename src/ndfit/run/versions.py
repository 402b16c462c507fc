"""Whether other processes have the versions that this one has.

Flows in: versions of the packages that decide what comes out. Flows out: what a worker has in their place, as text.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from platform import python_version

__all__ = ["PACKAGES", "PYTHON", "Versions", "difference", "same_code", "versions_here"]

Versions = Mapping[str, str | None]

PYTHON = "python"
PACKAGES = ("ndfit", "llvmlite", "numpy", "scipy", "astropy")
"""Those that decide what comes out, with any engine."""


@cache
def versions_here() -> Versions:
    """Package -> version in this process, None where there is none; and that of Python, first."""
    return {PYTHON: same_code(python_version()), **{name: _version(name) for name in PACKAGES}}


def same_code(python: str) -> str:
    """Of a version of Python, what processes have in common that can read each other's functions."""
    return ".".join(python.split(".")[:2])


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def difference(worker: str, theirs: Versions, ours: Versions) -> str:
    """As a message, the first package of another version in a worker; empty where there is none."""
    for name, wanted in ours.items():
        if theirs.get(name) != wanted:
            has = f"{name} {theirs[name]}" if theirs.get(name) else f"no {name}"
            return (
                f"the worker {worker} has {has}, and this process has {name} {wanted}: results would not be the same. "
                "Install the same versions everywhere, and start the workers again"
            )
    return ""
