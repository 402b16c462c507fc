"""One core beside Cpufit, in C++ and single precision: a Gaussian and a constant.

Flows in: the shared library that NDFIT_CPUFIT names, built by hand from Gpufit's sources, as no package index has it.
Flows out: fits a second of the whole call, one a repeat, and how many of Cpufit's answers are right. Cpufit keeps the
defaults of its own Python module.

The interface is that of Cpufit's documentation (Przybylski et al. 2017, Scientific Reports 7, 15722).
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from astropy.modeling.fitting import TRFLSQFitter
from numpy.typing import NDArray

from benchmarks.measure import N_SMOKE
from benchmarks.probes.lines import lines
from benchmarks.probes.turns import Values, in_turns
from benchmarks.workloads import Absent
from ndfit import parallel_fit_dask

__all__ = ["LIBRARY", "beside_cpufit"]

LIBRARY = "NDFIT_CPUFIT"
N_FITS = 100_000
# Of chi-square, within which single precision cannot tell two minima apart.
SAME_CHI_SQUARE = 1e-4

_GAUSS_1D, _LEAST_SQUARES = 0, 0
_TOLERANCE, _MOST_ITERATIONS = 1e-4, 25
_REALS = np.ctypeslib.ndpointer(np.float32, flags="C_CONTIGUOUS")
_INTEGERS = np.ctypeslib.ndpointer(np.int32, flags="C_CONTIGUOUS")
_SIGNATURE = {
    "n_fits": ctypes.c_size_t,
    "n_points": ctypes.c_size_t,
    "data": _REALS,
    "weights": ctypes.c_void_p,
    "model_id": ctypes.c_int,
    "initial_parameters": _REALS,
    "tolerance": ctypes.c_float,
    "max_n_iterations": ctypes.c_int,
    "parameters_to_fit": _INTEGERS,
    "estimator_id": ctypes.c_int,
    "user_info_size": ctypes.c_size_t,
    "user_info": ctypes.c_void_p,
    "output_parameters": _REALS,
    "output_states": _INTEGERS,
    "output_chi_squares": _REALS,
    "output_n_iterations": _INTEGERS,
}

Reals = NDArray[np.float32]


def beside_cpufit(repeats: int, smoke: bool) -> Values:
    """Fits a second on one core, and percent of Cpufit's fits that are at the minimum.

    Raises
    ------
    Absent
        There is no library.
    """
    function = _function()
    task = lines(N_SMOKE if smoke else N_FITS, axis=1)
    start = np.tile(np.float32(task.start.parameters), (len(task.data), 1))
    ours = partial(parallel_fit_dask, **task.call, fitter=TRFLSQFitter(), scheduler="synchronous")
    theirs = partial(_fit, function, task.data, start)
    seconds = in_turns({"ndfit": ours, "Cpufit": theirs}, repeats, smoke)
    rates = {name: [len(task.data) / each for each in values] for name, values in seconds.items()}
    return rates | {"Cpufit, % right": [100 * float(np.mean(_right(task.start, task.data, ours(), theirs())))]}


def _function() -> Callable[..., int]:
    path = os.environ.get(LIBRARY)
    if path is None:
        raise Absent(f"Cpufit is built from C++ sources by hand, and {LIBRARY} does not name its library")
    try:
        function: Any = ctypes.CDLL(path).cpufit
    except (OSError, AttributeError) as error:
        raise Absent(f"{LIBRARY} does not name Cpufit's library: {error}") from None
    function.restype = ctypes.c_int
    function.argtypes = list(_SIGNATURE.values())
    return function


def _fit(function: Callable[..., int], data: Reals, start: Reals) -> Reals:
    """Parameters, shape (N, P). Without user information, coordinates are the indices of the channels."""
    (n_fits, n_points), n_parameters = data.shape, start.shape[1]
    parameters, chi_squares = np.empty_like(start), np.empty(n_fits, np.float32)
    states, iterations = np.empty((2, n_fits), np.int32)
    given = {
        "n_fits": n_fits,
        "n_points": n_points,
        "data": data,
        "weights": None,
        "model_id": _GAUSS_1D,
        "initial_parameters": start,
        "tolerance": _TOLERANCE,
        "max_n_iterations": _MOST_ITERATIONS,
        "parameters_to_fit": np.ones(n_parameters, np.int32),
        "estimator_id": _LEAST_SQUARES,
        "user_info_size": 0,
        "user_info": None,
        "output_parameters": parameters,
        "output_states": states,
        "output_chi_squares": chi_squares,
        "output_n_iterations": iterations,
    }
    if function(*(given[name] for name in _SIGNATURE)) != 0:
        raise RuntimeError("Cpufit reports an error")
    return parameters


def _right(model: Any, data: Reals, fitted: Any, parameters: Reals) -> NDArray[np.bool_]:
    """Which of the parameters have a chi-square no larger than the fitted model's, to single precision."""
    ours = np.stack([getattr(fitted, name).value for name in model.param_names], axis=1)
    least, found = (_chi_square(model, data, each) for each in (ours, parameters.astype(float)))
    return found <= least * (1.0 + SAME_CHI_SQUARE)


def _chi_square(model: Any, data: Reals, parameters: NDArray[np.float64]) -> NDArray[np.float64]:
    values = model.evaluate(np.arange(float(data.shape[1])), *parameters.T[..., np.newaxis])
    return np.square(data - values).sum(axis=1)
