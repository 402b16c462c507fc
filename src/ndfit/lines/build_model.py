"""A plan -> an astropy model.

Flows in: a Plan, the continuum, and units. Flows out: a compound model with values, bounds, fixed and tied parameters.
"""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any

from astropy import units as u
from astropy.modeling import Model, models

from ndfit._compat.astropy_models import parameter_units, set_unit
from ndfit.errors import WrongArgument
from ndfit.io.tie_text import ExpressionTie
from ndfit.lines.line_plan import Plan

__all__ = ["CONTINUUM", "build_model", "continuum_of"]

CONTINUUM = "continuum"
"""Name of the part of the model that is none of the lines."""

_MOST_DEGREES = 20


def build_model(plan: Plan, continuum: Any, unit: u.UnitBase, data_unit: u.UnitBase | None) -> Any:
    """The model.

    Parameters
    ----------
    continuum : degree of a polynomial, a model, or None
    unit : of the coordinates
    data_unit : None for plain numbers
    """
    parts = [getattr(models, term.kind)(**term.values, name=term.name) for term in plan.terms]
    under = continuum_of(continuum)
    if under is not None:
        parts.append(under)
    if len(parts) == 1:
        model = parts[0]
        _constrain(model, plan, numbered=False)
    else:
        model = reduce(add, parts)
        _constrain(model, plan, numbered=True)
        model.sync_constraints = True
    return model if data_unit is None else _with_units(model, unit, data_unit)


def continuum_of(continuum: Any) -> Model | None:
    """A new model of the continuum.

    Raises
    ------
    ValueError, TypeError
    """
    if continuum is None:
        return None
    if isinstance(continuum, Model):
        if continuum.n_inputs != 1 or continuum.n_outputs != 1:
            raise WrongArgument("continuum", "a model of one input", continuum.n_inputs)
        copy = continuum.copy()
        copy.name = continuum.name or CONTINUUM
        return copy
    if isinstance(continuum, bool) or not isinstance(continuum, int) or not 0 <= continuum <= _MOST_DEGREES:
        raise WrongArgument("continuum", f"a degree from 0 to {_MOST_DEGREES}, a model or None", continuum)
    if continuum == 0:
        return models.Const1D(0.0, name=CONTINUUM)
    return models.Polynomial1D(continuum, name=CONTINUUM)


def _constrain(model: Any, plan: Plan, *, numbered: bool) -> None:
    """Bounds, fixed and tied; a single line's parameters have no number."""
    for name, bounds in plan.bounds.items():
        getattr(model, name if numbered else name.rpartition("_")[0]).bounds = bounds
    for name in plan.fixed:
        getattr(model, name).fixed = True
    for name, tie in plan.ties.items():
        getattr(model, name).tied = ExpressionTie(str(tie))


def _with_units(model: Any, unit: u.UnitBase, data_unit: u.UnitBase) -> Any:
    """The same with the units that follow from those of the coordinates and the data."""
    units = parameter_units(model, {model.inputs[0]: unit}, {model.outputs[0]: data_unit})
    for name, own in units.items():
        if own is not None and own != u.dimensionless_unscaled:
            set_unit(getattr(model, name), own)
    return model
