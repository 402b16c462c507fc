"""Text from files that others made: how it is shown, and units that are read from it.

Flows in: any text. Flows out: text that changes nothing but its own place on a terminal or a page; and units, or an
error, within a moment and without much memory, whatever the text says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import Any

from ndfit.errors import UnreadableFile

__all__ = ["is_unit_within_limits", "printable", "read_unit", "reading", "shortened"]

_LONGEST_UNIT = 200  # characters
_LARGEST_POWER = 100
_LONGEST_REASON = 300

# A power of more than three digits. astropy computes powers of ten as whole numbers, so that `10**999999999` does not
# end. A power may stand behind a sign (`10-20`), a letter (`m2`) or a parenthesis, or be written in superscripts.
_HUGE_POWER = re.compile(
    r"(?:[*^+\-\u2212]|\d\s*\()[\s+\-\u2212(]*\d{4,}|[^\W\d]\d{4,}|[\u2070\u00b9\u00b2\u00b3\u2074-\u2079]{4,}"
)


def printable(text: str, keep: str = "") -> str:
    """The text with escape sequences in place of what does not print.

    Control characters can move a terminal's cursor and change what stands there; others turn the direction of writing.
    What prints is what Python's `repr` would show as it is.

    Parameters
    ----------
    keep : characters that are left alone all the same, such as a line break

    Examples
    --------
    >>> from ndfit.untrusted import printable
    >>> print(printable("\\x1b[31mred"))
    \\x1b[31mred
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() or character in keep else _escaped(character) for character in text
    )


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def shortened(text: str, most: int = 100) -> str:
    """The text, or its beginning and how much is left out."""
    return text if len(text) <= most else f"{text[:most]}... ({len(text) - most} characters more)"


def is_unit_within_limits(text: str) -> bool:
    """Whether a text is short enough for a unit, and has no power that takes long to compute."""
    return len(text) <= _LONGEST_UNIT and _HUGE_POWER.search(text) is None


def read_unit(text: str, unknown: str = "raise") -> Any:
    """A unit, as astropy writes them.

    Parameters
    ----------
    text : at most 200 characters, with powers from -100 to 100
    unknown : what astropy does about a unit that it does not know: 'raise', 'warn' or 'silent'

    Raises
    ------
    ValueError
        The text is no unit, or beyond these limits.
    """
    from astropy import units as u

    if not is_unit_within_limits(text):
        raise ValueError(f"'{printable(shortened(text))}' is too long for a unit, or has too large a power")
    try:
        unit = u.Unit(text, parse_strict=unknown)
    except (TypeError, ArithmeticError, RecursionError) as error:
        raise ValueError(f"'{printable(text)}' is not a unit") from error
    if not isinstance(unit, u.UnitBase | u.function.FunctionUnitBase):
        raise ValueError(f"'{printable(text)}' is several units, and one is expected")
    physical = unit if isinstance(unit, u.UnitBase) else unit.physical_unit
    scale = complex(getattr(physical, "scale", 1.0))
    if not (isfinite(scale.real) and isfinite(scale.imag)):
        raise ValueError(f"'{printable(text)}' has a scale that is not finite")
    if any(abs(power) > _LARGEST_POWER for power in getattr(physical, "powers", ())):
        raise ValueError(f"'{printable(text)}' has a power beyond {_LARGEST_POWER}, which no unit has")
    return unit


@contextmanager
def reading(
    path: Path, kind: str, error: type[UnreadableFile] = UnreadableFile, fault: Callable[[Path], str] = lambda path: ""
) -> Iterator[None]:
    """Report what a library stumbles over in a file: it may raise anything where that is damaged.

    Parameters
    ----------
    kind : of the file, with its article
    error : what to raise
    fault : finds what is wrong with the file, where it can

    Raises
    ------
    UnreadableFile
        Whatever was raised within the context, other than what the system or the installation is to blame for.
    """
    try:
        yield
    except (FileNotFoundError, PermissionError, ImportError, Warning):
        raise
    except UnreadableFile as cause:
        if str(path) in str(cause):
            raise
        raise error(f"{path} cannot be read as {kind}: {cause}") from cause
    except Exception as cause:
        raise error(f"{path} cannot be read as {kind}: {fault(path) or _reason(cause)}") from cause


def _reason(error: Exception) -> str:
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if isinstance(error, KeyError):
        lacking = said.strip("'\"").removeprefix("Keyword ").removesuffix(" not found.").strip("'")
        return f"it lacks {lacking}"
    if isinstance(error, MemoryError):
        return "it asks for more memory than there is"
    said = re.split(r"(?<!\.)\. ", said)[0].rstrip(".")  # astropy adds advice on its calls
    said = printable(shortened(said, _LONGEST_REASON))
    return said if isinstance(error, OSError | TypeError) else f"it is damaged ({said})"
