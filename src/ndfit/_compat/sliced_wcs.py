"""What a sliced WCS does not tell by public names.

Flows in: a low-level WCS. Flows out: what it was cut from, and where.
"""

from __future__ import annotations

from typing import Any

from astropy.wcs.wcsapi import BaseLowLevelWCS, SlicedLowLevelWCS

__all__ = ["cut_from"]


def cut_from(wcs: BaseLowLevelWCS) -> tuple[Any, list[Any]] | None:
    """The WCS that a sliced one was cut from, and the slices of its array axes; None of another one."""
    return (wcs._wcs, list(wcs._slices_array)) if isinstance(wcs, SlicedLowLevelWCS) else None
