"""A problem from the arguments of a call, as most tests have them."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from ndfit.options import Data
from ndfit.problem import normalize as module
from ndfit.problem.types import FitProblem

__all__ = ["normalize"]

_OF_DATA = frozenset(each.name for each in fields(Data))


def normalize(*, model: Any, **arguments: Any) -> FitProblem:
    """`ndfit.problem.normalize.normalize`, given what describes the data one by one."""
    data = {name: arguments.pop(name) for name in _OF_DATA & arguments.keys()}
    return module.normalize(model, Data(**{"fitting_axes": None, **data}), **arguments)
