"""The WCS of maps and cubes as header cards.

Flows in: a low-level WCS and a shape. Flows out: cards from which astropy reads a WCS that agrees with it at the
corners; or none, with the reason. Numbers are written with 17 digits.
"""

from __future__ import annotations

import warnings
from itertools import product
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning
from astropy.wcs import WCS, InvalidSubimageSpecificationError, WcsError, WCSHDO_safe
from astropy.wcs.wcs import WCSHDO_P17, WCSHDO_SIP

from ndfit.caught import warnings_put_back
from ndfit.io.headers import wcs_within_limits

__all__ = ["NOT_IN_FITS", "wcs_cards", "wcs_of_header"]

NOT_IN_FITS = "the WCS of the data cannot be written in a FITS header"

_AGREE = 1e-9  # of the largest coordinate


def wcs_cards(wcs: Any, shape: tuple[int, ...], extra_axes: int = 0) -> tuple[fits.Header, str]:
    """Header cards of a WCS.

    Parameters
    ----------
    wcs : low-level WCS with an axis for each of `shape`
    shape : of the image, without the extra axes
    extra_axes : axes in front of the image's that are no positions

    Returns
    -------
    Cards, and why there are none, empty where there are.
    """
    if not isinstance(wcs, WCS):
        return fits.Header(), NOT_IN_FITS
    with warnings_put_back():
        warnings.simplefilter("ignore", AstropyWarning)
        try:
            header = _header(wcs)
            if not _agrees(wcs, WCS(header), shape):
                return fits.Header(), NOT_IN_FITS
            if extra_axes:
                header = _header(wcs.sub([*range(1, wcs.naxis + 1), *(0,) * extra_axes]))
        except (WcsError, InvalidSubimageSpecificationError, ValueError):
            return fits.Header(), NOT_IN_FITS
    return header, ""


def wcs_of_header(header: fits.Header, shape: tuple[int, ...]) -> WCS | None:
    """WCS of a header that `wcs_cards` made, of an image of that shape; None where it has none."""
    if ("CTYPE1" not in header and "CRVAL1" not in header) or not wcs_within_limits(header):
        return None
    with warnings_put_back():
        warnings.simplefilter("ignore", AstropyWarning)
        try:
            wcs = WCS(header, naxis=len(shape))
            wcs.deepcopy()  # which fails where the header has parameters that wcslib cannot hold
        except Exception:  # wcslib and astropy raise many kinds for headers that make no sense
            return None
    wcs.array_shape = shape
    return wcs


def _header(wcs: WCS) -> fits.Header:
    return wcs.to_header(relax=WCSHDO_safe | WCSHDO_P17 | WCSHDO_SIP)


def _agrees(wcs: WCS, written: WCS, shape: tuple[int, ...]) -> bool:
    """At the corners and the middle; distortions by look-up tables do not stand in a header, for one."""
    corners = [*product(*((0, max(size - 1, 0)) for size in shape)), tuple(size // 2 for size in shape)]
    pixels = np.array(corners, dtype=float)[:, ::-1]
    with np.errstate(all="ignore"):
        one, other = (np.asarray(each.all_pix2world(pixels, 0)) for each in (wcs.deepcopy(), written))
    known = np.isfinite(one) & np.isfinite(other)
    scale = np.max(np.abs(one), axis=0, where=known, initial=0.0)
    close = np.abs(one - other) <= _AGREE * scale
    return np.array_equal(np.isfinite(one), np.isfinite(other)) and bool(np.all(close, where=known))
