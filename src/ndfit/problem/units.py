"""Units of data, coordinates and parameters -> the numbers that are fitted, and the way back.

Flows in: the caller's model, the units of the data and of the coordinates, equivalencies. Flows out: UnitPlan, which
holds for each parameter the unit its fitted number is in and the factor from the unit it was given in.

Which unit a parameter must have follows from those of the data and coordinates by the model's own rules
(`_parameter_units_for_data_units`); astropy's `without_units_for_data` and `with_units_from_data` apply them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u
from astropy.modeling import Model

from ndfit._compat.astropy_models import combined_equivalencies, has_unit_rule, units_from_data
from ndfit.problem.coords import Coordinate

__all__ = ["UnitPlan", "convert_coordinates", "plan_units"]


@dataclass(frozen=True)
class UnitPlan:
    """Units of the fit.

    Attributes
    ----------
    parameters : unit of each fitted parameter by name, None where it has none.
    factors : number in the fit's unit for 1 in the unit the parameter was given in.
    """

    parameters: Mapping[str, u.UnitBase | None]
    factors: Mapping[str, float]


def convert_coordinates(
    coordinates: tuple[Coordinate, ...], model: Model, equivalencies: Any, has_units: bool
) -> tuple[Coordinate, ...]:
    """Coordinates in the units of the model's inputs, where the model names them.

    Without units of data and parameters, coordinates that have none are those that the model wants.

    Raises
    ------
    astropy.units.UnitConversionError
        A coordinate's unit does not convert to that of the input, or there are only pixels where a unit is needed.
    """
    targets = model.input_units if has_units or any(each.unit is not None for each in coordinates) else None
    if targets is None:
        return coordinates
    by_input = combined_equivalencies(model.inputs, equivalencies, model.input_units_equivalencies)
    return tuple(
        _convert_coordinate(coordinate, name, targets.get(name), by_input[name])
        if has_units or coordinate.unit is not None
        else coordinate
        for coordinate, name in zip(coordinates, model.inputs, strict=True)
    )


def _convert_coordinate(coordinate: Coordinate, name: str, target: u.UnitBase | None, equivalencies: Any) -> Coordinate:
    if target is None:
        return coordinate
    if coordinate.unit is None:
        if coordinate.name == "pixel" and target not in (u.pix, u.dimensionless_unscaled):
            raise u.UnitConversionError(
                f"the model's input '{name}' is in '{target}', but world=None gives pixels: pass world, or a model "
                "whose parameters are in pixels"
            )
        return Coordinate(coordinate.values, target, coordinate.name)
    try:
        values = coordinate.unit.to(target, value=coordinate.values, equivalencies=equivalencies)
    except u.UnitConversionError:
        raise u.UnitConversionError(
            f"world coordinate '{coordinate.name}' is in '{coordinate.unit}', which cannot be converted to '{target}' "
            f"of the model's input '{name}': pass equivalencies={{'{name}': ...}}, or change the model's unit"
        ) from None
    return Coordinate(values, target, coordinate.name)


def plan_units(
    model: Model, coordinates: tuple[Coordinate, ...], data_unit: u.UnitBase | None, has_units: bool
) -> UnitPlan:
    """Find the unit of each parameter in the fit.

    Parameters
    ----------
    model : model with scalar parameters, with the caller's units
    coordinates : after `convert_coordinates`
    data_unit : unit of the data, or None
    has_units : whether the data or the model have units; without them numbers stay as they are

    Raises
    ------
    astropy.units.UnitsError
        A parameter's unit does not convert to the one that the data and coordinates ask for.
    """
    names = tuple(model.param_names)
    if not has_units:
        return UnitPlan(dict.fromkeys(names), dict.fromkeys(names, 1.0))
    given = {name: getattr(model, name).unit for name in names}
    if not has_unit_rule(model):
        if any(unit is not None for unit in given.values()):
            raise u.UnitsError(
                f"{type(model).__name__} has parameters with units but no _parameter_units_for_data_units method, so "
                "that it cannot be fitted to data with units: define the method, or use parameters without units"
            )
        return UnitPlan(given, dict.fromkeys(names, 1.0))
    fitted = _units_from_data(model, _mock_data(model, coordinates, data_unit), given)
    return UnitPlan(fitted, {name: _factor(name, given[name], fitted[name]) for name in names})


def _mock_data(model: Model, coordinates: tuple[Coordinate, ...], data_unit: u.UnitBase | None) -> dict[str, Any]:
    """One-element quantities under the model's own input and output names, as astropy's unit rules expect them."""
    units = dict(zip(model.inputs, (coordinate.unit for coordinate in coordinates), strict=True))
    units[model.outputs[0]] = data_unit
    mock: dict[str, Any] = {
        name: u.Quantity(np.zeros(1), u.dimensionless_unscaled if unit is None else unit)
        for name, unit in units.items()
    }
    return mock | {"z": mock.get("z")}


def _units_from_data(model: Model, data: dict[str, Any], given: Mapping[str, Any]) -> dict[str, u.UnitBase | None]:
    try:
        restored = units_from_data(model, data)
    except u.UnitsError as error:
        described = ", ".join(f"{name} in '{unit}'" for name, unit in given.items() if unit is not None)
        sources = ", ".join(f"{name} in '{value.unit}'" for name, value in data.items() if value is not None)
        raise u.UnitConversionError(
            f"the units of the parameters ({described}) cannot be converted to those that the data ask for "
            f"({sources}): {error}. If the data have a unit that is not stated, pass data_unit"
        ) from None
    return {name: getattr(restored, name).unit for name in model.param_names}


def _factor(name: str, given: u.UnitBase | None, fitted: u.UnitBase | None) -> float:
    if given is None or fitted is None:
        return 1.0
    try:
        return float(given.to(fitted))
    except u.UnitConversionError:
        raise u.UnitConversionError(
            f"parameter '{name}' is in '{given}', which cannot be converted to '{fitted}' that the data ask for"
        ) from None
