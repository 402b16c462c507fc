"""How probes measure: calls that take turns, and scripts in processes of their own.

Flows in: calls by name, scripts. Flows out: a list of numbers by name, one a repeat.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.measure import at_least, timed
from ndfit.errors import FitWarning

__all__ = ["Calls", "Values", "in_new_process", "in_turns", "output_of"]

Values = dict[str, list[float]]
Calls = Mapping[str, Callable[[], Any]]


def in_turns(
    calls: Calls,
    repeats: int,
    smoke: bool,
    *,
    warm_up: bool = True,
    clock: Callable[[], float] = time.perf_counter,
) -> Values:
    """Seconds of each call; the calls take turns, repeat by repeat.

    What compiles has compiled after the warm-up, which a smoke run goes without.
    """
    values: Values = {name: [] for name in calls}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        for call in calls.values() if warm_up and not smoke else ():
            call()
        for _ in range(repeats):
            for name, call in calls.items():
                values[name].append(timed(call, at_least(smoke), clock)[0])
    return values


def in_new_process(script: str, *arguments: str, **environment: str) -> str:
    """What a script says on its standard output."""
    return output_of([sys.executable, "-W", "ignore", "-c", script, *arguments], **environment)


def output_of(command: Sequence[str], **environment: str) -> str:
    """What a command says on its standard output.

    Raises
    ------
    subprocess.CalledProcessError
        It ends with another exit code than 0.
    """
    done = subprocess.run(command, env=os.environ | environment, check=True, capture_output=True, text=True)
    return done.stdout
