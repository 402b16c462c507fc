"""Refuse a public docstring that leaves out what a caller needs, and a public argument of type Any without a reason.

    python tools/docstrings.py      prints each with its place; the exit code is 1 where there is one

Public are the names of `ndfit.__all__`, OneFit, and the methods and properties of these. numpydoc's own validation sees
that a docstring has a sentence, every argument with type and description, what is returned, and Examples. Here it is
seen that calls with arguments say what they raise, that properties which are arrays or mappings say shape and unit, and
that an argument whose type is Any has the reason on its line: ``axes: Any,  # Any: matplotlib has no type for it``.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

from numpydoc.validate import validate

import ndfit
from ndfit.single_fit import OneFit

# https://numpydoc.readthedocs.io/en/latest/validation.html
OF_CALLS = {"GL08", "SS01", "SS03", "PR01", "PR02", "PR03", "PR04", "PR07", "RT01", "RT03", "EX01"}
OF_CLASSES = {"GL08", "SS01", "SS03", "EX01", "SA01"}
OF_PROPERTIES = {"GL08", "SS01", "SS03"}
CLASSES = {"FitResult": ndfit.FitResult, "OneFit": OneFit, "Selection": ndfit.Selection}
ARRAYS = re.compile(r"\b(\w*Array|Mapping)\b")


def main() -> int:
    found = [*of_names(), *(line for name, kind in CLASSES.items() for line in of_members(name, kind))]
    print("\n".join(found) or "public docstrings say what callers need")
    return bool(found)


def of_names() -> Iterator[str]:
    """What is wrong with functions and classes."""
    for name, public in {**{name: getattr(ndfit, name) for name in ndfit.__all__}, **CLASSES}.items():
        if inspect.isfunction(public):
            yield from wrong(name, public, OF_CALLS | {"SA01"})
            yield from of_call(name, public)
        elif inspect.isclass(public):
            yield from wrong(name, public, OF_CLASSES)


def of_members(owner: str, kind: type) -> Iterator[str]:
    """What is wrong with methods and properties of a class."""
    for name, member in inspect.getmembers_static(kind):
        whole = f"{owner}.{name}"
        if name.startswith("_") and name != "__getitem__":
            continue
        if inspect.isfunction(member):
            yield from wrong(whole, member, OF_CALLS)
            yield from of_call(whole, member)
        elif getter := getattr(member, "fget", None) or getattr(member, "func", None):
            yield from wrong(whole, getter, OF_PROPERTIES)
            yield from of_property(whole, getter)


def wrong(name: str, public: Any, codes: set[str]) -> Iterator[str]:
    """What numpydoc's validation finds."""
    inner = public.__qualname__ if hasattr(public, "__qualname__") else name
    for code, message in validate(f"{public.__module__}.{inner}")["errors"]:
        if code in codes:
            yield f"{name}: {message} ({code})"


def of_call(name: str, call: Any) -> Iterator[str]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(call))).body[0]
    assert isinstance(tree, ast.FunctionDef)
    every = [*tree.args.posonlyargs, *tree.args.args, *tree.args.kwonlyargs, tree.args.vararg, tree.args.kwarg]
    arguments = [argument for argument in every if argument is not None and argument.arg != "self"]
    if arguments and "\nRaises\n------\n" not in (inspect.getdoc(call) or ""):
        yield f"{name}: no section Raises"
    lines = inspect.getsource(call).splitlines()
    for argument in arguments:
        annotation = "" if argument.annotation is None else ast.unparse(argument.annotation)
        if re.fullmatch(r"Any( \| None)?", annotation) and not re.search(r"# Any: \w", lines[argument.lineno - 1]):
            yield f"{name}: {argument.arg} is of type Any, and its line has no reason (# Any: ...)"


def of_property(name: str, getter: Any) -> Iterator[str]:
    text = inspect.getdoc(getter) or ""
    if ARRAYS.search(str(getter.__annotations__.get("return", ""))):
        for word in ("shape", "unit"):
            if not re.search(rf"\b{word}s?\b", text):
                yield f"{name}: its {word} is not said"


if __name__ == "__main__":
    sys.exit(main())
