"""A type checker refuses nonsense: mypy looks at this file, and complains of an `ignore` that is not needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.modeling.fitting import TRFLSQFitter
from astropy.modeling.models import Gaussian1D
from astropy.nddata import NDData, StdDevUncertainty

import ndfit

LINE, DATA = Gaussian1D(1.0, 5.0, 1.0), np.ones((10, 2))

if TYPE_CHECKING:
    ndfit.fit("no model", DATA, fitting_axes=0)  # type: ignore[arg-type]
    ndfit.fit(LINE, {"no": "data"}, fitting_axes=0)  # type: ignore[arg-type]
    ndfit.fit(LINE, DATA, fitting_axes=0, fitter=3)  # type: ignore[arg-type]
    ndfit.fit(LINE, DATA, fitting_axes=1.5)  # type: ignore[arg-type]
    ndfit.fit(LINE, DATA, fitting_axes=0, world="pixel")  # type: ignore[arg-type]
    ndfit.fit(LINE, DATA, fitting_axes=0, loss="hubert")  # type: ignore[arg-type]
    ndfit.fit(LINE, DATA, fitting_axes=0, guess=True)  # type: ignore[arg-type]
    ndfit.fit(LINE, DATA, fitting_axes=0, world=3.0)  # type: ignore[arg-type]
    ndfit.parallel_fit_dask(model=LINE, fitter=TRFLSQFitter(), data=None)  # type: ignore[arg-type]
    ndfit.select([LINE], DATA, criterion="r2", fitting_axes=0)  # type: ignore[arg-type]


def test_what_is_meant_is_taken() -> None:
    """By the type checker too."""
    data: Any = NDData(DATA * u.K, uncertainty=StdDevUncertainty(DATA))
    for given in (DATA, DATA * u.K, data, DATA.tolist()):
        result = ndfit.fit(LINE, given, fitting_axes=0, world=(np.arange(10.0),), fitter=TRFLSQFitter(), guess=None)
        assert result.shape == (2,)
