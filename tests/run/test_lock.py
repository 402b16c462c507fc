"""One run at a time, with the locks of each system; those that are not here are simulated."""

from __future__ import annotations

import errno
import json
import os
import select
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.children import environment

from ndfit.run import lock
from ndfit.run.lock import file_lock

CODE = """
import sys
from pathlib import Path
from ndfit.run import lock
if sys.argv[2] == "names":
    lock._lock_of_system = lambda: None
with lock.file_lock(Path(sys.argv[1])) as other:
    print("taken" if other else "ours", flush=True)
    sys.stdin.read()
"""


def start(path: Path, way: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CODE, str(path), way]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen(command, env=environment(), text=True, **pipes)


@pytest.fixture(params=["flock", "locking", "names", "no locks here"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How the lock is taken."""
    name: str = request.param
    if name == "flock":
        pytest.importorskip("fcntl")
    if name == "locking":
        monkeypatch.setitem(sys.modules, "msvcrt", windows())
        monkeypatch.setitem(sys.modules, "fcntl", None)
    if name == "names":
        monkeypatch.setitem(sys.modules, "fcntl", None)
        monkeypatch.setitem(sys.modules, "msvcrt", None)
    if name == "no locks here":

        def refuse(descriptor: int) -> None:
            raise OSError(errno.ENOLCK, "No locks available")

        monkeypatch.setattr(lock, "_lock_of_system", lambda: refuse)
    return name


def windows() -> ModuleType:
    """`msvcrt.locking` by flock, with the error that it raises."""
    fcntl = pytest.importorskip("fcntl")

    def locking(descriptor: int, mode: int, n_bytes: int) -> None:
        assert (mode, n_bytes) == (2, 1)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PermissionError(errno.EACCES, "Permission denied") from None

    module: Any = ModuleType("msvcrt")
    module.LK_NBLCK, module.locking = 2, locking
    return module


def test_one_at_a_time(way: str, tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with file_lock(path) as first:
        assert first is None
        with file_lock(path) as second:
            assert second
        with file_lock(path) as third:
            assert third
    with file_lock(path) as again:
        assert again is None
    assert [entry.name for entry in tmp_path.iterdir()] == ["lock"]


def test_a_run_that_fails_gives_it_back(way: str, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), file_lock(tmp_path / "lock"):
        raise KeyboardInterrupt
    with file_lock(tmp_path / "lock") as other:
        assert other is None


@pytest.mark.skipif(os.name != "posix", reason="needs the signals of POSIX")
@pytest.mark.parametrize("how", ["system", "names"])
def test_a_killed_process_gives_it_back(how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if how == "names":
        monkeypatch.setattr(lock, "_lock_of_system", lambda: None)
    path = tmp_path / "lock"
    with start(path, how) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ours\n"
        with file_lock(path) as other:
            assert other
            assert how == "system" or f"-{process.pid}-" in other
        process.kill()
    assert len(list(tmp_path.iterdir())) == (2 if how == "names" else 1)
    with file_lock(path) as other:
        assert other is None
    assert [entry.name for entry in tmp_path.iterdir()] == ["lock"]


def names(monkeypatch: pytest.MonkeyPatch, folder: Path) -> tuple[str, str]:
    """The host and place in our own name, with locks by names."""
    monkeypatch.setattr(lock, "_lock_of_system", lambda: None)
    with file_lock(folder / "lock"):
        (ours,) = folder.glob("lock-*")
    _, host, place, pid, start_, _ = ours.name.rsplit("-", 5)
    assert (int(pid), int(start_)) == (os.getpid(), lock._start_of(os.getpid()))
    return host, place


@pytest.mark.skipif(os.name != "posix", reason="nobody can tell elsewhere")
def test_whose_file_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process of this place is dead if it does not run, or is another one by now; of elsewhere nobody knows."""
    host, place = names(monkeypatch, tmp_path)
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        dead.wait()
    own = lock._start_of(os.getpid())
    cases = {
        f"lock-{host}-{place}-{dead.pid}-1-ab": False,
        f"lock-{host}-{place}-{os.getpid()}-{own}-ab": True,
        f"lock-{host}-{place}-{os.getpid()}-0-ab": True,
        f"lock-elsewhere-0123abcd-{dead.pid}-1-ab": True,
        "lock-notes.txt": False,
    }
    if own:
        cases[f"lock-{host}-{place}-{os.getpid()}-{own + 1}-ab"] = False
    for name, counts in cases.items():
        (tmp_path / name).touch()
        with file_lock(tmp_path / "lock") as other:
            assert other == (name if counts else None)
        assert (tmp_path / name).exists() == (counts or name == "lock-notes.txt")
        (tmp_path / name).unlink(missing_ok=True)


def test_a_process_of_somebody_else_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host, place = names(monkeypatch, tmp_path)

    def refuse(pid: int, signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    (tmp_path / f"lock-{host}-{place}-1-0-ab").touch()
    with file_lock(tmp_path / "lock") as other:
        assert other


def test_signal_0_is_not_sent_where_it_kills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host, place = names(monkeypatch, tmp_path)
    (tmp_path / f"lock-{host}-{place}-999999999-0-ab").touch()

    def never(pid: int, signal: int) -> None:
        raise AssertionError

    with monkeypatch.context() as patch:
        patch.setattr(os, "kill", never)
        patch.setattr(lock, "os", os_of_windows())
        assert lock._runs(999999999, 0)


def os_of_windows() -> Any:
    module: Any = ModuleType("os")
    module.__dict__.update(vars(os))
    module.name = "nt"
    return module


@pytest.mark.skipif(os.name != "posix", reason="needs links")
def test_a_planted_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to("elsewhere")
    with pytest.raises(OSError, match="lock"), file_lock(tmp_path / "lock"):
        pass
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.faults(few=5, many=100)
def test_of_several_at_once_at_most_one_gets_it(
    fault_repeats: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With locks by names, and the file of a dead process that all of them find."""
    host, place = names(monkeypatch, tmp_path)
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        dead.wait()
    for number in range(fault_repeats):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / f"lock-{host}-{place}-{dead.pid}-1-ab").touch()
        start_pipe, end_pipe = os.pipe(), os.pipe()
        children = [_contender(folder / "lock", start_pipe[0], end_pipe[0]) for _ in range(4)]
        os.write(start_pipe[1], b"gggg")
        ends = [os.waitpid(-1, 0)[1] for _ in range(3)]  # a holder waits until all others have tried
        os.write(end_pipe[1], b"gggg")
        ends.append(os.waitpid(-1, 0)[1])
        assert [os.waitstatus_to_exitcode(end) for end in ends].count(3) <= 1, children
        for descriptor in (*start_pipe, *end_pipe):
            os.close(descriptor)


def _contender(path: Path, begin: int, end: int) -> int:
    """Fork a process that tries to get the lock; its status is 3 if it does."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        os.read(begin, 1)
        with file_lock(path) as other:
            status = 0 if other else 3
            if status:
                select.select([end], [], [], 10.0)
    finally:
        os._exit(status)


def test_names_are_those_of_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever a host is called."""
    monkeypatch.setattr(lock, "_lock_of_system", lambda: None)
    monkeypatch.setattr("socket.gethostname", lambda: "a/b: c-" + 300 * "é")
    with file_lock(tmp_path / "lock") as first, file_lock(tmp_path / "lock") as second:
        assert first is None
        assert second
        json.dumps(second)
