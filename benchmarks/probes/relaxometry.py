"""T2* of voxels from a labelled array, by a plain function, beside a loop of scipy's `curve_fit`.

Flows in: how many voxels. Flows out: seconds, one a repeat.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.optimize import curve_fit

import ndfit
from benchmarks.measure import N_SMOKE
from benchmarks.probes.turns import Values, in_turns

__all__ = ["beside_curve_fit", "by_loop", "by_ndfit", "voxels"]

FloatArray = NDArray[np.float64]

SEED = 20270112
N_VOXELS = 2_000_000
# Of the voxels, so many are fitted by the loop, and its time is scaled.
N_BY_LOOP = 2_000
ECHOES = 4.0 * np.arange(1.0, 9.0)
START = {"s0": 1000.0, "t2": 30.0}
BOUNDS = {"s0": (0.0, 5000.0), "t2": (1.0, 500.0)}


def decay(t: Any, s0: Any, t2: Any) -> Any:
    return s0 * np.exp(-t / t2)


def beside_curve_fit(repeats: int, smoke: bool) -> Values:
    """Seconds of all fits, from the same start and within the same bounds."""
    data = voxels(N_SMOKE if smoke else N_VOXELS)
    some = data.values[:: max(1, len(data) // N_BY_LOOP)]
    loop = "loop of `curve_fit`"
    values = in_turns({"ndfit": partial(by_ndfit, data), loop: partial(by_loop, some)}, repeats, smoke)
    values[loop] = [seconds * len(data) / len(some) for seconds in values[loop]]
    return values


def voxels(count: int) -> xr.DataArray:
    """Decays at eight echoes, with noise."""
    rng = np.random.default_rng(SEED)
    signal = decay(ECHOES, rng.uniform(500.0, 1500.0, (count, 1)), rng.uniform(15.0, 60.0, (count, 1)))
    signal += rng.normal(scale=10.0, size=signal.shape)
    return xr.DataArray(signal, dims=("voxel", "echo"), coords={"echo": ("echo", ECHOES, {"units": "ms"})})


def by_ndfit(data: xr.DataArray) -> FloatArray:
    """T2* of each voxel, by the whole call."""
    result = ndfit.fit(decay, data, fitting_axes="echo", p0=START, bounds=BOUNDS)
    return np.asarray(result.parameters["t2"])


def by_loop(signals: FloatArray) -> FloatArray:
    """The same by scipy, one voxel after the other."""
    start, bounds = list(START.values()), tuple(zip(*BOUNDS.values(), strict=True))
    return np.array([curve_fit(decay, ECHOES, samples, p0=start, bounds=bounds)[0][1] for samples in signals])
