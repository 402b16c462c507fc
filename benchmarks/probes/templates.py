"""Templates with coefficients that are not negative, beside scipy's `nnls`; one core each.

Flows in: how many spectra. Flows out: seconds, one a repeat.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from astropy.modeling import custom_model
from astropy.modeling.fitting import TRFLSQFitter
from numpy.typing import NDArray
from scipy.optimize import nnls

from benchmarks.measure import N_SMOKE
from benchmarks.probes.turns import Values, in_turns
from ndfit import parallel_fit_dask

__all__ = ["beside_nnls", "by_loop", "by_ndfit", "mixtures", "template_model"]

FloatArray = NDArray[np.float64]

SEED = 20270105
N_TEMPLATES, N_CHANNELS, N_SPECTRA = 25, 300, 500
CHANNELS = np.arange(float(N_CHANNELS))


def beside_nnls(repeats: int, smoke: bool) -> Values:
    """Seconds of all fits; the model is made before."""
    shapes, spectra = mixtures(N_SMOKE if smoke else N_SPECTRA)
    calls = {
        "ndfit": partial(by_ndfit, template_model(shapes), spectra),
        "loop of `nnls`": partial(by_loop, shapes, spectra),
    }
    return in_turns(calls, repeats, smoke)


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
    names = [f"c{k}" for k in range(len(shapes))]
    terms = " + ".join(f"{name} * interp(x, channels, shapes[{k}])" for k, name in enumerate(names))
    arguments = ", ".join(f"{name}=1.0" for name in names)
    known = {"interp": np.interp, "channels": CHANNELS, "shapes": shapes}
    function = eval(f"lambda x, {arguments}: {terms}", known)
    return custom_model(function)(bounds=dict.fromkeys(names, (0.0, None)))


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
