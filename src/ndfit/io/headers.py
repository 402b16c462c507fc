"""Headers of FITS files, which may be broken.

Flows in: a header as astropy has read it. Flows out: the cards in it that can be read; and whether its WCS may be
handed to astropy, which makes arrays of the sizes that a header names before it looks at anything else. And of a file
that astropy cannot read: which card is at fault.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from astropy.io import fits

from ndfit.errors import UnreadableFile
from ndfit.untrusted import is_unit_within_limits

__all__ = ["check_file", "check_headers", "fault_of_file", "readable_cards", "wcs_within_limits"]

_MOST_AXES = 99  # the standard's two digits
_LARGEST_ORDER = 30  # of polynomials of distortions, whose coefficients are a square of that size

_BLOCK = 2880
_BITPIX = (8, 16, 32, 64, -32, -64)
_MOST_ARRAY_AXES = 32  # that numpy has in every release
_MOST_BYTES = 2**63
_MOST_COLUMNS = 999
_MOST_HEADERS = 1000

# How packed files begin, and what reads them.
_PACKED: Mapping[bytes, Callable[[Path], Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}

_AXES = re.compile(r"WCSAXES[A-Z]?$")
_ORDER = re.compile(r"[AB]P?_ORDER$")
_UNIT = re.compile(r"CUNIT\d")


def readable_cards(header: fits.Header) -> dict[str, Any]:
    """Keywords and values; the first of several of the same keyword."""
    cards: dict[str, Any] = {}
    for card in header.cards:
        try:
            cards.setdefault(card.keyword, card.value)
        except (fits.VerifyError, ValueError):
            continue
    return cards


def wcs_within_limits(header: fits.Header) -> bool:
    """Whether the numbers of axes and coefficients, and the units, are such as a WCS can have."""
    for keyword, value in readable_cards(header).items():
        if _AXES.match(keyword) and not _is_whole(value, _MOST_AXES):
            return False
        if _ORDER.match(keyword) and not _is_whole(value, _LARGEST_ORDER):
            return False
        if _UNIT.match(keyword) and not is_unit_within_limits(str(value)):
            return False
    return True


def _is_whole(value: Any, most: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= most and value % 1 == 0


def check_headers(hdus: fits.HDUList) -> None:
    """Load one HDU after another: where one says that its data have a negative length, astropy does not come to an end.

    Raises
    ------
    UnreadableFile
        The message says which HDU is at fault, without the name of the file.
    """
    number = 0
    while True:
        try:
            hdu = hdus[number]
        except IndexError:
            return
        fault = _fault(readable_cards(hdu.header), number)
        if not fault and hdu.fileinfo()["datSpan"] < 0:
            fault = "states data of a negative length"
        if fault:
            raise UnreadableFile(f"HDU {number} {fault}")
        number += 1


def check_file(path: Path) -> None:
    """Look at the headers before astropy does, which makes lists as long as a header says that they are.

    Raises
    ------
    UnreadableFile
        The message says which HDU is at fault, without the name of the file.
    """
    fault = fault_of_file(path)
    if fault:
        raise UnreadableFile(fault)


def fault_of_file(path: Path) -> str:
    """What is wrong with the first header that is at fault, for a message; empty where none is found."""
    try:
        with _opened(path) as file:
            for number in range(_MOST_HEADERS):
                header = fits.Header.fromfile(file)
                cards = readable_cards(header)
                if number and "XTENSION" not in cards:  # something else behind the last HDU, which nobody reads
                    return ""
                fault = _fault(cards, number)
                if fault:
                    return f"HDU {number} {fault}"
                file.seek(-(-_bytes_of_data(cards) // _BLOCK) * _BLOCK, 1)
    except Exception:  # the end of the file, or no header at all: astropy has said so
        return ""
    return ""


def _opened(path: Path) -> Any:
    """The file, unpacked while it is read, in the ways that astropy knows."""
    with path.open("rb") as file:
        begin = file.read(6)
    for magic, unpacked in _PACKED.items():
        if begin.startswith(magic):
            return unpacked(path)
    return path.open("rb")


def _fault(cards: Mapping[str, Any], number: int) -> str:
    if number == 0 and "SIMPLE" not in cards:
        return ""
    if cards.get("BITPIX") not in _BITPIX:
        return f"states BITPIX {_stated(cards, 'BITPIX')}, and it has to be one of {', '.join(map(str, _BITPIX))}"
    if not _is_whole(cards.get("NAXIS"), _MOST_ARRAY_AXES):
        return f"states NAXIS {_stated(cards, 'NAXIS')}, and it has to be a number from 0 to {_MOST_ARRAY_AXES}"
    lengths = [f"NAXIS{axis + 1}" for axis in range(int(cards["NAXIS"]))]
    counts = [name for name in ("PCOUNT", "GCOUNT", "TFIELDS") if name in cards]
    for name in (*lengths, *counts):
        if not _is_whole(cards.get(name), _MOST_BYTES):
            return f"states {name} {_stated(cards, name)}, and it has to be a whole number that is not negative"
    if "TFIELDS" in cards and not _is_whole(cards["TFIELDS"], _MOST_COLUMNS):
        return f"states TFIELDS {_stated(cards, 'TFIELDS')}, and it has to be a number from 0 to {_MOST_COLUMNS}"
    for name in (f"TFORM{column + 1}" for column in range(int(cards.get("TFIELDS", 0)))):
        if not isinstance(cards.get(name), str):
            return f"states {name} {_stated(cards, name)}, and it has to be the format of a column"
    return ""


def _stated(cards: Mapping[str, Any], name: str) -> str:
    value = cards.get(name)
    return "nowhere" if value is None or isinstance(value, fits.card.Undefined) else repr(value)


def _bytes_of_data(cards: Mapping[str, Any]) -> int:
    lengths = [int(cards[f"NAXIS{axis + 1}"]) for axis in range(int(cards["NAXIS"]))]
    if cards.get("GROUPS") is True and lengths[:1] == [0]:  # random groups
        lengths = lengths[1:]
    numbers = int(cards.get("PCOUNT", 0)) + math.prod(lengths) if lengths else 0
    return abs(cards["BITPIX"]) // 8 * int(cards.get("GCOUNT", 1)) * numbers
