"""Compiled code on disk: what one process compiled, the next one loads.

Flows in: a key and bytes. Flows out: the bytes that were stored under a key, or None.

The bytes are run as code. So they are read only from a folder, and only from files, that belong to the user and that
nobody else may write, and only where they have the digest that stands before them. A folder or a file that is refused,
cannot be read or cannot be written costs a compilation and nothing else.
"""

from __future__ import annotations

import os
import stat
import sys
import tempfile
import time
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

__all__ = ["cache_directory", "load", "store"]

MOST_BYTES = 256 * 2**20
"""Of all files. Those that were used least recently are removed beyond it."""

_SUFFIX = ".code"
_DIGEST = sha256().digest_size
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


def cache_directory() -> Path:
    """Where compiled code is kept: $NDFIT_CACHE_DIR, else the platform's place for a user's caches."""
    chosen = os.environ.get("NDFIT_CACHE_DIR")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "ndfit"


def load(key: str) -> bytes | None:
    """What was stored under a key: letters and digits."""
    with suppress(OSError, RuntimeError):  # RuntimeError: nobody knows where the home directory is
        folder = _folder()
        if not _is_trusted(folder.stat()):
            return None
        path = folder / f"{key}{_SUFFIX}"
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            content = file.read() if _is_trusted(status) else b""
        if content[:_DIGEST] == sha256(content[_DIGEST:]).digest():
            with suppress(OSError):  # a cache that may only be read
                os.utime(path, ns=(time.time_ns(), status.st_mtime_ns))  # it was used
            return content[_DIGEST:]
    return None


def store(key: str, content: bytes) -> None:
    """Keep bytes under a key. They appear whole or not at all, whoever else stores the same."""
    with suppress(OSError, RuntimeError):
        folder = _folder()
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        if not _is_trusted(folder.stat()):
            return
        number, name = tempfile.mkstemp(dir=folder, suffix=".part")  # which only the user may read or write
        try:
            with os.fdopen(number, "wb") as file:
                file.write(sha256(content).digest() + content)
            os.replace(name, folder / f"{key}{_SUFFIX}")
        except BaseException:
            os.unlink(name)
            raise
        _remove_oldest(folder)


def _folder() -> Path:
    return cache_directory() / "code"


def _is_trusted(status: os.stat_result) -> bool:
    """Whether it is the user's, and nobody else may write it. On Windows, a profile's folder is its user's."""
    return os.name == "nt" or (status.st_uid == os.geteuid() and not status.st_mode & _OTHERS_MAY_WRITE)


def _remove_oldest(folder: Path) -> None:
    """Also what processes that were killed left half written."""
    files = sorted(((path.stat(), path) for path in folder.iterdir()), key=lambda pair: -pair[0].st_atime)
    total = 0
    for status, path in files:
        total += status.st_size
        if total > MOST_BYTES:
            path.unlink(missing_ok=True)
