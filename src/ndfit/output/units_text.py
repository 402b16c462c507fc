"""Units as text and back, exactly.

Flows in: astropy units, or None. Flows out: JSON values that `parse_unit` turns into equal units, and the BUNIT of a
header.

Text such as "km / s" where astropy reads the same unit from it; else scale, bases and powers, as astropy writes scales
with six digits. A unit that is not known where the file is read keeps its name, as `UnrecognizedUnit`.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from astropy import units as u

__all__ = ["bunit", "parse_unit", "unit_text"]


def unit_text(unit: Any) -> Any:
    """JSON value of a unit."""
    if unit is None:
        return None
    text = unit.to_string()
    if _is_written(unit, text) or not isinstance(unit, u.UnitBase):
        return text
    return {
        "text": text,
        "scale": float(unit.scale),
        "bases": [base.to_string() for base in unit.bases],
        "powers": [str(Fraction(power)) for power in unit.powers],
    }


def parse_unit(value: Any) -> Any:
    """Unit of a JSON value."""
    if value is None:
        return None
    if isinstance(value, str):
        return u.Unit(value, parse_strict="silent")
    try:
        unit = u.Unit(value["scale"])
        for base, power in zip(value["bases"], value["powers"], strict=True):
            unit = unit * u.Unit(base) ** Fraction(power)
    except ValueError:
        return u.Unit(value["text"], parse_strict="silent")
    return u.Unit(unit)


def bunit(unit: Any) -> str:
    """The unit as FITS writes it, or as astropy does where the standard has no name for it (DN, electron)."""
    if unit is None:
        return ""
    try:
        return str(unit.to_string("fits"))
    except (ValueError, TypeError, AttributeError):
        return str(unit.to_string())


def _is_written(unit: Any, text: str) -> bool:
    try:
        return bool(u.Unit(text) == unit)
    except (ValueError, TypeError):
        return False
