"""What models and fitters of astropy do not tell, or let be set, by public names.

Flows in: a model, a parameter, a fitter. Flows out: what is asked of it; some functions change what they are given,
which is always ndfit's own copy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from astropy.modeling import CompoundModel, Model, Parameter
from astropy.modeling.models import Const1D
from astropy.modeling.utils import _combine_equivalency_dict
from astropy.units import Quantity, UnitBase

__all__ = [
    "OF_EVERY_CLASS",
    "OF_EVERY_MODEL",
    "accept_unitless_numbers",
    "call_first",
    "combined_equivalencies",
    "has_unit_rule",
    "has_units",
    "let_be_fitted",
    "orthogonal_basis",
    "output_unit",
    "parameter_units",
    "prepared",
    "set_unit",
    "set_values",
    "units_from_data",
    "wants_uncertainties",
]

OF_EVERY_MODEL = frozenset((*vars(Const1D()), "meta", "_meta", "name", "sync_constraints", "stds", "cov_matrix"))
"""Attributes that every instance of a model has, beside those that its class gives it."""

OF_EVERY_CLASS = frozenset({"_abc_impl", "_parameters_"})
"""Attributes that Python's abstract classes and astropy's metaclass give every class of models."""


def set_values(model: Model, values: Mapping[str, Any]) -> None:
    """Give parameters values of another shape, in place: `Model.parameters` keeps the shape."""
    model._reset_parameters(**values)


def set_unit(parameter: Parameter, unit: UnitBase | None) -> None:
    """Give a parameter another unit and leave its number: the setter of `Parameter.unit` refuses to."""
    parameter._set_unit(unit, force=True)


def has_units(model: Model) -> bool:
    """Whether any parameter has a unit, in compounds too."""
    return bool(model._has_units)


def has_unit_rule(model: Model) -> bool:
    """Whether the model says in which units its parameters are, given those of the data: the method is for subclasses
    to define, and has no public name.
    """
    return hasattr(model, "_parameter_units_for_data_units")


def parameter_units(model: Model, inputs: Mapping[str, UnitBase], outputs: Mapping[str, UnitBase]) -> dict[str, Any]:
    """Units of the parameters, given those of inputs and outputs.

    Raises
    ------
    AttributeError, NotImplementedError
        The model has no rule for them.
    """
    return dict(model._parameter_units_for_data_units(dict(inputs), dict(outputs)))


def units_from_data(model: Model, data: Mapping[str, Quantity]) -> Model:
    """The model in the units of the data: a product passes to each of its factors by private names."""
    unitless, factors = model.without_units_for_data(**data), {}
    if isinstance(unitless, tuple):
        unitless, left, right = unitless
        factors = {"_left_kwargs": left, "_right_kwargs": right}
    return unitless.with_units_from_data(**data, **factors)


def output_unit(model: Model) -> UnitBase:
    """Unit of the radiance of a BlackBody, which its `scale` and its inputs decide."""
    return model._output_units


def orthogonal_basis(model: Model, x: Any, y: Any) -> Any:
    """Functions of each input whose products an orthogonal polynomial sums, by their number."""
    return model._fcache(x, y)


def accept_unitless_numbers(model: Model) -> None:
    """Let a model with units for its inputs take numbers, in place; it can only be had when a class is written."""
    model._input_units_allow_dimensionless = True


def let_be_fitted(compound: CompoundModel, fittable: bool) -> None:
    """Say whether fitters may take a compound, in place: those with fixed inputs say they may not."""
    compound._fittable = fittable


def call_first(model: Model, prepare: Callable[..., Any]) -> None:
    """Have `prepare` called before the model is, in place.

    Called with what the model is called with, it returns what `prepared` does. The model stays of its class.
    """
    model._pre_evaluate = prepare


def prepared(model: Model, *inputs: Any, **keywords: Any) -> Any:
    """What a model of this class makes of its inputs before it evaluates."""
    return type(model)._pre_evaluate(model, *inputs, **keywords)


def combined_equivalencies(names: Any, *given: Any) -> Any:
    """Equivalencies of each input, those of the call and those of the model together."""
    return _combine_equivalency_dict(names, *given)


def wants_uncertainties(fitter: Any) -> bool:
    """Whether a fitter was made with `calc_uncertainties=True`, which it keeps to itself."""
    return bool(getattr(fitter, "_calc_uncertainties", False))
