"""Ties between parameters that keep their meaning when units change.

Flows in: a `tied` callable written for the caller's model, and the UnitPlan. Flows out: a callable for the unitless
model that is fitted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from astropy import units as u
from astropy.modeling import Model
from numpy.lib.mixins import NDArrayOperatorsMixin

from ndfit._compat.astropy_models import set_unit
from ndfit.problem.units import UnitPlan

__all__ = ["UnitTie"]


class UnitTie:
    """A tie written for the caller's units, evaluated on numbers in the fit's units.

    The callable sees parameters whose `value` is in the unit they were given in, so that offsets hold as well as
    ratios. Where it needs `quantity`, or does arithmetic with quantities, `unit` and `quantity` are there too.
    """

    def __init__(self, tie: Callable[[Any], Any], name: str, plan: UnitPlan, units: Mapping[str, Any]) -> None:
        self.tie, self.name, self.plan, self.units = tie, name, plan, dict(units)

    @classmethod
    def around(cls, tie: Callable[[Any], Any], name: str, model: Model, plan: UnitPlan) -> Callable[[Any], Any]:
        """The tie itself where no unit changes and it works on unitless numbers."""
        units = {other: getattr(model, other).unit for other in model.param_names}
        wrapped = cls(tie, name, plan, units)
        if not any(units.values()):
            return tie
        same = all(factor == 1.0 for factor in plan.factors.values())
        return tie if same and _is_plain_number(tie, model, plan) else wrapped

    def __call__(self, model: Any) -> Any:
        result = self.tie(_UnitView(model, self.plan, self.units))
        unit = self.units[self.name]
        if isinstance(result, u.Quantity):
            result = result.to_value(u.dimensionless_unscaled if unit is None else unit)
        value = result.value if hasattr(result, "value") else result
        return value * self.plan.factors[self.name]


def _is_plain_number(tie: Callable[[Any], Any], model: Model, plan: UnitPlan) -> bool:
    unitless = model.copy()
    for name in unitless.param_names:
        set_unit(getattr(unitless, name), None)
    try:
        return not isinstance(tie(unitless), u.Quantity)
    except (TypeError, AttributeError, u.UnitsError):
        return False


class _UnitView:
    """A model as its ties see it: parameters in the units they were given in."""

    def __init__(self, model: Any, plan: UnitPlan, units: Mapping[str, Any]) -> None:
        self._model, self._plan, self._units = model, plan, units

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._model, name)
        if name not in self._units:
            return attribute
        value = attribute.value / self._plan.factors[name]
        unit = self._units[name]
        return value if unit is None else _UnitValue(value, unit)


class _UnitValue(NDArrayOperatorsMixin):
    """One parameter of a _UnitView: the unitless number, or the quantity where it meets another quantity."""

    def __init__(self, value: Any, unit: u.UnitBase) -> None:
        self.value, self.unit = value, unit

    @property
    def quantity(self) -> u.Quantity:
        return u.Quantity(self.value, self.unit)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if any(isinstance(item, u.Quantity) for item in inputs):
            plain = [item.quantity if isinstance(item, _UnitValue) else item for item in inputs]
        else:
            plain = [item.value if isinstance(item, _UnitValue) else item for item in inputs]
        return getattr(ufunc, method)(*plain, **kwargs)

    def __float__(self) -> float:
        return float(self.value)
