"""How long fits take is never told to be less than the engine knows, whatever the clock says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.modeling.fitting import TRFLSQFitter
from astropy.modeling.models import Gaussian1D

from ndfit.engine.fitters import parse_fitter
from ndfit.engine.select import select_engine, solve_options
from ndfit.problem.normalize import normalize
from ndfit.run import estimate
from ndfit.run.work import Work


@pytest.mark.parametrize("seconds", [iter([9.0, *[5.0] * 3, *[4.0] * 3]), iter([1.0] * 7)], ids=["slow alone", "same"])
def test_a_clock_that_others_disturb(seconds: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = normalize(model=Gaussian1D(1.0, 5.0, 2.0), data=np.zeros((10, 4000)), fitting_axes=0)
    call = parse_fitter(TRFLSQFitter(), {})
    choice = select_engine(problem, call, "compiled", ())
    work = Work.of(problem, choice.engine, solve_options(choice, call, ()))
    monkeypatch.setattr(estimate, "_time", lambda *_: next(seconds))
    assert estimate.seconds_per_fit(work, problem) == choice.engine.seconds_per_fit
