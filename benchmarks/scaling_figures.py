"""One figure of docs/scaling.md; `benchmarks.scaling` runs this module in a process of its own for each.

    python -m benchmarks.scaling_figures NAME SETTINGS

Flows in: the name of a figure, and settings as JSON. Flows out: one line of JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
from astropy.modeling.models import Const1D, Gaussian1D

import ndfit
from benchmarks.scaling_memory import write_cube
from ndfit.engines.compiled import compiled_engine as compiled
from ndfit.run.workers import using_workers

__all__ = ["cluster", "cores", "file", "overhead"]

CHANNELS = 53
MODEL = Gaussian1D(4.0, 25.0, 3.0)
# What a cluster fits, and by how many channels the lines of the data are shifted and added up.
JOBS = {
    "a line": (MODEL, (0,)),
    "two lines on a continuum": (Gaussian1D(4.0, 18.0, 3.0) + Gaussian1D(4.0, 32.0, 3.0) + Const1D(0.0), (-7, 7)),
}
_ENVIRON = "distributed.nanny.pre-spawn-environ"
KEPT_MEMORY = {f"{_ENVIRON}.MALLOC_MMAP_THRESHOLD_": 2**25, f"{_ENVIRON}.MALLOC_TRIM_THRESHOLD_": 2**29}
EMPTY_TASKS = 2000
BYTES_A_POSITION = 4 * 128  # of the cube on disk

Settings = dict[str, Any]


def cores(settings: Settings) -> dict[str, Any]:
    """Fits a second of one core and of two; and of one process and of two that know nothing of each other.

    The latter bounds the former: it is what the machine's cores and memory give.
    """
    data = lines(settings["positions"])
    seconds(data)
    spent: dict[int, list[tuple[float, float]]] = {1: [], 2: []}
    alone: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(settings["repeats"]):
        for count in (1, 2):
            with using_workers(count), _on_cores(count):
                spent[count].append(seconds(data, scheduler="threads"))
            alone[count].append(_side_by_side(count, settings["positions"]))
    one, two = ([wall for wall, _ in spent[count]] for count in (1, 2))
    return {
        "fits_a_second": {"one core": data[0].size / min(one), "two cores": data[0].size / min(two)},
        "speed_up": _ratio(one, two),
        "processor_seconds": {str(count): min(cpu for _, cpu in spent[count]) for count in spent},
        "speed_up_of_independent_processes": _ratio([2.0 * wall for wall in alone[1]], alone[2]),
    }


def overhead(settings: Settings) -> dict[str, Any]:
    """Share of the processor's time outside compiled code, of a fit on one core."""
    data = lines(settings["positions"])
    seconds(data)
    return {"outside_compiled_code": min(_outside_compiled_code(data) for _ in range(settings["repeats"]))}


def cluster(settings: Settings) -> dict[str, Any]:
    """Fits a second of two threads and of two workers, on cubes that they read from files; and of empty tasks.

    Of workers as dask starts them, and of such that keep memory for the next region (docs/clusters.md).
    """
    started: dict[str, dict[str, Any]] = {"as dask starts them": {}, "that keep memory": KEPT_MEMORY}
    return {name: _two_workers(settings, config) for name, config in started.items()}


def _two_workers(settings: Settings, config: dict[str, Any]) -> dict[str, Any]:
    from distributed import Client, LocalCluster

    pages = {"dashboard_address": "127.0.0.1:0", "worker_dashboard_address": None}
    with (
        dask.config.set(config),
        LocalCluster(n_workers=2, threads_per_worker=1, silence_logs=50, **pages) as workers,
        Client(workers) as client,
        using_workers(2),
    ):
        told: dict[str, Any] = {name: _shared_out(client, name, settings) for name in JOBS}
        begun = time.perf_counter()
        client.gather(client.map(int, range(EMPTY_TASKS)))
        told["empty_tasks_a_second"] = EMPTY_TASKS / (time.perf_counter() - begun)
    return told


def _shared_out(client: Any, job: str, settings: Settings) -> dict[str, Any]:
    """One of JOBS in threads and on the cluster, in turns."""
    model, shifts = JOBS[job]
    path = Path(settings["folder"]) / "cube.npy"
    data = lines(settings["positions"])
    np.save(path, sum(np.roll(data, shift, axis=0) for shift in shifts))
    step = max(1, data.shape[1] // 40)
    cube = da.map_blocks(
        partial(_rows, str(path)),
        dtype=data.dtype,
        chunks=(data.shape[:1], _pieces(data.shape[1], step), data.shape[2:]),
        meta=data[:0, :0, :0],
    )
    walls: dict[str, list[float]] = {"threads": [], "workers": []}
    processor: dict[str, list[float]] = {"threads": [], "workers": []}
    schedulers = {"threads": "threads", "workers": client}
    for scheduler in schedulers.values():
        seconds(cube[:, : 4 * step], model, scheduler=scheduler)  # compiles
    for _ in range(settings["repeats"]):
        for name, scheduler in schedulers.items():
            begun = sum(client.run(time.process_time).values())
            wall, ours = seconds(cube, model, scheduler=scheduler)
            walls[name].append(wall)
            processor[name].append(ours + sum(client.run(time.process_time).values()) - begun)
    rates = {f"fits_a_second_{name}": data[0].size / min(values) for name, values in walls.items()}
    used = {f"processor_seconds_{name}": min(values) for name, values in processor.items()}
    return rates | used | {"share": _ratio(walls["threads"], walls["workers"])}


def file(settings: Settings) -> dict[str, Any]:
    """Memory and throughput of a cube on disk that is larger than the limit; see `benchmarks.scaling_memory`.

    The share is of the rate in memory or of the disk's, whichever is lower. What is in memory is fitted before and
    after what is mapped: the faster counts.
    """
    side = int((settings["gigabytes"] * 1e9 / BYTES_A_POSITION) ** 0.5)
    path = Path(settings["folder"]) / "cube.fits"
    begun = time.perf_counter()
    write_cube(path, (128, side, side))
    told: dict[str, Any] = {"seconds_to_write": time.perf_counter() - begun}

    def of(kind: str) -> dict[str, Any]:
        command = [sys.executable, "-m", "benchmarks.scaling_memory", str(path), settings["memory_limit"], kind]
        return dict(json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout))

    kinds = ("in memory", "mapped", "in memory after", "read")
    told |= {kind: of(kind.removesuffix(" after")) for kind in kinds}
    in_memory = max(told[kind]["fits_a_second"] for kind in kinds[::2])
    disk = told["mapped"]["disk_bytes_a_second"] / BYTES_A_POSITION
    return told | {
        "share": told["mapped"]["fits_a_second"] / min(in_memory, disk),
        "within_the_limit": told["mapped"]["taken"] <= told["mapped"]["limit"],
    }


def _ratio(numerators: list[float], denominators: list[float]) -> dict[str, float]:
    """Of runs made in turns, each divided by the one beside it: a machine that changes its pace changes both."""
    quartiles = np.percentile(np.divide(numerators, denominators), (25, 50, 75))
    return dict(zip(("lower quartile", "median", "upper quartile"), quartiles.tolist(), strict=True))


def lines(n_positions: int, seed: int = 0) -> Any:
    """Lines in noise, rows of 1000 positions, spectral axis first."""
    rng = np.random.default_rng(seed)
    shape = (n_positions // 1000, 1000)
    x = np.arange(float(CHANNELS), dtype=np.float32)[:, np.newaxis, np.newaxis]
    mean = 25.0 + rng.normal(size=shape).astype(np.float32)
    values = 5.0 * np.exp(-0.5 * ((x - mean) / 4.0) ** 2)
    values += 0.5 * rng.standard_normal(size=values.shape, dtype=np.float32)
    return values


def seconds(data: Any, model: Any = MODEL, **keywords: Any) -> tuple[float, float]:
    """Wall and CPU seconds of a fit."""
    wall, cpu = time.perf_counter(), time.process_time()
    ndfit.fit(model, data, fitting_axes=0, guess=None, **keywords)
    return time.perf_counter() - wall, time.process_time() - cpu


def side_by_side(settings: Settings) -> dict[str, Any]:
    """Seconds of a fit in this process's only thread, begun when a line comes in."""
    data = lines(settings["positions"])
    seconds(data)
    print("ready", flush=True)
    sys.stdin.readline()
    return {"seconds": seconds(data, scheduler="synchronous")[0]}


@contextmanager
def _on_cores(count: int) -> Iterator[None]:
    """This thread, and those that it starts, on the first cores alone, where the system can do that."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(allowed)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def _side_by_side(count: int, n_positions: int) -> float:
    """Seconds of the slowest of as many processes that begin together."""
    settings = json.dumps({"positions": n_positions})
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.scaling_figures", "side_by_side", settings]
    runs = [subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(count)]
    for run in runs:
        assert run.stdout is not None
        run.stdout.readline()
    for run in runs:
        assert run.stdin is not None
        run.stdin.write("\n")
        run.stdin.flush()
    return max(float(json.loads(run.communicate()[0])["seconds"]) for run in runs)


def _outside_compiled_code(data: Any) -> float:
    spent: list[float] = []
    originals = {name: getattr(compiled, name) for name in ("compiled_solve", "compiled_inversion")}

    def watched(original: Any) -> Any:
        def call(*arguments: Any) -> None:
            begun = time.thread_time()
            original()(*arguments)
            spent.append(time.thread_time() - begun)

        return lambda: call

    try:
        for name, original in originals.items():
            setattr(compiled, name, watched(original))
        _, cpu = seconds(data, scheduler="synchronous")
    finally:
        for name, original in originals.items():
            setattr(compiled, name, original)
    return 1.0 - sum(spent) / cpu


def _pieces(size: int, step: int) -> tuple[int, ...]:
    return tuple(min(step, size - start) for start in range(0, size, step))


def _rows(path: str, block_info: Any = None) -> Any:
    """A block of the cube in a file."""
    where = tuple(slice(*edges) for edges in block_info[None]["array-location"])
    return np.array(np.load(path, mmap_mode="r")[where])


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](json.loads(sys.argv[2]))))
