"""Which classes, functions and modules need not be read, because something else tells what they are.

Flows in: a class, function or module. Flows out: its name, with a digest of its file where it belongs to an installed
package; None where it is people's own.

The packages whose versions are part of a run's identity, and Python's own library, are identified by name; the files of
other installed packages by their content. They need not be read function by function, which would lead through all of
them.
"""

from __future__ import annotations

import sys
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["is_read_as_it_is", "origin_of"]

_WITH_VERSION = frozenset(("astropy", "ndfit", "numpy", "scipy"))
_INSTALLED = frozenset(("site-packages", "dist-packages"))


def origin_of(value: Any) -> str | None:
    """Where something is from, None if it is to be read."""
    if isinstance(value, ModuleType):
        return _of_module(value.__name__)
    name = str(getattr(value, "__module__", None))
    origin = _of_module(name)
    if origin is None or _found(name, value.__qualname__) is not value:
        return None
    return f"{origin}.{value.__qualname__}"


def is_read_as_it_is(cls: type) -> bool:
    """Whether objects of a class are read by attributes: those of people's own classes, and of astropy's."""
    return origin_of(cls) is None or cls.__module__.partition(".")[0] in _WITH_VERSION


def _found(module: str, name: str) -> Any:
    """What stands where something says that it is from; `custom_model` has its classes say astropy."""
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _of_module(name: str) -> str | None:
    package = name.partition(".")[0]
    if package in _WITH_VERSION or (package in sys.stdlib_module_names and package != "__main__"):
        return name
    digest = _digest_of_installed(name, getattr(sys.modules.get(name), "__file__", None))
    return None if digest is None else f"{name} {digest}"


@cache
def _digest_of_installed(name: str, file: str | None) -> str | None:
    """Digest of a module's file, None where that is in no folder for installed packages."""
    if file is None or not _INSTALLED & set(Path(file).parts):
        return None
    try:
        return sha256(Path(file).read_bytes()).hexdigest()[:16]
    except OSError:
        return None
