"""The engine alone: nanoseconds a sample and evaluation, beside its own exponential; the whole call by cores.

Flows in: the workload of spectra. Flows out: numbers, one a repeat.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import dask
import numpy as np
from astropy.modeling.fitting import TRFLSQFitter

from benchmarks.measure import N_SMOKE
from benchmarks.probes.turns import Values, in_turns
from benchmarks.task import Task
from benchmarks.workloads import WORKLOADS
from ndfit import parallel_fit_dask
from ndfit.compiler.flow import loop
from ndfit.compiler.functions.exponential import exp
from ndfit.compiler.machine_code import Function, load, text_of
from ndfit.compiler.memory import load as load_lanes
from ndfit.compiler.memory import pointer, shift, store, width
from ndfit.compiler.target import host
from ndfit.compiler.values import Int
from ndfit.engines.fitters import parse_fitter
from ndfit.engines.select import select_engine, solve_options
from ndfit.options import Data
from ndfit.problem.block import inputs_of, make_block
from ndfit.problem.normalize import normalize
from ndfit.run.load import load as load_samples

__all__ = ["bare_exponentials", "cores", "evaluation"]

# Of the arrays of the bare loop: both stay in the second-level cache, and the call is nothing beside the loop.
EXP_VALUES = 16_384


def cores(repeats: int, smoke: bool) -> Values:
    """Seconds of the whole call in threads, by number of them."""
    call = partial(parallel_fit_dask, **_spectra(smoke).call, fitter=TRFLSQFitter(), scheduler="threads")

    def on(count: int) -> None:
        with dask.config.set(num_workers=count):
            call()

    return in_turns({"1": partial(on, 1), "2": partial(on, 2)}, repeats, smoke)


def evaluation(repeats: int, smoke: bool) -> Values:
    """Nanoseconds a sample and evaluation, in the engine, and a value of its exponential in a bare loop; one thread."""
    task = _spectra(smoke)
    solve = _solver(task)
    n_evaluated = task.n_samples * int(solve().nfev.sum())
    arguments = np.linspace(-8.0, 0.0, EXP_VALUES)
    exponentials = partial(bare_exponentials(), arguments, np.empty_like(arguments))
    seconds = in_turns({"engine": solve, "exp": exponentials}, repeats, smoke)
    counts = {"engine": n_evaluated, "exp": EXP_VALUES}
    return {name: [1e9 * each / counts[name] for each in values] for name, values in seconds.items()}


def bare_exponentials() -> Callable[[Any, Any], None]:
    """Function of two arrays that writes the exponential of one to the other, by the function of the compiled models.

    Both are contiguous; their size is a multiple of the number of lanes.
    """

    def body(source: Any, result: Any, count: Any) -> None:
        with loop(0, count, width()) as i:
            store(shift(pointer(result), i), 0, exp(load_lanes(shift(pointer(source), i), 0)))

    functions = (Function("exponentials", body, (Int, Int, Int)),)
    code = load(functions, host(), text_of(functions, host()))["exponentials"]
    return lambda source, result: code(source.ctypes.data, result.ctypes.data, source.size)


def _spectra(smoke: bool) -> Task:
    row = WORKLOADS["spectra"]
    return row.make(N_SMOKE if smoke else row.n_fits)


def _solver(task: Task) -> Callable[[], Any]:
    """The compiled engine on all of the fits, without what the call does before and after."""
    fitter = parse_fitter(TRFLSQFitter(), None)
    call = dict(task.call)
    model, data = call.pop("model"), Data(**{"world": None, **call})
    problem = normalize(model, data)
    choice = select_engine(problem, fitter, "compiled", ())
    block = make_block(load_samples(inputs_of(problem, (slice(0, task.n_fits),))))
    return partial(choice.engine, block, solve_options(choice, fitter, ()))
