"""The uncertainty of the data.

Flows in: a Source and what was typed of its noise. Flows out: an uncertainty of astropy's, of one part of the data and
as calibrated as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u
from astropy.nddata import InverseVariance, StdDevUncertainty, VarianceUncertainty

from ndfit.cli.bad_input import BadInput
from ndfit.cli.calibration import Calibration
from ndfit.cli.cut import Cut
from ndfit.cli.quantities import parse_unit
from ndfit.cli.source import Source, on_data_axes, open_plane
from ndfit.problem.axes import Axes

__all__ = ["UNCERTAINTIES", "NoiseOptions", "uncertainty"]

# Kind of uncertainty -> astropy's class for it, and the power of the data's unit that it is in.
UNCERTAINTIES: Mapping[str, tuple[type, int]] = {
    "std": (StdDevUncertainty, 1),
    "variance": (VarianceUncertainty, 2),
    "ivar": (InverseVariance, -2),
}
_READ_NOISE = "read_noise"


@dataclass(frozen=True)
class NoiseOptions:
    """What was typed of the uncertainty; one of these at most.

    Attributes
    ----------
    std, variance, ivar : array that holds it
    read_noise : the data are counts, whose variance is their number, 1 at least, and the square of this
    unit : of the array, in place of what it states
    """

    std: str | None = None
    variance: str | None = None
    ivar: str | None = None
    read_noise: float | None = None
    unit: str | None = None


def uncertainty(
    source: Source, cut: Cut, data_unit: u.UnitBase | None, calibration: Calibration | None, options: NoiseOptions
) -> Any:
    """Open or make the uncertainty of what is kept of the data; None where none is asked for.

    Parameters
    ----------
    data_unit : of the data as they are in the file, None where it is not known
    calibration : of the data; their uncertainty shares it

    Raises
    ------
    BadInput
        An array that is not there, of another shape, or in another unit; or two are given.
    """
    given = {kind: getattr(options, kind) for kind in (*UNCERTAINTIES, _READ_NOISE)}
    given = {kind: value for kind, value in given.items() if value is not None}
    if not given:
        return None
    if len(given) > 1:
        raise BadInput(f"Give one of {' and '.join('--' + kind.replace('_', '-') for kind in given)}.")
    ((kind, value),) = given.items()
    cls, power = UNCERTAINTIES.get(kind, UNCERTAINTIES["variance"])
    if kind == _READ_NOISE:
        values = np.maximum(cut.apply(source.data).astype(float), 1.0) + value**2
    else:
        values = _read(source, cut, data_unit, kind, value, options.unit)
    if calibration is not None:
        values = values * np.abs(cut.apply(calibration.factor)).astype(float) ** power
    return cls(values, copy=False)


def _read(source: Source, cut: Cut, data_unit: u.UnitBase | None, kind: str, reference: str, stated: str | None) -> Any:
    """Numbers of an array, in the unit of the data where both are known."""
    plane = open_plane(reference, source)
    values = cut.apply(on_data_axes(plane, Axes(source.data.shape, source.fitting), kind)).astype(float)
    unit = plane.unit if stated is None else parse_unit(stated)
    if data_unit is None or unit is None:
        return values
    target = data_unit ** UNCERTAINTIES[kind][1]
    if not unit.is_equivalent(target):
        other = next((name for name, (_, power) in UNCERTAINTIES.items() if unit.is_equivalent(data_unit**power)), None)
        if other is not None:
            raise BadInput(f"{reference} is in '{unit}', which is that of --{other}, and not of --{kind}.")
        raise BadInput(
            f"{reference} is in '{unit}', which cannot be converted to '{target}' of the {kind} of data in "
            f"'{data_unit}': if its header is wrong, give --uncertainty-unit."
        )
    return values * unit.to(target)
