"""Memory of a run on a file.

Flows in: the workload of spectra, written to disk many times over. Flows out: MB over the output.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from benchmarks.measure import N_SMOKE
from benchmarks.probes.turns import Values, in_new_process
from benchmarks.workloads import WORKLOADS

__all__ = ["most_memory"]

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


def most_memory(repeats: int, smoke: bool) -> Values:
    """Most private memory of a run on a file, in MB over that of the process before it and over the output."""
    n_fits = N_SMOKE if smoke else N_ON_DISK
    piece = WORKLOADS["spectra"].make(min(n_fits, _PIECE)).samples.astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cube.dat"
        with path.open("wb") as file:
            for _ in range(-(-n_fits // len(piece))):
                file.write(piece.tobytes())
        return {"MB": [float(in_new_process(_LARGE_CUBE, str(path), str(n_fits))) / 1e6 for _ in range(repeats)]}
