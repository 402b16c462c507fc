"""Code comes out for every target, and needs nothing but itself: no library of mathematics, no compiler's run time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from astropy.modeling import models
from llvmlite import binding as llvm
from llvmlite import ir
from tests.compiler.arrays import over_arrays, tables_of
from tests.compiler.symbols import taken_from_elsewhere
from tests.engines.problems import in_code

from ndfit.compiler.building import builder
from ndfit.compiler.functions import OPERATORS
from ndfit.compiler.machine_code import Function, assembly, text_of
from ndfit.compiler.target import TARGETS, Target, host, named
from ndfit.compiler.values import declared
from ndfit.engines.compiled.kernel.accumulate import model_functions
from ndfit.engines.compiled.kernel.driver import SOLVE
from ndfit.engines.compiled.kernel.linear_driver import SOLVERS

LINE = models.Gaussian1D(1.0, 0.0, 1.0)
MODELS = {
    "a line on a constant": LINE + models.Const1D(0.5),
    "a Voigt profile": models.Voigt1D(0.0, 1.0, 0.7, 0.4),
    "three lines on a slope": LINE + models.Gaussian1D(2.0, 3.0, 0.5) + LINE.copy() + models.Linear1D(0.1, 1.0),
}


WHAT: dict[str, Callable[[], Sequence[Function]]] = {
    "operators": lambda: [over_arrays(name, tables_of(name)) for name in OPERATORS],
    **{name: lambda model=model: model_functions(in_code(model)) for name, model in MODELS.items()},  # type: ignore[misc]
    "solver": lambda: (SOLVE,),
    "solver of linear models": lambda: SOLVERS,
}
FOR_EACH = pytest.mark.parametrize("target", list(TARGETS.values()), ids=list(TARGETS))


@FOR_EACH
@pytest.mark.parametrize("what", WHAT)
def test_code_for_every_target_needs_nothing_else(what: str, target: Target) -> None:
    text = text_of(WHAT[what](), target)
    llvm.parse_assembly(text).verify()
    assert taken_from_elsewhere(text, target) == set()


def calls_something() -> None:
    builder().call(declared("something", ir.FunctionType(ir.VoidType(), [])), [])


@FOR_EACH
def test_what_is_taken_from_elsewhere_is_seen(target: Target) -> None:
    text = text_of((Function("caller", calls_something, ()),), target)
    assert {name.strip("_") for name in taken_from_elsewhere(text, target)} == {"something"}


def test_a_target_without_a_name() -> None:
    with pytest.raises(ValueError, match=r"there is no target 'z80'; choose one of x86-64, .*nvptx-sm90"):
        named("z80")
    assert named("aarch64") is TARGETS["aarch64"]


def test_a_target_that_llvm_does_not_know() -> None:
    unknown = replace(host(), triple="z80-unknown-linux")
    with pytest.raises(ValueError, match=r"LLVM \S+ does not know the target 'z80-unknown-linux'"):
        assembly(text_of((Function("nothing", lambda: None, ()),), unknown), unknown)
