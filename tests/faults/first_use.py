"""The first fits of a process, made in one of many ways; a script, so that nothing of it is loaded before.

    python first_use.py WAY

Threads change as often as Python lets them. Prints "right" where every fit has found the lines that the data are made
of, which have no noise.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

CHANNELS, WIDTH = 30, 2.0


def fit(kind: int = 0, size: int = 12, **keywords: Any) -> None:
    """Fit a cube with one of several models, and compare with the lines in it."""
    import numpy as np
    from astropy.modeling.models import Const1D, Gaussian1D, Linear1D, Lorentz1D, Voigt1D

    import ndfit

    rng = np.random.default_rng(kind)
    centres = 15.0 + rng.uniform(-1.0, 1.0, (size, size))
    line = (Gaussian1D(3.0, 15.0, WIDTH), Lorentz1D(3.0, 15.0, WIDTH), Voigt1D(15.0, 3.0, 1.5, 1.5))[kind % 3]
    floor = (Const1D(0.5), Linear1D(0.01, 0.5))[kind % 2]
    model = line + floor
    x = np.arange(float(CHANNELS))
    data = np.empty((CHANNELS, size, size))
    name = "x_0" if kind % 3 else "mean"
    for place in np.ndindex(size, size):
        true = line.copy()
        setattr(true, name, centres[place])
        data[(slice(None), *place)] = true(x) + floor(x)
    result = ndfit.fit(model, data, fitting_axes=0, **{"progress": False, "chunk_n_max": 10, **keywords})
    found = result.parameters[f"{name}_0"]
    np.testing.assert_allclose(found, centres, atol=1e-3)


def threads() -> None:
    fit()


def everything() -> None:
    fit(0, guess="auto", starts=2, refine="neighbours", clip=5.0)


def drawn() -> None:
    fit(1, bootstrap=3, seed=1)


def robust() -> None:
    fit(0, loss="huber", f_scale=1.0)


def reference() -> None:
    fit(0, engine="reference", scheduler="threads", size=6)


def processes() -> None:
    fit(0, scheduler="processes")


def other_get() -> None:
    import dask.threaded

    fit(0, scheduler=dask.threaded.get)


def callers() -> None:
    """Six threads at once, with models that have to be compiled."""
    _in_threads([lambda kind=kind: fit(kind) for kind in range(6)])  # type: ignore[misc]


def in_dask_threads() -> None:
    import dask

    dask.compute(*[dask.delayed(fit)(kind) for kind in range(4)], scheduler="threads", num_workers=4)


def in_dask_processes() -> None:
    import dask

    dask.compute(*[dask.delayed(fit)(kind, scheduler="threads") for kind in range(2)], scheduler="processes")


def cluster() -> None:
    """Four threads of one fresh worker begin together."""
    with _client(n_workers=1, threads_per_worker=4) as client:
        fit(0, scheduler=client)


def in_cluster() -> None:
    """Fits made by tasks of a cluster, several in one process."""
    with _client(n_workers=1, threads_per_worker=4) as client:
        for future in [client.submit(fit, kind, scheduler="threads", pure=False) for kind in range(4)]:
            future.result()


def forked() -> None:
    """Children of a process that has loaded nothing yet, and the process itself, at once."""
    _fork_and([lambda: fit(0), lambda: fit(1)], lambda: fit(0))


def forked_while_fitting(**keywords: Any) -> None:
    """Children of a process whose other threads load ndfit, compile and fit at that moment."""
    # What this script imports itself, and astropy for it, is beyond what ndfit can keep apart from a fork.
    import astropy.modeling.models  # noqa: F401
    import scipy.special  # noqa: F401

    import ndfit  # noqa: F401

    begun = threading.Event()

    def go_on() -> None:
        begun.set()
        for kind in range(6):
            fit(kind, **keywords)

    def fork() -> None:
        begun.wait()
        children = [lambda kind=kind: fit(kind, **keywords) for kind in range(3)]  # type: ignore[misc]
        _fork_and(children, lambda: None)

    _in_threads([go_on, fork])


def forked_while_fitting_one_by_one() -> None:
    """The same with the reference engine, whose threads take turns."""
    import scipy.optimize  # noqa: F401

    forked_while_fitting(engine="reference", scheduler="threads", size=4, chunk_n_max=2)


def beside_llvm() -> None:
    """Another thread compiles with llvmlite, of which there is one in a process."""
    import llvmlite.binding as llvm

    def compile_others() -> None:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        signature = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)
        for number in range(40):
            text = f"define i64 @other(i64 %x) {{\n  %y = add i64 %x, {number}\n  ret i64 %y\n}}"
            machine = llvm.Target.from_default_triple().create_target_machine()
            engine = llvm.create_mcjit_compiler(llvm.parse_assembly(text), machine)
            engine.finalize_object()
            assert signature(engine.get_function_address("other"))(1) == 1 + number

    _in_threads([compile_others, lambda: fit(0), lambda: fit(1)])


WAYS: dict[str, Callable[[], None]] = {
    way.__name__: way
    for way in (
        threads,
        everything,
        drawn,
        robust,
        reference,
        processes,
        other_get,
        callers,
        in_dask_threads,
        in_dask_processes,
        cluster,
        in_cluster,
        forked,
        forked_while_fitting,
        forked_while_fitting_one_by_one,
        beside_llvm,
    )
}


def _in_threads(actions: list[Callable[[], None]]) -> None:
    """Do all at once; fails where one does."""
    start, failures = threading.Barrier(len(actions)), []

    def act(action: Callable[[], None]) -> None:
        start.wait()
        try:
            action()
        except BaseException:
            failures.append(traceback.format_exc())

    running = [threading.Thread(target=act, args=(action,)) for action in actions]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    if failures:
        raise RuntimeError("\n".join(failures))


def _fork_and(children: list[Callable[[], None]], own: Callable[[], None]) -> None:
    """Do actions in children, and one here meanwhile."""
    started = []
    for action in children:
        number = os.fork()
        if number == 0:
            status = 1
            try:
                action()
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(status)
        started.append(number)
    own()
    ended = [os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]) for number in started]
    if any(ended):
        raise RuntimeError(f"children ended with {ended}")


@contextmanager
def _client(**keywords: Any) -> Iterator[Any]:
    from distributed import Client, LocalCluster

    pages = {"dashboard_address": "127.0.0.1:0", "worker_dashboard_address": None}
    with LocalCluster(**keywords, **pages) as cluster, Client(cluster) as client:
        yield client


if __name__ == "__main__":
    sys.setswitchinterval(1e-6)
    multiprocessing.set_start_method("spawn")
    WAYS[sys.argv[1]]()
    print("right")
