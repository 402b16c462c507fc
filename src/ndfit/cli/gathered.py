"""What is handed to the fit.

Flows in: Source, World and Cut, and what comes with the data. Flows out: Samples, all of one part of the data.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u
from astropy.wcs import WCS

from ndfit.cli.calibration import Calibration
from ndfit.cli.cut import Cut
from ndfit.cli.known_inputs import Known, Place, inputs_of, instrument_of
from ndfit.cli.missing import is_missing
from ndfit.cli.noise import uncertainty
from ndfit.cli.settings import Settings
from ndfit.cli.source import Source, on_data_axes, open_plane
from ndfit.cli.world import World
from ndfit.problem.axes import Axes

__all__ = ["Samples", "gather"]


@dataclass(frozen=True)
class Samples:
    """Arguments of `ndfit.fit` of these names."""

    data: Any
    data_unit: u.UnitBase | None
    mask: Any
    uncertainty: Any
    world: Any
    inputs: Any
    instrument: Any


def gather(
    source: Source,
    world: World,
    cut: Cut,
    settings: Settings,
    *,
    known: Known,
    data_unit: u.UnitBase | None,
    calibration: Calibration | None,
    plain: bool,
) -> Samples:
    """Open what comes with the data, and cut all of it.

    Parameters
    ----------
    settings : of which `mask` is an array in which what is not zero marks samples to ignore, and `missing` a value or
        range of the data, before calibration, that does so
    data_unit : of the data that are fitted, calibrated where there is a calibration
    plain : hand over numbers without units, coordinates in the unit of the fit

    Raises
    ------
    BadInput
        An array that is not there, of another shape, or in another unit.
    """
    mask, missing = settings.mask, settings.missing
    axes = Axes(source.data.shape, source.fitting)
    data = cut.apply(source.data)
    masks = [] if cut.outside is None else [cut.outside]
    if mask is not None:
        values = cut.apply(on_data_axes(open_plane(mask, source), axes, "mask"))
        masks.append(np.isnan(values) | (values != 0))
    if missing is not None:
        masks.append(is_missing(data, missing))
    place = Place(source, world, cut, plain)
    raw_unit = data_unit if calibration is None else source.unit
    return Samples(
        data if calibration is None else data * cut.apply(calibration.factor),
        None if plain else data_unit,
        functools.reduce(np.logical_or, masks) if masks else None,
        uncertainty(source, cut, raw_unit, calibration, settings.noise),
        tuple(cut.apply(values) for values in world.values)
        if plain and world.converted
        else _cut_world(world.given, axes, cut),
        inputs_of(known, place),
        instrument_of(known, place, settings.coordinates.redshift is not None),
    )


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
