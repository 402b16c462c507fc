"""Measuring: scaling of a part to the whole, and which answers count."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.measure import measure_workload, timed
from benchmarks.peers import Answers, Peer
from benchmarks.task import Task
from benchmarks.workloads import WORKLOADS, Absent, Workload

from benchmarks import measure

N_FITS = measure.N_SMOKE


def answer(name: str, offset: float) -> Peer:
    """A peer that answers at once with the start, its amplitude off by `offset`."""

    def fit(task: Task, counted: bool) -> Answers:
        parameters = np.tile(task.start, (task.n_fits, 1))
        parameters[:, 0] += offset
        return Answers(parameters, np.full(task.n_fits, 7.0) if counted else None)

    return Peer(name, name, fit)


def spectra(**shares: int) -> Workload:
    return Workload("spectra", "spectra", WORKLOADS["spectra"].make, 10, shares)


@pytest.fixture
def two_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "PEERS", {peer.name: peer for peer in (answer("right", 0.0), answer("wrong", 9.0))})
    monkeypatch.setattr(measure, "SECONDS_AT_LEAST", 0.0)


@pytest.mark.usefixtures("two_peers")
def test_wrong_answers_do_not_count() -> None:
    peers = measure_workload(spectra(), ("right", "wrong"), 2, smoke=True)["peers"]
    assert (peers["right"]["success"], peers["right"]["valid"]) == (1.0, True)
    assert (peers["wrong"]["success"], peers["wrong"]["valid"]) == (0.0, False)
    assert len(peers["right"]["seconds"]) == 2
    assert peers["right"]["evaluations"] == 7.0


@pytest.mark.usefixtures("two_peers")
def test_part_is_scaled_and_its_start_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = iter([(2.0, None), (9.0, None), (5.0, Answers(np.ones((9, 3)), None))])
    monkeypatch.setattr(measure, "timed", lambda *_, **__: next(calls))
    peers = measure_workload(spectra(right=N_FITS // 4), ("right",), 1, smoke=True)["peers"]
    assert peers["right"]["seconds"] == [2.0 + 3.0 * 4]


def test_absent_data_are_a_reason() -> None:
    def make(n_fits: int) -> Task:
        raise Absent("needs something")

    record = measure_workload(Workload("absent", "absent", make, 10, {}), ("ndfit",), 1, smoke=True)
    assert record["skipped"] == "needs something"
    assert record["peers"] == {}


def test_timed_calls_at_least_once() -> None:
    seconds, value = timed(lambda: "answer")
    assert seconds >= 0.0
    assert value == "answer"
