"""Checks of single arguments: what was expected, what arrived.

Flows in: an argument and its name. Flows out: its value, of the type that it is used as, or an error that names it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["check_choice", "check_flag", "check_mapping", "check_number", "check_path", "check_whole"]


def check_flag(value: Any, name: str) -> bool:
    """True or False.

    Raises
    ------
    TypeError
    """
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} should be True or False, got {value!r}")
    return bool(value)


def check_choice(value: Any, name: str, choices: Sequence[Any]) -> Any:
    """One of the choices, which are text or None.

    Raises
    ------
    ValueError
    """
    if not (value is None or isinstance(value, str)) or value not in choices:
        raise ValueError(f"{name} should be one of {', '.join(map(str, choices))}, got {value!r}")
    return value


def check_number(value: Any, name: str, what: str, least: float = 0.0, most: float = np.inf) -> float:
    """A finite number in a range, ends included.

    Parameters
    ----------
    what : what is expected, for the error

    Raises
    ------
    ValueError
    """
    is_number = isinstance(value, (Real, np.number)) and not isinstance(value, (bool, np.bool_))
    if not (is_number and isfinite(float(value)) and least <= float(value) <= most):
        raise ValueError(f"{name} should be {what}, got {value!r}")
    return float(value)


def check_whole(value: Any, name: str, what: str, least: int = 1) -> int:
    """A whole number, of whatever type: 1e3 is one.

    Raises
    ------
    ValueError
    """
    number = check_number(value, name, what, least)
    if not number.is_integer():
        raise ValueError(f"{name} should be {what}, got {value!r}")
    return int(value) if isinstance(value, Integral) else int(number)


def check_mapping(value: Any, name: str, what: str) -> dict[str, Any]:
    """A mapping from names, as a dict of its own; empty for None.

    Raises
    ------
    TypeError
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise TypeError(f"{name} should be {what}, got {value!r}")
    return dict(value)


def check_path(value: Any, name: str) -> Path | None:
    """A path; None stays None.

    Raises
    ------
    TypeError
    """
    if value is None:
        return None
    try:
        return Path(value)
    except TypeError:
        raise TypeError(f"{name} should be a path, got {value!r}") from None
