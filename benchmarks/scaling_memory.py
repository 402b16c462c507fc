"""Peak memory of a fit of a FITS cube that is larger than the memory limit.

    python -m benchmarks.scaling_memory CUBE LIMIT

Flows in: a FITS file of 128 channels and a limit. Flows out: one line of JSON. Run in a process of its own: peaks are
the process's.

`anonymous` is what the process owns (RssAnon), sampled every 5 ms, less what it owned before the call, less the maps
of the result. `mapped` are pages of the file (RssFile), which the system takes back whenever others need them.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.modeling.models import Gaussian1D

import ndfit

__all__ = ["write_cube"]

MODEL = Gaussian1D(4.0, 64.0, 4.0)
_PLANE = 64


def write_cube(path: Path, shape: tuple[int, int, int]) -> None:
    """A cube of lines in noise, spectral axis first, written plane by plane."""
    rng = np.random.default_rng(0)
    mean = rng.normal(size=shape[1:]).astype(np.float32)
    noise = rng.normal(size=(shape[1] + _PLANE, shape[2] + _PLANE)).astype(np.float32)
    header = fits.Header({"SIMPLE": True, "BITPIX": -32, "NAXIS": 3})
    header.update({f"NAXIS{axis + 1}": size for axis, size in enumerate(reversed(shape))})
    with path.open("wb") as file:
        file.write(header.tostring().encode())
        for channel in range(shape[0]):
            y, x = 7 * channel % _PLANE, 13 * channel % _PLANE
            line = 5.0 * np.exp(-0.5 * ((channel - shape[0] / 2 - mean) / 4.0) ** 2)
            file.write((line + 0.5 * noise[y : y + shape[1], x : x + shape[2]]).astype(">f4").tobytes())
        file.write(b"\0" * (-file.tell() % 2880))


def _status() -> dict[str, int]:
    """Bytes of each kind of memory that Linux tells."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return {
        key: int(rest.split()[0]) * 1024 for key, _, rest in (line.partition(":") for line in lines) if "kB" in rest
    }


class _Watch(threading.Thread):
    """The most that RssAnon and RssFile reach."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peaks: dict[str, int] = {}
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.wait(0.005):
            now = _status()
            for kind in ("RssAnon", "RssFile"):
                self.peaks[kind] = max(self.peaks.get(kind, 0), now[kind])


def _fit(data: Any, limit: int) -> ndfit.FitResult:
    return ndfit.fit(MODEL, data, fitting_axes=0, memory_limit=limit)


def main(path: Path, limit: int) -> None:
    with fits.open(path, memmap=True) as hdus:
        data = hdus[0].data
        _fit(data[:, :8, :64], limit)  # compiles, and opens what is opened once
        before, watch = _status(), _Watch()
        watch.start()
        begun = time.perf_counter()
        result = _fit(data, limit)
        seconds = time.perf_counter() - begun
        watch.done.set()
        watch.join()
        maps = sum(
            array.nbytes for array in (*result.parameters.values(), result.covariance, result.status, result.nfev)
        )
        maps += result.chi_square.nbytes + result.n_samples.nbytes + result.flags.nbytes
        told = {
            "file": data.nbytes,
            "limit": limit,
            "fits": result.status.size,
            "samples": len(data),
            "seconds": seconds,
            "anonymous": watch.peaks["RssAnon"] - before["RssAnon"] - maps,
            "maps": maps,
            "mapped": watch.peaks["RssFile"] - before["RssFile"],
            "converged": float(result.success.mean()),
        }
        if data.nbytes < 2**31:  # the same from memory
            whole = np.array(data)
            begun = time.perf_counter()
            _fit(whole, limit)
            told["seconds_in_memory"] = time.perf_counter() - begun
    print(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
