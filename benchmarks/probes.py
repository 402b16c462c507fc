"""What is measured of ndfit alone: the table of probes.

Flows in: how often to repeat. Flows out: lists of numbers, one a repeat.
"""

from __future__ import annotations

import compileall
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import dask
import numpy as np
from astropy.modeling.fitting import TRFLSQFitter

import ndfit
from benchmarks.measure import N_SMOKE, SECONDS_AT_LEAST, timed
from benchmarks.task import Task
from benchmarks.workloads import WORKLOADS
from ndfit import parallel_fit_dask
from ndfit.engine.fitters import parse_fitter
from ndfit.engine.select import select_engine, solve_options
from ndfit.problem.normalize import normalize
from ndfit.run.load import inputs_of, load, make_block

__all__ = ["PROBES", "Probe"]

Values = dict[str, list[float]]

# Of the array that numpy's exponential is timed on: it stays in the second-level cache.
EXP_VALUES = 6600


class Probe(NamedTuple):
    """A row of the table: `run` is called with the number of repeats and whether this is a smoke run."""

    name: str
    title: str
    run: Callable[[int, bool], Values]


def _spectra(smoke: bool) -> Task:
    row = WORKLOADS["spectra"]
    return row.make(N_SMOKE if smoke else row.n_fits)


def _cores(repeats: int, smoke: bool) -> Values:
    """Seconds of the whole call in threads, by number of them."""
    task = _spectra(smoke)
    call = partial(parallel_fit_dask, **task.call, fitter=TRFLSQFitter(), scheduler="threads")
    call()
    seconds: Values = {"1": [], "2": []}
    for _ in range(repeats):
        for count, values in seconds.items():
            with dask.config.set(num_workers=int(count)):
                values.append(timed(call, SECONDS_AT_LEAST)[0])
    return seconds


def _evaluation(repeats: int, smoke: bool) -> Values:
    """Nanoseconds a sample and evaluation, in the engine, and a value of numpy's exponential; one thread."""
    task = _spectra(smoke)
    fitter = parse_fitter(TRFLSQFitter(), None)
    problem = normalize(**task.call)
    choice = select_engine(problem, fitter, "compiled", ())
    options = solve_options(choice, fitter, ())
    block = make_block(load(inputs_of(problem, (slice(0, task.n_fits),))))
    solve = partial(choice.engine, block, options)
    n_evaluated = task.n_samples * int(solve().nfev.sum())
    argument = np.linspace(-8.0, 0.0, EXP_VALUES)
    out = np.empty_like(argument)

    def exponentials() -> None:
        for _ in range(100):
            np.exp(argument, out=out)

    values: Values = {"engine": [], "exp": []}
    for _ in range(repeats):
        values["engine"].append(1e9 * timed(solve, SECONDS_AT_LEAST)[0] / n_evaluated)
        values["exp"].append(1e9 * timed(exponentials, SECONDS_AT_LEAST)[0] / (100 * EXP_VALUES))
    return values


_FIRST_FIT = """
import time
import astropy.modeling.fitting, astropy.modeling.models
import numpy as np
began = time.perf_counter()
from ndfit import parallel_fit_dask
x = np.linspace(-4.0, 4.0, 53)
data = np.exp(-0.5 * (x - np.linspace(-1, 1, 100)[:, None]) ** 2)
data += np.random.default_rng(0).normal(scale=0.05, size=data.shape)
parallel_fit_dask(
    model=astropy.modeling.models.Gaussian1D(), fitter=astropy.modeling.fitting.TRFLSQFitter(), data=data,
    world=(x,), fitting_axes=1,
)
print(time.perf_counter() - began)
"""


def _first_fit(repeats: int, smoke: bool) -> Values:
    """Seconds from having imported astropy.modeling to having made 100 fits, in a new process.

    Python has compiled the package, as pip has it do when it installs one.
    """
    compileall.compile_dir(str(Path(ndfit.__file__).parent), quiet=2)
    seconds: Values = {"cold": [], "warm": []}
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as cache:
            for values in seconds.values():
                values.append(float(_in_new_process(_FIRST_FIT, NDFIT_CACHE_DIR=cache)))
    return seconds


_LARGE_CUBE = """
import sys, threading, time
import astropy.modeling.fitting, astropy.modeling.models
import numpy as np
from ndfit import parallel_fit_dask

def private_bytes():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))

path, n_fits = sys.argv[1], int(sys.argv[2])
x = np.linspace(-4.0, 4.0, 53)
data = np.memmap(path, dtype=np.float32, mode="r", shape=(n_fits, 53))
def call(data):
    return parallel_fit_dask(
        model=astropy.modeling.models.Gaussian1D(), fitter=astropy.modeling.fitting.TRFLSQFitter(), data=data,
        world=(x,), fitting_axes=1,
    )
call(data[:100])
before = peak = private_bytes()
done = False
def watch():
    global peak
    while not done:
        peak = max(peak, private_bytes())
        time.sleep(0.01)
watcher = threading.Thread(target=watch)
watcher.start()
fitted = call(data)
done = True
watcher.join()
print(peak - before - sum(getattr(fitted, name).value.nbytes for name in fitted.param_names))
"""
N_ON_DISK = 4_000_000
_PIECE = 100_000


def _memory(repeats: int, smoke: bool) -> Values:
    """Most private memory of a run on a file, in MB over that of the process before it and over the output."""
    n_fits = N_SMOKE if smoke else N_ON_DISK
    piece = WORKLOADS["spectra"].make(min(n_fits, _PIECE)).samples.astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cube.dat"
        with path.open("wb") as file:
            for _ in range(-(-n_fits // len(piece))):
                file.write(piece.tobytes())
        return {"MB": [float(_in_new_process(_LARGE_CUBE, str(path), str(n_fits))) / 1e6 for _ in range(repeats)]}


def _in_new_process(script: str, *arguments: str, **environment: str) -> str:
    command = [sys.executable, "-W", "ignore", "-c", script, *arguments]
    done = subprocess.run(command, env=os.environ | environment, check=True, capture_output=True, text=True)
    return done.stdout


PROBES: dict[str, Probe] = {
    row.name: row
    for row in (
        Probe("cores", "the whole call on 1 and 2 cores, seconds", _cores),
        Probe("evaluation", "nanoseconds a data point and evaluation, and a value of `np.exp`", _evaluation),
        Probe("first-fit", "first fit in a new process over importing astropy.modeling, seconds", _first_fit),
        Probe("memory", "memory over the output, cube on disk, MB", _memory),
    )
}
