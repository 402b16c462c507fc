"""`python -m benchmarks.scaling [--positions N]`: the figures of docs/scaling.md, measured on this machine.

Flows in: how many positions. Flows out: JSON on the terminal: rates with one thread, all threads and a local cluster;
CPU time outside compiled code; tasks a second of the cluster's scheduler; memory of a cube that is mapped from a file
eight times the limit.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import dask.array as da
import numpy as np
from astropy.modeling.models import Gaussian1D

import ndfit
from benchmarks.scaling_memory import write_cube
from ndfit.engine import compiled
from ndfit.run.workers import using_workers

__all__ = ["main"]

CHANNELS = 53
MODEL = Gaussian1D(4.0, 25.0, 3.0)
MEMORY_LIMIT = 64_000_000
EMPTY_TASKS = 2000


def lines(shape: tuple[int, ...], seed: int = 0) -> Any:
    """Lines in noise, spectral axis first."""
    rng = np.random.default_rng(seed)
    x = np.arange(float(CHANNELS)).reshape(-1, *(1,) * len(shape))
    mean = 25.0 + rng.normal(size=shape)
    return (5.0 * np.exp(-0.5 * ((x - mean) / 4.0) ** 2) + 0.5 * rng.normal(size=(CHANNELS, *shape))).astype(np.float32)


def seconds(data: Any, **keywords: Any) -> tuple[float, float]:
    """Wall and CPU seconds of a fit."""
    wall, cpu = time.perf_counter(), time.process_time()
    ndfit.fit(MODEL, data, fitting_axes=0, **keywords)
    return time.perf_counter() - wall, time.process_time() - cpu


def outside_compiled_code(data: Any) -> float:
    """Share of the CPU time of a fit on one core."""
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


def on_a_cluster(n_positions: int) -> dict[str, float]:
    """Rates of threads and of two workers on a cube that is made where it is needed; and of empty tasks."""
    from distributed import Client, LocalCluster

    rows = max(1, n_positions // 1000)
    step = max(1, rows // 40)
    cube = da.map_blocks(
        lambda block: np.ascontiguousarray(lines((step, 1000))[:, : block.shape[1]]),
        da.zeros((CHANNELS, rows, 1000), chunks=(CHANNELS, step, 1000), dtype=np.float32),
        dtype=np.float32,
    )
    in_threads, _ = seconds(cube)
    pages = {"dashboard_address": "127.0.0.1:0", "worker_dashboard_address": None}
    with LocalCluster(n_workers=2, threads_per_worker=1, **pages) as cluster, Client(cluster) as client:
        seconds(cube[:, : 2 * step], scheduler=client)  # each worker compiles
        on_workers, _ = seconds(cube, scheduler=client)
        begun = time.perf_counter()
        client.gather(client.map(int, range(EMPTY_TASKS)))
        tasks = EMPTY_TASKS / (time.perf_counter() - begun)
    return {"threads": rows * 1000 / in_threads, "workers": rows * 1000 / on_workers, "empty_tasks_a_second": tasks}


def from_a_file(n_positions: int) -> dict[str, Any]:
    """Memory, and time beside that from memory, of a cube of 128 channels."""
    side = int(n_positions**0.5)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "cube.fits"
        write_cube(path, (128, side, side))
        command = [sys.executable, "-m", "benchmarks.scaling_memory", str(path), str(MEMORY_LIMIT)]
        return dict(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))


@click.command()
@click.option("--positions", default=1_000_000, show_default=True, type=click.IntRange(min=10_000))
@click.option("--repeats", default=3, show_default=True, type=click.IntRange(min=1), help="The fastest counts.")
def main(positions: int, repeats: int) -> None:
    """Measure how runs grow with workers and data."""
    data = lines((max(1, positions // 1000), 1000))
    seconds(data[:, :20])
    rates = {}
    for name, workers in (("one thread", 1), ("all threads", None)):
        with using_workers(workers):
            rates[name] = data[0].size / min(seconds(data, scheduler="threads")[0] for _ in range(repeats))
    figures = {
        "fits_a_second": rates,
        "speed_up": rates["all threads"] / rates["one thread"],
        "outside_compiled_code": min(outside_compiled_code(data) for _ in range(repeats)),
        "cluster": on_a_cluster(positions),
        "file": from_a_file(positions),
    }
    click.echo(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
