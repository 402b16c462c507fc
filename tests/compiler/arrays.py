"""Operators on numpy's arrays: the name of one and a target in, what the compiled code computes out."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ndfit.compiler.flow import loop
from ndfit.compiler.functions import OPERATORS
from ndfit.compiler.machine_code import Function, Loaded, load, text_of
from ndfit.compiler.memory import load as load_lanes
from ndfit.compiler.memory import pointer, shift, store, width
from ndfit.compiler.target import Target, host
from ndfit.compiler.values import Int, choose
from ndfit.model.ops import OPS, Op

Array = NDArray[np.float64]
Tables = tuple[Sequence[float], ...]
Numbers = tuple[tuple[int, float], ...]

IS_X86 = platform.machine() in {"x86_64", "AMD64"}
# This machine without what newer processors have: operations that are fused, rounding to an integer.
_OLD = {"processor": "x86-64", "features": "", "width": 2} if IS_X86 else {}
PLAIN = replace(host(), **_OLD, fuses=False, rounds=False)
WIDTHS = (1, 2, 4, 8)
TABLE = ((0.0, 0.25, 0.5, 1.0), (1.0, 3.0, 2.0, 5.0))


def conditions_among(op: Op) -> int:
    """How many of an operator's arguments, the first ones, are conditions."""
    return 1 if op.name == "where" else op.arity if op.name.startswith("logical") else 0


def tables_of(name: str) -> Tables:
    """What an operator takes beside its arguments."""
    return TABLE if name.startswith("interp") else ()


def over_arrays(name: str, tables: Tables = (), numbers: Numbers = ()) -> Function:
    """A loop over contiguous values, a multiple of the width; some arguments may be numbers in the code.

    Conditions are numbers in arrays, 0 or not.
    """
    op = OPS[name]

    def body(*given: Any) -> None:
        *places, out, count = given
        with loop(0, count, width()) as i:
            arguments: list[Any] = [load_lanes(shift(pointer(place), i), 0) for place in places]
            for k in range(conditions_among(op)):
                arguments[k] = arguments[k] != 0.0
            for k, number in numbers:
                arguments[k] = number
            found = OPERATORS[name](*arguments, *tables)
            store(shift(pointer(out), i), 0, choose(found, 1.0, 0.0) if op.condition else found)

    return Function(f"array_{name}", body, (Int,) * (op.arity + 2))


def loaded(*functions: Function, target: Target) -> Loaded:
    """Machine code of functions of the tests: what it depends on is its text."""
    return load(functions, target, text_of(functions, target))


@cache
def _compiled(name: str, target: Target, tables: Tables, numbers: Numbers) -> Any:
    return loaded(over_arrays(name, tables, numbers), target=target)[f"array_{name}"]


def evaluate(name: str, *arguments: Any, target: Target | None = None, tables: Tables | None = None) -> Array:
    """What an operator gives for arrays, and for numbers in the code. The lanes that are left over hold NaN."""
    numbers = tuple((k, each) for k, each in enumerate(arguments) if isinstance(each, float))
    given = np.broadcast_arrays(*(np.asarray(each, dtype=float) for each in arguments))
    size = given[0].size
    padded = np.full((len(given) + 1, -(-size // max(WIDTHS)) * max(WIDTHS)), np.nan)
    padded[:-1, :size] = [each.ravel() for each in given]
    code = _compiled(name, target or host(), tables_of(name) if tables is None else tables, numbers)
    code(*(row.ctypes.data for row in padded), padded.shape[1])
    return padded[-1, :size].reshape(given[0].shape)
