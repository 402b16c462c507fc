"""Numbers with units, and ranges of them.

Flows in: '5km/s', '3:6km/s', ':2'. Flows out: Amount and pairs of Amounts, still in the unit that was typed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isnan

from astropy import units as u

from ndfit.cli.bad_input import BadInput, PointedError
from ndfit.cli.scanner import NUMBER
from ndfit.untrusted import read_unit, shortened

__all__ = ["Amount", "parse_amount", "parse_range", "parse_unit"]

_AMOUNT = re.compile(rf"\s*([+-]?(?:{NUMBER}|inf|nan))\s*(.*?)\s*$", re.DOTALL)

Range = tuple["Amount | None", "Amount | None"]


@dataclass(frozen=True)
class Amount:
    """A number and the unit that was typed with it, None where there was none."""

    value: float
    unit: u.UnitBase | None = None

    def __str__(self) -> str:
        return f"{self.value:g}" if self.unit is None else f"{self.value:g} {self.unit}"

    def to(self, unit: u.UnitBase | None, what: str) -> float:
        """The number in another unit; a number without a unit is in that unit already.

        Parameters
        ----------
        unit : None where plain numbers are expected
        what : the beginning of a sentence, such as "The bound of 'mean'"

        Raises
        ------
        BadInput
            The unit cannot be converted.
        """
        if self.unit is None:
            return self.value
        target = u.dimensionless_unscaled if unit is None else unit
        try:
            return float(self.unit.to(target, self.value))
        except u.UnitConversionError:
            where = "a plain number is expected there" if unit is None else f"it cannot be converted to '{unit}'"
            raise BadInput(f"{what} is in '{self.unit}', and {where}.") from None


def parse_unit(text: str, whole: str | None = None, position: int = 0) -> u.UnitBase:
    """A unit, as astropy writes them.

    Parameters
    ----------
    whole, position : the text that it is part of, and where, for the error
    """
    whole = text if whole is None else whole
    try:
        unit = read_unit(text)
    except ValueError as error:
        reason = re.search(r"Did you mean .*?\?", str(error))
        hint = f" {reason.group()}" if reason else ""
        raise PointedError(f"'{shortened(text)}' is not a unit.{hint}", whole, position) from None
    if not isinstance(unit, u.UnitBase):
        raise PointedError(f"'{text}' is a logarithm, and fits are made of numbers in proportion.", whole, position)
    return unit


def parse_amount(text: str, whole: str | None = None, position: int = 0) -> Amount:
    """A number with or without a unit.

    Raises
    ------
    PointedError
        It is something else.
    """
    whole = text if whole is None else whole
    match = _AMOUNT.match(text)
    if match is None:
        start = position + len(text) - len(text.lstrip())
        raise PointedError("Expected a number, such as 5 or 5km/s.", whole, start)
    number, unit = match.groups()
    return Amount(float(number), parse_unit(unit, whole, position + match.start(2)) if unit else None)


def parse_range(text: str, whole: str | None = None, position: int = 0) -> Range:
    """A lower and an upper limit, either of which may be left out; a unit at the end holds for both.

    Raises
    ------
    PointedError
        It is something else, or the lower limit is not below the upper one.
    """
    whole = text if whole is None else whole
    left, colon, right = text.partition(":")
    if not colon or ":" in right:
        raise PointedError("Expected lower:upper, such as 3:6km/s, or one of them with the colon.", whole, position)
    low = parse_amount(left, whole, position) if left.strip() else None
    high = parse_amount(right, whole, position + len(left) + 1) if right.strip() else None
    if any(limit is not None and isnan(limit.value) for limit in (low, high)):
        raise PointedError("A limit should be a number, got nan: leave it out where there is none.", whole, position)
    if low is not None and high is not None:
        if low.unit is None:
            low = Amount(low.value, high.unit)
        if low.to(high.unit, f"The lower limit {low}") > high.value:
            raise PointedError(f"The lower limit {low} exceeds the upper limit {high}.", whole, position)
    if low is None and high is None:
        raise PointedError("Expected a lower or an upper limit beside the colon.", whole, position)
    return low, high
