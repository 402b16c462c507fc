"""One run at a time.

Flows in: the path of a file. Flows out: whether it is ours, for as long as the context lasts. The system releases it
when a process ends, however it ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["held"]


@contextmanager
def held(path: Path) -> Iterator[bool]:
    """Hold a lock; yields False where another process holds it.

    Where the system or the file system knows no locks, everybody is let in.
    """
    try:
        import fcntl
    except ModuleNotFoundError:  # Windows
        yield True
        return
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        except OSError:  # network file systems without locks
            pass
        yield True
