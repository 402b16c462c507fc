"""Line sets as nested data, as they stand in TOML, YAML and tables.

Flows in: mappings and lists of numbers and texts. Flows out: the arguments of a LineSet, and such mappings again.

    medium = "air"                          # of the wavelengths here; vacuum where it is not said
    continuum = 1                           # degree of the polynomial under all lines
    masks = ["5573:5583 Angstrom"]          # sky lines, as observed
    windows = ["6480:6650 Angstrom"]        # what is fitted, at rest; around the lines where it is not said
    width = "150 km/s"                      # also min_width, max_width, max_velocity, window

    [[lines]]
    name = "Ha"                             # of the list, or with its own `rest`

    [[lines]]
    name = "broad"
    rest = "6562.79 Angstrom"
    group = "broad"                         # tied in velocity and width to the first line of the same group
    width = ">2 Ha"

A line is tied in velocity and width to the first of its group, unless `velocity` and `width` say something else; `free`
leaves it alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from astropy import units as u

from ndfit.lines.known import lines_called
from ndfit.lines.line import MEDIA, Band, Line, Relation, quantity_of, read_band, read_relation, read_rest
from ndfit.problem.arguments import suggestion
from ndfit.untrusted import printable, shortened

__all__ = ["MOST_LINES", "OF_LINE", "VELOCITIES", "entries_of", "grouped", "read_entries"]

MOST_LINES = 300

OF_LINE = ("name", "rest", "group", "velocity", "width", "flux", "blue", "red")
VELOCITIES = ("width", "min_width", "max_width", "max_velocity", "window")
_OF_SET = ("medium", "continuum", "masks", "windows", *VELOCITIES, "lines")
_TIES = ("velocity", "width", "flux")


def read_entries(data: Any) -> dict[str, Any]:
    """Arguments of LineSet.

    Raises
    ------
    ValueError
        What is wrong, and where.
    """
    if not isinstance(data, Mapping):
        raise ValueError("a line set should be a table with 'lines' in it")
    _check_keys(data, _OF_SET, "a line set")
    medium = data.get("medium", "vacuum")
    if medium not in MEDIA:
        raise ValueError(f"medium should be vacuum or air, got '{_shown(medium)}'")
    rows = data.get("lines")
    if not isinstance(rows, Sequence) or isinstance(rows, str) or not 0 < len(rows) <= MOST_LINES:
        raise ValueError(f"'lines' should be a list of 1 to {MOST_LINES} lines")
    arguments: dict[str, Any] = {"lines": grouped(_lines(row, medium) for row in rows)}
    for key in ("masks", "windows"):
        arguments[key] = tuple(read_band(text, medium, key) for text in _texts(data.get(key, ()), key))
    for key in VELOCITIES:
        if key in data:
            arguments[key] = quantity_of(data[key], key)
    if "continuum" in data:
        arguments["continuum"] = data["continuum"]
    return arguments


def grouped(rows: Iterable[tuple[str, list[tuple[Line, frozenset[str]]]]]) -> tuple[Line, ...]:
    """Lines, tied in velocity and width to the first of their group where nothing else is said.

    Parameters
    ----------
    rows : group, and lines with the names of what is said of each
    """
    first: dict[str, str] = {}
    lines = []
    for group, members in rows:
        for line, said in members:
            leader = first.setdefault(group, line.name)
            others = {key: Relation(leader) for key in ("velocity", "width") if leader != line.name and key not in said}
            lines.append(
                replace(line, velocity=others.get("velocity", line.velocity), width=others.get("width", line.width))
            )
    return tuple(lines)


def _lines(row: Any, medium: str) -> tuple[str, list[tuple[Line, frozenset[str]]]]:
    """The group and the lines of one entry; several where it names a group of the list."""
    row = {"name": row} if isinstance(row, str) else row
    if not isinstance(row, Mapping):
        raise ValueError(f"a line should be a name or a table, got '{_shown(row)}'")
    row = {key: value for key, value in row.items() if value not in (None, "")}
    _check_keys(row, OF_LINE, "a line")
    name, group = (_text(row.get(key, ""), f"{key} of a line") for key in ("name", "group"))
    if not name:
        raise ValueError("a line has no name")
    said: dict[str, Any] = {key: read_relation(row[key], f"{key} of '{name}'") for key in _TIES if key in row}
    bands: dict[str, Any] = {
        key: read_band(row[key], medium, f"{key} of '{name}'") for key in ("blue", "red") if key in row
    }
    if "rest" in row:
        lines: tuple[Line, ...] = (Line(name, read_rest(row["rest"], medium, f"rest of '{name}'")),)
    else:
        lines = lines_called(name)
    if len(lines) > 1 and (bands or "flux" in said):
        raise ValueError(f"'{name}' is several lines: name the one that flux, blue or red are of")
    return group, [(replace(line, **said, **bands), frozenset(said)) for line in lines]


def entries_of(lines: Iterable[Line]) -> list[dict[str, str]]:
    """What `read_entries` makes these lines of again, in vacuum."""
    rows = []
    for line in lines:
        row = {"name": line.name, "rest": f"{float(line.rest.value)!r} {line.rest.unit}"}
        row |= {key: "free" if getattr(line, key) is None else str(getattr(line, key)) for key in ("velocity", "width")}
        if line.flux is not None:
            row["flux"] = str(line.flux)
        rows.append(row | {key: _band(getattr(line, key)) for key in ("blue", "red") if getattr(line, key) is not None})
    return rows


def _band(band: Band) -> str:
    return f"{band.low!r}:{band.high!r} {u.AA}"


def _texts(value: Any, key: str) -> tuple[Any, ...]:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, Sequence) or len(value) > MOST_LINES:
        raise ValueError(f"{key} should be a list of ranges, such as ['5573:5583 Angstrom']")
    return tuple(value)


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{what} should be text, got {_shown(value)}")
    return value.strip()


def _check_keys(table: Mapping[Any, Any], known: Sequence[str], what: str) -> None:
    for key in table:
        if key not in known:
            raise ValueError(f"{what} has no '{_shown(key)}'{suggestion(_shown(key), known)}")


def _shown(value: Any) -> str:
    return printable(shortened(str(value)))
