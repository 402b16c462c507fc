"""Other processes that tests start: a fresh interpreter with the sources that are tested, and what it said.

A test that fails because of a child shows the whole of what the child printed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

__all__ = ["environment", "python", "run", "said"]

ROOT = Path(__file__).resolve().parents[1]


def environment(variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment with the sources and the tests on Python's path, and other variables."""
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    return {**os.environ, "PYTHONPATH": path, **(variables or {})}


def said(status: int | None, output: str, errors: str) -> str:
    """What a process said, for the message of an assertion."""
    return f"status {status}\n--- standard output:\n{output}\n--- standard error:\n{errors}"


def run(
    command: list[str],
    *,
    status: int | None = 0,
    variables: Mapping[str, str] | None = None,
    folder: Path | None = None,
    timeout: float = 600.0,
) -> subprocess.CompletedProcess[str]:
    """Run a command, and check the status it ends with; None for any.

    Parameters
    ----------
    variables : of its environment, beside this process's
    folder : it works in
    timeout : seconds after which it is ended; a guard against one that hangs, and no measure of speed
    """
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=folder, env=environment(variables), text=True, **pipes) as child:
        try:
            output, errors = child.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            child.kill()
            raise AssertionError(f"not done in {timeout} s: {said(None, *child.communicate())}") from None
    assert status is None or child.returncode == status, said(child.returncode, output, errors)
    return subprocess.CompletedProcess(command, child.returncode, output, errors)


def python(
    *arguments: str,
    status: int | None = 0,
    variables: Mapping[str, str] | None = None,
    folder: Path | None = None,
    timeout: float = 600.0,
) -> subprocess.CompletedProcess[str]:
    """`run` with this Python: `python("-c", code)`."""
    return run([sys.executable, *arguments], status=status, variables=variables, folder=folder, timeout=timeout)
