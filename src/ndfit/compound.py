"""Compound models of astropy: the operators, and what a compound is made of.

Flows in: a model. Flows out: the models within it, each with the place of its first parameter in the whole.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from astropy.modeling import CompoundModel, Model

__all__ = ["OPERATORS", "leaves", "sides"]

OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "|": operator.or_,
    "&": operator.and_,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
}
"""What joins two models."""


def sides(model: Any, first: int = 0) -> Iterator[tuple[Any, int]]:
    """The models that a compound joins; the values of `fix_inputs` are none."""
    for side in (model.left, model.right):
        if isinstance(side, Model):
            yield side, first
            first += len(side.param_names)


def leaves(model: Any, first: int = 0) -> Iterator[tuple[Any, int]]:
    """The models that are no compounds, from left to right."""
    if not isinstance(model, CompoundModel):
        yield model, first
        return
    for side, place in sides(model, first):
        yield from leaves(side, place)
