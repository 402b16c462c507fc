"""The lines that ship with the package.

Flows in: a name as people write it. Flows out: its lines, or ValueError with near names. `known_lines.toml` says where
each wavelength is from.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

from ndfit.lines.line import Line, read_relation, read_rest
from ndfit.untrusted import printable, shortened

__all__ = ["known_lines", "lines_called", "sources"]

_GREEK = dict(
    zip(
        map(chr, range(0x3B1, 0x3B9)),
        ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"),
        strict=True,
    )
)
_LEFT_OUT = str.maketrans("", "", " -_")


@dataclass(frozen=True)
class _Known:
    """Lines and groups by every name in its plain form; the names as they are shown; name -> source."""

    lines: Mapping[str, tuple[Line, ...]]
    shown: tuple[str, ...]
    sources: Mapping[str, str]


def lines_called(name: str) -> tuple[Line, ...]:
    """A line, or the lines of a group with their fixed ratios of flux.

    Raises
    ------
    ValueError
        Nothing has that name; the message says what is near.
    """
    known = _known()
    found = known.lines.get(_plain(name))
    if found is None:
        near = difflib.get_close_matches(_plain(name)[:100], known.lines, n=3, cutoff=0.6)
        hint = (
            f"did you mean {' or '.join(dict.fromkeys(_shown(known.lines[each]) for each in near))}? " if near else ""
        )
        raise ValueError(
            f"there is no line '{printable(shortened(name))}' in the list: {hint}"
            "Give a line of your own as name=wavelength, such as 'mine=6302.05Angstrom'"
        )
    return found


def known_lines() -> tuple[Line, ...]:
    """Every line of the list."""
    known = _known()
    return tuple(known.lines[_plain(name)][0] for name in known.shown)


def sources() -> Mapping[str, str]:
    """Name of each line -> where its wavelength is from."""
    return _known().sources


@cache
def _known() -> _Known:
    content = tomllib.loads(files("ndfit.lines").joinpath("known_lines.toml").read_text(encoding="utf-8"))
    own: dict[str, Line] = {}
    lines: dict[str, tuple[Line, ...]] = {}
    origin = {}
    for name, (rest, source, *aliases) in content["lines"].items():
        own[name] = Line(name, read_rest(rest, "vacuum", name))
        origin[name] = content["sources"][source]
        lines |= {_plain(each): (own[name],) for each in (name, *aliases)}
    for name, group in content["groups"].items():
        fluxes = {each: read_relation(text, each) for each, text in group.get("flux", {}).items()}
        lines[_plain(name)] = tuple(replace(own[each], flux=fluxes.get(each)) for each in group["lines"])
    return _Known(lines, tuple(own), origin)


def _plain(name: str) -> str:
    """Without case, blanks and dashes, and with Greek letters spelt out."""
    return "".join(_GREEK.get(letter, letter) for letter in name.translate(_LEFT_OUT).casefold())


def _shown(lines: tuple[Line, ...]) -> str:
    return lines[0].name
