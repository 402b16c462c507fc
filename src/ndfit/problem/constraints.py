"""Parameters, bounds, fixed and tied -> ParamTable and a model without units.

Flows in: the caller's model and the UnitPlan. Flows out: ParamTable, in the fit's units, and the unitless scalar model
that engines evaluate. The caller's model is not touched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from astropy import units as u
from astropy.modeling import CompoundModel, Model

from ndfit._compat.astropy_models import accept_unitless_numbers, let_be_fitted, set_unit, set_values
from ndfit.arrays import FloatArray
from ndfit.compound import leaves, sides
from ndfit.copying import copied
from ndfit.problem.axes import Axes
from ndfit.problem.fixed_inputs import FixedInputsModel
from ndfit.problem.ties import UnitTie
from ndfit.problem.types import ParamTable
from ndfit.problem.units import UnitPlan

__all__ = ["Limits", "check_starts", "own_copy", "parameter_table", "parse_bounds", "scalar_model", "unitless_model"]

Limits = Mapping[str, tuple[FloatArray, FloatArray]]


def scalar_model(model: Model) -> Model:
    """Copy of the model with each parameter at its first finite value, or at 1 where it has none; units are kept."""
    copy = own_copy(model)
    set_values(copy, {name: _first_finite(getattr(model, name)) for name in model.param_names})
    return copy


def own_copy(model: Model) -> Model:
    """Copy of the model whose `evaluate` takes one argument a parameter.

    A compound of models with maps for parameters counts the numbers in the maps of its left half instead.
    """
    copy = copied(model)
    _count_parameters(copy)
    return copy


def _count_parameters(model: Model) -> None:
    if isinstance(model, CompoundModel):
        model.n_left_params = len(model.left.param_names)
        for half in (model.left, model.right):
            _count_parameters(half)


def _first_finite(parameter: Any) -> Any:
    values = np.atleast_1d(parameter.value).ravel()
    finite = values[np.isfinite(values)]
    value = float(finite[0] if finite.size else 1.0)
    return value if parameter.unit is None else u.Quantity(value, parameter.unit)


def parse_bounds(model: Model, bounds: Mapping[str, tuple[Any, Any]], plan: UnitPlan) -> Limits:
    """Lower and upper bound of each parameter in the fit's units; no bound is an infinity.

    Parameters
    ----------
    model : model with its own bounds, plain numbers in the unit of the parameter
    bounds : given beside the model: numbers, maps or Quantities

    Raises
    ------
    TypeError, ValueError
        A name that the model does not have, something else than a pair, or a bound that is no number.
    astropy.units.UnitConversionError
        A bound's unit does not convert to the parameter's.
    """
    unknown = set(bounds) - set(model.param_names)
    if unknown:
        raise ValueError(f"bounds name {sorted(unknown)}, but the parameters are {', '.join(model.param_names)}")
    limits = {}
    for name in model.param_names:
        pair = bounds.get(name, getattr(model, name).bounds)
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise ValueError(f"the bounds of '{name}' should be a pair (lower, upper), got {pair!r}")
        unit, factor = getattr(model, name).unit, plan.factors[name]
        low, high = (
            none if limit is None else _unitless_limit(limit, name, unit) * factor
            for limit, none in zip(pair, (-np.inf, np.inf), strict=True)
        )
        limits[name] = (np.asarray(low, dtype=float), np.asarray(high, dtype=float))
        if any(np.isnan(limit).all() for limit in limits[name]):
            shown = ", ".join(map(_shown, limits[name]))
            raise ValueError(
                f"the bounds of '{name}' should be numbers, got ({shown}): give None where there is no bound"
            )
    return limits


def _unitless_limit(limit: Any, name: str, unit: u.UnitBase | None) -> FloatArray:
    if not isinstance(limit, u.Quantity):
        try:
            return np.asarray(limit, dtype=float)
        except (TypeError, ValueError):
            raise TypeError(
                f"a bound of '{name}' should be a number, a map of numbers or None for no bound, got {limit!r}"
            ) from None
    target = u.dimensionless_unscaled if unit is None else unit
    try:
        return np.asarray(limit.to_value(target), dtype=float)
    except u.UnitConversionError:
        raise u.UnitConversionError(
            f"a bound of '{name}' is in '{limit.unit}', which cannot be converted to the parameter's unit '{target}'"
        ) from None


def unitless_model(unitless: Model, plan: UnitPlan, limits: Limits) -> Model:
    """Strip a scalar model of its units, in place; rewrite bounds and ties for the fit's units.

    Bounds that are maps stay with the ParamTable: astropy's parameters hold one number.

    The model's own check of its inputs' units lets unitless numbers pass.
    """
    ties = {name: UnitTie.around(tie, name, unitless, plan) for name, tie in unitless.tied.items() if tie}
    for name in unitless.param_names:
        parameter = getattr(unitless, name)
        set_unit(parameter, None)
        parameter.value = parameter.value * plan.factors[name]
        parameter.bounds = tuple(_number_or_none(limit) for limit in limits[name])
        parameter.tied = ties.get(name, parameter.tied)
    for part in _parts(unitless):
        accept_unitless_numbers(part)
        if isinstance(part, CompoundModel):
            _make_fittable(part)
        else:
            for name in part.param_names:
                set_unit(getattr(part, name), None)
    unitless.sync_constraints = True
    return unitless


def _number_or_none(limit: FloatArray) -> float | None:
    return limit.item() if limit.size == 1 and np.isfinite(limit).all() else None


def _parts(model: Model) -> Iterator[Model]:
    """The model and every model within it."""
    yield model
    if isinstance(model, CompoundModel):
        for side, _ in sides(model):
            yield from _parts(side)


def _make_fittable(compound: CompoundModel) -> None:
    """Let compounds with fixed inputs be fitted, which astropy's fitters otherwise stumble over."""
    if compound.op == "fix_inputs":
        compound.__class__ = FixedInputsModel
    let_be_fitted(compound, all(part.fittable for part, _ in leaves(compound)))


def parameter_table(model: Model, unitless: Model, plan: UnitPlan, limits: Limits, axes: Axes) -> ParamTable:
    """Starting values and constraints of the caller's model, in the fit's units.

    In which parameters the model is even follows once there is an engine, from `ndfit.pipeline.sign_symmetry`.

    Raises
    ------
    ValueError
        A parameter's shape does not broadcast to the iterating axes, a lower bound exceeds its upper bound, every
        starting value of a parameter is outside its bounds, or a parameter is fixed at no finite number.
    """
    names = tuple(model.param_names)
    start = tuple(_start(getattr(model, name), name, plan, axes) for name in names)
    lower, upper = (
        tuple(_as_map(limits[name][side], f"a bound of '{name}'", axes) for name in names) for side in (0, 1)
    )
    fixed, tied = (tuple(bool(known[name]) for name in names) for known in (unitless.fixed, unitless.tied))
    for name, values, low, high, is_fixed, is_tied in zip(names, start, lower, upper, fixed, tied, strict=True):
        if not (is_fixed or is_tied):
            _check_bounds(name, values, low, high)
        elif is_fixed:
            _check_known(name, values, "fixed value", "give the value that it is to have")
    return ParamTable(names, start, lower, upper, fixed, tied, sign_symmetric=(False,) * len(names))


def _start(parameter: Any, name: str, plan: UnitPlan, axes: Axes) -> FloatArray:
    values: FloatArray = np.asarray(parameter.value, dtype=float) * plan.factors[name]
    return _as_map(values, f"parameter '{name}'", axes)


def _as_map(values: FloatArray, what: str, axes: Axes) -> FloatArray:
    target = axes.iterating_shape
    try:
        fits = np.broadcast_shapes(values.shape, target) == target
    except ValueError:
        fits = False
    if not fits and values.size != 1:
        raise ValueError(f"{what} has shape {values.shape}, which does not broadcast to the iterating axes {target}")
    return values if fits else values.reshape(())


def check_starts(params: ParamTable) -> None:
    """Refuse starting values of a free parameter none of which is finite, for fits that nothing else starts.

    Raises
    ------
    ValueError
        With the name of the parameter.
    """
    for place in params.free:
        remedy = "give one, or let the data say where, with guess='auto' of ndfit.fit"
        _check_known(params.names[place], params.start[place], "starting value", remedy)


def _check_known(name: str, values: FloatArray, what: str, remedy: str) -> None:
    """Refuse values none of which is a finite number."""
    if not np.isfinite(values).any():
        raise ValueError(f"the {what} of '{name}' should be a finite number, got {values.ravel()[0]}: {remedy}")


def _check_bounds(name: str, values: FloatArray, low: FloatArray, high: FloatArray) -> None:
    if np.any(low > high):
        raise ValueError(f"the lower bound of '{name}' exceeds its upper bound: {_shown(low)}, {_shown(high)}")
    finite = np.isfinite(values)
    outside = (values < low) | (values > high)
    if finite.any() and np.all(outside | ~finite):
        shown = values[finite].ravel()[0]
        raise ValueError(
            f"every starting value of '{name}' is outside its bounds: {shown:g} is not in [{_shown(low)}, "
            f"{_shown(high)}]; start inside the bounds, or widen them"
        )


def _shown(limit: FloatArray) -> str:
    if limit.size == 1 or np.isnan(limit).all():
        return f"{limit.flat[0]}"
    return f"{float(np.nanmin(limit))} to {float(np.nanmax(limit))}"
