"""A model as a sum of terms whose starting values can be guessed.

Flows in: the unitless astropy model. Flows out: Terms, picklable, so that workers need no look at the model; or
ValueError with what can be guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from astropy.modeling import CompoundModel
from astropy.modeling import models as astropy_models

from ndfit.pipeline.guess.background import BASES
from ndfit.pipeline.guess.curves import CURVES
from ndfit.pipeline.guess.profiles import PROFILES

__all__ = ["Term", "depends_on_start", "parse_terms"]

_SIGNS = {"+": (1.0, 1.0), "-": (1.0, -1.0)}


@dataclass(frozen=True)
class Term:
    """One term of a sum.

    Attributes
    ----------
    kind : key of PROFILES, of CURVES or of BASES
    columns : places of its parameters in the model's
    sign : 1, or -1 where it is subtracted
    scale : what a basis needs beside coordinates
    """

    kind: str
    columns: tuple[int, ...]
    sign: float
    scale: tuple[float, ...] = ()

    @property
    def is_line(self) -> bool:
        return self.kind in PROFILES

    @property
    def is_curve(self) -> bool:
        return self.kind in CURVES


def parse_terms(model: Any) -> tuple[Term, ...]:
    """The terms of a model.

    Raises
    ------
    ValueError
        The model is something else than a sum, or a term is of a class that is in no table.
    """
    return tuple(_terms(model, 0, 1.0))


def depends_on_start(terms: Sequence[Term], free: Sequence[int]) -> bool:
    """Whether anything is free in which the model is not linear."""
    return any(
        column in free
        for term in terms
        if term.is_line or term.is_curve
        for place, column in enumerate(term.columns)
        if place != (PROFILES[term.kind].amplitude if term.is_line else 0)
    )


def _terms(model: Any, first: int, sign: float) -> list[Term]:
    if isinstance(model, CompoundModel):
        if model.op not in _SIGNS:
            raise ValueError(f"guess='auto' is for sums of {_known()}; this model has the operator '{model.op}'")
        left, right = _SIGNS[model.op]
        n_left = len(model.left.param_names)
        return _terms(model.left, first, sign * left) + _terms(model.right, first + n_left, sign * right)
    kind = type(model).__name__
    # A person's own class may bear the name of astropy's.
    if type(model) is not getattr(astropy_models, kind, None) or kind not in {*PROFILES, *CURVES, *BASES}:
        raise ValueError(
            f"guess='auto' cannot guess for {kind}: it is for sums of {_known()}. Give starting values, or try several "
            "with starts=n"
        )
    columns = tuple(range(first, first + len(model.param_names)))
    return [Term(kind, columns, sign, _scale(model) if hasattr(model, "degree") else ())]


def _scale(polynomial: Any) -> tuple[float, float, float]:
    """Degree, and the map from the domain to the window."""
    (low, high), (first, last) = polynomial.domain or (-1.0, 1.0), polynomial.window or (-1.0, 1.0)
    factor = (last - first) / (high - low)
    return float(polynomial.degree), factor, first - low * factor


def _known() -> str:
    return ", ".join((*PROFILES, *CURVES, *BASES))
