"""astropy's own tests of `parallel_fit_dask`, read as installed and pointed at ndfit's function.

Flows in: the source of `astropy.modeling.tests.test_fitting_parallel` and the name of an engine. Flows out: the
module's namespace, for pytest to collect, in which the name under test is ndfit's.

Where ndfit departs on purpose the assertion is taken out of the syntax tree. Each departure is a row of `DEVIATIONS`,
and has to match as many assertions as it says, so that the table fails as soon as astropy's tests move away from it.
"""

from __future__ import annotations

import ast
import importlib.util
import re
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ndfit import parallel_fit_dask

SUITE = "astropy.modeling.tests.test_fitting_parallel"

EVALUATIONS = r"\.nfev\b|\('nfev'\)"


class Deviation(NamedTuple):
    """Assertions set aside: those in `test` whose source, as `ast.unparse` writes it, matches `pattern`."""

    test: str
    pattern: str
    count: int
    engines: frozenset[str]
    reason: str


DEVIATIONS = (
    Deviation(
        "TestFitInfo.test_all",
        r"param_cov_array\[0\]",
        1,
        frozenset({"reference", "auto"}),
        "a failed fit has no covariance: NaN, where astropy reports zero",
    ),
    Deviation(
        "TestFitInfo.test_all",
        EVALUATIONS,
        4,
        frozenset({"auto"}),
        "the assertions pin scipy's count of evaluations",
    ),
    Deviation(
        "TestFitInfo.test_subset",
        EVALUATIONS,
        1,
        frozenset({"auto"}),
        "the assertion pins scipy's count of evaluations",
    ),
)


class _SetAside(ast.NodeTransformer):
    """Takes out the assertions that the deviations name, and counts how many each of them took."""

    def __init__(self, deviations: tuple[Deviation, ...]) -> None:
        self.deviations = deviations
        self.removed: Counter[Deviation] = Counter()
        self._scope: list[str] = []

    def _enter(self, node: ast.ClassDef | ast.FunctionDef) -> ast.AST:
        self._scope.append(node.name)
        self.generic_visit(node)
        self._scope.pop()
        if not node.body:
            node.body.append(ast.copy_location(ast.Pass(), node))
        return node

    visit_ClassDef = _enter
    visit_FunctionDef = _enter

    def _assertion(self, node: ast.Assert | ast.Expr) -> ast.AST | None:
        text = ast.unparse(node)
        if not text.startswith("assert"):
            return node
        for deviation in self.deviations:
            if deviation.test == ".".join(self._scope) and re.search(deviation.pattern, text):
                self.removed[deviation] += 1
                return None
        return node

    visit_Assert = _assertion
    visit_Expr = _assertion


def set_aside(tree: ast.Module, deviations: tuple[Deviation, ...]) -> ast.Module:
    """The tree without the assertions that the deviations name; raises ValueError when one of them matches another
    number of assertions than it says."""
    transformer = _SetAside(deviations)
    tree = ast.fix_missing_locations(transformer.visit(tree))
    for deviation in deviations:
        if transformer.removed[deviation] != deviation.count:
            raise ValueError(
                f"{deviation.test}: expected {deviation.count} assertions matching {deviation.pattern!r}, found "
                f"{transformer.removed[deviation]}; look at astropy's test and correct the table of deviations"
            )
    return tree


def load(engine: str) -> dict[str, Any]:
    """The namespace of astropy's test module, with ndfit's function and one engine in place of astropy's function."""
    spec = importlib.util.find_spec(SUITE)
    if spec is None or spec.origin is None:
        raise ImportError(f"{SUITE} is not part of this installation of astropy")
    source = Path(spec.origin).read_text(encoding="utf-8")
    deviations = tuple(deviation for deviation in DEVIATIONS if engine in deviation.engines)
    tree = set_aside(ast.parse(source, spec.origin), deviations)
    namespace: dict[str, Any] = {"__name__": f"{SUITE}[{engine}]", "__file__": spec.origin}
    exec(compile(tree, spec.origin, "exec"), namespace)
    if "parallel_fit_dask" not in namespace:
        raise ImportError(f"{SUITE} no longer imports the name parallel_fit_dask")
    namespace["parallel_fit_dask"] = partial(parallel_fit_dask, engine=engine)
    return {name: value for name, value in namespace.items() if name[:4] in ("test", "Test")}
