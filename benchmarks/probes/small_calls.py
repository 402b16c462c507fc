"""Calls whose fits take less than what surrounds them: one spectrum, a hundred, and a model of 76 parameters.

Flows in: spectra. Flows out: seconds of the whole call of a model that is known already, one a repeat.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import numpy as np
from astropy.modeling.fitting import TRFLSQFitter
from astropy.modeling.models import Const1D, Gaussian1D

from benchmarks.probes.turns import Values, in_turns
from benchmarks.workloads import WORKLOADS
from ndfit import parallel_fit_dask

__all__ = ["few_spectra", "many_parameters"]

FEW = 100
N_GAUSSIANS, SPACING = 25, 16.0


def few_spectra(repeats: int, smoke: bool) -> Values:
    """Milliseconds of one spectrum, by astropy's fitter and here, and of a hundred."""
    task, fitter = WORKLOADS["spectra"].make(FEW), TRFLSQFitter()
    fit = partial(parallel_fit_dask, fitter=fitter)
    calls = {
        "1 spectrum, astropy": partial(fitter, task.model, *task.coords, task.rows[0]),
        "1 spectrum, ndfit": partial(fit, **task.part(1).call),
        f"{FEW} spectra, ndfit": partial(fit, **task.call),
    }
    return {name: [1e3 * each for each in seconds] for name, seconds in in_turns(calls, repeats, smoke).items()}


def many_parameters(repeats: int, smoke: bool) -> Values:
    """Seconds of all processors together, of one spectrum."""
    model, x = _many_lines()
    samples = model(x) + np.random.default_rng(0).normal(scale=0.1, size=x.size)
    call = partial(parallel_fit_dask, fitter=TRFLSQFitter(), world=(x,), fitting_axes=1)
    calls = {"76 parameters": partial(call, model=model, data=samples[np.newaxis])}
    return in_turns(calls, repeats, smoke, clock=time.process_time)


def _many_lines() -> tuple[Any, Any]:
    """A compound model of 76 parameters, and the channels that it spans."""
    model: Any = Const1D(1.0)
    for line in range(N_GAUSSIANS):
        model = model + Gaussian1D(1.0 + 0.1 * line, SPACING * (line + 0.5), 2.0)
    return model, np.arange(SPACING * N_GAUSSIANS)
