"""Regions solved in processes of this machine.

Flows in: the task, what takes inputs, and regions. Flows out: (region, result) pairs. The task travels once a process,
inputs with each region, and results as they are.

Each process answers one thread, through a pipe of its own. Processes share no queue and no lock, so that one that ends,
however it ends, holds up nobody; and when the caller's process ends, however it ends, so do they.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Iterable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, TypeVar

import cloudpickle

from ndfit._compat.starting_processes import is_starting
from ndfit.errors import WorkersLost
from ndfit.problem.arrange import Region
from ndfit.problem.block import Inputs
from ndfit.run.load import culled, read_maps
from ndfit.run.pool import keep_busy
from ndfit.run.tasks import Solved, Take, Task, solve_inputs
from ndfit.run.threads import Threads
from ndfit.run.workers import Workers

__all__ = ["solve_in_processes"]

T = TypeVar("T")

NO_GUARD = (
    "the worker processes could not start. A script that starts processes needs its calls under "
    "'if __name__ == \"__main__\":', because each process imports the script again; with scheduler='threads' or "
    "'synchronous' no guard is needed"
)
DIED = (
    "a worker process was ended from outside (signal {signal}), often because memory ran out. Use fewer workers or a "
    "smaller chunk_n_max; with checkpoint=... the regions that are done are kept"
)
LEFT = "a worker process ended itself (exit code {code}) while it worked: the model or the fitter must not exit"

# Forking a process that runs threads can lock up.
_FRESH = multiprocessing.get_context("spawn")
_SECONDS_TO_END = 1.0
# A process whose pipe is closed has ended, or ends at once; on a busy machine that may take a while to be seen.
_SECONDS_TO_HEAR_WHY = 30.0


def solve_in_processes(task: Task[T], take: Take, regions: Iterable[Region], workers: Workers) -> Solved[T]:
    """One process a worker; none outlives the generator.

    Raises
    ------
    WorkersLost
        The processes could not start, or one has ended.
    """
    if is_starting():
        raise SystemExit(1)  # a worker that imports a script without a guard; its parent says so
    pool = _WorkerPool(cloudpickle.dumps(task))
    with Threads(workers.count, _leave_interrupts_to_the_caller) as threads:
        try:
            yield from keep_busy(
                lambda inputs: threads.submit(lambda: pool.solve(inputs)), take, regions, threads.count
            )
        finally:
            pool.end()


def _leave_interrupts_to_the_caller() -> None:
    """An interrupt at a terminal goes to every process; new ones inherit which signals their thread has blocked."""
    if hasattr(signal, "pthread_sigmask"):
        from multiprocessing import resource_tracker

        resource_tracker.ensure_running()  # which else is started with the first process, and unblocks them
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


class _WorkerPool:
    """One process for each thread that solves."""

    def __init__(self, task: bytes) -> None:
        self._task = task
        self._of_thread = threading.local()
        self._lock = threading.Lock()
        self._started: list[_Process] | None = []

    def solve(self, inputs: Inputs) -> Any:
        """What the task makes of the inputs, in this thread's process."""
        process = getattr(self._of_thread, "process", None) or self._start()
        # Lambdas and functions of a script travel by value, which plain pickling cannot do.
        result, error = cloudpickle.loads(process.ask(cloudpickle.dumps(read_maps(culled(inputs)))))
        if error is not None:
            raise error
        return result

    def _start(self) -> _Process:
        with self._lock:
            if self._started is None:
                raise WorkersLost("the run has ended")
            process = _Process()
            self._started.append(process)
        process.ask(self._task)
        self._of_thread.process = process
        return process

    def end(self) -> None:
        """End every process, whatever it does; none is started from here on."""
        with self._lock:
            started, self._started = self._started or [], None
        for process in started:
            process.terminate()
        for process in started:
            process.join()


class _Process:
    """A process that answers."""

    def __init__(self) -> None:
        self._pipe, theirs = _FRESH.Pipe()
        # A daemon: the interpreter ends it too, where a second interrupt keeps the pool from doing so.
        self._process = _FRESH.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        self._ready = False

    def ask(self, message: bytes) -> bytes:
        try:
            self._pipe.send_bytes(message)
            answer = self._pipe.recv_bytes()
        except (EOFError, OSError):
            raise WorkersLost(self._why_ended()) from None
        self._ready = True
        return answer

    def _why_ended(self) -> str:
        self._process.join(_SECONDS_TO_HEAR_WHY)
        code = self._process.exitcode or 0
        if code < 0:
            return DIED.format(signal=-code)
        return LEFT.format(code=code) if self._ready else NO_GUARD

    def terminate(self) -> None:
        self._process.terminate()

    def join(self) -> None:
        self._process.join(_SECONDS_TO_END)
        self._process.kill()
        self._process.join()


def _serve(pipe: Connection) -> None:
    """In the new process: take the task, then inputs, until the pipe ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_caller, daemon=True).start()
    with suppress(EOFError, OSError):
        task = cloudpickle.loads(pipe.recv_bytes())
        pipe.send_bytes(b"")
        while True:
            pipe.send_bytes(_answer(task, pipe.recv_bytes()))


def _end_with_the_caller() -> None:
    """At once, and not when the region is done, as the pipe's end would have it."""
    caller = multiprocessing.parent_process()
    if caller is not None:
        caller.join()
        os._exit(1)


def _answer(task: Task[Any], message: bytes) -> bytes:
    """Pickled (result, None) or (None, error)."""
    try:
        return cloudpickle.dumps((solve_inputs(task, cloudpickle.loads(message)), None))
    except Exception as error:
        error.add_note(f"In a worker process:\n{traceback.format_exc()}")
        return cloudpickle.dumps((None, _portable(error)))


def _portable(error: Exception) -> Exception:
    """The error, or what it says where it cannot travel."""
    try:
        cloudpickle.loads(cloudpickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
