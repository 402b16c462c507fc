"""Linear models with bounds: against scipy, and against themselves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engines.bounded_problems import Matrix, Problem, best_cost, draw, slopes_inwards
from tests.engines.problems import take

from ndfit.engines.base import SolveOptions
from ndfit.engines.linear import linear_engine as linear
from ndfit.engines.linear.linear_bounded import best_within
from ndfit.engines.linear.linear_engine import LinearEngine
from ndfit.problem.types import Block
from ndfit.status import Status

OPTIONS = SolveOptions(covariance=True)
FIELDS = ("parameters", "cost", "covariance", "status", "edm")
UNBOUNDED = ("parameters", "cost", "covariance", "status")

SAME_COST, NO_SLOPE = 1e-9, 1e-8
SINGULAR, TOLD_APART = 1e-12, 1e-8


def check(problem: Problem, covariance: bool = True) -> None:
    """Every answer is within its bounds, has the cost it says, and is no worse than scipy's."""
    block = problem.block
    result = LinearEngine(problem.model)(block, SolveOptions(covariance=covariance))
    assert set(result.status) <= {Status.GTOL, Status.INSENSITIVE}
    for row in np.flatnonzero(result.status == Status.GTOL):
        found = result.parameters[row]
        assert ((found >= block.lower[0]) & (found <= block.upper[0])).all()
        matrix, target = problem.system(row)
        length = np.linalg.norm(matrix, axis=0)
        power = target @ target + np.sum((found / problem.scale * length) ** 2)
        own = 0.5 * np.sum((target - matrix @ (found / problem.scale)) ** 2)
        assert abs(result.cost[row] / problem.scale**2 - own) <= 1e-9 * own + 1e-22 * power
        # Where the samples do not tell two parameters apart, scipy goes 1e9 along their difference.
        values = np.linalg.svd(matrix / np.where(length > 0.0, length, 1.0))[1]
        unsure = TOLD_APART if len(values) < len(length) or values[-1] < SINGULAR * values[0] else 0.0
        assert own <= best_cost(problem, row) * (1.0 + SAME_COST) + (1e-20 + unsure) * power
        assert slopes_inwards(problem, row, found).max(initial=0.0) <= NO_SLOPE * np.sqrt(power)


@given(seed=st.integers(0, 9_999), covariance=st.booleans())
@settings(max_examples=40)
def test_answers_are_the_best_within_bounds(seed: int, covariance: bool) -> None:
    check(draw(seed, 8), covariance)


@pytest.mark.long
def test_answers_are_the_best_within_bounds_for_seeds_that_nothing_was_tuned_on() -> None:
    for seed in range(100_000, 103_000):
        check(draw(seed, 16), seed % 2 == 0)


@given(seed=st.integers(0, 9_999))
@settings(max_examples=20)
def test_nothing_compiled_gives_the_same(seed: int) -> None:
    problem = draw(seed, 6)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(linear, "why_not_compiled", lambda: "for a test")
        LinearEngine(problem.model).make_ready(OPTIONS)
        check(problem)


@given(seed=st.integers(0, 9_999))
@settings(max_examples=20)
def test_bounds_that_are_never_active_change_no_bit(seed: int) -> None:
    problem = draw(seed, 12)
    n_free = len(problem.model.free)
    everywhere = np.full((1, n_free), np.inf)
    unbounded = replace(problem.block, lower=-everywhere, upper=everywhere)
    plain = LinearEngine(problem.model)(unbounded, OPTIONS)
    inside = np.nan_to_num(plain.parameters)
    far = replace(problem.block, lower=inside - 1e-3 * abs(inside), upper=inside + 1e-3 * abs(inside) + 1e-300)
    bounded = LinearEngine(problem.model)(far, OPTIONS)
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(plain, name), getattr(bounded, name), err_msg=name)


@given(seed=st.integers(0, 9_999))
@settings(max_examples=20)
def test_a_fit_does_not_depend_on_the_others(seed: int) -> None:
    problem = draw(seed, 70)
    engine, order = LinearEngine(problem.model), np.random.default_rng(seed).permutation(70)
    whole, shuffled = engine(problem.block, OPTIONS), engine(take(problem.block, order), OPTIONS)
    alone = engine(take(problem.block, slice(3, 4)), OPTIONS)
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(whole, name)[order], getattr(shuffled, name), err_msg=name)
        np.testing.assert_array_equal(getattr(whole, name)[3:4], getattr(alone, name), err_msg=name)


@given(seed=st.integers(0, 9_999), power=st.integers(-30, 30))
@settings(max_examples=20)
def test_powers_of_two_scale_answers_exactly(seed: int, power: int) -> None:
    problem, factor = draw(seed, 6), 2.0**power
    block = problem.block
    scaled = replace(block, data=block.data * factor, lower=block.lower * factor, upper=block.upper * factor)
    plain, again = (LinearEngine(problem.model)(each, OPTIONS) for each in (block, scaled))
    np.testing.assert_array_equal(plain.parameters * factor, again.parameters)
    np.testing.assert_array_equal(plain.status, again.status)


def block_of(data: np.ndarray, lower: list[float], upper: list[float]) -> Block:
    n_fits, n_samples = data.shape
    start = np.zeros((n_fits, len(lower)))
    ready = np.full(n_fits, Status.READY, np.int16)
    x = np.arange(float(n_samples))
    return Block(data, None, None, (x,), start, np.array([lower]), np.array([upper]), ready, (n_samples,))


def test_parameters_at_bounds_are_exactly_there() -> None:
    rng = np.random.default_rng(3)
    model = Matrix(rng.normal(size=(40, 3)))
    data = np.array([[2.0, -1.0, 0.5], [-2.0, 3.0, 0.5]]) @ model.matrix.T + 0.1 * rng.normal(size=(2, 40))
    result = LinearEngine(model)(block_of(data, [0.1, 0.1, -np.inf], [1.3, 1.3, np.inf]), OPTIONS)
    np.testing.assert_array_equal(result.parameters[:, :2], [[1.3, 0.1], [0.1, 1.3]])
    assert (result.edm < 1e-8).all()


def test_exchanging_all_at_a_time_goes_round_in_circles_here() -> None:
    """One at a time ends: this is a fit for which the first did not."""
    check(draw(345, 12))


def test_samples_of_single_precision() -> None:
    problem = draw(12, 8)
    data = (problem.block.data / problem.scale).astype(np.float32)
    plain = replace(problem.block, data=data.astype(float))
    engine = LinearEngine(problem.model)
    for name in UNBOUNDED:
        single, double = engine(replace(plain, data=data), OPTIONS), engine(plain, OPTIONS)
        np.testing.assert_array_equal(getattr(single, name), getattr(double, name))


def test_a_fit_of_hundreds_of_parameters() -> None:
    rng = np.random.default_rng(5)
    matrix = np.abs(rng.normal(size=(400, 150)))
    data = np.maximum(rng.normal(size=(5, 150)), 0.0) @ matrix.T + 0.1 * rng.normal(size=(5, 400))
    everywhere = np.full((1, 150), np.inf)
    ready = np.full(5, Status.READY, np.int16)
    zero = np.zeros((5, 150))
    block = Block(data, None, None, (np.arange(400.0),), zero, zero[:1], everywhere, ready, (400,))
    check(Problem(Matrix(matrix), block, 1.0), covariance=False)


def test_polynomials_of_frequencies_keep_their_digits_at_bounds() -> None:
    """Their products are singular to rounding."""
    x = np.linspace(0.0, 1.0, 200)
    powers = np.vander(1.4e3 + x, 4, increasing=True)
    columns = powers / np.linalg.norm(powers, axis=0)
    about = np.vander(x - 0.5, 4, increasing=True)
    target = about @ np.array([1.0, 0.3, -0.4, 0.2])
    best, free = best_within(columns, target, np.full(4, -np.inf), np.full(4, np.inf))
    assert free.all()
    # Terms of 1e9 cancel to 1.
    rounding = np.finfo(float).eps * (np.abs(columns) @ np.abs(best))
    assert (np.abs(columns @ best - target) < 16.0 * rounding).all()
    by_products = np.linalg.lstsq(columns.T @ columns, columns.T @ target, rcond=None)[0]
    assert (np.abs(columns @ by_products - target) > 16.0 * rounding).any()
    held, free = best_within(columns, target, np.array([-np.inf, -np.inf, -np.inf, 0.0]), np.full(4, np.inf))
    assert held[3] >= 0.0
    without = np.linalg.lstsq(about[:, :3], target, rcond=None)[0]
    assert np.sum((columns @ held - target) ** 2) <= np.sum((about[:, :3] @ without - target) ** 2) + 1e-9
