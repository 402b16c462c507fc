"""What is no file is told before it is opened."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from ndfit.kinds import no_file

POSIX = pytest.mark.skipif(os.name != "posix", reason="needs pipes, sockets and devices")


def bound_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path.name)  # whose whole path may be too long for a socket


KINDS: dict[str, Callable[[Path], object]] = {
    "a folder": Path.mkdir,
    "a named pipe": os.mkfifo,
    "a socket": bound_socket,
    "a device": lambda path: path.symlink_to("/dev/zero"),
}


@POSIX
@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize(("words", "make"), KINDS.items(), ids=KINDS)
def test_what_is_no_file(
    words: str, make: Callable[[Path], object], linked: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "thing")
    path = tmp_path / "thing"
    if linked:
        path = tmp_path / "link"
        path.symlink_to("thing")
    assert no_file(path) == words


def test_files_and_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert no_file(tmp_path / "file") == ""
    assert no_file(tmp_path / "absent") == ""
