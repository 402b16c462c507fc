"""Workers of a cluster that die or differ."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import signal
from typing import Any

import dask.array as da
import numpy as np
import pytest
from astropy.modeling.models import Gaussian1D

import ndfit
from ndfit.engines.compiled.compiled_engine import CompiledEngine
from ndfit.run.plan import plan_regions
from ndfit.run.shared_buffer import SharedBuffer

MODEL = Gaussian1D(4.0, 15.0, 2.0)


def test_the_active_client_is_used(client: Any, cube: np.ndarray, assert_same: Any) -> None:
    whole = ndfit.fit(MODEL, cube, fitting_axes=0, scheduler="synchronous")
    assert_same(ndfit.fit(MODEL, cube, fitting_axes=0, scheduler="default", chunk_n_max=9), whole)


@pytest.mark.parametrize("shared", [True, False], ids=["in shared memory", "by dask's connections"])
@pytest.mark.parametrize("persisted", [True, False])
def test_how_results_come_back(
    shared: bool, persisted: bool, client: Any, cube: np.ndarray, assert_same: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shared and not hasattr(os, "memfd_create"):
        pytest.skip("needs Linux's anonymous files")
    taken: list[Any] = []
    take = SharedBuffer.take
    monkeypatch.setattr(SharedBuffer, "take", lambda slot: (taken.append(slot), take(slot))[1])
    if not shared:
        monkeypatch.delattr(os, "memfd_create", raising=False)
    lazy = da.from_array(cube, chunks=(30, 2, 9))
    lazy = lazy.persist() if persisted else lazy
    found = ndfit.fit(MODEL, lazy, fitting_axes=0, scheduler=client, chunk_n_max=18)
    assert_same(found, ndfit.fit(MODEL, cube, fitting_axes=0, scheduler="synchronous"))
    assert len(taken) == (found.status.size // 18 if shared else 0)


def test_regions_are_few(client: Any, cube: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each costs a scheduler more than it gains the engine."""
    plans: list[Any] = []

    def planned(*arguments: Any, **keywords: Any) -> Any:
        plans.append(plan_regions(*arguments, **keywords))
        return plans[-1]

    monkeypatch.setattr("ndfit.run.solve.plan_regions", planned)
    monkeypatch.setattr(CompiledEngine, "chunk_size", 4)
    for scheduler in (client, "threads"):
        ndfit.fit(MODEL, da.from_array(cube, chunks=(30, 1, 1)), fitting_axes=0, scheduler=scheduler)
    on_cluster, in_threads = (len(plan.regions) for plan in plans)
    assert on_cluster <= 3 < in_threads


@pytest.mark.parametrize("persisted", [True, False])
def test_a_large_task_travels_as_the_result_of_another(
    persisted: bool, client: Any, cube: np.ndarray, assert_same: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ndfit.run.cluster.SMALL", 0)
    lazy = da.from_array(cube, chunks=(30, 2, 9))
    lazy = lazy.persist() if persisted else lazy
    found = ndfit.fit(MODEL, lazy, fitting_axes=0, scheduler=client, chunk_n_max=18)
    assert_same(found, ndfit.fit(MODEL, cube, fitting_axes=0, scheduler="synchronous"))


@pytest.mark.parametrize("held", ["data", "uncertainty"])
def test_what_workers_hold_is_used_where_it_is(held: str, client: Any, cube: np.ndarray, assert_same: Any) -> None:
    arrays = {"data": cube, "uncertainty": np.full_like(cube, 0.5)}
    lazy = {name: da.from_array(array, chunks=(30, 2, 9)).map_blocks(np.array) for name, array in arrays.items()}
    lazy[held] = lazy[held].persist()
    whole = ndfit.fit(MODEL, **arrays, fitting_axes=0, scheduler="synchronous")
    assert_same(ndfit.fit(MODEL, **lazy, fitting_axes=0, scheduler=client, chunk_n_max=18), whole)


def test_arguments_that_workers_hold(client: Any, cube: np.ndarray, assert_same: Any) -> None:
    shifted = da.map_blocks(np.add, da.from_array(cube, chunks=(30, 2, 9)), client.scatter(1.0), dtype=cube.dtype)
    found = ndfit.fit(MODEL, shifted, fitting_axes=0, scheduler=client, chunk_n_max=18)
    assert_same(found, ndfit.fit(MODEL, cube + 1.0, fitting_axes=0, scheduler="synchronous"))


def test_two_runs_at_once(client: Any, cube: np.ndarray, assert_same: Any) -> None:
    from concurrent.futures import ThreadPoolExecutor

    cubes = [cube, cube[:, ::-1], cube + 1.0]
    with ThreadPoolExecutor(3) as pool:
        fitted = pool.map(lambda data: ndfit.fit(MODEL, data, fitting_axes=0, scheduler=client, chunk_n_max=9), cubes)
        for data, result in zip(cubes, fitted, strict=True):
            assert_same(result, ndfit.fit(MODEL, data, fitting_axes=0, scheduler="synchronous"))


def test_results_beside_a_region_that_fails_are_kept(
    client: Any, cube: np.ndarray, tmp_path: Any, assert_same: Any
) -> None:
    def read(block: np.ndarray, block_info: Any = None) -> np.ndarray:
        if block_info and block_info[0]["chunk-location"] == (0, 2, 0):
            raise OSError("Input/output error")
        return block

    how = {"fitting_axes": 0, "chunk_n_max": 18, "scheduler": client, "checkpoint": tmp_path / "run"}
    unreadable = da.from_array(cube, chunks=(30, 2, 9)).map_blocks(read, dtype=cube.dtype, meta=cube[:0])
    with pytest.raises(ndfit.LoadError, match=r"positions 36 to 53 .*Input/output error"):
        ndfit.fit(MODEL, unreadable, **how)
    kept = sorted(file.name for file in (tmp_path / "run" / "fit").iterdir())
    assert kept == ["000000.npz", "000001.npz", "000003.npz"]
    assert_same(ndfit.fit(MODEL, da.from_array(cube, chunks=(30, 2, 9)), **how), ndfit.fit(MODEL, cube, fitting_axes=0))


def test_a_client_that_is_not_the_active_one(cluster: Any, cube: np.ndarray, assert_same: Any) -> None:
    with importlib.import_module("distributed").Client(cluster, set_as_default=False) as client:
        result = ndfit.fit(MODEL, cube, fitting_axes=0, scheduler=client, chunk_n_max=9)
    assert_same(result, ndfit.fit(MODEL, cube, fitting_axes=0, scheduler="synchronous"))


@pytest.mark.parametrize("package", ["ndfit", "llvmlite", "numpy", "scipy", "astropy", "python"])
@pytest.mark.parametrize("theirs", ["0.1.0.final.0", None])
def test_a_worker_with_another_version(
    package: str, theirs: str | None, client: Any, cube: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    if package == "python":
        theirs, ours = "3.10.1.final.0", ".".join(platform.python_version_tuple()[:2])
    else:
        ours = importlib.metadata.version(package)
    found = client.get_versions(packages=["ndfit", "llvmlite", "numpy", "scipy", "astropy"])
    next(iter(found["workers"].values()))["packages"][package] = theirs
    found["workers"] = {"tcp://elsewhere": next(iter(found["workers"].values()))}
    monkeypatch.setattr(client, "get_versions", lambda **_: found)
    told = {None: f"no {package}", "3.10.1.final.0": f"{package} 3.10"}.get(theirs, f"{package} {theirs}")
    here = f"this process has {package} {ours}"
    expected = f"the worker tcp://elsewhere has {told}, and {here}: .* Install the same versions"
    with pytest.raises(RuntimeError, match=expected):
        ndfit.fit(MODEL, cube, fitting_axes=0, scheduler=client)


@pytest.mark.long
def test_a_killed_worker_costs_its_regions_only(cube: np.ndarray, tmp_path: Any, assert_same: Any) -> None:
    distributed = pytest.importorskip("distributed")
    whole = ndfit.fit(MODEL, cube, fitting_axes=0, scheduler="synchronous")
    pages = {"dashboard_address": "127.0.0.1:0", "worker_dashboard_address": None}
    marker = tmp_path / "killed"

    def kill_once(block: np.ndarray) -> np.ndarray:
        if block.size and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return block

    lazy = da.from_array(cube, chunks=(30, 2, 3)).map_blocks(kill_once, dtype=cube.dtype, meta=cube[:0, :0, :0])
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, silence_logs=50, **pages) as cluster,
        distributed.Client(cluster) as client,
    ):
        result = ndfit.fit(MODEL, lazy, fitting_axes=0, scheduler=client, chunk_n_max=6, checkpoint=tmp_path / "run")
    assert marker.exists()
    assert_same(result, whole)
