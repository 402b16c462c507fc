"""How long fits take, from a few of them, once everything is compiled."""

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
    ("seconds", "expected"),
    [([0.5, 1.28, 2.56, 1.28], 2.06 / 512), ([0.5, 0.5, 0.5, 0.5], CompiledEngine.seconds_per_fit)],
    ids=["a slow place", "a clock that others disturb"],
)
def test_the_slowest_place_counts_where_fits_are_solved_side_by_side(
    seconds: list[float], expected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock: Any = iter(seconds)
    monkeypatch.setattr(estimate, "_time", lambda *_: next(clock))
    monkeypatch.setattr(estimate, "SECONDS_WORTH_TIMING", 1e-3)
    assert estimate.time_of_fits(*asked("compiled")) == estimate.FitTime(expected, expected)
    assert next(clock, None) is None


class FakeClock:
    """The samples of a fit say how many seconds it takes; a call takes some by itself."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, of_a_call: float) -> None:
        self.now, self.fits, self.of_a_call = 0.0, 0, of_a_call
        monkeypatch.setattr(estimate, "_now", lambda: self.now)
        monkeypatch.setattr(estimate, "_time", self.time)

    def time(self, pipeline: Pipeline, inputs: Any) -> float:
        of_each = inputs.samples.data[..., 0]
        seconds = self.of_a_call + float(of_each.sum())
        self.now += seconds
        self.fits += of_each.size
        return seconds


def uneven(kind: str, size: int) -> np.ndarray:
    """Seconds of each fit: five times as many in noise as where there is a line."""
    yy, xx = np.mgrid[:size, :size] / size
    noise = {
        "noise here and there": np.random.default_rng(0).random((size, size)) < 0.3,
        "noise in one half": yy < 0.5,
        "noise around an object": np.hypot(yy - 0.5, xx - 0.5) > 0.35,
        "one line in a thousand places": np.random.default_rng(1).random((size, size)) < 0.999,
    }[kind]
    return np.where(noise, 5e-3, 1e-3)


@pytest.mark.parametrize("slower", [1, 30])
@pytest.mark.parametrize("of_a_call", [0.0, 2e-3])
@pytest.mark.parametrize(
    "kind", ["noise here and there", "noise in one half", "noise around an object", "one line in a thousand places"]
)
def test_the_time_told_is_that_of_all_positions(
    kind: str, of_a_call: float, slower: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three positions, or the slowest of them, say little of the others."""
    seconds = slower * uneven(kind, 70)
    clock = FakeClock(monkeypatch, of_a_call)
    told = estimate.time_of_fits(*asked("reference", np.broadcast_to(seconds, (10, 70, 70))))
    assert 1 / 1.4 < told.mean / seconds.mean() < 1.4
    assert told.mean <= 1.001 * told.longest <= 1.001 * (seconds.max() + of_a_call) + 1e-12
    assert clock.now < 1.6, "runs begin late"


def test_a_short_run_is_not_made_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeClock(monkeypatch, 0.0)
    told = estimate.time_of_fits(*asked("reference", np.full((10, 400), 2e-3)))
    assert told.mean == pytest.approx(2e-3)
    assert clock.fits < 0.05 * 400


def test_few_fits_that_take_long_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """By what is known before, these would be one region, made without processes and without a word."""
    FakeClock(monkeypatch, 0.0)
    told = estimate.time_of_fits(*asked("reference", np.full((10, 40), 1.5)))
    assert told == estimate.FitTime(pytest.approx(1.5), pytest.approx(1.5))  # type: ignore[arg-type]


def test_the_first_fit_of_a_process_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """It imports what others find there, and would be told as the time of every fit."""
    pipeline, problem = asked("reference")
    calls: list[str] = []
    monkeypatch.setattr(type(pipeline), "make_ready", lambda _: calls.append("made ready"))
    monkeypatch.setattr(type(pipeline), "__call__", lambda *_: calls.append("fitted"))
    monkeypatch.setattr(estimate, "_time", lambda *_: calls.append("timed") or 1e-4)
    assert estimate.time_of_fits(pipeline, problem).mean == pytest.approx(1e-4)
    assert calls[:3] == ["made ready", "fitted", "timed"]
    assert calls.count("fitted") == 1


def test_the_fits_of_a_bootstrap_are_counted_and_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline, problem = asked("compiled")
    monkeypatch.setattr(estimate, "SECONDS_WORTH_TIMING", 1e-3)
    drawing = replace(pipeline, bootstrap=bootstrap_of(Errors(True, 9, "residual"), 0, (0, 1, 2), SQUARE, False))
    made: list[Any] = []

    def time(pipeline: Any, *_: Any) -> float:
        made.append(pipeline.bootstrap)
        return float(len(made))

    monkeypatch.setattr(estimate, "_time", time)
    assert estimate.time_of_fits(drawing, problem).mean == pytest.approx(10 * 3.0 / 512)
    assert set(made) == {None}


def asked(engine: str, data: np.ndarray | None = None) -> tuple[Pipeline, Any]:
    data = np.zeros((10, 4000)) if data is None else data
    problem = normalize(model=Gaussian1D(1.0, 5.0, 2.0), data=data, fitting_axes=0)
    call = parse_fitter(TRFLSQFitter(), {})
    choice = select_engine(problem, call, engine, ())
    return Pipeline.of(problem, choice.engine, solve_options(choice, call, ())), problem
