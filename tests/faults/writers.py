"""Two processes that write one output, and writers that are killed; a script, so that what is forked has no threads.

    python writers.py FOLDER FORMAT COUNT

FORMAT is fits, zarr, report or config. Prints one line of JSON: how the writers ended, digests of the content that was
found afterwards and of the two that could be, and what was left beside it.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import dask
import numpy as np
from astropy.io import fits
from astropy.modeling.models import Const1D

import ndfit
from ndfit.cli.bad_input import BadInput
from ndfit.cli.configuration import save
from ndfit.cli.fit import fit

FILES = {"fits": "fit.fits", "zarr": "fit.zarr", "report": "fit.html", "config": "fit.toml"}
Write = Callable[[Path, bool], Any]


def result(level: float) -> ndfit.FitResult:
    rng = np.random.default_rng(0)
    return ndfit.fit(Const1D(0.0), level + rng.normal(size=(5, 20, 20)), fitting_axes=0, scheduler="synchronous")


def writer(kind: str, level: float) -> Write:
    """What writes one of two outputs that differ in every place."""
    if kind == "config":
        context = fit.make_context("fit", ["cube.fits", "--model", "Const1D", "--seed", str(int(level))])
        return lambda path, overwrite: save(path, context, overwrite)
    made = result(level)
    write = {"fits": made.to_fits, "zarr": made.to_zarr, "report": made.report}[kind]
    return lambda path, overwrite: write(path, overwrite=overwrite)


def content(path: Path) -> str:
    """A digest of a file, or of all files of a folder; the comments of FITS cards hold the time of writing."""
    if path.suffix == ".fits":
        return fits_content(path)
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    digest = sha256()
    for file in files:
        digest.update(str(file.relative_to(path)).encode() + file.read_bytes())
    return digest.hexdigest()


def fits_content(path: Path) -> str:
    digest = sha256()
    with warnings.catch_warnings(), fits.open(path, checksum=True, memmap=False) as hdus:
        warnings.simplefilter("error")  # of checksums that are not those that were written
        for hdu in hdus:
            digest.update(hdu.name.encode() + (b"" if hdu.data is None else hdu.data.tobytes()))
    return digest.hexdigest()


def start(write: Write, path: Path, overwrite: bool, gate: int) -> int:
    """Fork a writer, which begins when the gate opens; its status is 0, 17 if something exists, or 1."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        os.read(gate, 1)
        write(path, overwrite)
        status = 0
    except FileExistsError:
        status = 17
    except BadInput as error:
        status = 17 if isinstance(error.__cause__, FileExistsError) else 1
    except BaseException:
        traceback.print_exc()
    os._exit(status)


def race(writes: list[Write], path: Path, overwrite: bool, look: Callable[[], None]) -> list[int]:
    """How two writers ended that began at the same time."""
    gate, opener = os.pipe()
    children = [start(write, path, overwrite, gate) for write in writes]
    os.write(opener, b"gg")
    look()
    ends = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    os.close(gate)
    os.close(opener)
    return ends


def kill(write: Write, path: Path, seconds: float) -> bool:
    """Whether a writer was killed before it was done."""
    gate, opener = os.pipe()
    child = start(write, path, True, gate)
    os.write(opener, b"g")
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    os.close(gate)
    os.close(opener)
    return os.WIFSIGNALED(status)


def overwriting(writes: list[Write], path: Path, count: int) -> dict[str, Any]:
    """Two writers with `overwrite=True`, and what a reader sees meanwhile."""
    ends, read = [], set()

    def read_beside() -> None:
        for _ in range(10 if path.suffix in (".fits", ".zarr") else 0):
            read.add(float(ndfit.read(path).parameters["amplitude"][0, 0].round()))

    found = []
    for _ in range(count):
        ends.append(race(writes, path, True, read_beside))
        found.append(content(path))
    return {"ends": ends, "found": found, "read": sorted(read)}


def exclusive(writes: list[Write], path: Path, count: int) -> dict[str, Any]:
    """Two writers without it."""
    targets = [path.with_name(f"{number}-{path.name}") for number in range(count)]
    ends = [sorted(race(writes, target, False, lambda: None)) for target in targets]
    return {"ends": ends, "found": [content(target) for target in targets]}


def killed(writes: list[Write], path: Path, count: int, seconds: float) -> dict[str, Any]:
    """Writers with `overwrite=True` that are killed; some are done before it comes to that."""
    draw, kills, found = random.Random(1), 0, []
    while kills < count:
        kills += kill(draw.choice(writes), path, draw.uniform(0.0, seconds))
        found.append(content(path))
    return {"found": found}


def beside(path: Path) -> list[str]:
    return [entry.name for entry in path.parent.iterdir() if not entry.name.endswith(path.name)]


def main(folder: Path, kind: str, count: int) -> None:
    dask.config.set(scheduler="synchronous")  # a pool of threads does not survive a fork
    writes = [writer(kind, 1.0), writer(kind, 2.0)]
    path, known = folder / FILES[kind], []
    for write in writes:
        begun = time.perf_counter()
        write(path, True)
        seconds = time.perf_counter() - begun
        known.append(content(path))
    told = {
        "known": known,
        "overwriting": overwriting(writes, path, count),
        "exclusive": exclusive(writes, path, count),
        "beside": beside(path),
        "killed": killed(writes, path, count, seconds),
        "left": beside(path),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
