"""The parts of a model that are classes of astropy's catalogue, and where their parameters stand.

Flows in: the unitless astropy model. Flows out: Components, picklable, so that workers need no look at the model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from astropy.modeling import CompoundModel
from astropy.modeling import models as astropy_models

from ndfit.compound import sides

__all__ = ["Component", "components_of"]

_POINTWISE = ("+", "-", "*", "/", "**")
"""Operators whose operands are evaluated at the coordinates of the whole model."""


@dataclass(frozen=True)
class Component:
    """One part of a model.

    Attributes
    ----------
    kind : name of its class in `astropy.modeling.models`
    columns : places of its parameters among the model's
    at_coordinates : it is evaluated at the coordinates of the samples, not at a function of them
    """

    kind: str
    columns: tuple[int, ...]
    at_coordinates: bool


def components_of(model: Any) -> tuple[Component, ...]:
    """The parts of a model, in the order of their parameters; classes that are not astropy's are left out."""
    return tuple(_components(model, 0, True))


def _components(model: Any, first: int, at_coordinates: bool) -> Iterator[Component]:
    if isinstance(model, CompoundModel):
        pointwise = model.op in _POINTWISE
        inside = (at_coordinates and pointwise, at_coordinates and (pointwise or _passes_inputs_on(model)))
        for (side, place), at in zip(sides(model, first), inside, strict=False):
            yield from _components(side, place, at)
        return
    kind = type(model).__name__
    # A person's own class may bear the name of astropy's.
    if type(model) is getattr(astropy_models, kind, None):
        yield Component(kind, tuple(range(first, first + len(model.param_names))), at_coordinates)


def _passes_inputs_on(model: Any) -> bool:
    """Whether the right half of `left | right` gets the inputs as they are, from a Mapping or an Identity."""
    if model.op != "|":
        return False
    mapping = getattr(model.left, "mapping", None) if isinstance(model.left, astropy_models.Mapping) else None
    same = mapping is not None and tuple(mapping) == tuple(range(model.left.n_inputs))
    return same or isinstance(model.left, astropy_models.Identity)
