"""The tool that refuses private names of other packages finds them."""

from __future__ import annotations

import ast

import pytest
from tools.private_names import defined, main, used


def test_the_package_has_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main() == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    "code",
    ["model._secret", "from astropy.modeling import _secret", "from a._secret import b", "getattr(model, '_secret')"],
)
def test_what_is_found(code: str) -> None:
    assert [name for _, name in used(ast.parse(code))] == ["_secret"]


def test_what_is_ones_own() -> None:
    code = "class _A:\n    _b: int = 1\n    def _c(self): self._d = 1\n"
    assert set(defined(ast.parse(code))) >= {"_A", "_b", "_c", "_d"}
    assert list(used(ast.parse("self._d\nmodel.__dict__\nfrom ndfit.a import _b"))) == []
