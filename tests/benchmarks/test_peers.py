"""Every peer that is installed finds the minimum, and counts its evaluations."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.measure import SAME_COST
from benchmarks.peers import PEERS, Answers, Peer
from benchmarks.task import Task
from benchmarks.workloads import WORKLOADS

from benchmarks import peers

# Processes take seconds to start, JAX to compile.
QUICK = [peer for peer in PEERS.values() if peer.smoke and peer.name != "optimistix"]


@pytest.fixture(scope="module")
def task() -> Task:
    return WORKLOADS["spectra"].make(4)


def fit(peer: Peer, task: Task) -> Answers:
    reason = peer.reason_to_skip(task)
    if reason is not None:
        pytest.skip(reason)
    return peer.fit(task, True)


@pytest.mark.parametrize("peer", QUICK, ids=lambda peer: peer.name)
def test_peer_finds_the_minimum(peer: Peer, task: Task) -> None:
    lowest = task.costs(fit(PEERS["curve_fit-jac"], task).parameters)
    answers = fit(peer, task)
    assert (task.costs(answers.parameters) <= lowest * (1 + SAME_COST)).all()
    assert (answers.evaluations >= 3).all()


def test_peer_that_is_not_installed_says_so(task: Task) -> None:
    peer = Peer("absent", "absent", PEERS["ndfit"].fit, packages=("surely_not_installed",))
    assert peer.reason_to_skip(task) == "not installed: surely_not_installed"


def test_fit_that_does_not_converge_in_a_loop_is_nan(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "MOST_EVALUATIONS", 2)
    assert np.isnan(PEERS["curve_fit"].fit(task, False).parameters).all()
