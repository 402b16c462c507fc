"""Fits in several threads at once, each of which catches warnings; a script, whose filters are its own.

Prints how often the filters of warnings were others afterwards, and how many fits failed.
"""

from __future__ import annotations

import sys
import threading
import warnings
from typing import Any

import numpy as np
import scipy.special  # noqa: F401  # which is imported late, and sets a filter of its own
from astropy.modeling.fitting import TRFLSQFitter
from astropy.modeling.models import Gaussian1D

from ndfit import parallel_fit_dask

ROUNDS, THREADS, FITS = 3, 4, 6


class Talking(TRFLSQFitter):
    """Warns of each fit."""

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        warnings.warn("of this fit", UserWarning, stacklevel=1)
        return super().__call__(*arguments, **keywords)


def fit(done: list[int]) -> None:
    x = np.arange(20.0)
    data = np.exp(-0.5 * ((x[:, np.newaxis] - np.linspace(9.0, 11.0, FITS)) / 2.0) ** 2)
    model = Gaussian1D(1.0, 10.0, 2.0)
    # Traced and compared with the model, which catches warnings too.
    parallel_fit_dask(model=model, fitter=TRFLSQFitter(), data=data, world=(x,), fitting_axes=0)
    fitter = Talking()
    parallel_fit_dask(
        model=model, fitter=fitter, data=data, world=(x,), fitting_axes=0, scheduler="threads", fit_info=["message"]
    )
    done.append(0)


def main() -> None:
    sys.setswitchinterval(1e-6)
    warnings.resetwarnings()
    warnings.filterwarnings("ignore", "nothing that anybody says")
    warnings.filterwarnings("ignore", "of this fit")
    before, show, changed = list(warnings.filters), warnings.showwarning, 0
    done: list[int] = []
    for _ in range(ROUNDS):
        threads = [threading.Thread(target=fit, args=(done,)) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        changed += warnings.filters != before or warnings.showwarning is not show
    print(changed, THREADS * ROUNDS - len(done))


if __name__ == "__main__":
    main()
