"""Who is measured: the table of peers.

Flows in: Task. Flows out: Answers. Every peer starts from the same values and keeps its own defaults; those that take
functions get a limit of evaluations that lets all fits converge. A peer's package is imported on its first fit.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from math import ceil
from typing import Any

import numpy as np
from astropy.modeling import fitting
from numpy.typing import NDArray

import ndfit
from benchmarks.formulas import Formula
from benchmarks.task import Task

__all__ = ["PEERS", "Answers", "Peer"]

FloatArray = NDArray[np.float64]

MOST_EVALUATIONS = 1000
# The tolerance of astropy's TRF, for the peer without a default.
TOLERANCE = 1e-8
# astropy's default of fits in one chunk, and how many chunks dask hands to one process at a time.
ASTROPY_CHUNK, CHUNKS_AT_A_TIME = 500, 6
# Fits that optimistix advances together: a block runs until its slowest fit is done.
BLOCK = 512


@dataclass(frozen=True)
class Answers:
    """Parameters of shape (N, P), NaN where a fit failed, and evaluations of shape (N,), None where not asked for."""

    parameters: FloatArray
    evaluations: FloatArray | None


@dataclass(frozen=True)
class Peer:
    """A row of the table.

    Attributes
    ----------
    fit : (task, counted) -> Answers; with evaluations where `counted`
    packages : what it needs installed
    bounds : it can hold them
    smoke : quick enough to start for a smoke run
    """

    name: str
    title: str
    fit: Callable[[Task, bool], Answers]
    packages: tuple[str, ...] = ()
    bounds: bool = True
    smoke: bool = True

    def reason_to_skip(self, task: Task) -> str | None:
        """Why it is not measured on this task; None where it is."""
        missing = [package for package in self.packages if find_spec(package) is None]
        if missing:
            return f"not installed: {', '.join(missing)}"
        return "has no bounds" if task.limits and not self.bounds else None


def _call(function: Callable[..., Any], task: Task, counted: bool, **keywords: Any) -> Answers:
    """astropy's call, whoever answers it."""
    fitter = fitting.TRFLSQFitter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fits that do not converge show in the cost
        fitted = function(
            **task.call,
            fitter=fitter,
            fit_info=("nfev",) if counted else False,
            **keywords,
        )
    columns = [np.ravel(getattr(fitted, name).value) for name in task.model.param_names]
    evaluations = np.ravel(fitter.fit_info.get_property_as_array("nfev")).astype(float) if counted else None
    return Answers(np.stack(columns, axis=1), evaluations)


def _astropy_in_processes(task: Task, counted: bool) -> Answers:
    """With chunks small enough that every process gets its share of a part, as it does of a hundred thousand fits."""
    share = ceil(task.n_fits / (CHUNKS_AT_A_TIME * (os.cpu_count() or 1)))
    chunk = min(ASTROPY_CHUNK, share)
    return _call(fitting.parallel_fit_dask, task, counted, scheduler="processes", chunk_n_max=chunk)


def _loop(fit_one: Callable[[Task], Callable[[FloatArray], tuple[FloatArray, int]]], task: Task, _: bool) -> Answers:
    """One fit after the other."""
    fit = fit_one(task)
    parameters = np.full((task.n_fits, task.start.size), np.nan)
    evaluations = np.zeros(task.n_fits)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for row, values in enumerate(task.rows):
            try:
                parameters[row], evaluations[row] = fit(values)
            except RuntimeError:  # how curve_fit reports a fit that has not converged
                continue
    return Answers(parameters, evaluations)


def _curve_fit(task: Task, *, exact: bool) -> Callable[[FloatArray], tuple[FloatArray, int]]:
    from scipy.optimize import curve_fit

    coords, start, formula = task.coords, task.start, task.formula
    options: dict[str, Any] = {"full_output": True}
    if task.limits:
        options |= {"bounds": task.bounds, "max_nfev": MOST_EVALUATIONS}
    else:
        options |= {"maxfev": MOST_EVALUATIONS}
    if exact:
        options["jac"] = lambda _, *parameters: formula.jacobian(coords, parameters)

    def value(_: Any, *parameters: float) -> Any:
        return formula.value(np, coords, parameters)

    def fit(values: FloatArray) -> tuple[FloatArray, int]:
        best, _, report, *_ = curve_fit(value, coords[0], values, start, **options)
        return best, report["nfev"]

    return fit


def _lmfit(task: Task) -> Callable[[FloatArray], tuple[FloatArray, int]]:
    from lmfit import Parameters, minimize

    coords, formula, names = task.coords, task.formula, task.model.param_names
    parameters = Parameters()
    for name, value, lower, upper in zip(names, task.start, *task.bounds, strict=True):
        parameters.add(name, value=value, min=lower, max=upper)

    def residual(trial: Any, values: FloatArray) -> Any:
        return formula.value(np, coords, [trial[name].value for name in names]) - values

    def fit(values: FloatArray) -> tuple[FloatArray, int]:
        result = minimize(residual, parameters, args=(values,), max_nfev=MOST_EVALUATIONS * len(names))
        return np.array([result.params[name].value for name in names]), result.nfev

    return fit


@cache
def _optimistix_block(formula: Formula) -> Callable[..., Any]:
    """Compiled function of (samples, start, coordinates) of one block."""
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import jax
    import optimistix

    jax.config.update("jax_enable_x64", True)
    solver = optimistix.LevenbergMarquardt(rtol=TOLERANCE, atol=TOLERANCE)

    def fit_one(values: Any, start: Any, coords: Any) -> Any:
        def residual(parameters: Any, _: Any) -> Any:
            return formula.value(jax.numpy, coords, tuple(parameters)) - values

        solution = optimistix.least_squares(residual, solver, start, max_steps=MOST_EVALUATIONS, throw=False)
        return solution.value, solution.stats["num_steps"]

    block: Callable[..., Any] = jax.jit(jax.vmap(fit_one, in_axes=(0, None, None)))
    return block


def _optimistix(task: Task, _: bool) -> Answers:
    fit_block = _optimistix_block(task.formula)
    n_blocks = -(-task.n_fits // BLOCK)
    padded = np.resize(task.rows, (n_blocks * BLOCK, task.n_samples))
    blocks = [fit_block(padded[i * BLOCK : (i + 1) * BLOCK], task.start, task.coords) for i in range(n_blocks)]
    parameters, steps = (np.concatenate([np.asarray(block[i]) for block in blocks]) for i in range(2))
    return Answers(parameters[: task.n_fits], steps[: task.n_fits].astype(float))


PEERS: dict[str, Peer] = {
    row.name: row
    for row in (
        Peer("ndfit", "ndfit", partial(_call, ndfit.parallel_fit_dask)),
        Peer(
            "astropy-processes",
            "astropy `parallel_fit_dask`, processes",
            _astropy_in_processes,
            smoke=False,
        ),
        Peer(
            "astropy-synchronous",
            "astropy `parallel_fit_dask`, synchronous",
            partial(_call, fitting.parallel_fit_dask, scheduler="synchronous"),
        ),
        Peer("curve_fit", "loop of scipy's `curve_fit`", partial(_loop, partial(_curve_fit, exact=False))),
        Peer(
            "curve_fit-jac",
            "loop of scipy's `curve_fit`, exact derivatives",
            partial(_loop, partial(_curve_fit, exact=True)),
        ),
        Peer("lmfit", "loop of lmfit's `minimize`", partial(_loop, _lmfit), packages=("lmfit",)),
        Peer(
            "optimistix",
            "optimistix on JAX, `vmap`, float64",
            _optimistix,
            packages=("jax", "optimistix"),
            bounds=False,
        ),
    )
}
"""In the order of the tables; ndfit, which the others are compared with, first."""
