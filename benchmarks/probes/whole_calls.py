"""What people call, on many positions: the drop-in and `fit`, from each start, refined, from a file to a file.

Flows in: lines on a constant. Flows out: seconds of the whole call, one a repeat.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from astropy.io import fits
from astropy.modeling.fitting import TRFLSQFitter

import ndfit
from benchmarks.measure import N_SMOKE
from benchmarks.probes.lines import Lines, lines
from benchmarks.probes.turns import Calls, Values, in_turns

__all__ = ["guess", "million"]

N_GUESSED = 200_000
SIDE, SIDE_OF_FEW = 1000, 6


def guess(repeats: int, smoke: bool) -> Values:
    """Without covariance, which the drop-in call has not: that call, and `fit` from each start."""
    task = lines(N_SMOKE if smoke else N_GUESSED, axis=1)
    fit = partial(ndfit.fit, **task.call, covariance=False)
    calls = {
        "parallel_fit_dask": partial(ndfit.parallel_fit_dask, **task.call, fitter=TRFLSQFitter()),
        "fit, guess=None": partial(fit, guess=None),
        'fit, guess="auto"': partial(fit, guess="auto"),
        'fit, guess="also"': partial(fit, guess="also"),
    }
    return in_turns(calls, repeats, smoke)


def million(repeats: int, smoke: bool) -> Values:
    """With uncertainties of all samples, and covariance."""
    with TemporaryDirectory() as few, TemporaryDirectory() as all_of_them:
        in_turns(_of_cube(SIDE_OF_FEW, Path(few)), 1, smoke=True)
        calls = _of_cube(SIDE_OF_FEW if smoke else SIDE, Path(all_of_them))
        return in_turns(calls, repeats, smoke, warm_up=False)


def _of_cube(side: int, folder: Path) -> Calls:
    task = lines(side, side)
    cube, result = folder / "cube.fits", folder / "fit.fits"
    fits.HDUList([fits.PrimaryHDU(task.data), fits.ImageHDU(task.sigma)]).writeto(cube)
    fit = partial(ndfit.fit, **task.call, uncertainty=task.sigma)
    return {
        "plain": partial(fit, guess=None),
        "with a guess": partial(fit, guess="auto"),
        "with a guess, refined": partial(fit, guess="auto", refine="neighbours"),
        "plain, from a FITS file to a FITS file": partial(_through_files, task, cube, result),
    }


def _through_files(task: Lines, cube: Path, result: Path) -> None:
    with fits.open(cube, memmap=True) as hdus:
        call = {**task.call, "data": hdus[0].data, "uncertainty": hdus[1].data}
        ndfit.fit(**call, guess=None).to_fits(result, overwrite=True)
