"""Line sets of the data analysis pipeline of MaNGA: `elp*.par`.

Flows in: the text of such a file, in the format of SDSS parameter files. Flows out: the arguments of a LineSet.

The columns are described at https://sdss-mangadap.readthedocs.io/en/latest/emissionlines.html. There are two
generations: `tie` (one line that flux, velocity and dispersion are tied to), and since version 4.1 `tie_f`, `tie_v`
and `tie_s` (a line for each). `=` is a tie, `=0.34` a ratio of fluxes, `<`, `>` and `>1.4` are limits, and `1.4`
alone means from 1/1.4 to 1.4. A line that is fitted (action f) is called as in the maps of the pipeline, Ha-6564; one
that is masked where it is observed (s), or at rest (m), leaves out 800 km/s on either side; one that is ignored (i)
is left out.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from math import inf
from typing import Any

from astropy import units as u

from ndfit.lines.air import to_vacuum
from ndfit.lines.axis import LIGHT
from ndfit.lines.entries import MOST_LINES
from ndfit.lines.line import Band, Line, Relation
from ndfit.untrusted import printable, shortened

__all__ = ["read_dap"]

_STRUCTURE = re.compile(r"typedef\s+struct\s*\{([^{}]*)\}\s*DAPEML\s*;")
_COLUMN = re.compile(r"(?:int|short|long|float|double|char)\s+(\w+)((?:\s*\[\s*\d{1,3}\s*\])*)\s*\Z")
_NEEDED = ("index", "name", "waveref", "action")
_SEPARATE = {"flux": "tie_f", "velocity": "tie_v", "width": "tie_s"}
_MASKED = 800.0  # km/s
_NONE = "None"


def read_dap(text: str) -> dict[str, Any]:
    """Arguments of LineSet.

    Raises
    ------
    ValueError
        What is missing, or which row cannot be read.
    """
    found = _STRUCTURE.search(text)
    if found is None:
        raise ValueError("it has no 'typedef struct {...} DAPEML', as line lists of the MaNGA pipeline have")
    columns = _columns(found[1])
    rows = [dict(_row(line, columns)) for line in text[found.end() :].splitlines() if line.strip().startswith("DAPEML")]
    if not 0 < len(rows) <= MOST_LINES:
        raise ValueError(f"it has {len(rows)} rows of lines, and 1 to {MOST_LINES} are expected")
    fitted = {row["index"]: row for row in rows if row["action"] == "f"}
    if not fitted:
        raise ValueError("it has no line that is to be fitted (action f)")
    if len(fitted) != sum(row["action"] == "f" for row in rows):
        raise ValueError("two of its lines have one index")
    names = _names(fitted)
    return {
        "lines": tuple(_line(row, names) for row in fitted.values()),
        "masks": tuple(_masked(row) for row in rows if row["action"] == "s"),
        "rest_masks": tuple(_masked(row) for row in rows if row["action"] == "m"),
    }


def _columns(text: str) -> dict[str, bool]:
    """Name of each column -> whether it holds several values."""
    columns = {}
    for part in filter(None, (each.strip() for each in text.split(";"))):
        match = _COLUMN.match(part)
        if match is None:
            raise ValueError(f"its column '{_shown(part)}' cannot be read")
        sizes = match[2].count("[")
        columns[match[1]] = sizes > (1 if part.startswith("char") else 0)
    missing = [name for name in _NEEDED if name not in columns]
    if not {"restwave", "lambda"} & set(columns):
        missing.append("restwave")
    if missing:
        raise ValueError(f"it lacks the column(s) {', '.join(missing)}")
    if "tie" not in columns and not set(_SEPARATE.values()) <= set(columns):
        raise ValueError(
            "it has neither the column tie nor tie_f, tie_v and tie_s, as files since version 3.1 of the pipeline"
        )
    return columns


def _row(line: str, columns: Mapping[str, bool]) -> Iterable[tuple[str, Any]]:
    """Values by column: text, or a list of texts."""
    try:
        words = shlex.split(line.replace("{", " { ").replace("}", " } "), comments=True)[1:]
    except ValueError:
        raise ValueError(f"its row '{_shown(line.strip())}' has a quote that does not end") from None
    for name, several in columns.items():
        if not words:
            raise ValueError(f"its row '{_shown(line.strip())}' ends before {name}")
        if not several:
            yield name, words.pop(0)
            continue
        if words[0] != "{" or "}" not in words:
            raise ValueError(f"its row '{_shown(line.strip())}' has no values in braces for {name}")
        end = words.index("}")
        yield name, words[1:end]
        del words[: end + 1]
    if words:
        raise ValueError(f"its row '{_shown(line.strip())}' has more values than columns")


def _names(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Name of each line in the maps of the pipeline, by index; with the index where two are the same."""
    plain = {index: f"{row['name']}-{int(_number(_rest(row), row))}" for index, row in rows.items()}
    shared = {name for name in plain.values() if list(plain.values()).count(name) > 1}
    return {index: f"{name} ({index})" if name in shared else name for index, name in plain.items()}


def _line(row: Mapping[str, Any], names: Mapping[str, str]) -> Line:
    name = names[row["index"]]
    ties = dict(_ties(row, names))
    return Line(
        name,
        u.Quantity(_vacuum(_number(_rest(row), row), row), u.AA),
        ties.get("velocity"),
        ties.get("width"),
        ties.get("flux"),
        _band(row.get("blueside"), row),
        _band(row.get("redside"), row),
    )


def _rest(row: Mapping[str, Any]) -> str:
    return str(row["restwave"] if "restwave" in row else row["lambda"])


def _ties(row: Mapping[str, Any], names: Mapping[str, str]) -> Iterable[tuple[str, Relation]]:
    if "tie" in row:
        pairs = [[row["tie"][0], how] for how in row["tie"][1:]]
        if len(pairs) != len(_SEPARATE):
            raise ValueError(f"the tie of its line {_shown(row['index'])} should have four values")
    else:
        pairs = [row[column] for column in _SEPARATE.values()]
    for what, pair in zip(_SEPARATE, pairs, strict=True):
        if len(pair) != 2:
            raise ValueError(f"{_SEPARATE[what]} of its line {_shown(row['index'])} should have two values")
        index, how = pair
        if how == _NONE:
            continue
        if index not in names:
            raise ValueError(
                f"its line {_shown(row['index'])} is tied to '{_shown(index)}', which is no line that is fitted"
            )
        yield what, _relation(names[index], how, row)


def _relation(to: str, how: str, row: Mapping[str, Any]) -> Relation:
    sign, number = (how[:1], how[1:]) if how[:1] in "=<>" else ("", how)
    factor = _number(number, row) if number else 1.0
    if factor <= 0.0:
        raise ValueError(f"the tie '{_shown(how)}' of its line {_shown(row['index'])} should have a positive number")
    if sign == "":
        factor = max(factor, 1.0 / factor)
        return Relation(to, 1.0 / factor, factor)
    limits = {"=": (factor, factor), "<": (0.0, factor), ">": (factor, inf)}[sign]
    return Relation(to, *limits)


def _band(ends: Sequence[str] | None, row: Mapping[str, Any]) -> Band | None:
    """A side band; the pipeline writes -1 where there is none, and ends in either order."""
    if ends is None:
        return None
    if len(ends) != 2:
        raise ValueError(f"a side band of its line {_shown(row['index'])} should have two ends")
    low, high = sorted(_vacuum(_number(end, row), row) for end in ends)
    return Band(low, high) if low > 0.0 else None


def _masked(row: Mapping[str, Any]) -> Band:
    centre = _vacuum(_number(_rest(row), row), row)
    return Band(centre * (1.0 - _MASKED / LIGHT), centre * (1.0 + _MASKED / LIGHT))


def _vacuum(wavelength: float, row: Mapping[str, Any]) -> float:
    if row["waveref"] not in ("vac", "air"):
        raise ValueError(
            f"waveref of its line {_shown(row['index'])} should be vac or air, got '{_shown(row['waveref'])}'"
        )
    return float(to_vacuum(wavelength)) if row["waveref"] == "air" and wavelength > 0.0 else wavelength


def _number(text: str, row: Mapping[str, Any]) -> float:
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"'{_shown(text)}' of its line {_shown(row['index'])} should be a number") from None
    if not -inf < number < inf:
        raise ValueError(f"'{_shown(text)}' of its line {_shown(row['index'])} should be finite")
    return number


def _shown(text: Any) -> str:
    return printable(shortened(str(text)))
