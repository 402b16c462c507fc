"""Where fits start: rules by which points are drawn, and what the caller may ask for."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from astropy.modeling.models import Const1D, Const2D, Gaussian1D, Gaussian2D, PowerLaw1D, Tangent1D
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import kstest
from tests.normalized import normalize

from ndfit.arrays import FloatArray
from ndfit.engines.base import EngineChoice
from ndfit.options import Starts
from ndfit.pipeline.starting import _ANGLE, _CENTRE, _WIDTH, Starting, starting_of
from ndfit.problem.types import Block
from ndfit.status import Status

N = 400
X = np.array([5.0, 1.0, 2.0, 3.0, 9.0])
START = np.array([7.0, 1.0, 1.5, 2.0, 0.3, -5.0, 0.0, 4.0])
FIXED, BOUNDED, CENTRE, WIDTH, ANGLE, OTHER, ZERO, LIMITED = range(8)
FREE = (BOUNDED, CENTRE, WIDTH, ANGLE, OTHER, ZERO, LIMITED)
ROLES = {CENTRE: (_CENTRE, 1), WIDTH: (_WIDTH, 0), ANGLE: (_ANGLE, 0)}


def block(valid: Any = None) -> Block:
    """Fits on two axes, the second of which differs from fit to fit."""
    lower, upper = np.full((1, 8), -np.inf), np.full((1, 8), np.inf)
    lower[0, BOUNDED], upper[0, BOUNDED], lower[0, LIMITED] = 0.5, 3.0, 3.0
    moved = X + np.arange(N)[:, np.newaxis]
    ready = np.full(N, Status.READY, np.int16)
    start = np.tile(START, (N, 1))
    data = np.zeros((N, X.size))
    return Block(data, None, valid, (X, moved), start, lower, upper, ready, (5,), np.arange(N, dtype=np.int64))


def tables(starting: Starting, of: Block) -> list[FloatArray]:
    return list(starting(of))


def assert_uniform(values: FloatArray, low: float, high: float) -> None:
    assert kstest(values, "uniform", (low, high - low)).pvalue > 1e-3


@pytest.mark.parametrize("number", [1, 2])
def test_each_parameter_is_drawn_by_its_rule(number: int) -> None:
    own = block()
    drawn = tables(Starting(None, 3, 5, FREE, ROLES), own)[number]
    assert_array_equal(drawn[:, FIXED], 7.0)
    assert_uniform(drawn[:, BOUNDED], 0.5, 3.0)
    assert_uniform(drawn[:, CENTRE] - np.arange(N), 1.0, 9.0)
    assert_uniform(np.log2(drawn[:, WIDTH] / 2.0), -2.0, 2.0)
    assert_uniform(drawn[:, ANGLE], -np.pi / 2, np.pi / 2)
    assert_uniform(drawn[:, OTHER], -10.0, 0.0)
    assert_uniform(drawn[:, ZERO], -1.0, 1.0)
    inside = drawn[:, LIMITED] > 3.0
    assert_uniform(drawn[inside, LIMITED], 3.0, 8.0)
    assert_allclose(inside.mean(), 5 / 8, atol=0.1)
    assert_array_equal(drawn[~inside, LIMITED], 3.0)
    assert_array_equal(own.start, np.tile(START, (N, 1)))


def test_the_caller_s_start_comes_first_and_alone_unless_more_are_asked_for() -> None:
    own = block()
    (only,) = tables(Starting(None, 1, 5, FREE, ROLES), own)
    assert only is own.start
    several = tables(Starting(None, 4, 5, FREE, ROLES), own)
    assert len(several) == 4
    assert several[0] is own.start
    assert len({table[0, ZERO] for table in several}) == 4


def test_draws_belong_to_the_seed_and_the_position() -> None:
    starting, rows = Starting(None, 2, 5, FREE, ROLES), slice(100, 110)
    whole = block()
    part = replace(
        whole,
        data=whole.data[rows],
        coords=(X, whole.coords[1][rows]),
        start=whole.start[rows],
        status=whole.status[rows],
        positions=whole.positions[rows],
    )
    assert_array_equal(tables(starting, part)[1], tables(starting, whole)[1][rows])
    other = tables(replace(starting, seed=6), whole)[1]
    assert (other[:, ZERO] != tables(starting, whole)[1][:, ZERO]).all()


def test_centres_are_drawn_where_samples_are_used() -> None:
    valid = np.tile(X < 4.0, (N, 1))
    valid[0] = False
    drawn = tables(Starting(None, 2, 5, FREE, ROLES), block(valid))[1][:, CENTRE] - np.arange(N)
    assert not np.isfinite(drawn[0])
    assert_uniform(drawn[1:], 1.0, 3.0)


def problem_of(model: Any) -> Any:
    axes = tuple(range(model.n_inputs))
    return normalize(model=model, data=np.ones((4,) * model.n_inputs + (2,)), fitting_axes=axes)


def parsed(model: Any, guess: Any = None, starts: Any = 1, seed: Any = 0) -> Starting:
    return starting_of(
        Starts(guess, None, starts, seed), problem_of(model), EngineChoice(SimpleNamespace(set_tied=None), "")
    )  # type: ignore[arg-type]


def test_roles_are_those_of_the_lines() -> None:
    model = Const2D(1.0) - Gaussian2D(1.0, 2.0, 2.0, 1.0, 1.0, 0.1)
    roles = parsed(model).roles
    assert roles == {2: (_CENTRE, 0), 3: (_CENTRE, 1), 4: (_WIDTH, 0), 5: (_WIDTH, 0), 6: (_ANGLE, 0)}
    assert parsed(Const1D(1.0) + Gaussian1D()).roles == {2: (_CENTRE, 0), 3: (_WIDTH, 0)}
    assert parsed(PowerLaw1D()).roles == {}


def test_what_may_be_asked_for() -> None:
    starting = parsed(Gaussian1D(stddev=2.0, fixed={"stddev": True}), starts=np.int64(7), seed=2**64 - 1)
    assert (starting.guess, starting.count, starting.seed, starting.free) == (None, 7, 2**64 - 1, (0, 1))
    assert parsed(Gaussian1D(), starts=2**32 - 1).count == 2**32 - 1
    guess = parsed(Gaussian1D(), guess="auto").guess
    assert guess is not None
    assert guess.set_tied is None
    tied = parsed(Gaussian1D(tied={"stddev": lambda m: 2.0 * m.mean}), guess="auto").guess
    assert tied is not None
    assert tied.set_tied is not None
    values = np.array([[1.0, 3.0, 0.0], [1.0, 4.0, 0.0]])
    tied.set_tied(values)
    assert_array_equal(values[:, 2], [6.0, 8.0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"guess": "automatic"}, "guess should be one of also, auto, None"),
        ({"guess": True}, "guess should be one of also, auto, None"),
        ({"starts": 0}, "starts should be a positive whole number"),
        ({"starts": 2**32}, "starts should be a positive whole number"),
        ({"starts": 2.0}, "starts should be a positive whole number"),
        ({"starts": True}, "starts should be a positive whole number"),
        ({"seed": -1}, "seed should be a whole number from 0"),
        ({"seed": 2**64}, "seed should be a whole number from 0"),
        ({"seed": None}, "seed should be a whole number from 0"),
    ],
)
def test_what_cannot_be_asked_for(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parsed(Gaussian1D(), **arguments)


def test_a_model_that_cannot_be_guessed_for_is_refused_where_a_guess_is_asked_for() -> None:
    with pytest.raises(ValueError, match="guess='auto' cannot guess for Tangent1D"):
        parsed(Tangent1D(), guess="auto")
    assert parsed(Tangent1D(), starts=3).count == 3


def test_refinement_is_by_neighbours_or_not_at_all() -> None:
    assert Starts(refine="neighbours").refine == "neighbours"
    with pytest.raises(ValueError, match="refine should be one of neighbours, None, got True"):
        Starts(refine=True)  # type: ignore[arg-type]
