"""Values as strict JSON and back.

Flows in: what options, constraints and the arguments of models are made of. Flows out: JSON without NaN tokens.

Numbers survive exactly: Python writes a float with the digits that identify it; NaN and infinities, which JSON lacks,
are strings ("nan", "inf", "-inf") where a number belongs, and marked as floats elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any

import numpy as np
from astropy import units as u

from ndfit.io.units_text import parse_unit, unit_text
from ndfit.untrusted import shortened

__all__ = ["described", "exact", "number", "parse_exact"]

_DTYPE = re.compile(r"[=<>|]?[biuf][0-9]{1,2}")


def number(value: float) -> float | str:
    """JSON value of a real number; `float` turns it back."""
    value = float(value)
    return value if isfinite(value) else str(value)


def exact(value: Any) -> Any:
    """JSON value that `parse_exact` turns back.

    Raises
    ------
    TypeError
        Something else than None, text, numbers, arrays, quantities, and tuples or lists of them.
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, u.Quantity):
        return {"quantity": exact(value.value), "unit": unit_text(value.unit)}
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        numbers = [number(item) if value.dtype.kind == "f" else item.item() for item in value.ravel()]
        return {"array": numbers, "shape": list(value.shape), "dtype": value.dtype.newbyteorder("=").str}
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if isfinite(value) else {"float": number(float(value))}
    if isinstance(value, (tuple, list)):
        return [exact(item) for item in value]
    raise TypeError(f"a file cannot hold a {type(value).__name__}")


def parse_exact(value: Any) -> Any:
    """Value of the JSON that `exact` made; lists become tuples.

    Raises
    ------
    ValueError
        `exact` did not make it.
    """
    if isinstance(value, list):
        return tuple(parse_exact(item) for item in value)
    if not isinstance(value, dict):
        return value
    try:
        return _parse_object(value)
    except (KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"{shortened(repr(value), 40)} is no value that a file holds") from error


def _parse_object(value: Mapping[str, Any]) -> Any:
    if "float" in value:
        return float(value["float"])
    if "quantity" in value:
        return u.Quantity(parse_exact(value["quantity"]), parse_unit(value["unit"]))
    if not _DTYPE.fullmatch(value["dtype"]):
        raise ValueError(f"{value['dtype']!r} is no type of numbers that a file holds")
    numbers = [float(item) if isinstance(item, str) else item for item in value["array"]]
    return np.array(numbers, dtype=value["dtype"]).reshape(value["shape"])


def described(value: Any) -> Any:
    """JSON value for people: an object is given by its class, an array by its shape, a function by its name."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, (float, np.floating)):
        return number(float(value))
    if isinstance(value, (np.bool_, np.integer)):
        return value.item()
    if isinstance(value, u.UnitBase):
        return unit_text(value)
    if isinstance(value, Mapping):
        return {str(key): described(item) for key, item in value.items()}
    if getattr(value, "shape", None):
        return f"{type(value).__name__} of shape {tuple(value.shape)}"
    if isinstance(value, u.Quantity):
        return {"value": number(float(value.value)), "unit": unit_text(value.unit)}
    if isinstance(value, (tuple, list, set, frozenset)):
        return [described(item) for item in value]
    return getattr(value, "__qualname__", type(value).__qualname__)
