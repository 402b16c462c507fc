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
from tests.children import environment, python, said

HERE = Path(__file__).parent

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs the signals of POSIX")


@pytest.mark.faults(few=3, many=50)
def test_killed_at_random_moments(fault_repeats: int, tmp_path: Path) -> None:
    done = python(str(HERE / "killed_runs.py"), str(tmp_path), str(fault_repeats), "1", timeout=3600)
    outcome = json.loads(done.stdout)
    assert outcome["killed"] >= fault_repeats, done
    assert outcome["identical"] == len(outcome["kept"]), done
    assert max(outcome["kept"]) > 0, done
    assert not outcome["left"], done
    if fault_repeats >= 20:
        assert {"fit", "from-solutions"} <= set(outcome["stages"]), done


@pytest.mark.parametrize(
    ("scheduler", "engine"),
    [
        ("threads", "compiled"),
        pytest.param("processes", "reference", marks=pytest.mark.long),
        pytest.param("synchronous", "reference", marks=pytest.mark.long),
    ],
)
def test_an_interrupt_stops_what_has_not_begun(scheduler: str, engine: str, tmp_path: Path) -> None:
    with _begun(tmp_path, scheduler, engine) as run:
        kept = len(list(tmp_path.glob("run/fit/[0-9]*.npz")))
        os.killpg(run.pid, signal.SIGINT)  # as a terminal does
        output, errors = run.communicate(timeout=600)
    what = said(run.returncode, output, errors)
    assert output.startswith("interrupted, 0 processes, "), what
    assert float(output.split()[3]) < 4.0, what  # a region of half a second in each of two threads
    assert errors.rstrip().endswith("KeyboardInterrupt"), what
    assert errors.count("Traceback") <= 2, what
    assert len(list(tmp_path.glob("run/fit/[0-9]*.npz"))) >= kept > 0, what
    assert not list(tmp_path.rglob(".partial-*")), what
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
    with subprocess.Popen(command, env=environment(), text=True, start_new_session=True, **pipes) as process:
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            assert first == "begun\n", said(None, first, process.communicate()[1])
            yield process
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise


def _ends(group: int) -> bool:
    """Whether the last process of a group ends; Python's own tracker of resources takes a moment to see that it may."""
    for _ in range(600):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    os.killpg(group, signal.SIGKILL)
    return False
