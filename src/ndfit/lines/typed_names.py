"""Lines as a person names them.

Flows in: texts such as `[OIII], Hb` or `mine = 5018.43 Angstrom`. Flows out: Lines.
"""

from __future__ import annotations

from collections.abc import Iterable

from ndfit.lines.known import lines_called
from ndfit.lines.line import Line, read_rest

__all__ = ["lines_typed"]


def lines_typed(texts: Iterable[str]) -> list[Line]:
    """Lines of the list, and those that are given as name=wavelength, in vacuum.

    Raises
    ------
    ValueError
        There is no such line; the message says what is near.
    """
    return [line for text in texts for name in _split(text) for line in _called(name)]


def _split(text: str) -> list[str]:
    """Names separated by commas that are not within parentheses or brackets."""
    names, depth = [""], 0
    for letter in text:
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and depth <= 0:
            names.append("")
        else:
            names[-1] += letter
    return [name.strip() for name in names if name.strip()]


def _called(name: str) -> tuple[Line, ...]:
    """Lines of the list, or one given as name=wavelength."""
    own, equals, rest = (part.strip() for part in name.partition("="))
    try:
        return lines_called(name)
    except ValueError:
        if not (equals and own):
            raise
    return (Line(own, read_rest(rest, "vacuum", f"the wavelength of '{own}'")),)
