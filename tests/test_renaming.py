"""New names, on systems that differ in what they can do in one step; those that are not here are simulated."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ndfit import renaming
from ndfit.atomic import bring_back, replacing, replacing_folder, standing
from ndfit.renaming import put_file, put_folder, set_aside


@pytest.fixture
def no_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that cannot exchange two names."""
    monkeypatch.setattr(renaming, "_exchange", lambda: None)


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch, no_exchange: None) -> None:
    """Windows as far as these functions see it: a rename never replaces anything."""
    rename = os.rename

    def without_replacing(one: Any, other: Any) -> None:
        if os.path.lexists(other):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(other))
        rename(one, other)

    monkeypatch.setattr(renaming, "_PLATFORM", "win32")
    monkeypatch.setattr(renaming.os, "rename", without_replacing)
    monkeypatch.delattr(renaming.os, "link")
    monkeypatch.setattr(renaming, "_SECONDS_BETWEEN_TRIES", 0.0)


def folder(path: Path, name: str) -> Path:
    path.mkdir(parents=True)
    (path / name).write_text(name)
    return path


def names(path: Path) -> list[str]:
    return [entry.name for entry in path.iterdir()]


def refusing(function: Callable[..., Any], code: int, times: int = 10**6) -> Callable[..., Any]:
    """The function, after it has failed so many times."""
    left = iter(range(times))

    def refused(*arguments: Any, **keywords: Any) -> Any:
        if next(left, None) is not None:
            raise OSError(code, os.strerror(code), "here")
        return function(*arguments, **keywords)

    return refused


SYSTEMS = ["here", "no_exchange", "windows", "no_links"]


@pytest.fixture(params=SYSTEMS)
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    name: str = request.param
    if name == "no_links":
        monkeypatch.setattr(renaming.os, "link", refusing(os.link, errno.EPERM))
    elif name != "here":
        request.getfixturevalue(name)
    return name


def test_a_file_is_put_where_there_is_none(system: str, tmp_path: Path) -> None:
    with replacing(tmp_path / "map", overwrite=False) as path:
        path.write_text("new")
    assert (tmp_path / "map").read_text() == "new"
    assert names(tmp_path) == ["map"]


def test_a_file_that_came_meanwhile_stays(system: str, tmp_path: Path) -> None:
    with (  # noqa: PT012
        pytest.raises(FileExistsError, match="another writer meanwhile"),
        replacing(tmp_path / "map", overwrite=False) as path,
    ):
        path.write_text("new")
        (tmp_path / "map").write_text("other")
    assert (tmp_path / "map").read_text() == "other"
    assert names(tmp_path) == ["map"]


def test_a_folder_is_put_where_there_is_none(system: str, tmp_path: Path) -> None:
    with replacing_folder(tmp_path / "store", overwrite=False) as path:
        folder(path, "new")
    assert names(tmp_path / "store") == ["new"]
    assert names(tmp_path) == ["store"]


def test_a_folder_that_came_meanwhile_stays(system: str, tmp_path: Path) -> None:
    with (  # noqa: PT012
        pytest.raises(FileExistsError, match="another writer meanwhile"),
        replacing_folder(tmp_path / "store", overwrite=False) as path,
    ):
        folder(path, "new")
        folder(tmp_path / "store", "other")
    assert names(tmp_path / "store") == ["other"]
    assert names(tmp_path) == ["store"]


def test_a_folder_is_replaced(system: str, tmp_path: Path) -> None:
    folder(tmp_path / "store", "old")
    with replacing_folder(tmp_path / "store") as path:
        folder(path, "new")
    assert names(tmp_path / "store") == ["new"]
    assert names(tmp_path) == ["store"]


def test_other_failures_of_a_link_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renaming.os, "link", refusing(os.link, errno.EIO))
    (tmp_path / "new").touch()
    with pytest.raises(OSError, match="Input/output"):
        put_file(tmp_path / "new", tmp_path / "map", overwrite=False)
    assert names(tmp_path) == ["new"]


def test_a_name_that_was_taken_in_vain_is_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renaming.os, "link", refusing(os.link, errno.ENOTSUP))
    monkeypatch.setattr(renaming.os, "replace", refusing(os.replace, errno.EIO))
    (tmp_path / "new").touch()
    with pytest.raises(OSError, match="Input/output"):
        put_file(tmp_path / "new", tmp_path / "map", overwrite=False)
    assert names(tmp_path) == ["new"]


@pytest.mark.skipif(renaming._exchange() is None, reason="the system cannot exchange names")
def test_an_exchange_leaves_no_moment_without_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but the first rename, which fails, and the exchange is called."""
    store, new = folder(tmp_path / "store", "old"), folder(tmp_path / "new", "new")
    calls: list[str] = []
    rename = os.rename
    monkeypatch.setattr(renaming.os, "rename", lambda one, other: (calls.append(str(one)), rename(one, other)))
    put_folder(new, store, overwrite=True)
    assert calls == [str(new)]
    assert (names(store), names(new)) == (["new"], ["old"])


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOSYS, errno.ENOENT])
def test_a_file_system_that_cannot_exchange(code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def exchange(one: bytes, other: bytes) -> int:
        ctypes.set_errno(code)
        return -1

    monkeypatch.setattr(renaming, "_exchange", lambda: exchange)
    put_folder(folder(tmp_path / "new", "new"), folder(tmp_path / "store", "old"), overwrite=True)
    assert names(tmp_path / "store") == ["new"]


def test_other_failures_of_an_exchange_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def exchange(one: bytes, other: bytes) -> int:
        ctypes.set_errno(errno.EIO)
        return -1

    monkeypatch.setattr(renaming, "_exchange", lambda: exchange)
    new, store = folder(tmp_path / "new", "new"), folder(tmp_path / "store", "old")
    with pytest.raises(OSError, match="Input/output"):
        put_folder(new, store, overwrite=True)
    assert names(store) == ["old"]


@pytest.mark.usefixtures("no_exchange")
def test_killed_between_the_two_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old folder is found by who reads, and put back by who writes."""
    store = folder(tmp_path / "fit[1].zarr", "old")
    new = folder(tmp_path / ".partial-0123" / store.name, "new")
    rename = os.rename

    class Killed(BaseException):
        pass

    def killed_after(one: Path, other: Path) -> None:
        rename(one, other)
        raise Killed

    monkeypatch.setattr(renaming.os, "rename", killed_after)
    with pytest.raises(Killed):
        put_folder(new, store, overwrite=True)
    monkeypatch.undo()
    assert not store.exists()
    assert names(standing(store)) == ["old"]
    bring_back(store)
    assert standing(store) == store
    assert names(store) == ["old"]
    bring_back(store)
    bring_back(tmp_path / "none.zarr")
    assert not (tmp_path / "none.zarr").exists()


@pytest.mark.usefixtures("no_exchange")
def test_the_newest_of_several_is_found(tmp_path: Path) -> None:
    for number in ("2", "1", "3"):
        folder(tmp_path / f".partial-{number}" / "store.old0", number)
        os.rename(tmp_path / f".partial-{number}" / "store.old0", tmp_path / f".partial-{number}" / "store.old1")
    newest = folder(tmp_path / ".partial-0" / "store.old0", "newest")
    os.utime(newest)
    assert set_aside(tmp_path / "store")[0] == newest


def test_what_a_writer_that_lives_has_removed_is_not_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between a look at the names and one at the folder."""
    folder(tmp_path / ".partial-1" / "store.old0", "old")
    monkeypatch.setattr(Path, "stat", refusing(Path.stat, errno.ENOENT))
    assert set_aside(tmp_path / "store") == []


def test_a_folder_that_is_put_while_one_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = folder(tmp_path / ".partial-1" / "store.old0", "old")

    def found(target: Path) -> list[Path]:
        folder(target, "new")
        return [old]

    monkeypatch.setattr("ndfit.atomic.set_aside", found)
    assert standing(tmp_path / "store") == tmp_path / "store"


@pytest.mark.usefixtures("no_exchange")
def test_two_writers_in_two_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one has set the folder aside, another one puts its own; the last one's stays."""
    store, ours = folder(tmp_path / "store", "old"), folder(tmp_path / "a" / "store", "ours")
    theirs = folder(tmp_path / "b" / "store", "theirs")
    rename, left = os.rename, iter(range(1))

    def interleaved(one: Path, other: Path) -> None:
        rename(one, other)
        if one == store and next(left, None) is not None:
            rename(theirs, store)

    monkeypatch.setattr(renaming.os, "rename", interleaved)
    put_folder(ours, store, overwrite=True)
    assert names(store) == ["ours"]


@pytest.mark.usefixtures("no_exchange")
def test_the_folder_may_vanish_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, new = folder(tmp_path / "store", "old"), folder(tmp_path / "new", "new")
    rename, left = os.rename, iter(range(1))

    def vanishing(one: Path, other: Path) -> None:
        if one == store and next(left, None) is not None:
            rename(store, tmp_path / "elsewhere")
        rename(one, other)

    monkeypatch.setattr(renaming.os, "rename", vanishing)
    put_folder(new, store, overwrite=True)
    assert names(store) == ["new"]


@pytest.mark.parametrize("times", [3, 10**6])
def test_windows_refuses_while_a_program_has_the_file_open(
    times: int, windows: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "map").write_text("old")
    monkeypatch.setattr(renaming.os, "replace", refusing(os.replace, errno.EACCES, times))

    def write() -> None:
        with replacing(tmp_path / "map") as path:
            path.write_text("new")

    if times > 3:
        with pytest.raises(PermissionError, match="another program has it open; close that program"):
            write()
    else:
        write()
    assert (tmp_path / "map").read_text() == ("old" if times > 3 else "new")
    assert names(tmp_path) == ["map"]


def test_elsewhere_a_refusal_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renaming.os, "replace", refusing(os.replace, errno.EACCES, 1))
    with pytest.raises(PermissionError, match="Permission denied"), replacing(tmp_path / "map") as path:
        path.write_text("new")
    assert not names(tmp_path)
