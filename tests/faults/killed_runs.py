"""Runs that are killed at random moments and begun again; a script, so that what is killed has nothing else in it.

    python killed_runs.py FOLDER KILLS SEED

A forked process fits a cube with a checkpoint until SIGKILL ends it, up to three times with the same one; then the same
call is made again, and its result compared bit by bit with that of a run that nobody disturbed. Kills hit every stage:
the fits with their starts, the rounds of the refinement, and the bootstrap. Prints one line of JSON.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import numpy as np
from astropy.modeling.models import Const1D, Gaussian1D

import ndfit


def fit(data: np.ndarray, checkpoint: Path | None) -> ndfit.FitResult:
    model = Gaussian1D(4.0, np.where(np.arange(600).reshape(20, 30) % 9, 15.0, 2.0), 2.0) + Const1D(0.0)
    return ndfit.fit(
        model,
        data,
        fitting_axes=0,
        chunk_n_max=30,
        scheduler="threads",
        guess="auto",
        starts=2,
        refine="neighbours",
        bootstrap=3,
        checkpoint=checkpoint,
    )


def cube() -> np.ndarray:
    rng = np.random.default_rng(5)
    x = np.arange(30.0)[:, None, None]
    lines = 5.0 * np.exp(-0.5 * ((x - 15.0 - rng.normal(size=(20, 30))) / 2.0) ** 2)
    return np.asarray(lines + 0.3 * rng.normal(size=lines.shape))


def bits(result: ndfit.FitResult) -> tuple[bytes, ...]:
    arrays: list[Any] = [*result.parameters.values(), result.covariance, result.status, result.nfev, result.chi_square]
    return tuple(np.asarray(array).tobytes() for array in arrays)


def kill_one(data: np.ndarray, path: Path, seconds: float) -> bool:
    """Whether the run was killed before it was done."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            fit(data, path)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status not in (0, -signal.SIGKILL):
        raise RuntimeError(f"a run that nobody had killed ended with status {status}")
    return status != 0


def main(folder: Path, kills: int, seed: int) -> None:
    data = cube()
    fit(data, folder / "first")  # compiles, and loads what is loaded once, which those to be killed inherit
    begun = time.perf_counter()
    whole = bits(fit(data, folder / "undisturbed"))
    duration = time.perf_counter() - begun
    draw = random.Random(seed)
    killed, kept, identical, stages, left = 0, [], 0, set(), []
    # Some are done before it comes to that; and on a busy machine, the first are killed before anything is saved.
    while killed < kills or not any(kept):
        path = folder / f"run-{len(kept)}"
        for _ in range(draw.randint(1, 3)):
            killed += kill_one(data, path, draw.uniform(0.0, duration))
        files = list(path.glob("*/[0-9]*.npz"))
        kept.append(len(files))
        stages.add(max((file.parent.name for file in files), key=in_order, default="none"))
        identical += bits(fit(data, path)) == whole
        left += [str(entry) for entry in path.rglob(".partial-*")]
    print(json.dumps({"killed": killed, "kept": kept, "identical": identical, "stages": sorted(stages), "left": left}))


def in_order(stage: str) -> tuple[bool, str]:
    """Of the stages of a run."""
    return stage != "fit", stage.replace("from-solutions", "z")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
