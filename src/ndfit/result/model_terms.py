"""The terms of a sum of models.

Flows in: a unitless astropy model. Flows out: one Term a summand, with its place among the parameters of the whole.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from astropy.modeling import CompoundModel

from ndfit.arrays import FloatArray

__all__ = ["Term", "terms_of"]


class Term(NamedTuple):
    """One summand.

    Attributes
    ----------
    name : what to call it
    model : evaluates it
    where : its parameters among those of the whole model
    sign : -1 where it is subtracted
    """

    name: str
    model: Any
    where: slice
    sign: float

    def evaluate(self, coords: tuple[FloatArray, ...], values: FloatArray) -> Any:
        """Its share of the whole at coordinates; `values`, shape (P,), are the parameters of the whole."""
        return self.sign * self.model.evaluate(*coords, *values[self.where])


def terms_of(model: Any) -> tuple[Term, ...]:
    """Take a sum of models apart; a model that is no sum is one term."""
    return tuple(_walk(model, 0, 1.0))


def _walk(model: Any, first: int, sign: float) -> list[Term]:
    if isinstance(model, CompoundModel) and model.op in ("+", "-"):
        middle = first + len(model.left.param_names)
        return [
            *_walk(model.left, first, sign),
            *_walk(model.right, middle, sign if model.op == "+" else -sign),
        ]
    name = model.name or type(model).__name__
    return [Term(name, model, slice(first, first + len(model.param_names)), sign)]
