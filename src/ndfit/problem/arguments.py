"""Checks of single arguments: what was expected, what arrived.

Flows in: an argument and its name. Flows out: its value, of the type that it is used as, or an error that names it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np

from ndfit.errors import WrongArgument, WrongArgumentType

__all__ = [
    "check_choice",
    "check_flag",
    "check_mapping",
    "check_number",
    "check_path",
    "check_size",
    "check_whole",
    "suggestion",
]


def check_flag(value: Any, name: str) -> bool:
    """True or False.

    Raises
    ------
    TypeError
    """
    if not isinstance(value, (bool, np.bool_)):
        raise WrongArgumentType(name, "True or False", value)
    return bool(value)


def check_choice(value: Any, name: str, choices: Sequence[Any]) -> Any:
    """One of the choices, which are text or None.

    Raises
    ------
    ValueError
    """
    if not (value is None or isinstance(value, str)) or value not in choices:
        raise WrongArgument(name, f"one of {', '.join(map(str, choices))}", value)
    return value


def check_number(
    value: Any, name: str, what: str, least: float = 0.0, most: float = np.inf, above: float = -np.inf
) -> float:
    """A finite number in a range, ends included but for `above`.

    Parameters
    ----------
    what : what is expected, for the error

    Raises
    ------
    ValueError
    """
    is_number = isinstance(value, (Real, np.number)) and not isinstance(value, (bool, np.bool_))
    if not (is_number and isfinite(float(value)) and least <= float(value) <= most and float(value) > above):
        raise WrongArgument(name, what, value)
    return float(value)


def check_whole(
    value: Any, name: str, what: str, least: int = 1, most: int = 2**63 - 1, never: Sequence[int] = ()
) -> int:
    """A whole number, of whatever type: 1e3 is one.

    Parameters
    ----------
    never : numbers in the range that are not meant

    Raises
    ------
    ValueError
    """
    number = check_number(value, name, what, least=-np.inf)
    whole = int(value) if isinstance(value, Integral) else int(number)
    if whole != value or not least <= whole <= most or whole in never:
        raise WrongArgument(name, what, value)
    return whole


def check_size(value: Any, name: str) -> int:
    """Bytes, from a number of them or text such as '512 MB'.

    Raises
    ------
    ValueError
    """
    from dask.utils import parse_bytes

    try:
        size = 0 if isinstance(value, bool) else int(parse_bytes(value))
    except (ValueError, TypeError, AttributeError, OverflowError):
        size = 0
    if size < 1:
        raise WrongArgument(name, "a number of bytes, or text such as '512 MB'", value)
    return size


def check_mapping(value: Any, name: str, what: str) -> dict[str, Any]:
    """A mapping from names, as a dict of its own; empty for None.

    Raises
    ------
    TypeError
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise WrongArgumentType(name, what, value)
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
        raise WrongArgumentType(name, "a path", value) from None


def suggestion(name: str, known: Iterable[str]) -> str:
    """What ends the sentence about a name that is not known: those that are, and the one that may be meant."""
    names = [str(each) for each in known]
    close = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    meant = f"; did you mean '{close[0]}'?" if close else ""
    return f": there are {', '.join(names)}{meant}"
