"""Which of two fits is kept, and where they are two minima."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from astropy.modeling.models import Const1D, Gaussian1D
from numpy.testing import assert_array_equal
from tests.engines.problems import block_for, engine_for

from ndfit.engines.base import BlockResult, SolveOptions
from ndfit.pipeline.either import caller_or_guess
from ndfit.problem.types import Block
from ndfit.status import Flag, Status

X = np.linspace(0.0, 10.0, 50)
OPTIONS = SolveOptions(absolute_sigma=True)
CALLER, GUESS = [2.0, 3.0, 0.5], [2.0, 7.0, 0.5]


def both(
    values: Any,
    others: Any,
    costs: tuple[float, float],
    options: SolveOptions = OPTIONS,
    caller: Status = Status.FTOL,
    guessed: Status = Status.FTOL,
) -> Any:
    """What is kept of two fits of one position: its first mean, and whether it is ambiguous."""
    model = Gaussian1D()
    block = block_for(model, np.full((1, X.size), 3.0), (X,))
    fits = [
        BlockResult(np.array([row], float), np.array([status], np.int16), np.array([5], np.int32), np.array([cost]))
        for row, cost, status in zip((values, others), costs, (caller, guessed), strict=True)
    ]
    kept = caller_or_guess(engine_for(model), block, options, *fits, n_free=3)
    assert_array_equal(kept.nfev, 10)
    assert kept.flags is not None
    return kept.parameters[0, 1], bool(kept.flags[0] & Flag.AMBIGUOUS)


@pytest.mark.parametrize(
    ("costs", "expected"),
    [
        ((30.0, 27.9), (7.0, False)),
        ((30.0, 28.1), (3.0, True)),
        ((30.0, 30.0), (3.0, True)),
        ((30.0, 31.9), (3.0, True)),
        ((30.0, 32.1), (3.0, False)),
    ],
)
def test_four_in_chi_square_decide(costs: tuple[float, float], expected: Any) -> None:
    assert both(CALLER, GUESS, costs) == expected


@pytest.mark.parametrize(("difference", "expected"), [(0.9, (3.0, True)), (1.1, (7.0, False))])
def test_without_known_errors_the_noise_is_that_of_the_better_fit(difference: float, expected: Any) -> None:
    variance = 2 * 47.0 / 47
    costs = (47.0 + difference * 0.5 * 4 * variance, 47.0)
    assert both(CALLER, GUESS, costs, SolveOptions()) == expected


def test_the_same_minimum_is_not_ambiguous() -> None:
    near = [2.0, 3.0 + 1e-3, 0.5]
    assert both(CALLER, near, (30.0, 30.0)) == (3.0, False)
    assert both(CALLER, [2.0, 3.0, -0.5], (30.0, 30.0)) == (3.0, False)


def test_what_has_not_converged_is_not_ambiguous() -> None:
    assert both(CALLER, GUESS, (30.0, 29.0), caller=Status.EVALUATION_LIMIT) == (7.0, False)
    assert both(CALLER, GUESS, (29.0, 30.0), caller=Status.EVALUATION_LIMIT) == (3.0, False)
    assert both(CALLER, GUESS, (30.0, 29.0), guessed=Status.EVALUATION_LIMIT) == (3.0, False)


def test_an_answer_is_better_than_none() -> None:
    assert both(CALLER, GUESS, (30.0, 90.0), caller=Status.NON_FINITE_MODEL) == (7.0, False)
    assert both(CALLER, GUESS, (90.0, 30.0), guessed=Status.INSENSITIVE) == (3.0, False)


def test_components_that_changed_places_are_the_same_minimum() -> None:
    model = Gaussian1D() + Gaussian1D() + Const1D()
    block = block_for(model, model(X)[np.newaxis], (X,))
    values = np.array([[2.0, 3.0, 0.5, 4.0, 7.0, 0.8, 1.0]])
    first = BlockResult(values, np.array([2], np.int16), np.array([1], np.int32), np.array([30.0]))
    other = replace(first, parameters=values[:, [3, 4, 5, 0, 1, 2, 6]])
    kept = caller_or_guess(engine_for(model), block, OPTIONS, first, other, n_free=7)
    assert_array_equal(kept.parameters, values)
    assert_array_equal(kept.flags, 0)


@pytest.mark.parametrize(("limit", "mean"), [(None, 7.0), (5.0, 3.0)])
def test_an_outlier_does_not_decide_where_it_will_be_left_out(limit: float | None, mean: float) -> None:
    rng = np.random.default_rng(1)
    data = Gaussian1D(8.0, 3.0, 0.5)(X) + rng.normal(size=X.size)
    data[35] = 200.0
    model = Gaussian1D()
    block: Block = block_for(model, data[np.newaxis], (X,))
    tables = ([8.0, 3.0, 0.5], [200.0, X[35], 0.05])
    costs = [0.5 * np.sum((data - Gaussian1D(*values)(X)) ** 2) for values in tables]
    fits = [
        BlockResult(np.array([values]), np.array([2], np.int16), np.array([1], np.int32), np.array([cost]))
        for values, cost in zip(tables, costs, strict=True)
    ]
    kept = caller_or_guess(engine_for(model), block, OPTIONS, *fits, n_free=3, limit=limit)
    assert abs(kept.parameters[0, 1] - mean) < 0.2
