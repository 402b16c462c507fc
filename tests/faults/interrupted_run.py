"""A long run for somebody to interrupt; run as a script.

    python interrupted_run.py FOLDER SCHEDULER ENGINE

Says "begun" once the first region is saved; and, once the interrupt has passed through, how many processes it left and
how many seconds of the processor it took, which other processes do not lengthen.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from astropy.modeling.models import Gaussian1D

import ndfit

interrupted_at = 0.0


def tell_when_begun(folder: Path) -> None:
    while not list(folder.glob("fit/[0-9]*.npz")):
        time.sleep(0.01)
    print("begun", flush=True)


def interrupt(number: int, frame: Any) -> None:
    global interrupted_at
    interrupted_at = time.process_time()
    signal.default_int_handler(number, frame)


def main(folder: Path, scheduler: str, engine: str) -> None:
    data = np.random.default_rng(0).normal(size=(30, 300, 300))
    signal.signal(signal.SIGINT, interrupt)
    threading.Thread(target=tell_when_begun, args=(folder,), daemon=True).start()
    try:
        ndfit.fit(
            Gaussian1D(1.0, 15.0, 2.0),
            data,
            fitting_axes=0,
            scheduler=scheduler,
            engine=engine,
            bootstrap=200 if engine == "compiled" else 0,
            checkpoint=folder,
        )
    except KeyboardInterrupt:
        seconds, left = time.process_time() - interrupted_at, len(multiprocessing.active_children())
        print(f"interrupted, {left} processes, {seconds:.2f} seconds", flush=True)
        raise


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
