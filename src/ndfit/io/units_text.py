"""Units as text and back, exactly.

Flows in: astropy units, or None. Flows out: JSON values that `parse_unit` turns into equal units, and the BUNIT of a
header.

Text such as "km / s" where astropy reads the same unit from it; else scale, bases and powers, as astropy writes scales
with six digits. A unit that is not known where the file is read keeps its name, as `UnrecognizedUnit`.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

from astropy import units as u

from ndfit.untrusted import read_unit

__all__ = ["bunit", "parse_unit", "unit_text", "unit_words"]

# A fraction as Python writes it; exponents, which it reads as well, may ask for more digits than there is memory.
_POWER = re.compile(r"[+-]?[0-9]{1,40}(?:/[0-9]{1,40})?")


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
    """Unit of a JSON value.

    Raises
    ------
    ValueError
        The value is none that `unit_text` writes.
    """
    if value is None:
        return None
    if isinstance(value, str):
        return read_unit(value, unknown="silent")
    try:
        unit = u.Unit(float(value["scale"]))
        for base, power in zip(value["bases"], value["powers"], strict=True):
            unit = unit * read_unit(base) ** _power(power)
        return u.Unit(unit)
    except (ValueError, ArithmeticError):
        return read_unit(value["text"], unknown="silent")


def _power(text: str) -> Fraction:
    if not _POWER.fullmatch(text):
        raise ValueError(f"'{text}' is no power")
    return Fraction(text)


def unit_words(value: Any) -> str:
    """The unit of a JSON value, for people."""
    return "" if value is None else value if isinstance(value, str) else str(value["text"])


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
