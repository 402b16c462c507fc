"""A reader sees the old file or the new one, never a part."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest

from ndfit import atomic, renaming
from ndfit.atomic import refuse_existing, remove_leftovers, replacing, replacing_folder


def test_replaces_once_written(tmp_path: Path) -> None:
    (tmp_path / "map").write_text("old")
    with replacing(tmp_path / "map") as path:
        path.write_text("new")
        assert (tmp_path / "map").read_text() == "old"
    assert (tmp_path / "map").read_text() == "new"
    assert list(tmp_path.iterdir()) == [tmp_path / "map"]


def test_failure_leaves_the_old_file_alone(tmp_path: Path) -> None:
    (tmp_path / "map").write_text("old")

    def fail() -> None:
        with replacing(tmp_path / "map") as path:
            path.write_text("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert (tmp_path / "map").read_text() == "old"
    assert list(tmp_path.iterdir()) == [tmp_path / "map"]


def test_a_folder_replaces_a_folder_once_written(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "old").touch()
    with replacing_folder(tmp_path / "store") as path:
        path.mkdir()
        (path / "new").touch()
        assert (tmp_path / "store" / "old").exists()
    assert list(tmp_path.iterdir()) == [tmp_path / "store"]
    assert list((tmp_path / "store").iterdir()) == [tmp_path / "store" / "new"]


def test_failure_leaves_the_old_folder_alone(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "old").touch()

    def fail() -> None:
        with replacing_folder(tmp_path / "store") as path:
            path.mkdir()
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert (tmp_path / "store" / "old").exists()
    assert list(tmp_path.iterdir()) == [tmp_path / "store"]


def test_what_exists_is_replaced_only_when_asked(tmp_path: Path) -> None:
    (tmp_path / "map").touch()
    refuse_existing(tmp_path / "map", overwrite=True)
    refuse_existing(tmp_path / "other", overwrite=False)
    with pytest.raises(FileExistsError, match="overwrite=True"):
        refuse_existing(tmp_path / "map", overwrite=False)
    with pytest.raises(FileNotFoundError, match="no folder"):
        refuse_existing(tmp_path / "nowhere" / "map", overwrite=True)


POSIX = pytest.mark.skipif(os.name != "posix", reason="needs links and modes")


def write(path: Path, text: str, **how: Any) -> None:
    with replacing(path, **how) as partial:
        partial.write_text(text)


@POSIX
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o400])
def test_modes_are_kept(mode: int, tmp_path: Path) -> None:
    (tmp_path / "map").touch()
    (tmp_path / "map").chmod(mode)
    write(tmp_path / "map", "new")
    assert stat.S_IMODE((tmp_path / "map").stat().st_mode) == mode
    (tmp_path / "store").mkdir(mode)
    with replacing_folder(tmp_path / "store") as path:
        path.mkdir()
    assert stat.S_IMODE((tmp_path / "store").stat().st_mode) == mode


@POSIX
@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_new_files_have_the_usual_mode(umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        write(tmp_path / "one", "new", overwrite=True)
        write(tmp_path / "two", "new", overwrite=False)
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o666 & ~umask}


@POSIX
@pytest.mark.parametrize("allowed", [True, False])
def test_a_group_that_cannot_be_kept_gains_nothing(
    allowed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file's group becomes the writer's, who may not give it another; the old group's rights are not for it."""
    asked: list[Any] = []

    def chown(path: Path, owner: int, group: int) -> None:
        asked.append((owner, group))
        if not allowed or owner != -1:
            raise PermissionError

    (tmp_path / "map").touch()
    (tmp_path / "map").chmod(0o664)
    known = (tmp_path / "map").stat()
    monkeypatch.setattr(os, "chown", chown)
    lstat = Path.lstat

    def of_another_group(path: Path) -> Any:
        found = list(lstat(path))
        found[5] = known.st_gid + 1
        return os.stat_result(found)

    monkeypatch.setattr(Path, "lstat", of_another_group)
    write(tmp_path / "map", "new")
    monkeypatch.undo()
    assert asked == [(known.st_uid, known.st_gid + 1), (-1, known.st_gid + 1)]
    assert stat.S_IMODE((tmp_path / "map").stat().st_mode) == (0o664 if allowed else 0o604)


@POSIX
def test_what_is_written_is_for_nobody_else_until_it_is_whole(tmp_path: Path) -> None:
    with replacing(tmp_path / "map") as path:
        path.touch()
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert path.parent.parent == tmp_path


@POSIX
def test_a_link_that_is_the_target_is_followed_and_kept(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "real.map").write_text("old")
    (tmp_path / "middle").symlink_to("disk/real.map")
    (tmp_path / "map").symlink_to("middle")
    with replacing(tmp_path / "map") as path:
        assert path.parent.parent == tmp_path / "disk"
        path.write_text("new")
    assert (tmp_path / "map").readlink() == Path("middle")
    assert (tmp_path / "disk" / "real.map").read_text() == "new"
    assert not (tmp_path / "disk" / "real.map").is_symlink()


@POSIX
def test_a_link_to_a_folder_is_followed_and_kept(tmp_path: Path) -> None:
    (tmp_path / "disk" / "real").mkdir(parents=True)
    (tmp_path / "disk" / "real" / "old").touch()
    (tmp_path / "store").symlink_to("disk/real")
    with replacing_folder(tmp_path / "store") as path:
        path.mkdir()
        (path / "new").touch()
    assert (tmp_path / "store").readlink() == Path("disk/real")
    assert [entry.name for entry in (tmp_path / "disk" / "real").iterdir()] == ["new"]


@POSIX
def test_a_link_to_nothing_counts_as_existing(tmp_path: Path) -> None:
    (tmp_path / "map").symlink_to("real")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        refuse_existing(tmp_path / "map", overwrite=False)
    with pytest.raises(FileExistsError, match="another writer"):
        write(tmp_path / "map", "new", overwrite=False, follow=False)
    refuse_existing(tmp_path / "map", overwrite=True)
    write(tmp_path / "map", "new")
    assert (tmp_path / "map").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


@POSIX
def test_a_link_that_goes_round(tmp_path: Path) -> None:
    (tmp_path / "map").symlink_to("other")
    (tmp_path / "other").symlink_to("map")
    for check in (lambda: write(tmp_path / "map", "new"), lambda: refuse_existing(tmp_path / "map", True)):
        with pytest.raises(FileExistsError, match="round in a circle"):
            check()


@POSIX
def test_a_name_that_nobody_chose_replaces_a_planted_link(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "run.json").symlink_to("precious")
    write(tmp_path / "run.json", "new", follow=False)
    assert not (tmp_path / "run.json").is_symlink()
    assert (tmp_path / "precious").read_text() == "mine"


@POSIX
def test_planted_temporary_names_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even one that is guessed right is not followed."""
    (tmp_path / "precious").mkdir()
    monkeypatch.setattr("ndfit.atomic.secrets.token_hex", lambda n: "guessed")
    for name in (".partial-map", ".partial-guessed"):
        (tmp_path / name).symlink_to("precious")
    with pytest.raises(FileExistsError, match="cannot be written to"):
        write(tmp_path / "map", "new")
    monkeypatch.undo()
    write(tmp_path / "map", "new")
    assert not list((tmp_path / "precious").iterdir())


def test_names_are_unpredictable(tmp_path: Path) -> None:
    found = set()
    for _ in range(3):
        with replacing(tmp_path / "map") as path:
            path.touch()
            found.add(path.parent.name.removeprefix(".partial-"))
    assert len(found) == 3
    assert all(len(name) == 16 for name in found)


@POSIX
@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_file_is_left_alone(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "map"
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    for check in (lambda: write(path, "new"), lambda: refuse_existing(path, True)):
        with pytest.raises(FileExistsError, match="which a file cannot replace"):
            check()
    assert path.exists()
    assert not path.is_file()


@pytest.mark.parametrize("overwrite", [True, False])
def test_file_and_folder_are_on_the_disk_in_the_right_order(
    overwrite: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The content before it gets its name, and the name afterwards."""
    steps: list[str] = []
    fsync, put = os.fsync, renaming.put_file
    known = {}

    def remember(descriptor: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def named(*arguments: Any) -> None:
        steps.append("named")
        put(*arguments)

    monkeypatch.setattr(os, "fsync", remember)
    monkeypatch.setattr("ndfit.atomic.put_file", named)
    write(tmp_path / "map", "new", overwrite=overwrite)
    known["with"] = steps.copy()
    steps.clear()
    write(tmp_path / "other", "new", overwrite=overwrite, sync=False)
    assert known["with"] == ["file", "named", "folder"]
    assert steps == ["named"]


def test_every_file_of_a_folder_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (synced.append(os.fstat(file).st_ino), fsync(file)))
    with replacing_folder(tmp_path / "store") as path:
        (path / "c").mkdir(parents=True)
        (path / "zarr.json").touch()
        (path / "c" / "0").touch()
    found = [tmp_path, *(tmp_path / "store").rglob("*"), tmp_path / "store"]
    assert sorted(synced) == sorted(entry.stat().st_ino for entry in found)


def test_systems_that_sync_no_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows does not open them, some file systems answer that they cannot."""
    fsync, opened = os.fsync, os.open

    def of_files_alone(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        fsync(descriptor)

    def open_files_alone(path: Any, flags: int, *mode: int, **keywords: Any) -> int:
        if Path(path) == tmp_path:
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(path, flags, *mode, **keywords)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", of_files_alone)
        write(tmp_path / "one", "new")
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", open_files_alone)
        write(tmp_path / "two", "new")
    assert {path.read_text() for path in tmp_path.iterdir()} == {"new"}


def test_a_disk_that_fills_while_it_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "map").write_text("old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        write(tmp_path / "map", "new")
    assert caught.value.filename == str(tmp_path / "map")
    assert (tmp_path / "map").read_text() == "old"
    assert list(tmp_path.iterdir()) == [tmp_path / "map"]


@pytest.mark.parametrize("to", [replacing, replacing_folder])
def test_errors_name_what_was_to_be_written(to: Any, tmp_path: Path) -> None:
    """What a program calls the file meanwhile is nothing that its caller knows."""

    def fail(partial: Path, named: bool) -> None:
        raise OSError(errno.EDQUOT, "Disk quota exceeded", *([str(partial / "0")] if named else []))

    for named in (True, False):
        with pytest.raises(OSError, match="Disk quota") as caught, to(tmp_path / "map") as partial:
            fail(partial, named)
        assert (caught.value.errno, caught.value.filename) == (errno.EDQUOT, str(tmp_path / "map"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("code", [errno.EROFS, errno.ENOSPC, errno.EACCES])
def test_a_folder_that_cannot_be_written_to(code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "mkdir", refuse)
    for check in (lambda: write(tmp_path / "map", "new"), lambda: refuse_existing(tmp_path / "map", False)):
        with pytest.raises(OSError, match=f"the folder {tmp_path} cannot be written to: {os.strerror(code)}") as caught:
            check()
        assert caught.value.errno == code


@POSIX
def test_a_folder_of_somebody_else(tmp_path: Path) -> None:
    """In a child that gives up its rights; the file that is there is safe."""
    (tmp_path / "map").write_text("old")
    tmp_path.chmod(0o555)
    child = os.fork()
    if not child:
        status = 1
        try:
            if os.getuid() == 0:
                os.setegid(65534)
                os.seteuid(65534)
            write(tmp_path / "map", "new")
        except PermissionError:
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    tmp_path.chmod(0o755)
    assert (tmp_path / "map").read_text() == "old"


def test_leftovers_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".partial-0123").mkdir()
    (tmp_path / ".partial-0123" / "map").touch()
    (tmp_path / ".partial-run.json").touch()
    (tmp_path / "map").touch()
    if os.name == "posix":
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere" / "precious").touch()
        (tmp_path / ".partial-planted").symlink_to("elsewhere")
    remove_leftovers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} - {"elsewhere"} == {"map"}
    assert os.name != "posix" or (tmp_path / "elsewhere" / "precious").exists()


def test_an_interrupt_while_cleaning_up_is_no_error_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `rmtree` makes of one that comes after a descriptor was closed, and before it knows."""

    def interrupted(folder: Path, **_: Any) -> None:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.close(descriptor)
            raise KeyboardInterrupt
        finally:
            os.close(descriptor)

    def write() -> None:
        with replacing(tmp_path / "map") as path:
            path.write_text("new")

    monkeypatch.setattr(atomic.shutil, "rmtree", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write()
    assert (tmp_path / "map").read_text() == "new"


def test_writers_that_end_meanwhile_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their folders vanish between being seen and being looked into."""
    list_folder = os.scandir
    vanished: list[Any] = []

    def remove_and_list(path: Any) -> Any:
        if not vanished and str(path).endswith(".partial-1"):
            vanished.append(path)
            shutil.rmtree(path)
        return list_folder(path)

    (tmp_path / ".partial-1" / "store.old1").mkdir(parents=True)
    monkeypatch.setattr(os, "scandir", remove_and_list)
    assert renaming.set_aside(tmp_path / "store") == []
    assert vanished
