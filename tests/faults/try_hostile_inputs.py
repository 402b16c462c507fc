"""Runs `ndfit` on inputs that nobody made in good faith, each in a process of its own; a script.

    python -m tests.faults.try_hostile_inputs KIND COUNT SEED FOLDER

Of expressions, what is looked at ends where the fit would begin: one of a model that nobody has fitted yet compiles it.
What is imported is imported once; for each input this process forks, and the child may take two seconds of CPU time and
500 MB beyond what it starts with. The current folder is an empty one within FOLDER, since configurations name outputs.
A child that takes too long, or stands still, says where all its threads are. Prints one line of JSON: how many ended
with which exit code, and what went wrong.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import random
import resource
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import dask
from tests.faults.hostile_inputs import KINDS, warm_up

import ndfit
from ndfit.cli.main import main as ndfit_command

CPU_SECONDS, MEMORY = 2, 500 * 2**20
PATIENCE = 30.0  # seconds of the clock; the machine may be busy
LAST_WORDS = 1.0  # seconds for a child that stands still to say where
MOST_SAID = 20_000
ALLOWED = (0, 1, 2)


def run(arguments: Iterable[str], output: Path) -> int:
    """Exit code of the command, minus the number of the signal that ended it."""
    child = os.fork()
    if child == 0:
        code = 70
        try:
            with output.open("wb") as file:
                os.dup2(file.fileno(), 1)
                os.dup2(file.fileno(), 2)
            faulthandler.register(signal.SIGUSR1)
            faulthandler.register(signal.SIGXCPU, chain=True)
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            most = pages * resource.getpagesize() + MEMORY
            resource.setrlimit(resource.RLIMIT_AS, (most, most))
            used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
            resource.setrlimit(resource.RLIMIT_CPU, (int(used) + CPU_SECONDS + 1, int(used) + CPU_SECONDS + 5))
            code = _call(list(arguments))
        finally:
            os._exit(code)
    return _ended(child)


def _call(arguments: list[str]) -> int:
    """As Python itself would end the process."""
    try:
        ndfit_command(arguments, prog_name="ndfit")
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        traceback.print_exc()
        code = 71
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    return code


def _no_fit(*_: Any, **__: Any) -> None:
    raise ndfit.AllFitsFailed("no fit is made here")


def _ended(child: int) -> int:
    begun = time.monotonic()
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() - begun > PATIENCE:
            os.kill(child, signal.SIGUSR1)
            time.sleep(LAST_WORDS)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return -signal.SIGALRM
        time.sleep(0.001)


def complaint(code: int, said: str) -> str:
    """What is wrong with the way in which a command ended; empty where it ended well."""
    if code == -signal.SIGXCPU or code == -signal.SIGKILL:
        return "took too long"
    if code == -signal.SIGALRM:
        return "stood still"
    if code < 0:
        return f"was ended by signal {-code}"
    if code not in ALLOWED or "Traceback (most recent call last)" in said:
        return "a traceback"
    if code and "Error: " not in said:
        return "no sentence"
    if len(said) > MOST_SAID:
        return f"said {len(said)} characters"
    raw = sorted({character for character in said if not character.isprintable() and character != "\n"})
    return f"raw characters {raw}" if raw else ""


def main(kind: str, count: int, seed: int, folder: Path) -> None:
    with dask.config.set(scheduler="synchronous"):  # threads would not be there after a fork
        warm_up(folder)
    if kind == "expressions":
        ndfit.fit = _no_fit
    codes: Counter[int] = Counter()
    wrong: list[dict[str, Any]] = []
    output = folder / "said.txt"
    current = folder / "current"
    current.mkdir(exist_ok=True)
    os.chdir(current)
    for number in range(count):
        arguments = KINDS[kind](random.Random(f"{kind} {seed} {number}"), folder)
        code = run(arguments, output)
        said = output.read_bytes().decode("utf-8", "backslashreplace")
        codes[code] += 1
        reason = complaint(code, said)
        if reason:
            wrong.append({"number": number, "reason": reason, "said": said[-2000:], "arguments": arguments})
            for file in (folder / "input.fits", folder / "results.fits", folder / "fit.toml"):
                if file.exists():
                    file.rename(folder / f"wrong-{kind}-{number}{file.suffix}")
    print(json.dumps({"codes": codes, "wrong": wrong}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
