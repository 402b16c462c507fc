"""Which minimum the default call ends in, where one start serves positions whose lines are elsewhere."""

from __future__ import annotations

import pytest
from tests.fuzz.lines import SCENES, faint_lines_missed, shares_of

RATIOS = (2.0, 4.0, 6.0, 10.0, 20.0, 50.0)


@pytest.mark.parametrize("scene", list(SCENES))
def test_the_default_call_says_where_it_may_be_at_a_false_minimum(scene: str) -> None:
    shares = shares_of(scene, 3000, seed=11)
    assert shares.false_unflagged <= 0.005
    assert shares.ambiguous <= 0.05


def test_the_callers_start_alone_is_where_false_minima_come_from() -> None:
    assert shares_of("one line", 300, seed=11, guess=None).false_unflagged > 0.1


@pytest.mark.parametrize("ratio", RATIOS[::2])
@pytest.mark.parametrize("guess", ["auto", "also"])
def test_faint_lines_beside_bright_ones_are_found(ratio: float, guess: str) -> None:
    assert faint_lines_missed(ratio, 300, seed=5, guess=guess) <= 0.01


@pytest.mark.long
@pytest.mark.parametrize("known_noise", [True, False])
@pytest.mark.parametrize("scene", list(SCENES))
def test_many_positions(scene: str, known_noise: bool) -> None:
    shares = shares_of(scene, 20_000, seed=12, known_noise=known_noise)
    assert shares.false_unflagged <= 0.005
    assert shares.ambiguous <= 0.05


@pytest.mark.long
@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("guess", ["auto", "also"])
def test_many_faint_lines(ratio: float, guess: str) -> None:
    assert faint_lines_missed(ratio, 5000, seed=6, guess=guess) <= 0.01
