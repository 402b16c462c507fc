"""How long fits take is told by the slowest of a few places, once everything is compiled."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from astropy.modeling.fitting import TRFLSQFitter
from astropy.modeling.models import Gaussian1D
from tests.normalized import normalize

from ndfit.engines.compiled.compiled_engine import CompiledEngine
from ndfit.engines.fitters import parse_fitter
from ndfit.engines.select import select_engine, solve_options
from ndfit.options import SQUARE, Errors
from ndfit.pipeline.bootstrap import bootstrap_of
from ndfit.run import expected_time as estimate
from ndfit.run.region_pipeline import Pipeline


@pytest.mark.parametrize(
    ("engine", "seconds", "expected"),
    [
        ("compiled", [0.5, 1.28, 2.56, 1.28], 2.06 / 512),
        ("compiled", [0.5, 0.5, 0.5, 0.5], CompiledEngine.seconds_per_fit),
        ("reference", [0.3, 0.1, 0.2], 0.3),
        ("reference", [0.004, 0.005, 0.004, 0.026], 0.003),
        ("reference", [0.004, 0.005, 0.004, 0.0], 0.005 / 8),
        ("reference", [0.004, 0.005, 0.004, 0.9], 0.005),
    ],
    ids=[
        "side by side",
        "a clock that others disturb",
        "one by one",
        "a call that takes as long as its fit",
        "several that a clock found quicker than one",
        "several that others disturbed",
    ],
)
def test_the_slowest_place_counts(
    engine: str, seconds: list[float], expected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem, pipeline = asked(engine)
    clock: Any = iter(seconds)
    monkeypatch.setattr(estimate, "_time", lambda *_: next(clock))
    assert estimate.seconds_per_fit(pipeline, problem) == pytest.approx(expected)
    assert next(clock, None) is None


def test_the_first_fit_of_a_process_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """It imports what others find there, and would be told as the time of every fit."""
    problem, pipeline = asked("reference")
    calls: list[str] = []
    monkeypatch.setattr(type(pipeline), "make_ready", lambda _: calls.append("made ready"))
    monkeypatch.setattr(type(pipeline), "__call__", lambda *_: calls.append("fitted"))
    monkeypatch.setattr(estimate, "_time", lambda *_: calls.append("timed") or 0.1)
    assert estimate.seconds_per_fit(pipeline, problem) == pytest.approx(0.1)
    assert calls == ["made ready", "fitted", "timed", "timed", "timed"]


def test_the_fits_of_a_bootstrap_are_counted_and_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    problem, pipeline = asked("compiled")
    drawing = replace(pipeline, bootstrap=bootstrap_of(Errors(True, 9, "residual"), 0, (0, 1, 2), SQUARE, False))
    made: list[Any] = []

    def time(pipeline: Any, *_: Any) -> float:
        made.append(pipeline.bootstrap)
        return float(len(made))

    monkeypatch.setattr(estimate, "_time", time)
    assert estimate.seconds_per_fit(drawing, problem) == pytest.approx(10 * 3.0 / 512)
    assert set(made) == {None}


def asked(engine: str) -> tuple[Any, Pipeline]:
    problem = normalize(model=Gaussian1D(1.0, 5.0, 2.0), data=np.zeros((10, 4000)), fitting_axes=0)
    call = parse_fitter(TRFLSQFitter(), {})
    choice = select_engine(problem, call, engine, ())
    return problem, Pipeline.of(problem, choice.engine, solve_options(choice, call, ()))
