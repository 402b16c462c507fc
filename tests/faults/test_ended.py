"""Runs that are killed or interrupted keep what is done, and leave nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

HERE = Path(__file__).parent

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs the signals of POSIX")


@pytest.mark.faults(few=3, many=50)
def test_killed_at_random_moments(fault_repeats: int, tmp_path: Path) -> None:
    command = [sys.executable, str(HERE / "killed_runs.py"), str(tmp_path), str(fault_repeats), "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["killed"] == fault_repeats
    assert outcome["identical"] == len(outcome["kept"])
    assert max(outcome["kept"]) > 0


@pytest.mark.parametrize(
    ("scheduler", "engine"),
    [
        ("threads", "compiled"),
        pytest.param("processes", "reference", marks=pytest.mark.long),
        pytest.param("synchronous", "reference", marks=pytest.mark.long),
    ],
)
def test_an_interrupt_stops_within_two_seconds(scheduler: str, engine: str, tmp_path: Path) -> None:
    with _begun(tmp_path, scheduler, engine) as run:
        assert run.stdout is not None
        kept = len(list(tmp_path.glob("run/fit/[0-9]*.npz")))
        begun = time.perf_counter()
        os.killpg(run.pid, signal.SIGINT)  # as a terminal does
        told = run.stdout.readline()
        seconds = time.perf_counter() - begun
        _, errors = run.communicate(timeout=20)
    assert told == "interrupted 0\n", errors
    assert seconds < 4.0  # two, on a machine that has nothing else to do
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert errors.count("Traceback") <= 2
    assert len(list(tmp_path.glob("run/fit/[0-9]*.npz"))) >= kept > 0
    assert not list(tmp_path.rglob(".partial-*"))
    assert _ends(run.pid)


@pytest.mark.long
def test_processes_end_when_the_caller_is_killed(tmp_path: Path) -> None:
    with _begun(tmp_path, "processes", "reference") as run:
        os.kill(run.pid, signal.SIGKILL)
    assert _ends(run.pid)


@contextmanager
def _begun(folder: Path, scheduler: str, engine: str) -> Iterator[subprocess.Popen[str]]:
    """A run in a process group of its own, which has saved its first region; its group is ended with the context."""
    script, run = str(HERE / "interrupted_run.py"), str(folder / "run")
    command = [sys.executable, "-W", "ignore", script, run, scheduler, engine]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, start_new_session=True, **pipes) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == "begun"
            yield process
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise


def _ends(group: int) -> bool:
    """Whether the last process of a group ends; Python's own tracker of resources takes a moment to see that it may."""
    for _ in range(50):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    os.killpg(group, signal.SIGKILL)
    return False
