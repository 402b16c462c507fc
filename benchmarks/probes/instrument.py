"""A line seen through a resolution matrix of 11 diagonals, beside the same fit without and loops of scipy's optimisers.

Flows in: how many spectra. Flows out: CPU seconds, one a repeat; one core each.
"""

from __future__ import annotations

import time
import warnings
from functools import partial
from typing import Any

import numpy as np
from astropy.modeling.models import Gaussian1D
from numpy.typing import NDArray
from scipy.optimize import curve_fit, least_squares
from scipy.sparse import csr_array, dia_array

import ndfit
from benchmarks.formulas import GAUSSIAN
from benchmarks.measure import N_SMOKE
from benchmarks.probes.turns import Values, in_turns

__all__ = ["by_curve_fit", "by_least_squares", "by_ndfit", "lines_through_a_matrix", "through_a_matrix"]

FloatArray = NDArray[np.float64]

SEED = 20270210
N_SPECTRA, N_CHANNELS, N_DIAGONALS = 100_000, 60, 11
# Of the spectra, so many are fitted by a loop, and its time is scaled.
N_BY_LOOP = 400
CHANNELS = np.arange(float(N_CHANNELS))
OFFSETS = tuple(range(N_DIAGONALS // 2, -(N_DIAGONALS // 2) - 1, -1))
START = (9.0, 30.0, 2.5)


def through_a_matrix(repeats: int, smoke: bool) -> Values:
    """CPU seconds of all fits."""
    n_spectra = N_SMOKE if smoke else N_SPECTRA
    diagonals, direct, seen = lines_through_a_matrix(n_spectra)
    some = seen[:N_BY_LOOP]
    instrument = ndfit.Instrument.matrix(diagonals)
    loops = {
        "loop of `curve_fit`": partial(by_curve_fit, diagonals, some),
        "loop of `least_squares`": partial(by_least_squares, diagonals, some),
    }
    calls = {
        "11 diagonals": partial(by_ndfit, seen, instrument),
        "without": partial(by_ndfit, direct, None),
        **loops,
    }
    values = in_turns(calls, repeats, smoke, clock=time.process_time)
    for name in loops:
        values[name] = [seconds * n_spectra / len(some) for seconds in values[name]]
    return values


def lines_through_a_matrix(n_spectra: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Diagonals whose width grows along the channels, and lines without and through them, with the same noise."""
    rng = np.random.default_rng(SEED)
    width = np.linspace(1.2, 1.8, N_CHANNELS)
    diagonals = np.exp(-0.5 * (np.array(OFFSETS)[:, np.newaxis] / width) ** 2)
    diagonals /= diagonals.sum(axis=0)
    columns = (rng.uniform(8, 12, n_spectra), rng.uniform(28, 32, n_spectra), rng.uniform(1.8, 3.0, n_spectra))
    lines = GAUSSIAN.value(np, (CHANNELS,), [column[:, np.newaxis] for column in columns])
    noise = rng.normal(scale=0.2, size=lines.shape)
    return diagonals, lines + noise, lines @ _matrix(diagonals).T + noise


def by_ndfit(spectra: FloatArray, instrument: ndfit.Instrument | None) -> FloatArray:
    """Parameters, shape (N, 3), by the whole call in one thread."""
    model = Gaussian1D(*START)
    call: dict[str, Any] = {"fitting_axes": 1, "world": (CHANNELS,), "guess": None, "progress": False}
    result = ndfit.fit(model, spectra, **call, instrument=instrument, scheduler="synchronous")
    return np.stack([result.parameters[name] for name in model.param_names], axis=1)


def by_curve_fit(diagonals: FloatArray, spectra: FloatArray) -> FloatArray:
    """The same by scipy's MINPACK, one spectrum after the other, with the product of a dense matrix."""
    matrix = _matrix(diagonals).toarray()

    def value(_: Any, *parameters: float) -> Any:
        return matrix @ GAUSSIAN.value(np, (CHANNELS,), parameters)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.array([curve_fit(value, CHANNELS, samples, START)[0] for samples in spectra])


def by_least_squares(diagonals: FloatArray, spectra: FloatArray) -> FloatArray:
    """The same by scipy's trust-region method, with exact derivatives and the product of a sparse matrix."""
    matrix = _matrix(diagonals)

    def residual(parameters: FloatArray, samples: FloatArray) -> Any:
        return matrix @ GAUSSIAN.value(np, (CHANNELS,), parameters) - samples

    def jacobian(parameters: FloatArray, _: FloatArray) -> Any:
        return matrix @ GAUSSIAN.jacobian((CHANNELS,), parameters)

    return np.array([least_squares(residual, START, jac=jacobian, args=(samples,)).x for samples in spectra])


def _matrix(diagonals: FloatArray) -> csr_array:
    return csr_array(dia_array((diagonals, OFFSETS), shape=(N_CHANNELS, N_CHANNELS)))
