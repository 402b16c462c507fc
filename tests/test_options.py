"""Options: each is checked once, and the rest follows from their description."""

from __future__ import annotations

import inspect
from dataclasses import fields
from typing import Any

import pytest

import ndfit
from ndfit.errors import WrongArgument, WrongArgumentType
from ndfit.options import GROUPS, Errors, Execution, Objective, Starts, deciding, options_of

NAMES = [each.name for group in GROUPS for each in fields(group)]
ELSEWHERE = {"model", "p0", "bounds", "fixed", "tied", "equivalencies", "fitter", "fitter_kwargs"}


def test_every_argument_of_fit_is_described_once() -> None:
    assert sorted(NAMES) == sorted(set(inspect.signature(ndfit.fit).parameters) - ELSEWHERE)


def test_defaults_are_those_of_the_signature() -> None:
    given = inspect.signature(ndfit.fit).parameters
    for group in GROUPS:
        for each, _ in options_of(group):
            assert given[each.name].default == each.default, each.name


def test_every_option_says_what_it_is() -> None:
    for group in GROUPS:
        for each, option in options_of(group):
            assert option.about.endswith("."), each.name


@pytest.mark.parametrize(
    ("make", "argument", "error"),
    [
        (lambda: Objective(loss="hubert"), "loss", WrongArgument),
        (lambda: Objective(absolute_sigma="yes"), "absolute_sigma", WrongArgumentType),  # type: ignore[arg-type]
        (lambda: Starts(starts=0), "starts", WrongArgument),
        (lambda: Errors(bootstrap=1), "bootstrap", WrongArgument),
        (lambda: Execution(checkpoint=3.5), "checkpoint", WrongArgumentType),
        (lambda: Execution(memory_limit="much"), "memory_limit", WrongArgument),
    ],
)
def test_errors_tell_what_is_wrong_in_parts(make: Any, argument: str, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        make()
    wrong: Any = caught.value
    assert wrong.argument == argument
    assert str(wrong) == f"{argument} should be {wrong.expected}, got {wrong.got!r}"
    assert wrong.message("--x").startswith("--x should be ")


def test_what_decides_the_answer() -> None:
    asked = deciding(Objective(), Starts(), Errors(), Execution())
    assert {"loss", "seed", "refine", "bootstrap"} <= asked.keys()
    assert not {"scheduler", "progress", "checkpoint", "memory_limit"} & asked.keys()
