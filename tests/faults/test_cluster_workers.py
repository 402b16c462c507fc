"""Clusters whose workers join, leave and die while a run goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest
from astropy.modeling import custom_model
from tests.children import environment, said

import ndfit
from ndfit.run import cluster_workers
from ndfit.run.cluster_workers import NO_WORKERS_TIMEOUT, Crowd

distributed = pytest.importorskip("distributed")

# What it says while workers take long to start or to come back, as they do on a busy machine.
pytestmark = pytest.mark.filterwarnings("ignore:.* cluster .*:ndfit.FitWarning")

PAGES = {"dashboard_address": "127.0.0.1:0", "worker_dashboard_address": None, "silence_logs": 50, "protocol": "tcp://"}
X = np.arange(12.0)


def slow_model(seconds: float) -> Any:
    """A model that sleeps; defined here, so that workers need not import this file."""

    @custom_model
    def slow(x, height=1.0, slope=0.0):  # type: ignore[no-untyped-def]
        time.sleep(seconds)
        return height + slope * x + 0.01 * height**2

    return slow()


def cube(n_fits: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return 1.0 + np.linspace(0.0, 1.0, n_fits) * X[:, np.newaxis] + 0.01 * rng.normal(size=(X.size, n_fits))


def fit(data: np.ndarray, seconds: float = 0.02, **keywords: Any) -> ndfit.FitResult:
    how = {"fitting_axes": 0, "engine": "reference", "chunk_n_max": 1, "covariance": False, **keywords}
    return ndfit.fit(slow_model(seconds), data, **how)


@contextmanager
def cluster_of(n_workers: int, processes: bool = False) -> Iterator[tuple[Any, Any]]:
    """A cluster and its client."""
    with (
        distributed.LocalCluster(n_workers=n_workers, threads_per_worker=1, processes=processes, **PAGES) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield cluster, client


@contextmanager
def meanwhile(action: Callable[[threading.Event], None]) -> Iterator[None]:
    """Something else that goes on at the same time, until it is over or told to stop; its error is the test's."""
    stop, failures = threading.Event(), []

    def act() -> None:
        try:
            action(stop)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=act)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    if failures:
        raise failures[0]


def in_work(client: Any) -> int:
    """Regions that workers execute at this moment."""
    return sum(client.run(lambda dask_worker: dask_worker.state.executing_count).values())


def wait_until(condition: Callable[[], bool], stop: threading.Event) -> bool:
    """Whether it came true before the run was over."""
    while not stop.is_set():
        if condition():
            return True
        time.sleep(0.05)
    return condition()


@pytest.mark.parametrize(
    ("most", "processes"), [(3, False), pytest.param(6, True, marks=pytest.mark.long)], ids=["3 threads", "6 processes"]
)
def test_workers_that_join_are_used(most: int, processes: bool) -> None:
    data, seen = cube(20 * most), []
    with cluster_of(0, processes) as (cluster, client):

        def grow(stop: threading.Event) -> None:
            assert wait_until(lambda: len(client.futures) > 0, stop)
            cluster.scale(most)
            assert wait_until(lambda: len(client.nthreads()) == most, stop)
            assert wait_until(lambda: seen.append(in_work(client)) or seen[-1] >= most, stop), seen

        with meanwhile(grow):
            result = fit(data, scheduler=client)
    assert max(seen) >= most
    expected = fit(data, 0.0, scheduler="synchronous")
    np.testing.assert_array_equal(result.parameters["slope"], expected.parameters["slope"])


@pytest.mark.long
def test_workers_that_leave_and_die_cost_nothing(tmp_path: Path) -> None:
    data = cube(120)
    with cluster_of(4, processes=True) as (cluster, client):

        def disturb(stop: threading.Event) -> None:
            assert wait_until(lambda: in_work(client) > 0, stop)
            processes = list(client.run(os.getpid).values())
            os.kill(processes[0], signal.SIGKILL)
            cluster.scale(2)
            assert wait_until(lambda: len(client.nthreads()) <= 2, stop)
            os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
            cluster.scale(3)

        with meanwhile(disturb):
            result = fit(data, scheduler=client)
    expected = fit(data, 0.0, scheduler="synchronous")
    np.testing.assert_array_equal(result.parameters["slope"], expected.parameters["slope"])


@pytest.mark.parametrize("processes", [False, pytest.param(True, marks=pytest.mark.long)])
def test_a_run_whose_workers_are_all_gone_ends(processes: bool, tmp_path: Path) -> None:
    data, path = cube(20), tmp_path / "run"
    with (
        dask.config.set({NO_WORKERS_TIMEOUT: "1 s"}),
        cluster_of(1, processes) as (cluster, client),
    ):

        def close(stop: threading.Event) -> None:
            assert wait_until(lambda: len(list(path.glob("fit/*.npz"))) > 2, stop)
            cluster.scale(0)

        with (
            meanwhile(close),
            pytest.raises(RuntimeError, match=r"all workers of the cluster are gone, .* 1 s .*checkpoint.*are kept"),
        ):
            fit(data, scheduler=client, checkpoint=path)
    kept = {file: file.stat().st_mtime_ns for file in path.glob("fit/*.npz")}
    assert 2 < len(kept) < 20
    result = fit(data, scheduler="threads", checkpoint=path)
    assert {file: file.stat().st_mtime_ns for file in kept} == kept
    expected = fit(data, 0.0, scheduler="synchronous")
    np.testing.assert_array_equal(result.parameters["slope"], expected.parameters["slope"])


JOINER = """
import importlib.metadata as metadata
metadata.version = lambda name, ask=metadata.version: "0.1" if name == "llvmlite" else ask(name)
"""


@pytest.mark.long
def test_a_worker_that_joins_with_another_version_is_refused(tmp_path: Path) -> None:
    data, path = cube(200), tmp_path / "run"
    preload = tmp_path / "older_llvmlite.py"
    preload.write_text(JOINER)
    with cluster_of(1) as (cluster, client):
        command = [sys.executable, "-m", "distributed.cli.dask_worker", cluster.scheduler_address, "--no-nanny"]
        command += ["--nthreads", "1", "--no-dashboard", "--preload", str(preload)]
        started: list[subprocess.Popen[str]] = []

        def join(stop: threading.Event) -> None:
            assert wait_until(lambda: len(list(path.glob("fit/*.npz"))) > 2, stop)
            pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
            started.append(subprocess.Popen(command, env=environment(), text=True, cwd=tmp_path, **pipes))

        try:
            with meanwhile(join), pytest.raises(RuntimeError, match=r"worker tcp://\S+ has llvmlite 0\.1, and this"):
                fit(data, scheduler=client, checkpoint=path)
        except BaseException:
            for process in started:
                process.kill()
                print(said(process.returncode, *process.communicate()))
            raise
        finally:
            for process in started:
                process.kill()
                process.communicate()
    assert len(list(path.glob("fit/*.npz"))) > 2


class Counted:
    """A client whose cluster has so many threads each time that it is asked."""

    def __init__(self, *counts: int) -> None:
        self.counts = list(counts)

    def nthreads(self) -> dict[str, int]:
        return {"tcp://somewhere": self.counts.pop(0)}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that a test sets."""
    now = [0.0]
    monkeypatch.setattr(cluster_workers, "monotonic", lambda: now[0])
    return now


def ask(watch: Crowd, clock: list[float], *seconds: float) -> list[int]:
    counts = []
    for each in seconds:
        clock[0] = each
        counts.append(watch())
    return counts


def test_how_many_there_are_is_asked_again(clock: list[float]) -> None:
    watch = Crowd(Counted(0, 2, 7, 3), lambda: None)
    assert ask(watch, clock, 0.0, 0.1, 1.0, 2.0, 2.1, 3.0) == [1, 1, 2, 7, 7, 3]


def test_workers_that_are_gone_are_told_once_and_waited_for(clock: list[float]) -> None:
    given_up: list[bool] = []
    with dask.config.set({NO_WORKERS_TIMEOUT: "100 s"}):
        watch = Crowd(Counted(2, 0, 0, 0, 2, 0, 0, 0), lambda: given_up.append(True))
    assert ask(watch, clock, 0.0, 1.0) == [2, 1]
    with pytest.warns(ndfit.FitWarning, match=r"all workers of the cluster are gone: waiting .* 100 s"):
        ask(watch, clock, 30.0)
    assert ask(watch, clock, 100.9, 110.0, 120.0) == [1, 2, 1]
    with pytest.warns(ndfit.FitWarning, match="all workers of the cluster are gone"):
        ask(watch, clock, 219.0)
    assert not given_up
    with pytest.raises(RuntimeError, match=r"none has joined for 100 s"):
        ask(watch, clock, 220.0)
    assert given_up == [True]


def test_a_cluster_without_workers_yet_is_waited_for_without_end(clock: list[float]) -> None:
    watch = Crowd(Counted(0, 0, 0, 4), lambda: None)
    assert ask(watch, clock, 0.0) == [1]
    with pytest.warns(ndfit.FitWarning, match="no workers yet"):
        ask(watch, clock, 60.0)
    assert ask(watch, clock, 1e6, 2e6) == [1, 4]
