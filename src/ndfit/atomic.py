"""Files and folders that are whole or not there.

Flows in: the path of a file or folder to be. Flows out: a path to write to, whose content takes the target's place once
it is written. Imports nothing of ndfit but `kinds` and `renaming`.

The content is written in a private folder beside the target, `.partial-` and random characters, which no other writer
uses and no other user can plant anything in. It is synced to the disk, given the mode of what it replaces, and renamed;
then the folder that holds the target is synced, where the system can do that. A writer that is killed leaves its
private folder behind, and the target as it was.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ndfit.kinds import no_file
from ndfit.renaming import put_file, put_folder, set_aside

__all__ = ["PARTIAL", "bring_back", "refuse_existing", "remove_leftovers", "replacing", "replacing_folder", "standing"]

PARTIAL = ".partial-"
"""How the names of the private folders begin."""

_CANNOT_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF)


@contextmanager
def replacing(path: Path, overwrite: bool = True, *, follow: bool = True, sync: bool = True) -> Iterator[Path]:
    """Give a path to write a file to; on success it takes the place of `path`, on failure it is removed.

    Parameters
    ----------
    overwrite : replace what is there when the content is written; of several writers the last one's content stays
    follow : where `path` is a link, write to where it points and keep the link; False replaces the link, for names that
        the caller did not choose
    sync : wait until the content is on the disk

    Raises
    ------
    FileExistsError
        There is something that is no file; or there is something when the content is written, and `overwrite` is False.
    OSError
        The target cannot be written.
    """
    target = _target(path) if follow else path
    _refuse_others(target)
    with _private_folder(target) as folder, _naming(path, folder):
        partial = folder / target.name
        yield partial
        if sync:
            _sync(partial)
        if overwrite:
            _keep_mode(target, partial)
        put_file(partial, target, overwrite)
        if sync:
            _sync(target.parent)


@contextmanager
def replacing_folder(path: Path, overwrite: bool = True) -> Iterator[Path]:
    """Give a path to make a folder at; on success it takes the place of the folder `path`, on failure it is removed.

    Raises
    ------
    FileExistsError
        There is something when the content is written, and `overwrite` is False.
    OSError
        The target cannot be written.
    """
    target = _target(path)
    with _private_folder(target) as folder, _naming(path, folder):
        partial = folder / target.name
        yield partial
        for place, _, names in os.walk(partial):
            for name in names:
                _sync(Path(place, name))
            _sync(Path(place))
        if overwrite:
            _keep_mode(target, partial)
        put_folder(partial, target, overwrite)
        _sync(target.parent)


def refuse_existing(path: Path, overwrite: bool, folder: bool = False) -> None:
    """Check that nothing is in the way of an output, or may be replaced, and that its folder can be written to.

    A link counts as what is in the way even if it points to nothing. `folder`: the output is one.

    Raises
    ------
    FileExistsError
        There is something, and `overwrite` is False; or it is no file, where the output is one.
    FileNotFoundError
        The folder it is to be written to does not exist.
    OSError
        That folder cannot be written to.
    """
    if os.path.lexists(path) and not overwrite:
        raise FileExistsError(f"{path} exists already: pass overwrite=True to replace it, or choose another name")
    target = _target(path)
    if not target.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {target.parent} to write {target.name} to: create it first")
    if not folder:
        _refuse_others(target)
    with _private_folder(target):
        pass


def standing(path: Path) -> Path:
    """Where a folder is to be read: where it was put, if a writer was killed while it replaced it in two steps."""
    if os.path.lexists(path):
        return path
    found = set_aside(path)
    # A writer that lives may have been done meanwhile.
    return path if os.path.lexists(path) or not found else found[0]


def bring_back(path: Path) -> None:
    """Put a folder where it belongs, if a writer was killed while it replaced it in two steps."""
    found = standing(path)
    if found != path:
        put_folder(found, path, overwrite=False)


def remove_leftovers(folder: Path) -> None:
    """Remove what killed writers left in a folder in which nobody writes now."""
    for partial in folder.glob(f"{PARTIAL}*"):
        with suppress(OSError):
            if partial.is_dir() and not partial.is_symlink():
                shutil.rmtree(partial)
            else:
                partial.unlink()


@contextmanager
def _private_folder(target: Path) -> Iterator[Path]:
    """A new folder beside the target that this user alone can enter."""
    folder = target.parent / f"{PARTIAL}{secrets.token_hex(8)}"
    try:
        # On Windows a mode would become access rights that a file keeps when it is moved out of the folder.
        os.mkdir(folder, 0o700 if os.name == "posix" else 0o777)
    except OSError as error:
        reason = f"the folder {target.parent} cannot be written to: {error.strerror or error}"
        raise OSError(error.errno, reason) from error
    try:
        yield folder
    finally:
        _remove(folder)


@contextmanager
def _naming(path: Path, folder: Path) -> Iterator[None]:
    """Have errors of the system name the path that the caller gave, and not one in the private folder, or none."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and (error.filename is None or str(folder) in str(error.filename)):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def _remove(folder: Path) -> None:
    """Remove a folder, if possible; an interrupt meanwhile stays one.

    Where it comes while `rmtree` closes a descriptor, that closes it once more, and the interrupt would be an error.
    """
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise error.__context__ from None


def _target(path: Path) -> Path:
    """Where a path leads if it is a link; its last part is what is replaced."""
    if not path.is_symlink():
        return path
    target = Path(os.path.realpath(path))
    if target.is_symlink():
        raise FileExistsError(f"{path} is a link that leads round in a circle: remove it, or choose another name")
    return target


def _refuse_others(target: Path) -> None:
    """Folders, devices and pipes are not replaced by a file; links have been followed, or are replaced themselves."""
    what = "" if target.is_symlink() else no_file(target)
    if what:
        raise FileExistsError(f"{target} is {what}, which a file cannot replace: choose another name, or move it away")


def _keep_mode(old: Path, new: Path) -> None:
    """Give a file or folder mode, group and, where allowed, owner of what it is going to replace."""
    try:
        known = old.lstat()
    except OSError:
        return
    if stat.S_ISLNK(known.st_mode):
        return
    mode, made = stat.S_IMODE(known.st_mode), new.stat()
    if hasattr(os, "chown") and (known.st_uid, known.st_gid) != (made.st_uid, made.st_gid):
        for owner in (known.st_uid, -1):
            with suppress(OSError):
                os.chown(new, owner, known.st_gid)
                break
        else:
            mode &= ~stat.S_IRWXG  # the group is another one
    os.chmod(new, mode)


def _sync(path: Path) -> None:
    """Have the system write a file or folder to the disk; some cannot do so for folders."""
    try:
        descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    except OSError:
        if path.is_dir():  # Windows opens no folders
            return
        raise
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise
    finally:
        os.close(descriptor)
