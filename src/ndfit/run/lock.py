"""One run at a time.

Flows in: the path of a file. Flows out: for as long as the context lasts, None if the lock is ours, else who holds it.

Three ways, the first that the system and the file system have:

    flock of POSIX       released by the system when a process ends, however it ends
    locking of Windows   the same
    files with names     `lock-HOST-PLACE-PID-START-NUMBER`, one a process that wants the lock, made before it looks for
                         those of others; where there are others that live, it takes its own away again

The last is for file systems without locks, such as some of networks. A process of the same place (machine since its
last start, and namespace of processes) is dead if there is none of that number, or one that began at another time; its
file is removed. Of another place nobody knows: its file counts until somebody removes it.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

__all__ = ["LOCK", "file_lock"]

LOCK = "lock"
"""How the names of the files begin that stand for a lock."""

_TAKEN = (errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK, errno.EDEADLK)
_OWNER = re.compile(r"lock-(?P<host>.*)-(?P<place>[0-9a-f]{8})-(?P<pid>\d+)-(?P<start>\d+)-[0-9a-f]+")


@contextmanager
def file_lock(path: Path) -> Iterator[str | None]:
    """Hold a lock.

    Parameters
    ----------
    path : of a file called `LOCK`, which is made if there is none; a link is not followed

    Raises
    ------
    OSError
        The file cannot be made.
    """
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    descriptor = os.open(path, flags, 0o666)
    try:
        taken = _take(descriptor)
        if taken is None:
            with _presence(path) as other:
                yield other
        else:
            yield None if taken else "another process"
    finally:
        os.close(descriptor)


def _take(descriptor: int) -> bool | None:
    """Whether the system gave the lock; None where it has none to give. Closing the file releases it."""
    try:
        lock = _lock_of_system()
        if lock is None:
            return None
        lock(descriptor)
    except OSError as error:
        return False if error.errno in _TAKEN else None
    return True


def _lock_of_system() -> Any:
    """A function of a file's descriptor, which raises OSError where the lock is taken; None where there is none."""
    with suppress(ModuleNotFoundError):
        import fcntl

        return lambda descriptor: fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with suppress(ModuleNotFoundError):
        import msvcrt

        module: Any = msvcrt  # whose functions exist on Windows alone
        return lambda descriptor: module.locking(descriptor, module.LK_NBLCK, 1)
    return None


@contextmanager
def _presence(path: Path) -> Iterator[str | None]:
    """Hold a lock by a file with our name; yields the name of a file of somebody else, if there is one that lives."""
    host = re.sub(r"[^A-Za-z0-9.]", "_", socket.gethostname())[:64]
    name = f"{LOCK}-{host}-{_place()}-{os.getpid()}-{_start_of(os.getpid())}-{secrets.token_hex(4)}"
    ours = path.with_name(name)
    os.close(os.open(ours, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    try:
        yield next((other.name for other in sorted(path.parent.glob(f"{LOCK}-*")) if _lives(other, ours)), None)
    finally:
        ours.unlink(missing_ok=True)


def _lives(other: Path, ours: Path) -> bool:
    """Whether a file stands for a process that may live; that of one that certainly does not is removed."""
    owner = _OWNER.fullmatch(other.name)
    if other == ours or owner is None:
        return False
    if owner["place"] != _place() or _runs(int(owner["pid"]), int(owner["start"])):
        return True
    other.unlink(missing_ok=True)
    return False


def _runs(pid: int, start: int) -> bool:
    """Whether a process of this place runs; where nobody can tell, it does."""
    if os.name != "posix":  # where signal 0 would end it
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        pass
    return start in (0, _start_of(pid))


def _start_of(pid: int) -> int:
    """When a process began, in the system's own count; 0 where it does not tell."""
    try:
        # The name, in brackets, may hold anything; the start is the 22nd field, and the first behind them is the third.
        return int(Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return 0


def _place() -> str:
    """Within which the number of a process means one process: the machine since its last start, and the namespace."""
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text())
    with suppress(OSError):
        parts.append(os.readlink("/proc/self/ns/pid"))
    return sha256(" ".join(parts).encode()).hexdigest()[:8]
