"""The tool that holds the rules of the house finds what breaks them."""

from __future__ import annotations

import ast

import pytest
from tools.house_rules import arguments_of, circles, lines_of, long_functions, main


def test_the_package_keeps_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main() == 0, capsys.readouterr().out


def test_a_circle_through_a_function_is_found() -> None:
    one, other = "from b import x", "def f():\n    from a import y\n"
    assert list(circles({"a": ast.parse(one), "b": ast.parse(other)})) != []
    checked = "if TYPE_CHECKING:\n    from a import y\n"
    assert list(circles({"a": ast.parse(one), "b": ast.parse(checked)})) == []


def test_long_functions_and_signatures_are_found() -> None:
    long = "def f(a, b, c, d, e, g, h, i, j):\n    'Words.'\n" + "    x = 1\n" * 51
    (function,) = ast.parse(long).body
    assert isinstance(function, ast.FunctionDef)
    assert (lines_of(function), arguments_of(function)) == (51, 9)
    assert len(list(long_functions("m", ast.parse(long)))) == 2
