"""What stands at a path.

Flows in: a path. Flows out: what is there, as text, where that is no file. Imports nothing of ndfit.

Named pipes and devices are found before they are opened: a pipe that nobody writes to is waited for without end, and a
device may give bytes without end.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

__all__ = ["no_file"]

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def no_file(path: Path) -> str:
    """What is there in place of a regular file, with its article; empty for a file, a link to one, and nothing.

    Examples
    --------
    >>> from pathlib import Path
    >>> no_file(Path("."))
    'a folder'
    """
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):  # nothing, or nothing that can be looked at: whoever opens it says so
        return ""
    return next((name for matches, name in _KINDS if matches(mode)), "")
