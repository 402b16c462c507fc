"""Files and folders that are whole or not there.

Flows in: the path of a file or folder to be. Flows out: a path beside it to write to, which takes its place once it is
written. Imports nothing of ndfit.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["refuse_existing", "replacing", "replacing_folder"]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path to write a file to; on success it is renamed to `path`, on failure removed."""
    partial = _beside(path, "partial")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Give a path to make a folder at; on success it is renamed to `path`, on failure removed.

    A folder cannot be renamed over another, so that one which is in the way is renamed first, and removed last.
    """
    partial, old = _beside(path, "partial"), _beside(path, "old")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        yield partial
        if path.is_dir():
            shutil.rmtree(old, ignore_errors=True)
            os.replace(path, old)
        os.replace(partial, path)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def refuse_existing(path: Path, overwrite: bool) -> None:
    """Check that nothing is in the way of an output, or may be replaced.

    Raises
    ------
    FileExistsError
        There is something, and `overwrite` is False.
    FileNotFoundError
        The folder it is to be written to does not exist.
    """
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists already: pass overwrite=True to replace it, or choose another name")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent} to write {path.name} to: create it first")


def _beside(path: Path, ending: str) -> Path:
    """A hidden name that keeps its suffix, by which writers choose the format."""
    return path.with_name(f".{ending}-{path.name}")
