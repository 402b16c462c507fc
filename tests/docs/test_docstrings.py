"""The examples in docstrings run, and every public call has one."""

from __future__ import annotations

import doctest
import inspect
from collections.abc import Callable
from typing import Any

import pytest

import ndfit

CALLS = [name for name in ndfit.__all__ if inspect.isfunction(getattr(ndfit, name))] + ["FitResult", "Selection"]
METHODS = [f"{kind}.{name}" for kind in ("FitResult", "Selection") for name in vars(getattr(ndfit, kind))]


def described(name: str) -> Any:
    """The call, method or property of that name."""
    kind, _, member = name.rpartition(".")
    return inspect.getattr_static(getattr(ndfit, kind), member) if kind else getattr(ndfit, member)


@pytest.mark.parametrize("name", CALLS)
def test_calls_have_an_example_and_name_their_neighbours(name: str) -> None:
    docstring = inspect.getdoc(described(name)) or ""
    assert "\nExamples\n--------\n>>> " in docstring
    assert "\nSee Also\n--------\n" in docstring


@pytest.mark.parametrize("name", [*CALLS, *(name for name in METHODS if ">>> " in (described(name).__doc__ or ""))])
def test_examples_run(name: str) -> None:
    failures = run_examples(name, described(name))
    assert not failures, "\n".join(failures)


def test_a_wrong_example_is_found() -> None:
    def wrong() -> None:
        """>>> 1 + 1
        3
        """

    assert run_examples("wrong", wrong)


def run_examples(name: str, owner: Callable[..., Any]) -> list[str]:
    """What the examples in a docstring printed that they do not show."""
    example = doctest.DocTestParser().get_doctest(inspect.getdoc(owner) or "", {}, name, None, 0)
    assert example.examples, f"{name} has no example"
    failures: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(example, out=failures.append)
    return failures
