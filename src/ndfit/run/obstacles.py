"""Why a checkpoint cannot be read or written, and what to do about it.

Flows in: the files and folders that a checkpoint needs, or what the system said. Flows out: a part of a message.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path

from ndfit.kinds import no_file

__all__ = ["in_the_way", "remedy"]

_REMEDIES = {
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room",
    errno.EACCES: "make it writable",
    errno.EPERM: "make it writable",
    errno.EROFS: "make it writable",
}


def in_the_way(files: Iterable[Path], folders: Iterable[Path] = ()) -> str:
    """What stands where a file or a folder is needed; empty where nothing does."""
    for path in folders:
        if os.path.lexists(path) and not path.is_dir():
            what = no_file(path) or ("a link that leads nowhere" if not path.exists() else "a file")
            return f"{path} is {what}, and a folder is needed there"
    for path in files:
        if no_file(path):
            return f"{path} is {no_file(path)}, and a file is needed there"
    return ""


def remedy(error: OSError) -> str:
    """What to do before the run is started again."""
    return _REMEDIES.get(error.errno or 0, "see to that")
