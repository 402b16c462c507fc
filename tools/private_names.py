"""Refuse private names of other packages outside of `ndfit/_compat`.

A name is another's where it begins with one underscore and nothing in the package defines it. Names are looked for as
attributes, in imports, and in text that `getattr` and its kin are given.

    python tools/private_names.py      prints each with its place; the exit code is 1 where there is one
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "ndfit"
DOOR = PACKAGE / "_compat"
# Documented, for all their underscore.
PUBLIC = frozenset({"_exit", "_replace", "_fields", "_asdict", "_make"})
BY_TEXT = frozenset({"getattr", "setattr", "hasattr", "delattr"})


def main() -> int:
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}
    own = PUBLIC.union(*(defined(tree) for path, tree in trees.items() if DOOR not in path.parents))
    found = [
        f"{path.relative_to(PACKAGE.parents[1])}:{line}: {name} is private to another package: give it a function in "
        "ndfit/_compat"
        for path, tree in trees.items()
        if DOOR not in path.parents
        for line, name in used(tree)
        if name not in own
    ]
    print("\n".join(found) or "no private names of other packages")
    return bool(found)


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def defined(tree: ast.AST) -> Iterator[str]:
    """Private names that a file defines: functions, classes, variables, attributes that it sets on `self`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and _is_self(node.value):
            yield node.attr


def used(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Private names that a file asks others for, with their lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr) and not _is_self(node.value):
            yield node.lineno, node.attr
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] != "ndfit":
            parts = [*(node.module or "").split("."), *(name.name for name in node.names)]
            yield from ((node.lineno, part) for part in parts if is_private(part))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in BY_TEXT:
            texts = (each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str))
            yield from ((node.lineno, text) for text in texts if is_private(text))


def _is_self(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


if __name__ == "__main__":
    sys.exit(main())
