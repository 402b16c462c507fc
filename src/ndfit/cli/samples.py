"""What is handed to the fit.

Flows in: Source, World and Cut, and the HDUs of mask and uncertainty. Flows out: Samples, all of one part of the data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u
from astropy.nddata import InverseVariance, StdDevUncertainty, VarianceUncertainty
from astropy.wcs import WCS

from ndfit.cli.cut import Cut
from ndfit.cli.errors import BadInput
from ndfit.cli.source import Plane, Source, open_plane
from ndfit.cli.world import World
from ndfit.problem.samples import place
from ndfit.problem.types import Axes

__all__ = ["UNCERTAINTIES", "Samples", "gather"]

# Kind of uncertainty -> astropy's class for it, and the power of the data's unit that it is in.
UNCERTAINTIES: Mapping[str, tuple[type, int]] = {
    "std": (StdDevUncertainty, 1),
    "variance": (VarianceUncertainty, 2),
    "ivar": (InverseVariance, -2),
}


@dataclass(frozen=True)
class Samples:
    """Arguments of `ndfit.fit` of these names."""

    data: Any
    data_unit: u.UnitBase | None
    mask: Any
    uncertainty: Any
    world: Any


def gather(
    source: Source,
    world: World,
    cut: Cut,
    *,
    data_unit: u.UnitBase | None,
    mask: str | None,
    missing: float | None,
    uncertainties: Mapping[str, str | None],
    uncertainty_unit: u.UnitBase | None,
    plain: bool,
) -> Samples:
    """Open what comes with the data, and cut all of it.

    Parameters
    ----------
    mask : HDU in which what is not zero marks samples to ignore
    missing : value of the data that marks samples to ignore
    uncertainties : key of UNCERTAINTIES -> HDU, or None
    uncertainty_unit : of that HDU, None for what it states, or what belongs to the data's
    plain : hand over numbers without units, coordinates in the unit of the fit

    Raises
    ------
    BadInput
        An HDU that is not there, of another shape, or in another unit.
    """
    axes = Axes(source.data.shape, source.fitting)
    data = cut.apply(source.data)
    masks = [] if cut.outside is None else [cut.outside]
    if mask is not None:
        values = cut.apply(_placed(open_plane(mask, source), axes, "mask"))
        masks.append(np.isnan(values) | (values != 0))
    if missing is not None:
        masks.append(data == (data.dtype.type(missing) if data.dtype.kind == "f" else missing))  # as the file rounds it
    return Samples(
        data,
        None if plain else data_unit,
        np.logical_or.reduce(np.broadcast_arrays(*masks)) if masks else None,
        _uncertainty(source, axes, cut, data_unit, uncertainties, uncertainty_unit),
        tuple(cut.apply(values) for values in world.values)
        if plain and world.converted
        else _cut_world(world.given, axes, cut),
    )


def _placed(plane: Plane, axes: Axes, name: str) -> Any:
    try:
        return place(plane.values, axes, f"{name} {plane.name}")
    except ValueError as error:
        raise BadInput(f"{str(error)[0].upper()}{str(error)[1:]}.") from error


def _uncertainty(
    source: Source,
    axes: Axes,
    cut: Cut,
    data_unit: u.UnitBase | None,
    uncertainties: Mapping[str, str | None],
    stated: u.UnitBase | None,
) -> Any:
    given = {kind: hdu for kind, hdu in uncertainties.items() if hdu is not None}
    if not given:
        return None
    if len(given) > 1:
        raise BadInput(f"Give one of {' and '.join(f'--{kind}' for kind in given)}.")
    ((kind, hdu),) = given.items()
    cls, power = UNCERTAINTIES[kind]
    plane = open_plane(hdu, source)
    values = cut.apply(_placed(plane, axes, kind)).astype(float)
    unit = plane.unit if stated is None else stated
    if data_unit is None or unit is None:
        return cls(values, copy=False)
    target = data_unit**power
    if not unit.is_equivalent(target):
        raise BadInput(
            f"{hdu} is in '{unit}', which cannot be converted to '{target}' of the {kind} of data in '{data_unit}': "
            "if its header is wrong, give --uncertainty-unit."
        )
    return cls(values * unit.to(target), copy=False)


def _cut_world(given: Any, axes: Axes, cut: Cut) -> Any:
    """Coordinates of what is kept: None and a WCS know their axes, arrays lie along their own or broadcast."""
    if given is None:
        return None if all(cut.slices[axis].start == 0 for axis in axes.fitting) else _pixels(axes, cut)
    if isinstance(given, WCS):
        return given[cut.slices]
    (values,) = given
    if values.ndim == 1:
        return (values[cut.slices[axes.fitting[0]]],)
    missing = len(axes.shape) - values.ndim
    return (cut.apply(values.reshape((1,) * missing + values.shape)),)


def _pixels(axes: Axes, cut: Cut) -> tuple[Any, ...]:
    """Pixels keep their numbers in a window."""
    return tuple(np.arange(axes.shape[axis], dtype=float)[cut.slices[axis]] for axis in axes.fitting)
