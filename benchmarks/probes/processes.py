"""What a new process takes: the first fit, a new model, commands.

Flows in: scripts. Flows out: seconds over importing astropy, one a repeat. Python has compiled the package, as pip has
it do when it installs one.
"""

from __future__ import annotations

import compileall
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
from astropy.io import fits

import ndfit
from benchmarks.probes.turns import Values, in_new_process, in_turns, output_of

__all__ = ["command_line", "first_fit", "new_model"]

# What fits of a cube need of it.
_IMPORT_ASTROPY = (
    "import astropy.io.fits, astropy.modeling.fitting, astropy.modeling.models, astropy.nddata, astropy.wcs"
)

_FITS = f"""
import time
{_IMPORT_ASTROPY}
from astropy.modeling.models import Const1D, Gaussian1D, Lorentz1D
import numpy as np

def seconds(model):
    began = time.perf_counter()
    from ndfit import parallel_fit_dask
    x = np.linspace(-4.0, 4.0, 53)
    data = np.exp(-0.5 * (x - np.linspace(-1, 1, 100)[:, None]) ** 2)
    data += np.random.default_rng(0).normal(scale=0.05, size=data.shape)
    fitter = astropy.modeling.fitting.TRFLSQFitter()
    parallel_fit_dask(model=model, fitter=fitter, data=data, world=(x,), fitting_axes=1)
    return time.perf_counter() - began

first, second = seconds(Gaussian1D()), seconds(Lorentz1D() + Const1D())
"""


def first_fit(repeats: int, smoke: bool) -> Values:
    """Seconds from having imported astropy to having made 100 fits."""
    _compile_package()
    seconds: Values = {"cold": [], "warm": []}
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as cache:
            for values in seconds.values():
                values.append(float(in_new_process(_FITS + "print(first)", NDFIT_CACHE_DIR=cache)))
    return seconds


def new_model(repeats: int, smoke: bool) -> Values:
    """Seconds of 100 fits of a model that no process has fitted before, in one that has fitted another."""
    _compile_package()
    seconds: Values = {"new model": []}
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as cache:
            seconds["new model"].append(float(in_new_process(_FITS + "print(second)", NDFIT_CACHE_DIR=cache)))
    return seconds


_HEADER = {
    "CTYPE1": "RA---TAN",
    "CTYPE2": "DEC--TAN",
    "CTYPE3": "VRAD",
    "CUNIT1": "deg",
    "CUNIT2": "deg",
    "CUNIT3": "km/s",
    "CRVAL1": 52.0,
    "CRVAL2": 31.0,
    "CDELT1": -0.01,
    "CDELT2": 0.01,
    "CDELT3": 0.25,
    "BUNIT": "K",
}
_CUBE = (60, 10, 20)
_MODEL = "Gaussian1D+Const1D"


def command_line(repeats: int, smoke: bool) -> Values:
    """Seconds of whole commands, on a cube of 200 spectra, and of a process that only imports astropy."""
    _compile_package()
    with tempfile.TemporaryDirectory() as folder:
        cube, result, page = (str(Path(folder) / name) for name in ("cube.fits", "fit.fits", "fit.html"))
        _write_cube(cube)
        calls = {
            "import astropy": partial(in_new_process, _IMPORT_ASTROPY),
            "ndfit fit": partial(_command, "fit", cube, "--model", _MODEL, "--out", result, "--overwrite"),
            "ndfit report": partial(_command, "report", result, "--out", page, "--overwrite"),
        }
        return in_turns(calls, repeats, smoke)


def _command(*arguments: str) -> str:
    """`ndfit` as pip installs it."""
    return output_of([sys.executable, "-c", "from ndfit.cli.main import main; main()", *arguments])


def _write_cube(path: str) -> None:
    """A line on a constant at each position, with noise."""
    rng = np.random.default_rng(0)
    velocity = 0.25 * np.arange(_CUBE[0])[:, None, None]
    mean, width = (rng.uniform(*limits, _CUBE[1:]) for limits in ((6.0, 8.0), (0.5, 1.2)))
    data = 5.0 * np.exp(-0.5 * ((velocity - mean) / width) ** 2) + rng.normal(1.0, 0.2, _CUBE)
    fits.writeto(path, data.astype(np.float32), fits.Header(_HEADER))


def _compile_package() -> None:
    compileall.compile_dir(str(Path(ndfit.__file__).parent), quiet=2)
