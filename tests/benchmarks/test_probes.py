"""Probes: each runs, and the goals find its numbers; what stands beside ndfit gives the same answers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any

import numpy as np
import pytest
from benchmarks.goals import GOALS
from benchmarks.probes import PROBES, cpufit, relaxometry
from benchmarks.probes.engine import bare_exponentials
from benchmarks.probes.instrument import by_curve_fit, by_least_squares, lines_through_a_matrix
from benchmarks.probes.instrument import by_ndfit as by_ndfit_through
from benchmarks.probes.lines import lines
from benchmarks.probes.templates import by_loop, by_ndfit, mixtures, template_model
from benchmarks.probes.turns import in_turns
from benchmarks.run import _measure_probe
from benchmarks.workloads import Absent
from numpy.testing import assert_allclose, assert_array_equal

import ndfit

# Of what takes seconds there is no goal by itself.
WITHOUT_GOAL = {"million"}


@pytest.mark.parametrize("name", PROBES)
def test_probe_gives_what_its_goals_read(name: str) -> None:
    record = _measure_probe(PROBES[name], 1, smoke=True)
    if "skipped" in record:
        pytest.skip(record["skipped"])
    assert all(np.isfinite(numbers).all() for numbers in record["values"].values())
    results = {"machine": "", "workloads": {}, "probes": {name: record}}
    assert bool([goal for goal in GOALS if goal.measure(results)]) is (name not in WITHOUT_GOAL)


def test_calls_take_turns_after_a_warm_up() -> None:
    """Two calls each time: together they take half a second by a clock that goes a quarter further when it is read."""
    made: list[str] = []
    calls = {name: partial(made.append, name) for name in "ab"}
    values = in_turns(calls, 2, smoke=False, clock=partial(next, count(0.0, 0.25)))
    assert made == [*"ab", *"aabb", *"aabb"]
    assert values == {"a": [0.25, 0.25], "b": [0.25, 0.25]}


def test_bare_exponentials() -> None:
    x = np.linspace(-8.0, 0.0, 64)
    found = np.empty_like(x)
    bare_exponentials()(x, found)
    assert_allclose(found, np.exp(x), rtol=4e-16)


def test_relaxometry_by_scipy_and_by_ndfit() -> None:
    data = relaxometry.voxels(200)
    medians = [np.median(values) for values in (relaxometry.by_ndfit(data), relaxometry.by_loop(data.values))]
    assert medians[0] == pytest.approx(medians[1], rel=1e-6)


def test_templates_by_scipy_and_by_ndfit() -> None:
    shapes, spectra = mixtures(20)
    coefficients = by_loop(shapes, spectra)
    assert (coefficients == 0).any()
    assert_allclose(by_ndfit(template_model(shapes), spectra), coefficients, atol=1e-8)


def test_lines_through_a_matrix_by_scipy_and_by_ndfit() -> None:
    diagonals, direct, seen = lines_through_a_matrix(6)
    found = by_ndfit_through(seen, ndfit.Instrument.matrix(diagonals))
    for by in (by_curve_fit, by_least_squares):
        assert_allclose(by(diagonals, seen), found, rtol=1e-4)
    assert np.abs(by_ndfit_through(direct, None) / found - 1.0).max() < 0.2


def test_lines_lie_along_the_axis() -> None:
    cube, spectra = lines(3, 2), lines(3, 2, axis=2)
    assert cube.data.shape == cube.sigma.shape == (60, 3, 2)
    assert_array_equal(np.moveaxis(spectra.data, 2, 0), cube.data)
    assert ndfit.fit(**cube.call, guess=None).success.all()


def answering(offset: float) -> Callable[..., int]:
    """In place of the library: the minimum, its amplitude off."""

    def function(*given: Any) -> int:
        named = dict(zip(cpufit._SIGNATURE, given, strict=True))
        task = lines(named["n_fits"], axis=1)
        assert_array_equal(named["data"], task.data)
        assert_array_equal(named["initial_parameters"], np.tile(task.start.parameters, (named["n_fits"], 1)))
        fitted = ndfit.fit(**task.call, guess=None).parameters
        named["output_parameters"][...] = np.stack(list(fitted.values()), axis=1)
        named["output_parameters"][:, 0] += offset
        return 0

    return function


@pytest.mark.parametrize(("offset", "percent"), [(0.0, 100.0), (0.5, 0.0)])
def test_right_answers_of_cpufit_are_counted(monkeypatch: pytest.MonkeyPatch, offset: float, percent: float) -> None:
    monkeypatch.setattr(cpufit, "_function", lambda: answering(offset))
    values = cpufit.beside_cpufit(1, smoke=True)
    assert values["Cpufit, % right"] == [percent]
    assert values["ndfit"][0] > 0


def test_cpufit_that_reports_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpufit, "_function", lambda: lambda *_: -1)
    with pytest.raises(RuntimeError, match="Cpufit"):
        cpufit.beside_cpufit(1, smoke=True)


@pytest.mark.parametrize("path", [None, "no-such-library.so"])
def test_without_the_library_of_cpufit(monkeypatch: pytest.MonkeyPatch, path: str | None) -> None:
    if path is None:
        monkeypatch.delenv(cpufit.LIBRARY, raising=False)
    else:
        monkeypatch.setenv(cpufit.LIBRARY, path)
    with pytest.raises(Absent, match=cpufit.LIBRARY):
        cpufit.beside_cpufit(1, smoke=True)
