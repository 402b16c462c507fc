"""Where the positions are in the world.

Flows in: the WCS of the maps and their shape. Flows out: one array of coordinates a world axis, of size 1 along the
axes of the maps that it does not vary along.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u

from ndfit.arrays import FloatArray
from ndfit.caught import warnings_put_back

__all__ = ["WorldAxis", "world_axes"]


@dataclass(frozen=True)
class WorldAxis:
    """A world coordinate of the maps.

    Attributes
    ----------
    name : "ra", "dec", "freq", ...; unique among the axes
    values : with the number of axes of the maps
    unit : None where the WCS states none
    physical_type : UCD1+, empty where the WCS states none
    """

    name: str
    values: FloatArray
    unit: Any
    physical_type: str


def world_axes(wcs: Any, shape: tuple[int, ...]) -> tuple[WorldAxis, ...]:
    """Coordinates of every position, in the order of the world axes; none without a WCS."""
    if wcs is None or 0 in shape:
        return ()
    with warnings_put_back(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", u.UnitsWarning)
        world = wcs.pixel_to_world_values(*np.indices(shape, dtype=float)[::-1])
        units = [u.Unit(text) if text else None for text in wcs.world_axis_units]
    rows = (world,) if wcs.world_n_dim == 1 else world
    varies = np.asarray(wcs.axis_correlation_matrix, dtype=bool)[:, ::-1]
    return tuple(
        WorldAxis(name, _reduced(np.asarray(values, dtype=float), along), unit, kind or "")
        for name, values, along, unit, kind in zip(
            _names(wcs), rows, varies, units, wcs.world_axis_physical_types, strict=True
        )
    )


def _reduced(values: FloatArray, along: Any) -> FloatArray:
    """One value along the axes that the WCS does not claim to vary along, unless it does."""
    reduced: FloatArray = values[tuple(slice(None) if varies else slice(0, 1) for varies in along)]
    return reduced if np.array_equal(np.broadcast_to(reduced, values.shape), values, equal_nan=True) else values


def _names(wcs: Any) -> list[str]:
    """The WCS's own names, or what the physical types are called."""
    names: list[str] = []
    for index, (name, kind) in enumerate(zip(wcs.world_axis_names, wcs.world_axis_physical_types, strict=True)):
        wanted = name.lower() or _name_of_type(kind or "") or f"world_{index}"
        names.append(wanted if wanted not in names else f"world_{index}")
    return names


def _name_of_type(physical_type: str) -> str:
    """`ra` of pos.eq.ra, `freq` of em.freq, `dopplerveloc_radio` of spect.dopplerVeloc.radio."""
    first, *rest = physical_type.lower().split(".")
    return rest[-1] if first.endswith("pos") and rest else "_".join(rest)
