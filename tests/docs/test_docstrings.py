"""The examples in docstrings run, and the lint of docstrings finds what is left out."""

from __future__ import annotations

import doctest
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib
import pytest
from tools import docstrings

import ndfit

NAMES = [name for name in ndfit.__all__ if inspect.isfunction(each := getattr(ndfit, name)) or inspect.isclass(each)]
MEMBERS = [f"{owner}.{name}" for owner, kind in docstrings.CLASSES.items() for name in dir(kind)]


def described(name: str) -> Any:
    """The class, call, method or property of that name."""
    kind, _, member = name.rpartition(".")
    return inspect.getattr_static(docstrings.CLASSES[kind], member) if kind else getattr(ndfit, member)


def examples(owner: Any) -> doctest.DocTest:
    return doctest.DocTestParser().get_doctest(inspect.getdoc(owner) or "", {}, "example", None, 0)


@pytest.mark.parametrize("name", [*NAMES, "OneFit", *(name for name in MEMBERS if examples(described(name)).examples)])
def test_examples_run(name: str) -> None:
    matplotlib.use("agg")
    failures = run(examples(described(name) if name != "OneFit" else docstrings.OneFit))
    assert not failures, "\n".join(failures)


def test_a_wrong_example_is_found() -> None:
    def wrong() -> None:
        """>>> 1 + 1
        3
        """

    assert run(examples(wrong))


def run(example: doctest.DocTest) -> list[str]:
    """What the examples in a docstring printed that they do not show."""
    assert example.examples
    failures: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(example, out=failures.append)
    return failures


WRONG = '''
from __future__ import annotations

from typing import Any

from numpy.typing import NDArray


def without_examples(size: int, of: Any) -> int:
    """Say it.

    Parameters
    ----------
    size : int
    """
    return size


class Maps:
    @property
    def lengths(self) -> NDArray[Any]:
        """Lengths of shape B."""

    @property
    def widths(self) -> NDArray[Any]:
        """Widths in the unit of the data."""

    @property
    def name(self) -> str:
        """What it is called."""
'''


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    (tmp_path / "badly_described.py").write_text(WRONG)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "badly_described", raising=False)
    import badly_described

    return badly_described


def test_the_lint_finds_what_a_call_leaves_out(module: ModuleType) -> None:
    call = module.without_examples
    found = [*docstrings.wrong("call", call, docstrings.OF_CALLS), *docstrings.of_call("call", call)]
    assert {line.rpartition("(")[2] for line in found[:-2]} == {"PR01)", "PR07)", "RT01)", "EX01)"}
    assert "no section Raises" in found[-2]
    assert "of is of type Any" in found[-1]


def test_the_lint_finds_arrays_without_shape_or_unit(module: ModuleType) -> None:
    getters = {name: vars(module.Maps)[name].fget for name in ("lengths", "widths", "name")}
    found = [line for name, getter in getters.items() for line in docstrings.of_property(name, getter)]
    assert found == ["lengths: its unit is not said", "widths: its shape is not said"]


def test_the_lint_finds_nothing_in_the_package() -> None:
    assert docstrings.main() == 0
