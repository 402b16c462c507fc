"""Peak memory and throughput of a fit of a FITS cube that is larger than the memory limit.

    python -m benchmarks.scaling_memory CUBE LIMIT KIND

Flows in: a FITS file of 128 channels, a limit, and how it is taken: mapped, read or in memory. Flows out: one line of
JSON. Run in a process of its own: peaks are the process's.

`resident` is the most that was resident (VmHWM), pages of mapped files included, and `before` what was before the fit.
`taken` is the one less the other and less the maps of the result, which is what the limit is compared with.
"""

from __future__ import annotations

import json
import os
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
from astropy.io import fits
from astropy.modeling.models import Gaussian1D

import ndfit
from ndfit.problem.arguments import check_size

__all__ = ["write_cube"]

MODEL = Gaussian1D(4.0, 64.0, 4.0)
_PLANE = 64
# Bytes: of a part that is fitted in memory, of one that is read and not mapped, of a chunk of it, read in sequence.
IN_MEMORY, READ, CHUNK, SEQUENTIAL = 1_000_000_000, 2_000_000_000, 16_000_000, 2_000_000_000


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


def _fit(data: Any, limit: str) -> ndfit.FitResult:
    return ndfit.fit(MODEL, data, fitting_axes=0, guess=None, memory_limit=limit)


def mapped(path: Path, limit: str) -> dict[str, Any]:
    """The whole cube, mapped, and not in the system's cache; beside it the disk's rate."""
    disk = _disk_rate(path)
    with fits.open(path, memmap=True) as hdus:
        return _watched(hdus[0].data, limit) | {"disk_bytes_a_second": disk}


def in_memory(path: Path, limit: str) -> dict[str, Any]:
    """The first part of the cube, in memory before the fit."""
    with fits.open(path, memmap=True) as hdus:
        data = hdus[0].data
        rows = max(1, int(min(IN_MEMORY, data.nbytes) / data[:, 0].nbytes))
        part = np.array(data[:, :rows])
    return _watched(part, limit)


def read(path: Path, limit: str) -> dict[str, Any]:
    """The first part of the cube, read and not mapped, so that all that is resident is the process's own."""
    header = fits.getheader(path)
    shape = tuple(header[f"NAXIS{axis}"] for axis in (3, 2, 1))
    step = max(1, CHUNK // (4 * shape[0] * shape[2]))
    rows = min(shape[1], max(step, READ // (4 * shape[0] * shape[2])))
    chunks = tuple(min(step, rows - start) for start in range(0, rows, step))
    cube = da.map_blocks(
        partial(_rows, str(path), shape),
        dtype=np.dtype(">f4"),
        chunks=(shape[:1], chunks, shape[2:]),
        meta=np.empty((0, 0, 0), ">f4"),
    )
    return _watched(cube, limit)


def _rows(path: str, shape: tuple[int, ...], block_info: Any = None) -> Any:
    first, last = block_info[None]["array-location"][1]
    block = np.empty((shape[0], last - first, shape[2]), ">f4")
    with open(path, "rb", buffering=0) as file:
        begin = 2880  # the header's
        for channel, plane in enumerate(block):
            file.seek(begin + 4 * shape[2] * (channel * shape[1] + first))
            file.readinto(plane)
    return block


def _watched(data: Any, limit: str) -> dict[str, Any]:
    _fit(data[:, :8, :64], limit)  # compiles, and opens what is opened once
    before = _status()["VmRSS"]
    begun, processor = time.perf_counter(), time.process_time()
    result = _fit(data, limit)
    seconds, processor = time.perf_counter() - begun, time.process_time() - processor
    resident = _status()["VmHWM"]
    n_free = len(result.param_names)
    maps = result.status.size * (8 * n_free + 8 * n_free**2 + 2 + 4 + 8 + 4 + 1)
    return {
        "file": data.nbytes,
        "limit": check_size(limit, "limit"),
        "fits": result.status.size,
        "seconds": seconds,
        "fits_a_second": result.status.size / seconds,
        "processor_microseconds_a_fit": 1e6 * processor / result.status.size,
        "resident": resident,
        "before": before,
        "maps": maps,
        "taken": resident - before - maps,
        "converged": float(result.success.mean()),
    }


def _disk_rate(path: Path) -> float:
    """Bytes a second of the file read in sequence, once the system has forgotten it; it has when this returns, too."""
    piece = bytearray(2**23)
    with path.open("rb", buffering=0) as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        begun, n_read = time.perf_counter(), 0
        while n_read < SEQUENTIAL and (count := file.readinto(piece)):
            n_read += count
        taken = time.perf_counter() - begun
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return n_read / taken


KINDS = {"mapped": mapped, "read": read, "in memory": in_memory}

if __name__ == "__main__":
    print(json.dumps(KINDS[sys.argv[3]](Path(sys.argv[1]), sys.argv[2])))
