"""What an instrument and known inputs have, on the axes of the data and in the units of the coordinates.

Flows in: numbers, arrays, Quantities, dask arrays. Flows out: arrays with the data's number of axes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import constants
from astropy import units as u

from ndfit.problem.axes import Axes
from ndfit.problem.deferred import is_lazy
from ndfit.problem.placing import broadcast_to_data_axes

__all__ = ["Placement", "is_width_in_velocity"]


@dataclass(frozen=True)
class Placement:
    """The axes of the data, and the unit of each fitting axis' coordinate.

    Attributes
    ----------
    has_units : the model or the data have units, so that a plain number says nothing of its own
    """

    axes: Axes
    units: tuple[Any, ...]
    has_units: bool

    def value(self, values: Any, name: str, axis: int | None) -> Any:
        """A number, or an array of any shape that can be meant.

        Parameters
        ----------
        axis : the fitting axis in whose unit it is; None for a bare number
        """
        array = self._numbers(values, name, axis)
        if array.ndim == 0:
            return array.reshape((1,) * len(self.axes.shape))
        return broadcast_to_data_axes(array, self.axes, name)

    def rows(self, values: Any, name: str, axis: int | None) -> Any:
        """An array whose last axis is the fitting axis, and whose others, if any, are the iterating axes."""
        array, axes = self._numbers(values, name, axis), self.axes
        if array.ndim == 1:
            return array.reshape(tuple(-1 if place in axes.fitting else 1 for place in range(len(axes.shape))))
        if array.ndim != len(axes.shape) or any(
            size not in (1, whole) for size, whole in zip(array.shape[:-1], axes.iterating_shape, strict=True)
        ):
            raise ValueError(
                f"{name}, one a position, should have the shape {axes.iterating_shape} of the positions before their "
                f"own axes, got {tuple(array.shape[:-1])}"
            )
        return array.transpose(tuple(int(place) for place in np.argsort(axes.iterating + axes.fitting)))

    def differs_between_samples(self, array: Any) -> bool:
        """Whether an array on the data's axes has more than one number for a position."""
        return any(array.shape[axis] != 1 for axis in self.axes.fitting)

    def light_over(self, width: Any, axis: int) -> Any:
        """The speed of light over a width that is a velocity along wavelengths or their like; None for others."""
        if not is_width_in_velocity(getattr(width, "unit", None), self.units[axis]):
            return None
        return (constants.c / width).to(u.one)

    def _numbers(self, values: Any, name: str, axis: int | None) -> Any:
        unit = u.dimensionless_unscaled if axis is None else self.units[axis]
        given = getattr(values, "unit", None)
        if given is not None:
            if unit is None:
                raise u.UnitConversionError(
                    f"{name} is in '{given}', and the coordinates have no unit: give world with a unit, or {name} as "
                    "plain numbers"
                )
            try:
                values = values.to_value(unit)
            except u.UnitConversionError:
                raise u.UnitConversionError(f"{name} is in '{given}', and the coordinates are in '{unit}'") from None
        elif axis is not None and self.has_units and unit not in (None, u.dimensionless_unscaled, u.pix):
            raise u.UnitConversionError(f"{name} has no unit, and the coordinates are in '{unit}': give it one")
        array = values if is_lazy(values) else np.array(values)
        if array.dtype.kind not in "biuf":
            raise TypeError(f"{name} should be real numbers, got dtype {array.dtype}")
        return array.astype(float)


def is_width_in_velocity(unit: Any, coordinate: Any) -> bool:
    """Whether a width is a velocity, and the coordinate a wavelength, a frequency, an energy or a wavenumber."""
    if unit is None or coordinate is None or not unit.is_equivalent(u.m / u.s):
        return False
    return bool(coordinate.is_equivalent(u.m, u.spectral()))
