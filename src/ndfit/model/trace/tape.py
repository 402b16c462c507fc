"""The tape that a model's operations are written on, with every function of numpy's that symbols know.

Flows in: names of inputs and parameters. Flows out: symbols, whose operations become nodes of the tape's graph.
"""

from __future__ import annotations

from typing import Any

from ndfit.model.trace.array_functions import call_array_function
from ndfit.model.trace.complex_symbol import call_complex_ufunc
from ndfit.model.trace.symbol import Tape

__all__ = ["ModelTape"]


class ModelTape(Tape):
    """A tape that knows complex values and functions of arrays, which are built on symbols."""

    def call_complex_ufunc(self, name: str, inputs: tuple[Any, ...]) -> Any:
        return call_complex_ufunc(name, inputs, self)

    def call_array_function(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return call_array_function(func, args, kwargs, self)
