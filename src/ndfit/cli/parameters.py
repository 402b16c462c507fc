"""Starting values and constraints, put on a model.

Flows in: an Expression, the units of data and coordinates, and what was typed for --start, --fixed, --tied and
--bounds. Flows out: Prepared: an astropy model with units and constraints, and bounds as Quantities.

A number without a unit is in the unit that the parameter has in the fit, which follows by the model's own rules from
those of the coordinates and the data.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from astropy import units as u
from astropy.modeling import Model

from ndfit._compat.astropy_models import parameter_units as units_of_parameters
from ndfit.cli.bad_input import BadInput, PointedError, suggestion
from ndfit.cli.expression import Expression
from ndfit.cli.lines_command import line_defaults
from ndfit.cli.quantities import Amount, parse_amount, parse_range
from ndfit.cli.tie_arithmetic import inlined, parse_arithmetic, tie_of
from ndfit.io.tie_text import ExpressionTie

__all__ = ["Constraints", "Prepared", "parameter_units", "prepare", "resolved_name"]

Limits = tuple[float | None, float | None]

_SUFFIX = re.compile(r"_\d+$")

# Of these sums, every parameter's unit follows from those of the data and the coordinates.
_SUMS = frozenset({"+", "-"})


@dataclass(frozen=True)
class Constraints:
    """What was typed, one `name=value` an entry; `fixed` may be names alone."""

    start: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    tied: tuple[str, ...] = ()
    bounds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Prepared:
    """A model to be fitted.

    Attributes
    ----------
    model : with starting values, units, fixed and tied
    bounds : name of a parameter -> (lower, upper), numbers or Quantities, None for no bound
    has_start : a starting value was given for a parameter that is neither fixed nor tied
    """

    model: Model
    bounds: Mapping[str, tuple[Any, Any]]
    has_start: bool


def prepare(
    expression: Expression,
    constraints: Constraints,
    units: Mapping[str, u.UnitBase | None],
    spans: tuple[tuple[float, float], ...],
) -> Prepared:
    """Put values and constraints on the model.

    Parameters
    ----------
    units : of the parameters in the fit, by name, see `parameter_units`
    spans : least and greatest coordinate of the samples along each fitting axis, in the unit of the fit

    Raises
    ------
    BadInput
        A name the model does not have, a unit that cannot be converted, or a text that cannot be read.
    """
    names = tuple(expression.build().param_names)
    fixed = dict(_pairs(constraints.fixed, "--fixed", names, value_needed=False))
    start = dict(_pairs(constraints.start, "--start", names))
    amounts = expression.values
    for option, given in (("--start", start), ("--fixed", fixed)):
        amounts |= {name: parse_amount(*value.where) for name, value in given.items() if value.text}
        _check_once(option, given, fixed if option == "--start" else {})
    ties = dict(_pairs(constraints.tied, "--tied", names))
    _check_once("--tied", ties, fixed)
    numbers = {name: amount.to(units[name], f"The value of '{name}'") for name, amount in amounts.items()}
    for name in set(fixed) & set(numbers):
        if not np.isfinite(numbers[name]):
            raise BadInput(f"The value that '{name}' is fixed at should be a finite number, got {numbers[name]}.")
    limits = _bounds(constraints.bounds, names, units)
    numbers = _defaults(expression.build(), limits, units, spans) | numbers
    model = expression.build({name: _quantity(number, units[name]) for name, number in numbers.items()})
    for name in fixed:
        model.fixed[name] = True
        getattr(model, name).fixed = True
    for name, tie in _ties(ties, names, units).items():
        getattr(model, name).tied = tie
    free_and_given = set(amounts) - set(fixed) - set(ties)
    bounds = {name: tuple(_quantity(limit, units[name]) for limit in pair) for name, pair in limits.items()}
    return Prepared(model, bounds, bool(free_and_given))


def parameter_units(
    expression: Expression, coordinates: tuple[u.UnitBase | None, ...], data: u.UnitBase | None
) -> dict[str, u.UnitBase | None]:
    """The unit of each parameter in a fit, None for plain numbers.

    In products, quotients and compositions the units of the parts do not follow from those of the data: there every
    parameter is a plain number.

    Parameters
    ----------
    coordinates : unit of each input of the model, None where it has none
    data : unit of the data, None where it has none
    """
    model = expression.build()
    plain: dict[str, u.UnitBase | None] = dict.fromkeys(model.param_names)
    inputs = dict(zip(model.inputs, (unit or u.dimensionless_unscaled for unit in coordinates), strict=True))
    outputs = dict.fromkeys(model.outputs, data or u.dimensionless_unscaled)
    try:
        found = units_of_parameters(model, inputs, outputs)
    except (AttributeError, NotImplementedError):
        return plain
    if not expression.operators <= _SUMS:
        return plain
    if data is None and not any(coordinates):
        found = {name: unit for name, unit in found.items() if unit != u.dimensionless_unscaled}  # angles
    return plain | found


@dataclass(frozen=True)
class _Value:
    """The right side of `name=value`, and where it stands in the whole."""

    text: str
    whole: str
    position: int

    @property
    def where(self) -> tuple[str, str, int]:
        return self.text, self.whole, self.position


def _pairs(
    entries: Iterable[str], option: str, names: tuple[str, ...], value_needed: bool = True
) -> Iterable[tuple[str, _Value]]:
    seen: set[str] = set()
    for entry in entries:
        left, equals, right = entry.partition("=")
        if value_needed and not (equals and right.strip()):
            raise PointedError(f"{option} expects name=value.", entry, len(entry))
        name = resolved_name(left.strip(), entry, len(left) - len(left.lstrip()), names)
        if name in seen:
            raise BadInput(f"{option} is given '{name}' twice.")
        seen.add(name)
        yield name, _Value(right, entry, len(left) + 1)


def resolved_name(name: str, text: str, position: int, names: tuple[str, ...]) -> str:
    """The model's name for a parameter, which may lack its suffix where one parameter alone has that name."""
    if name in names:
        return name
    same = [candidate for candidate in names if _SUFFIX.sub("", candidate) == name]
    if len(same) == 1:
        return same[0]
    if same:
        raise PointedError(f"The model has several parameters '{name}': {', '.join(same)}.", text, position)
    raise PointedError(f"The model has no parameter '{name}'. {suggestion(name, names)}", text, position)


def _check_once(option: str, given: Iterable[str], other: Iterable[str]) -> None:
    both = set(given) & set(other)
    if both:
        raise BadInput(f"'{min(both)}' is given by {option} and by --fixed; a parameter takes one of them.")


def _defaults(
    model: Model,
    limits: Mapping[str, Limits],
    units: Mapping[str, u.UnitBase | None],
    spans: tuple[tuple[float, float], ...],
) -> dict[str, float]:
    """Values that nobody gave, within bounds: the class's, but lines lie among the samples."""
    values = {}
    for name in model.param_names:
        parameter, unit = getattr(model, name), units[name]
        own = parameter.value if parameter.unit is None or unit is None else parameter.quantity.to_value(unit)
        values[name] = float(np.asarray(own))
    values |= line_defaults(model, spans)
    return {name: _within(value, limits.get(name, (None, None))) for name, value in values.items()}


def _within(value: float, limits: Limits) -> float:
    """A value that nobody gave, moved to the middle of the bounds, or to the only one, where it is outside."""
    low, high = (none if limit is None else limit for limit, none in zip(limits, (-np.inf, np.inf), strict=True))
    if low <= value <= high:
        return value
    return 0.5 * (low + high) if np.isfinite(high - low) else float(np.clip(value, low, high))


def _ties(
    given: Mapping[str, _Value], names: tuple[str, ...], units: Mapping[str, u.UnitBase | None]
) -> dict[str, ExpressionTie]:
    known = names + tuple(_SUFFIX.sub("", name) for name in names)
    nodes = {
        name: parse_arithmetic(value.text, partial(resolved_name, names=names), known) for name, value in given.items()
    }
    expanded = inlined(nodes, {name: value.whole for name, value in given.items()})
    return {name: tie_of(node, units[name], name) for name, node in expanded.items()}


def _bounds(
    entries: tuple[str, ...], names: tuple[str, ...], units: Mapping[str, u.UnitBase | None]
) -> dict[str, Limits]:
    return {
        name: _in_unit(parse_range(*value.where), name, units[name])
        for name, value in _pairs(entries, "--bounds", names)
    }


def _in_unit(amounts: tuple[Amount | None, Amount | None], name: str, unit: u.UnitBase | None) -> Limits:
    low, high = (None if amount is None else amount.to(unit, f"The bound of '{name}'") for amount in amounts)
    return low, high


def _quantity(number: float | None, unit: u.UnitBase | None) -> Any:
    return number if unit is None or number is None else u.Quantity(number, unit)
