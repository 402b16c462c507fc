"""The one step in which something new appears under a name: steps that the system takes whole or not at all.

Flows in: what is written, and the name it is to have; both in folders of one file system. Flows out: nothing; what the
name stood for before is gone, or in the folder of what was written. Imports nothing of ndfit.

Systems differ in what they can do in one step. Each function tries the best way first, and what every system can do
last; the comments say what a kill can leave there.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from glob import escape, glob
from pathlib import Path

__all__ = ["put_file", "put_folder", "set_aside"]

_PLATFORM: str = sys.platform
_TRIES = 100
_SECONDS_BETWEEN_TRIES = 0.02
_OLD = ".old"
# What systems and file systems answer that cannot do what they were asked for.
_UNABLE = (
    errno.EACCES,
    errno.EINVAL,
    errno.EMLINK,
    errno.ENOSYS,
    errno.ENOTSUP,
    errno.EOPNOTSUPP,
    errno.EPERM,
    errno.EXDEV,
)
_IN_THE_WAY = (errno.EEXIST, errno.ENOTEMPTY)

_Exchange = Callable[[bytes, bytes], int]


def put_file(new: Path, target: Path, overwrite: bool) -> None:
    """Give a file a name.

    Raises
    ------
    FileExistsError
        The name is taken, and `overwrite` is False.
    """
    if overwrite:
        _insist(os.replace, new, target)
        return
    try:
        if _PLATFORM == "win32":
            os.rename(new, target)
        else:
            _link(new, target)
    except FileExistsError as error:
        raise _exists(target) from error


def _link(new: Path, target: Path) -> None:
    """A second name; the first goes with its folder. A link, unlike a rename, never replaces anything."""
    try:
        os.link(new, target)
    except OSError as error:
        if error.errno not in _UNABLE:
            raise
        _claim(new, target)


def _claim(new: Path, target: Path) -> None:
    """Where there are no links the name is taken first; a kill before the second step leaves an empty file."""
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        os.replace(new, target)
    except BaseException:
        target.unlink()
        raise


def put_folder(new: Path, target: Path, overwrite: bool) -> None:
    """Give a folder a name; an empty folder of that name is replaced.

    Raises
    ------
    FileExistsError
        The name is taken, and `overwrite` is False.
    """
    for number in range(_TRIES):
        try:
            _insist(os.rename, new, target)  # which fails where there is a folder that is not empty
            return
        except OSError as error:
            if error.errno not in _IN_THE_WAY:
                raise
            if not overwrite:
                raise _exists(target) from error
        if _exchanged(new, target):
            return
        # In two steps: a kill between them leaves no folder `target`, and the old one where `set_aside` finds it.
        with suppress(FileNotFoundError):  # where another writer did so
            _insist(os.rename, target, new.with_name(f"{new.name}{_OLD}{number}"))
    raise OSError(errno.EBUSY, "others replace the folder without pause", str(target))


def set_aside(target: Path) -> list[Path]:
    """Folders that had the name before their writer was killed between the two steps, the newest first."""
    found = []
    # Writers that live remove theirs meanwhile, which `Path.glob` does not bear.
    for name in glob(f".partial-*/{escape(target.name)}{_OLD}*", root_dir=target.parent):
        folder = target.parent / name
        with suppress(OSError):
            found.append((folder.stat().st_ctime_ns, folder))
    return [folder for _, folder in sorted(found, reverse=True)]


def _exchanged(new: Path, target: Path) -> bool:
    """Whether two names could be exchanged, in one step."""
    exchange = _exchange()
    if exchange is None:
        return False
    if exchange(os.fsencode(new), os.fsencode(target)) == 0:
        return True
    code = ctypes.get_errno()
    if code not in (*_UNABLE, errno.ENOENT):
        raise OSError(code, os.strerror(code), str(target))
    return False


def _exchange() -> _Exchange | None:
    """The system's call, None where it has none: `renameat2` of Linux (3.15), `renamex_np` of macOS (10.12)."""
    try:
        if _PLATFORM == "linux":
            rename = ctypes.CDLL(None, use_errno=True).renameat2
            here, flag = -100, ctypes.c_uint(2)  # AT_FDCWD, RENAME_EXCHANGE
            return lambda one, other: int(rename(here, one, here, other, flag))
        if _PLATFORM == "darwin":
            swap = ctypes.CDLL(None, use_errno=True).renamex_np
            return lambda one, other: int(swap(one, other, ctypes.c_uint(2)))  # RENAME_SWAP
    except (OSError, AttributeError):
        pass
    return None


def _insist(rename: Callable[[Path, Path], None], one: Path, other: Path) -> None:
    """Rename; where Windows refuses because a program has a file open, again, for two seconds."""
    for left in reversed(range(_TRIES if _PLATFORM == "win32" else 1)):
        try:
            rename(one, other)
            return
        except PermissionError as error:
            if _PLATFORM != "win32":
                raise
            if not left:
                raise PermissionError(
                    f"{other} cannot be replaced: it is protected, or another program has it open; close that program"
                ) from error
        time.sleep(_SECONDS_BETWEEN_TRIES)


def _exists(target: Path) -> FileExistsError:
    return FileExistsError(f"{target} was made by another writer meanwhile: pass overwrite=True to replace it")
