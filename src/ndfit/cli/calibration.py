"""What the data are multiplied by.

Flows in: a Source, and a number or the name of an array. Flows out: Calibration, on the axes of the data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u

from ndfit.cli.quantities import Amount
from ndfit.cli.source import Source, amount_or_plane, on_data_axes
from ndfit.problem.axes import Axes

__all__ = ["Calibration", "open_calibration"]


@dataclass(frozen=True)
class Calibration:
    """A factor of the data.

    Attributes
    ----------
    factor : with the data's number of axes, and broadcastable to them
    unit : of the factor, None where it has none
    """

    factor: Any
    unit: u.UnitBase | None

    def unit_of(self, raw: u.UnitBase | None) -> u.UnitBase | None:
        """Unit of the calibrated data, from that of those in the file."""
        return raw if self.unit is None else self.unit * (raw or u.one)


def open_calibration(source: Source, text: str) -> Calibration:
    """Read `--calibration`.

    Raises
    ------
    BadInput
        It is neither a number nor an array whose shape fits the data.
    """
    given = amount_or_plane(text, source)
    axes = Axes(source.data.shape, source.fitting)
    if isinstance(given, Amount):
        return Calibration(np.full((1,) * len(axes.shape), given.value), given.unit)
    return Calibration(on_data_axes(given, axes, "calibration"), given.unit)
