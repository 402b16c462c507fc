"""What is known of a quantity that follows from the parameters.

Flows in: values, errors, a unit. Flows out: DerivedMap, which every room can read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from astropy import units as u

from ndfit.arrays import FloatArray
from ndfit.result.maps import sealed

__all__ = ["DerivedMap"]


@dataclass(frozen=True)
class DerivedMap:
    """A quantity at every position.

    Attributes
    ----------
    numbers : shape B; NaN where there is no answer
    errors : standard errors, shape B; None where there are none
    unit : of both; None for plain numbers
    formula : what it is, in words or as an expression
    """

    numbers: FloatArray
    errors: FloatArray | None
    unit: Any
    formula: str

    def __post_init__(self) -> None:
        sealed(self.numbers)
        sealed(self.errors)

    @property
    def values(self) -> Any:
        """Shape B, a Quantity where there is a unit."""
        return self._with_unit(self.numbers)

    @property
    def spread(self) -> Any:
        """The standard errors in the same way, or None."""
        return None if self.errors is None else self._with_unit(self.errors)

    def _with_unit(self, numbers: FloatArray) -> Any:
        return numbers if self.unit is None else sealed(u.Quantity(numbers, self.unit, copy=False))
