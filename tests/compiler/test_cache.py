"""Compiled code on disk is run only where nobody else can have written it, and the disk does not fill with it."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from ndfit.compiler import cache as code_cache
from ndfit.compiler.cache import cache_directory, load, store

POSIX = pytest.mark.skipif(os.name != "posix", reason="needs owners and modes")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the files are once there are some."""
    monkeypatch.setenv("NDFIT_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "code"


def test_the_folder_can_be_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NDFIT_CACHE_DIR", str(tmp_path))
    assert cache_directory() == tmp_path
    monkeypatch.delenv("NDFIT_CACHE_DIR")
    assert cache_directory().name == "ndfit"


def test_what_was_stored_is_loaded(folder: Path) -> None:
    assert load("a") is None
    store("a", b"code")
    store("a", b"newer code")
    assert load("a") == b"newer code"
    assert load("b") is None
    assert [path.name for path in folder.iterdir()] == ["a.code"]


@POSIX
def test_only_the_user_may_enter_and_read(folder: Path) -> None:
    before = os.umask(0)
    try:
        store("a", b"code")
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "a.code").stat().st_mode) == 0o600


@POSIX
@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
@pytest.mark.parametrize("what", ["folder", "file"])
def test_what_others_may_write_is_not_used(what: str, mode: int, folder: Path) -> None:
    store("a", b"code")
    (folder if what == "folder" else folder / "a.code").chmod(mode)
    assert load("a") is None
    store("a", b"compiled again")
    assert load("a") == (None if what == "folder" else b"compiled again")


@POSIX
@pytest.mark.parametrize("what", ["folder", "file"])
def test_what_somebody_else_owns_is_not_used(what: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store("a", b"code")
    if os.geteuid() == 0:
        os.chown(folder if what == "folder" else folder / "a.code", 65534, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: -1)
    assert load("a") is None


@POSIX
@pytest.mark.parametrize("what", ["folder", "file"])
def test_a_link_to_what_somebody_else_owns_is_not_used(what: str, folder: Path, tmp_path: Path) -> None:
    """Owner and mode are those of what is read, not of the link."""
    store("a", b"code")
    path = folder if what == "folder" else folder / "a.code"
    path.rename(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").chmod(0o777)
    path.symlink_to(tmp_path / "elsewhere")
    assert load("a") is None


@pytest.mark.parametrize("damage", [b"", b"short", bytes(32) + b"code"])
def test_damaged_files_are_not_used(damage: bytes, folder: Path) -> None:
    store("a", b"code")
    (folder / "a.code").write_bytes(damage)
    assert load("a") is None


@pytest.mark.parametrize("step", ["mkdir", "mkstemp", "replace", "write"])
def test_a_folder_that_is_full_or_read_only_is_no_error(
    step: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    store("old", b"code")
    target = {"mkdir": (Path, "mkdir"), "mkstemp": (code_cache.tempfile, "mkstemp"), "replace": (os, "replace")}
    with monkeypatch.context() as patch:
        patch.setattr(*target.get(step, (code_cache.os, "fdopen")), refuse)
        store("a", b"code")
    assert load("a") is None
    assert load("old") == b"code"
    assert not list(folder.glob("*.part"))


def test_a_cache_that_may_only_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store("a", b"code")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    for name in ("utime", "mkdir", "replace"):
        monkeypatch.setattr(os, name, refuse)
    assert load("a") == b"code"


def test_a_path_that_is_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("mine")
    monkeypatch.setenv("NDFIT_CACHE_DIR", str(tmp_path / "file"))
    store("a", b"code")
    assert load("a") is None
    assert (tmp_path / "file").read_text() == "mine"


def test_what_was_used_least_recently_is_removed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_cache, "MOST_BYTES", 1000)
    for number, key in enumerate("abcd"):
        store(key, bytes(200))  # 232 bytes with the digest
        os.utime(folder / f"{key}.code", ns=(number * 10**9, number * 10**9))
    (folder / "killed.part").write_bytes(bytes(10))
    os.utime(folder / "killed.part", ns=(0, 0))
    assert load("a") is not None  # used just now
    store("e", bytes(200))
    assert {path.name for path in folder.iterdir()} == {"a.code", "c.code", "d.code", "e.code"}
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 1000
