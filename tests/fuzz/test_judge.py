"""The fuzz itself: what it draws, and that its judge tells a minimum from what is none."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from tests.fuzz.due import due
from tests.fuzz.judge import Judge
from tests.fuzz.recipes import RECIPES
from tests.fuzz.setups import Setup, draw

from ndfit.model.catalogue import fittable_classes
from ndfit.status import Flag

NOT_COMPILED = {"Spline1D"}


@cache
def drawn() -> tuple[Setup, ...]:
    return tuple(draw(seed) for seed in range(250))


def first(matching: Callable[[Setup], bool]) -> Setup:
    """The first set-up that is so."""
    return next(setup for setup in drawn() if matching(setup))


def lowest_near_truth(setup: Setup, position: int) -> np.ndarray:
    """A minimum: scipy's, from the truth, until it gets no lower."""
    judge, answer = Judge(setup, position), setup.truth[position]
    rng = np.random.default_rng(1)
    for _ in range(20):
        verdict = judge(answer, rng, thoroughly=True)
        if verdict.drop < 1e-3:
            break
        answer = verdict.at
    return answer


def test_every_class_that_compiles_has_a_recipe() -> None:
    assert {cls.__name__ for cls in fittable_classes()} - NOT_COMPILED <= set(RECIPES)


def test_every_recipe_and_kind_is_drawn() -> None:
    setups = drawn()
    assert len(set(RECIPES) - {part.name for setup in setups for part in setup.assembly.parts}) <= 3
    assert {setup.kinds["loss"] for setup in setups} == {"linear", "huber", "soft_l1", "cauchy", "arctan", "cash"}
    assert {setup.kinds["constraints"] for setup in setups} == {"none", "fixed", "ties"}
    assert len({setup.kinds["weights"] for setup in setups}) == 6
    sizes = [np.nanmax(np.abs(setup.samples.data[0])) for setup in setups]
    assert min(sizes) < 1e-25
    assert max(sizes) > 1e25


def test_a_seed_draws_the_same_again() -> None:
    one, other = draw(5), draw(5)
    assert one.kinds == other.kinds
    np.testing.assert_array_equal(one.samples.data, other.samples.data)
    np.testing.assert_array_equal(one.truth, other.truth)


@pytest.mark.parametrize("seed", range(40))
def test_the_caller_keeps_within_bounds_and_ties(seed: int) -> None:
    setup = draw(seed)
    lower, upper = setup.limits()
    for index in setup.free:
        assert (np.asarray(setup.start[index]) >= lower[index]).all()
        assert (np.asarray(setup.start[index]) <= upper[index]).all()
    for name, tie in setup.ties.items():
        source, target = (setup.names.index(each) for each in (tie.source, name))
        np.testing.assert_allclose(setup.truth[:, target], tie.factor * setup.truth[:, source] + tie.offset)


@pytest.mark.parametrize("loss", ["linear", "huber", "soft_l1", "cauchy", "arctan", "cash"])
def test_a_step_away_from_a_minimum_is_seen(loss: str) -> None:
    setup = first(
        lambda each: (
            each.kinds["loss"] == loss
            and each.kinds["samples"] != "few"
            and each.kinds["bounds"] in ("none", "wide")
            and len(each.free) < 6
        )
    )
    judge, answer = Judge(setup, 0), lowest_near_truth(setup, 0)
    at_the_minimum = judge(answer, np.random.default_rng(2))
    assert at_the_minimum.minimum
    index = int(np.argmin(at_the_minimum.errors / judge.unit))
    moved = answer.copy()
    # At five standard errors chi-square is higher by 25.
    moved[setup.free[index]] += 5.0 * at_the_minimum.errors[index]
    verdict = judge(judge.full(moved[judge.free], moved), np.random.default_rng(3), thoroughly=True)
    assert verdict.drop > 1.0
    assert verdict.lowest == pytest.approx(at_the_minimum.cost, rel=1e-3, abs=0.1)


def test_a_parameter_held_by_its_bound_is_at_a_minimum_and_its_flag_is_due() -> None:
    seen = 0
    for setup in drawn():
        if setup.kinds["bounds"] != "active" or setup.kinds["samples"] == "few" or len(setup.free) > 4:
            continue
        answer, (lower, upper) = lowest_near_truth(setup, 0), setup.limits()
        held = [index for index in setup.free if answer[index] in (lower[index], upper[index])]
        if held:
            verdict = Judge(setup, 0)(answer, np.random.default_rng(2))
            assert verdict.minimum
            assert due(setup, answer, verdict, 1000) & Flag.AT_BOUND
            seen += 1
        if seen == 2:
            return
    pytest.fail("too few bounds are active")


def test_an_answer_that_is_no_number_is_none() -> None:
    setup = draw(2)
    assert not Judge(setup, 0)(np.full(len(setup.names), np.nan), np.random.default_rng(1)).minimum


def test_derivatives_are_seen_through_the_rounding_of_a_large_constant() -> None:
    """Set-up 3005: unit values and changes that matter of 1e-13 and less, at which differences are rounding."""
    setup = draw(3005)
    judge, answer = Judge(setup, 1), setup.truth[1].copy()
    answer[list(setup.free)] = 0.0265, -1.8e10
    columns = judge.derivatives(answer[judge.free], answer)
    np.testing.assert_allclose(columns[:, 0], 1.0, rtol=1e-4)
    np.testing.assert_allclose(columns[:, 1], 2.0 * judge.coords[0], rtol=1e-3, atol=1e-3 * np.ptp(judge.coords[0]))


def test_errors_beside_a_parameter_at_its_bound_are_those_with_it_held() -> None:
    """Set-up 400020: a polynomial whose last coefficient is not negative."""
    verdict = Judge(draw(400020), 4)(np.array([0.098415478, 0.079562333, 0.0]), np.random.default_rng(2))
    assert np.isinf(verdict.errors_held[2])
    assert (verdict.errors_held[:2] < 0.7 * verdict.errors[:2]).all()
    assert verdict.edm < 1e-6
