"""Workloads x peers, in one process tree, one after the other.

Flows in: workloads and peers by name. Flows out: records, plain dicts for JSON.

All peers take turns, repeat by repeat, so that whatever else the machine does falls on all of them. A peer that is too
slow for all N fits of a workload gets n of them, evenly spread, and is scaled as t0 + (t - t0) N / n, where t0 is the
time of a call with a handful of fits: what it costs to start, which does not grow with the number of fits. Its answers
count only if they are right: each fit's cost, computed here from the parameters, against the lowest that any peer
reached on that fit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.peers import PEERS, Answers, Peer
from benchmarks.task import Task, rows_of
from benchmarks.workloads import Absent, Workload

__all__ = ["N_SMOKE", "at_least", "measure_workload", "timed"]

FloatArray = NDArray[np.float64]
Record = dict[str, Any]

# Within this of the lowest cost found, a fit is at the same minimum.
SAME_COST = 1e-6
A_HANDFUL = 4
# Evaluations are counted on this many fits, in a call of their own, as counting takes time.
N_COUNTED = 2500
# Shorter calls are repeated.
SECONDS_AT_LEAST = 0.5
# Fits of a workload in a smoke run: enough to go through every line.
N_SMOKE = 36


@dataclass
class _Turn:
    """One peer on one workload."""

    peer: Peer
    task: Task
    rows: NDArray[np.intp]
    evaluations: float | None = None
    start_up: float = 0.0
    seconds: list[float] = field(default_factory=list)
    costs: FloatArray = field(default_factory=lambda: np.zeros(0))


def at_least(smoke: bool) -> float:
    """Seconds that the calls of one measurement take together."""
    return 0.0 if smoke else SECONDS_AT_LEAST


def timed(
    function: Callable[[], Any], together: float = 0.0, clock: Callable[[], float] = time.perf_counter
) -> tuple[float, Any]:
    """Seconds of one call, and its answer; the median of calls that take so many seconds together."""
    seconds: list[float] = []
    while not seconds or sum(seconds) < together:
        began = clock()
        answer = function()
        seconds.append(clock() - began)
    return median(seconds), answer


def measure_workload(workload: Workload, peers: Iterable[str], repeats: int, smoke: bool) -> Record:
    """Time, evaluations, success and cost of each peer; only why not, where the data are absent."""
    record: Record = {"title": workload.title, "peers": {}}
    try:
        task = workload.make(N_SMOKE if smoke else workload.n_fits)
    except Absent as absent:
        return record | {"skipped": str(absent)}
    record |= {"n_fits": task.n_fits, "n_samples": task.n_samples, "n_params": int(task.start.size)}
    turns = list(_turns(workload, task, peers, smoke, record["peers"]))
    for turn in turns:
        click.echo(f"  {turn.peer.name}: {turn.rows.size} of {task.n_fits} fits", err=True)
        _warm_up(turn, task)
    for _ in range(repeats):
        for turn in turns:
            _take(turn, task, at_least(smoke))
    lowest = _lowest_costs(turns, task.n_fits)
    for turn in turns:
        record["peers"][turn.peer.name] = _summary(turn, lowest[turn.rows], workload.least_share)
    return record


def _turns(workload: Workload, task: Task, peers: Iterable[str], smoke: bool, skipped: Record) -> Iterator[_Turn]:
    """Those that can be measured; the reasons of the others go to `skipped`."""
    for name in peers:
        peer = PEERS[name]
        n_fits = min(workload.shares.get(name, task.n_fits), task.n_fits)
        reason = peer.reason_to_skip(task)
        if smoke and not peer.smoke:
            reason = "takes too long to start for a smoke run"
        if reason is not None:
            skipped[name] = {"skipped": reason}
        elif n_fits:
            yield _Turn(peer, task.part(n_fits), rows_of(task.n_fits, n_fits))


def _warm_up(turn: _Turn, task: Task) -> None:
    """Whatever a peer compiles is compiled here; and evaluations are counted."""
    answers: Answers = turn.peer.fit(turn.task.part(N_COUNTED), True)
    if answers.evaluations is not None:
        turn.evaluations = float(np.nanmean(answers.evaluations))
    if turn.task.n_fits < task.n_fits:
        handful = turn.task.part(A_HANDFUL)
        # The shorter of two: a start-up that something else delayed would be taken off the time of the fits.
        turn.start_up = min(timed(lambda: turn.peer.fit(handful, False))[0] for _ in range(2))


def _take(turn: _Turn, task: Task, together: float) -> None:
    seconds, answers = timed(lambda: turn.peer.fit(turn.task, False), together)
    turn.seconds.append(turn.start_up + max(seconds - turn.start_up, 0.0) * task.n_fits / turn.task.n_fits)
    turn.costs = turn.task.costs(answers.parameters)


def _lowest_costs(turns: Iterable[_Turn], n_fits: int) -> FloatArray:
    lowest = np.full(n_fits, np.inf)
    for turn in turns:
        lowest[turn.rows] = np.fmin(lowest[turn.rows], turn.costs)
    return lowest


def _summary(turn: _Turn, lowest: FloatArray, least_share: float) -> Record:
    success = float(np.mean(turn.costs <= lowest * (1 + SAME_COST)))
    return {
        "n_fits": turn.task.n_fits,
        "seconds": turn.seconds,
        "evaluations": turn.evaluations,
        "success": success,
        "valid": success >= least_share,
        "cost": float(np.nansum(turn.costs)),
        "failed": int(np.isnan(turn.costs).sum()),
    }
