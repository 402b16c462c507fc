"""`--missing`: values that stand for no data.

Flows in: data, and a value or a range as it was typed. Flows out: which samples are to be ignored.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ndfit.cli.bad_input import PointedError
from ndfit.cli.quantities import Amount, parse_amount, parse_range

__all__ = ["is_missing", "near_missing"]

_NEAR = 0.01  # of the value


def is_missing(data: Any, text: str) -> Any:
    """Samples that have the value, as the file rounds it, or lie in the range, both limits included.

    Raises
    ------
    PointedError
        A text that is neither, or has a unit.
    """
    low, high = _limits(text)
    if low == high:
        return data == (data.dtype.type(low) if data.dtype.kind == "f" else low)
    return (data >= low) & (data <= high)


def near_missing(data: Any, text: str) -> str:
    """A note where samples of an array in memory come near to the value without having it; else empty."""
    low, high = _limits(text)
    if low != high or low == 0.0 or not isinstance(data, np.ndarray):
        return ""
    with np.errstate(all="ignore"):
        margin = _NEAR * abs(low)  # comparisons make no copy of the data in doubles
        near = (data > low - margin) & (data < low + margin) & ~is_missing(data, text)
    count = int(np.count_nonzero(near))
    if not count:
        return ""
    return (
        f"{count} samples are within 1 % of {low:g} and are kept: if they are missing too, give a range, such as "
        f"--missing {low - _NEAR * abs(low):g}:{low + _NEAR * abs(low):g}."
    )


def _limits(text: str) -> tuple[float, float]:
    if ":" not in text:
        value = _number(parse_amount(text), text)
        return value, value
    low, high = parse_range(text)
    return (
        -np.inf if low is None else _number(low, text),
        np.inf if high is None else _number(high, text),
    )


def _number(amount: Amount, text: str) -> float:
    if amount.unit is not None:
        raise PointedError("--missing is a number as the file holds it, without a unit.", text, 0)
    return amount.value
