"""How long fits take is told by the slowest of a few places, once everything is compiled."""

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


@pytest.mark.parametrize(
    ("engine", "seconds", "expected"),
    [("compiled", [9.0, 1.28, 2.56, 1.28], 0.02), ("reference", [0.3, 0.1, 0.2], 0.3)],
)
def test_the_slowest_place_counts(
    engine: str, seconds: list[float], expected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = normalize(model=Gaussian1D(1.0, 5.0, 2.0), data=np.zeros((10, 4000)), fitting_axes=0)
    call = parse_fitter(TRFLSQFitter(), {})
    choice = select_engine(problem, call, engine, ())
    work = Work.of(problem, choice.engine, solve_options(choice, call, ()))
    clock: Any = iter(seconds)
    monkeypatch.setattr(estimate, "_time", lambda *_: next(clock))
    assert estimate.seconds_per_fit(work, problem) == pytest.approx(expected)
    assert next(clock, None) is None
