"""Templates with coefficients that are not negative, beside scipy's `nnls`; one core each.

Flows in: how many spectra. Flows out: seconds, one a repeat.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from astropy.modeling.fitting import TRFLSQFitter
from numpy.typing import NDArray
from scipy.optimize import nnls

from benchmarks.measure import N_SMOKE
from benchmarks.probes.turns import Values, in_turns
from ndfit import parallel_fit_dask, templates

__all__ = ["beside_nnls", "by_loop", "by_ndfit", "mixtures", "template_model"]

FloatArray = NDArray[np.float64]

SEED = 20270105
N_TEMPLATES, N_CHANNELS, N_SPECTRA = 25, 300, 20_000
# Of the spectra, so many are fitted by the loop, and its time is scaled.
N_BY_LOOP = 2_000
CHANNELS = np.arange(float(N_CHANNELS))


def beside_nnls(repeats: int, smoke: bool) -> Values:
    """Seconds of all fits; the model is made before."""
    n_spectra = N_SMOKE if smoke else N_SPECTRA
    shapes, spectra = mixtures(n_spectra)
    some = spectra[:N_BY_LOOP]
    calls = {
        "ndfit": partial(by_ndfit, template_model(shapes), spectra),
        "loop of `nnls`": partial(by_loop, shapes, some),
    }
    values = in_turns(calls, repeats, smoke)
    values["loop of `nnls`"] = [seconds * n_spectra / len(some) for seconds in values["loop of `nnls`"]]
    return values


def mixtures(n_spectra: int) -> tuple[FloatArray, FloatArray]:
    """Templates of a broad hump and a narrow line, shape (N_TEMPLATES, N_CHANNELS), and noisy sums of half of them."""
    rng = np.random.default_rng(SEED)
    centres = rng.uniform(0, N_CHANNELS, (2, N_TEMPLATES, 1))
    hump, line = (np.exp(-0.5 * ((CHANNELS - c) / width) ** 2) for c, width in zip(centres, (60.0, 4.0), strict=True))
    shapes = 0.2 + hump + line
    coefficients = np.maximum(rng.normal(size=(n_spectra, N_TEMPLATES)), 0.0)
    return shapes, coefficients @ shapes + rng.normal(scale=0.1, size=(n_spectra, N_CHANNELS))


def template_model(shapes: FloatArray) -> Any:
    """Model whose parameters are the coefficients."""
    return templates(shapes, CHANNELS)


def by_ndfit(model: Any, spectra: FloatArray) -> FloatArray:
    """Coefficients, shape (N, N_TEMPLATES), by the whole call in one thread."""
    fitted = parallel_fit_dask(
        model=model,
        fitter=TRFLSQFitter(),
        data=spectra,
        world=(CHANNELS,),
        fitting_axes=1,
        scheduler="synchronous",
    )
    return np.stack([getattr(fitted, name).value for name in model.param_names], axis=1)


def by_loop(shapes: FloatArray, spectra: FloatArray) -> FloatArray:
    """The same by scipy, one spectrum after the other."""
    return np.stack([nnls(shapes.T, samples)[0] for samples in spectra])
