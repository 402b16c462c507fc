"""Refuse what the house does not have: circles of files, files of one name, long files, functions and signatures.

    python tools/house_rules.py      prints each with its place; the exit code is 1 where there is one

Imports inside functions count for circles, those for type checkers alone do not. Lines of a function are those of its
code, after its docstring. The public calls may have as many arguments as they need.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[1] / "src"
MOST_LINES, MOST_LINES_OF_A_FUNCTION, MOST_ARGUMENTS = 400, 50, 8
PUBLIC_CALLS = frozenset(
    {
        ("ndfit.api", "fit"),
        ("ndfit.drop_in", "parallel_fit_dask"),
        ("ndfit.reading.read", "read"),
        ("ndfit.xarray_call", "curvefit"),
    }
)

Function = ast.FunctionDef | ast.AsyncFunctionDef


def main() -> int:
    files = {module_of(path): path for path in sorted(SOURCES.rglob("*.py"))}
    trees = {module: ast.parse(path.read_text(encoding="utf-8")) for module, path in files.items()}
    found = [*circles(trees), *same_names(files), *long_files(files)]
    for module, tree in trees.items():
        found += long_functions(module, tree)
    print("\n".join(found) or "the house is in order")
    return bool(found)


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(SOURCES).with_suffix("").parts).removesuffix(".__init__")


def circles(trees: Mapping[str, ast.AST]) -> Iterator[str]:
    """A circle of files that import each other, if there is one."""
    try:
        TopologicalSorter({module: set(imports(module, tree, trees)) for module, tree in trees.items()}).prepare()
    except CycleError as error:
        yield f"a circle of files: {' -> '.join(reversed(error.args[1]))}"


def imports(module: str, tree: ast.AST, known: Mapping[str, ast.AST]) -> Iterator[str]:
    """Files of the package that a file imports."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            for name in node.names:
                whole = f"{node.module}.{name.name}"
                target = whole if whole in known else node.module
                if target in known and target != module:
                    yield target
        yield from imports(module, node, known)


def same_names(files: Mapping[str, Path]) -> Iterator[str]:
    """Files of one name, but for those that Python names."""
    seen: dict[str, str] = {}
    for module, path in files.items():
        if not path.stem.startswith("__"):
            if path.stem in seen:
                yield f"two files of one name: {seen[path.stem]} and {module}"
            seen[path.stem] = module


def long_files(files: Mapping[str, Path]) -> Iterator[str]:
    for module, path in files.items():
        count = len(path.read_text(encoding="utf-8").splitlines())
        if count > MOST_LINES:
            yield f"{module} has {count} lines, more than {MOST_LINES}"


def long_functions(module: str, tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, Function):
            continue
        n_lines, n_arguments = lines_of(node), arguments_of(node)
        if n_lines > MOST_LINES_OF_A_FUNCTION:
            yield f"{module}.{node.name} has {n_lines} lines of code, more than {MOST_LINES_OF_A_FUNCTION}"
        if n_arguments > MOST_ARGUMENTS and (module, node.name) not in PUBLIC_CALLS:
            yield f"{module}.{node.name} has {n_arguments} arguments, more than {MOST_ARGUMENTS}"


def lines_of(function: Function) -> int:
    """Lines from the first statement after the docstring to the last."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


def arguments_of(function: Function) -> int:
    every = (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
    return sum(argument.arg not in ("self", "cls") for argument in every)


if __name__ == "__main__":
    sys.exit(main())
