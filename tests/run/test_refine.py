"""Refinement: who is a neighbour, who is a candidate, and that the outcome depends on nothing but the maps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.modeling.models import Gaussian1D
from numpy.testing import assert_allclose, assert_array_equal

import ndfit
from ndfit.result.maps import Maps
from ndfit.run.refine import candidates, neighbour_steps, neighbours
from ndfit.status import STATUS, Status

X = np.arange(60.0)
FALSE = 5.0  # where a second, weaker line catches the fits that start there


def cube(*shape: int) -> np.ndarray:
    """A line near channel 40, of which a fit that starts at `FALSE` knows nothing, and a weak one there."""
    rng = np.random.default_rng(0)
    mean = 40.0 + rng.uniform(-1, 1, shape)
    channel = X.reshape(-1, *(1,) * len(shape))
    lines = 10 * np.exp(-0.5 * ((channel - mean) / 2) ** 2) + 2 * np.exp(-0.5 * ((channel - FALSE) / 2) ** 2)
    return lines + 0.3 * rng.normal(size=lines.shape)


def fit(data: np.ndarray, mean: Any, refine: str | None = "neighbours", **keywords: Any) -> ndfit.FitResult:
    return ndfit.fit(Gaussian1D(1.0, mean, 2.0), data, fitting_axes=0, guess=None, refine=refine, **keywords)


def scattered(shape: tuple[int, ...]) -> np.ndarray:
    """Starts, a fifth of which lead astray."""
    return np.where(np.random.default_rng(1).uniform(size=shape) < 0.2, FALSE, 40.0)


@pytest.mark.parametrize(("n_axes", "count"), [(0, 0), (1, 2), (2, 8), (3, 6)])
def test_neighbours_of_a_position(n_axes: int, count: int) -> None:
    steps = neighbour_steps(n_axes)
    assert len(set(steps)) == count
    assert all(tuple(-d for d in step) in steps for step in steps)


def test_values_at_neighbours() -> None:
    values = np.arange(6).reshape(2, 3)
    assert_array_equal(neighbours(values, ((0, 1), (-1, -1)), -9), [[[1, 2, -9], [4, 5, -9]], [[-9] * 3, [-9, 0, 1]]])


def maps_of(cost: Any, status: Any = None, n_samples: int = 13) -> Maps:
    """A row of fits of three parameters, by default of ten degrees of freedom."""
    costs = np.array(cost, dtype=float)
    ended = np.full(costs.shape, int(Status.FTOL)) if status is None else np.array(status)
    counts = np.full(costs.shape, n_samples, dtype=np.int32)
    nothing = np.zeros(costs.shape, dtype=np.uint32)
    edm = np.zeros(costs.shape)
    return Maps(np.zeros((3, *costs.shape)), ended.astype(np.int16), counts, costs, counts, nothing, edm, None, None)


def test_candidates_are_those_whose_cost_stands_out_among_their_neighbours() -> None:
    # Reduced chi-square is cost / 5: what is expected of its scatter is sqrt(2 / 10), half of which is 0.22.
    def found(middle: float) -> bool:
        return bool(candidates(maps_of([5.0, middle, 5.0]), 3, neighbour_steps(1))[1])

    assert not found(5.0 * 1.22)
    assert found(5.0 * 1.23)
    assert not found(0.0)


def test_candidates_stand_out_of_the_scatter_of_their_neighbours_where_that_is_larger() -> None:
    # The neighbours' median is 2, the median of their deviations 1: half of 1.4826 above 2.
    def found(middle: float) -> bool:
        cost = np.array([[1.0, 1.0, 1.0], [2.0, middle, 3.0], [3.0, 3.0, 2.0]])
        return bool(candidates(maps_of(5.0 * cost), 3, neighbour_steps(2))[1, 1])

    assert not found(2.0 + 0.74)
    assert found(2.0 + 0.75)


def test_candidates_without_degrees_of_freedom_do_not_stand_out() -> None:
    assert not candidates(maps_of([5.0, 500.0, 5.0], n_samples=3), 3, neighbour_steps(1)).any()


@pytest.mark.parametrize("status", STATUS)
def test_failures_that_another_start_may_mend_are_candidates(status: int) -> None:
    mendable = {"EVALUATION_LIMIT", "NON_FINITE_START", "NON_FINITE_MODEL", "INSENSITIVE", "USER_ERROR"}
    maps = maps_of([5.0, 5.0, 5.0], [Status.FTOL, status, Status.FTOL])
    assert candidates(maps, 3, neighbour_steps(1))[1] == (Status(status).name in mendable)


@pytest.mark.parametrize("shape", [(40,), (12, 13), (5, 6, 7)])
@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_false_minima_are_left(shape: tuple[int, ...], engine: str) -> None:
    shape = shape if engine == "compiled" else tuple(size // 2 for size in shape)
    data, start = cube(*shape), scattered(shape)
    caught = fit(data, start, refine=None, engine=engine)
    assert (np.abs(caught.parameters["mean"] - 40) > 3).sum() > 0
    refined, best = fit(data, start, engine=engine), fit(data, 40.0, refine=None, engine=engine)
    assert_allclose(refined.parameters["mean"], best.parameters["mean"], rtol=1e-4)
    assert (refined.chi_square <= caught.chi_square).all()
    assert (refined.nfev >= caught.nfev).all()


def test_everything_of_a_better_fit_is_kept() -> None:
    data, start = cube(12, 13), scattered((12, 13))
    refined, best = fit(data, start), fit(data, 40.0, refine=None)
    for name in ("amplitude", "mean", "stddev"):
        assert_allclose(refined.errors[name], best.errors[name], rtol=1e-3)
    assert_array_equal(refined.n_samples, best.n_samples)
    assert_array_equal(refined.flags, best.flags)


def test_a_solution_spreads_from_one_position_to_all() -> None:
    data = cube(15)
    start = np.full(15, np.nan)
    start[3] = 40.0
    refined = fit(data, start)
    assert refined.success.all()


def test_positions_that_cannot_be_fitted_stay_so() -> None:
    data = cube(6, 6)
    data[:, 2, 3] = np.nan
    refined = fit(data, scattered((6, 6)))
    assert refined.status[2, 3] == Status.NO_DATA
    assert refined.success.sum() == 35


def test_fixed_values_and_bounds_are_those_of_the_position() -> None:
    shape = (8, 9)
    width = np.random.default_rng(2).uniform(1.5, 2.5, shape)
    model = Gaussian1D(1.0, scattered(shape), width, fixed={"stddev": True})
    upper = np.full(shape, 60.0)
    upper[4, 4] = 20.0
    result = ndfit.fit(
        model, cube(*shape), fitting_axes=0, guess=None, refine="neighbours", bounds={"mean": (0.0, upper)}
    )
    assert_array_equal(result.parameters["stddev"], width)
    assert result.parameters["mean"][4, 4] <= 20.0
    assert (np.abs(result.parameters["mean"] - 40) < 3).sum() == 71


@pytest.mark.parametrize(
    "schedule",
    [
        {"scheduler": "synchronous", "chunk_n_max": 1},
        {"scheduler": "synchronous", "chunk_n_max": 17},
        {"scheduler": "threads", "chunk_n_max": 5},
    ],
    ids=str,
)
def test_no_bit_depends_on_the_schedule(schedule: dict[str, Any]) -> None:
    data, start = cube(8, 9), scattered((8, 9))
    together, apart = fit(data, start, scheduler="synchronous"), fit(data, start, **schedule)
    for name in ("amplitude", "mean", "stddev"):
        assert_array_equal(apart.parameters[name], together.parameters[name])
    assert_array_equal(apart.nfev, together.nfev)


def test_no_bit_depends_on_the_order_of_positions() -> None:
    data, start = cube(8, 9), scattered((8, 9))
    one, turned = fit(data, start), fit(data[:, ::-1, ::-1], start[::-1, ::-1])
    assert_array_equal(turned.chi_square[::-1, ::-1], one.chi_square)


def test_one_position_has_no_neighbours() -> None:
    data = cube(1)[:, 0]
    assert_array_equal(fit(data, FALSE).chi_square, fit(data, FALSE, refine=None).chi_square)
