"""What is known of a function that is to be fitted, whatever it was written as.

Flows in: what the modules beside this read of a function, an lmfit model or a sympy expression. Flows out: Described.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Described"]


@dataclass(frozen=True)
class Described:
    """A function of coordinates and parameters.

    Attributes
    ----------
    name : of the function, and of the class of its model
    module : where it was written
    call : the inputs, then the parameters, each by position -> values at the inputs
    inputs, parameters : their names, in that order
    starts : values of those parameters for which one is known
    bounds : (lower, upper) of those parameters that have bounds
    fixed : parameters that are
    tied : name -> what its value is, given the model
    """

    name: str
    module: str
    call: Callable[..., Any]
    inputs: tuple[str, ...]
    parameters: tuple[str, ...]
    starts: Mapping[str, float] = field(default_factory=dict)
    bounds: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    fixed: frozenset[str] = frozenset()
    tied: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
