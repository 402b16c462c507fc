"""Whether a file of results holds what ndfit writes.

Flows in: a record and layers, as they were read. Flows out: nothing, or an UnreadableFile that says which entry is
wrong (what reads the file puts its name before that). What comes after may rely on types, lengths and shapes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from ndfit.errors import UnreadableFile
from ndfit.io.json_values import parse_exact
from ndfit.io.layers import KINDS, Contents, Key, Layer
from ndfit.io.record import LAYOUT
from ndfit.problem.instrument_arguments import MOST_NODES
from ndfit.result.fitted_model import DOMAIN_NAMES
from ndfit.status import FLAGS, STATUS
from ndfit.untrusted import printable, shortened

__all__ = ["check_contents", "check_layer", "check_record", "record_of_text"]

DEEPEST = 400  # values within values; a sum of as many models is as deep
_MOST_AXES = 32
_MOST_PARAMETERS = 10_000
_LARGEST = 2**53
_MOST_STAGES = 100


@dataclass(frozen=True)
class _Kind:
    """What an entry may be: as text, and as a test."""

    description: str
    matches: Callable[[Any], bool]


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        return value in ("nan", "inf", "-inf")
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) and abs(value) < 1e308


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _are(matches: Callable[[Any], bool], most: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and len(value) <= most and all(map(matches, value))


def _is_mapping_of(matches: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(map(matches, value.values()))


def _is_unit(value: Any) -> bool:
    if isinstance(value, dict):
        texts = _are(_is_text, _MOST_PARAMETERS)
        known = _is_text(value.get("text")) and texts(value.get("bases")) and texts(value.get("powers"))
        return known and _is_number(value.get("scale"))
    return value is None or _is_text(value)


def _is_tie(value: Any) -> bool:
    return value is None or (
        isinstance(value, dict) and any(_is_text(value.get(key)) for key in ("expression", "python"))
    )


def _is_pair(value: Any) -> bool:
    """Two numbers, as the limits of a domain."""
    with suppress(ValueError):
        pair = parse_exact(value)
        return isinstance(pair, tuple) and len(pair) == 2 and all(isinstance(item, int | float) for item in pair)
    return False


def _is_matrix(value: Any) -> bool:
    with suppress(ValueError):
        matrix = parse_exact(value)
        return isinstance(matrix, np.ndarray) and matrix.ndim == 2 and matrix.dtype.kind == "f"
    return False


def _are_domains(value: Any) -> bool:
    return isinstance(value, dict) and set(value) <= set(DOMAIN_NAMES) and all(map(_none_or(_is_pair), value.values()))


def _none_or(matches: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or matches(value)


_TEXT = _Kind("a text", _is_text)
_MAYBE_TEXT = _Kind("a text or null", _none_or(_is_text))
_FLAG = _Kind("true or false", lambda value: isinstance(value, bool))
_SIZES = _Kind(f"a list of at most {_MOST_AXES} whole numbers", _are(_is_whole, _MOST_AXES))
_UNIT = _Kind("a unit", _is_unit)
_NUMBER_OR_MAP = _Kind("a number or 'map'", lambda value: value == "map" or _is_number(value))
_OBJECT = _Kind("an object", lambda value: isinstance(value, dict))
_COORDINATES = _Kind("a list of lists of numbers", _are(_none_or(_are(_is_number, 3)), _MOST_AXES))

# Key -> what its value is: a kind, or a table of the same sort. The record may hold more than this.
_PARAMETER: Mapping[str, Any] = {
    "name": _Kind("a name", lambda value: _is_text(value) and value.isidentifier()),
    "unit": _UNIT,
    "start": _NUMBER_OR_MAP,
    "start_unit": _UNIT,
    "lower": _NUMBER_OR_MAP,
    "upper": _NUMBER_OR_MAP,
    "fixed": _FLAG,
    "tied": _Kind("a tie or null", _is_tie),
    "even": _FLAG,
}
_SOURCE: Mapping[str, Any] = {"name": _TEXT, "bytes": _Kind("a whole number", _is_whole), "sha256": _TEXT}
_RECORD: Mapping[str, Any] = {
    "engine": {"name": _TEXT, "reason": _TEXT},
    "options": _OBJECT,
    "versions": _Kind("texts by name", _is_mapping_of(_is_text)),
    "date": _TEXT,
    "source": _Kind("an object or null", _none_or(lambda value: isinstance(value, dict))),
    "data": {
        "shape": _SIZES,
        "dtype": _TEXT,
        "unit": _UNIT,
        "with": _Kind("a list of names", _are(_is_text, 10)),
        "sha256": _Kind("texts by name", _is_mapping_of(_none_or(_is_text))),
        "coordinates": _COORDINATES,
    },
    "axes": {"fitting_axes": _SIZES, "maps": _SIZES},
    "absolute_sigma": _FLAG,
    "filter_non_finite": _FLAG,
    "model": {
        "expression": _TEXT,
        "tree": _OBJECT,
        "not_rebuilt": _TEXT,
        "domains": _Kind("pairs of numbers by name", _are_domains),
        "transform": _Kind("a matrix of real numbers or null", _none_or(_is_matrix)),
    },
    "parameters": _Kind(
        f"a list of at most {_MOST_PARAMETERS} objects",
        _are(lambda value: isinstance(value, dict), _MOST_PARAMETERS),
    ),
    "map_wcs": _MAYBE_TEXT,
}
_DERIVED: Mapping[str, Any] = {"name": _PARAMETER["name"], "unit": _UNIT, "formula": _TEXT}
_DETECTION: Mapping[str, Any] = {
    "rate": _Kind("a number between 0 and 1", lambda value: _is_number(value) and 0.0 < float(value) < 1.0),
    "simulations": _Kind("a whole number", _is_whole),
    "seed": _Kind("a whole number", lambda value: isinstance(value, int) and 0 <= value < 2**64),
}
_DERIVED_ROWS: Mapping[str, Any] = {
    "derived": _Kind(
        f"a list of at most {_MOST_PARAMETERS} objects",
        _are(lambda value: isinstance(value, dict), _MOST_PARAMETERS),
    )
}
_INSTRUMENT: Mapping[str, Any] = {
    "stages": _Kind("a list of names", _are(_is_text, _MOST_STAGES)),
    "nodes": _Kind(
        f"a whole number from 1 to {MOST_NODES}", lambda value: _is_whole(value) and 1 <= value <= MOST_NODES
    ),
    "sha256": _TEXT,
}
_INPUTS: Mapping[str, Any] = {"inputs": _Kind("a list of names", _are(_is_text, _MOST_AXES))}
_LAYOUT: Mapping[str, Any] = {"layout": _Kind("a whole number", _is_whole)}


def record_of_text(text: str) -> Any:
    """The record that a file holds as JSON, checked.

    Raises
    ------
    UnreadableFile
        It is none, or of a newer layout.
    """
    try:
        record = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deep" if isinstance(error, RecursionError) else error
        raise UnreadableFile(f"the record of the fit is no JSON: {reason}") from error
    check_record(record)
    return record


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is none of its numbers")


def check_record(record: Any) -> None:
    """Check the record by itself.

    Raises
    ------
    UnreadableFile
    """
    if _depth(record) > DEEPEST:
        raise UnreadableFile(f"the record of the fit is nested more than {DEEPEST} deep")
    _check(record, _LAYOUT, "")
    if record["layout"] > LAYOUT:
        raise UnreadableFile(
            f"it has layout {record['layout']}, of a newer ndfit, and this one reads up to {LAYOUT}: update ndfit"
        )
    _check(record, _RECORD, "")
    if record["source"] is not None:
        _check(record["source"], _SOURCE, "source")
    if record.get("instrument") is not None:  # which files of earlier versions have not
        _check(record["instrument"], _INSTRUMENT, "instrument")
    _check(record["data"] | {"inputs": record["data"].get("inputs", [])}, _INPUTS, "data")
    for number, row in enumerate(record["parameters"]):
        _check(row, _PARAMETER, f"parameters[{number}]")
    if record.get("detection") is not None:
        _check(record["detection"], _DETECTION, "detection")
    _check({"derived": record.get("derived", [])}, _DERIVED_ROWS, "")  # which files of earlier versions have not
    for number, row in enumerate(record.get("derived", [])):
        _check(row, _DERIVED, f"derived[{number}]")
    names = [row["name"] for row in record["parameters"]]
    if not names or len(set(names)) != len(names):
        raise UnreadableFile("the record of the fit has no parameters, or two of the same name")
    transform = parse_exact(record["model"]["transform"])
    if transform is not None and transform.shape != (len(names),) * 2:
        raise UnreadableFile(
            f"the record of the fit is damaged: {len(names)} parameters have no transform of shape {transform.shape}"
        )
    _check_axes(record["data"]["shape"], record["axes"]["fitting_axes"], record["axes"]["maps"])


def _depth(value: Any) -> int:
    """How deep lists and objects stand within one another."""
    depth, level = 0, [value]
    while level:
        depth += 1
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return depth


def _check(value: Any, table: Mapping[str, Any], where: str) -> None:
    if not isinstance(value, Mapping):
        raise UnreadableFile(f"the record of the fit is damaged: {where or 'it'} should be an object")
    for key, expected in table.items():
        path = f"{where}.{key}" if where else key
        if key not in value:
            raise UnreadableFile(f"the record of the fit is damaged: it lacks {path}")
        if isinstance(expected, _Kind):
            if not expected.matches(value[key]):
                found = shortened(printable(repr(value[key])), 40)
                raise UnreadableFile(
                    f"the record of the fit is damaged: {path} should be {expected.description}, and is {found}"
                )
        else:
            _check(value[key], expected, path)


def _check_axes(shape: list[int], fitting: list[int], maps: list[int]) -> None:
    known = len(set(fitting)) == len(fitting) > 0 and all(axis < len(shape) for axis in fitting)
    if not known or [size for axis, size in enumerate(shape) if axis not in fitting] != maps:
        raise UnreadableFile(
            f"the record of the fit is damaged: data of shape {tuple(shape)} fitted along the axes {tuple(fitting)} "
            f"have no maps of shape {tuple(maps)}"
        )


def check_layer(key: Any, shape: tuple[int, ...], dtype: np.dtype[Any], record: Mapping[str, Any]) -> None:
    """Check what a layer is of, before its numbers are read.

    Raises
    ------
    UnreadableFile
        It is of an unknown kind or parameter, or of another shape or type than the record says.
    """
    kind, parameter = key
    derived = kind in ("derived", "derived_error")
    names = {row["name"] for row in (record.get("derived", []) if derived else record["parameters"])}
    if kind not in KINDS or (parameter and parameter not in names):
        raise UnreadableFile(f"a map is of an unknown kind: {shortened(printable(f'{kind} {parameter}')).strip()}")
    free = sum(not (row["fixed"] or row["tied"]) for row in record["parameters"])
    maps = tuple(record["axes"]["maps"])
    expected = (free, free, *maps) if kind == "covariance" else maps
    if shape != expected or dtype.kind not in "iuf":
        name = KINDS[kind].name.format(parameter)
        raise UnreadableFile(
            f"the map {name} should hold numbers of shape {expected}, and holds {dtype} of shape {shape}"
        )


def check_contents(contents: Contents) -> None:
    """Check that the layers are those that the record tells of.

    Raises
    ------
    UnreadableFile
        One is missing, or holds codes that are not known.
    """
    record = contents.record
    maps = tuple(record["axes"]["maps"])
    for key in _needed(contents):
        if key not in contents.layers:
            raise UnreadableFile(f"a map is missing: {KINDS[key[0]].name.format(key[1])}")
    _check_codes(contents.layers["status", ""], tuple(STATUS))
    _check_codes(contents.layers["flags", ""], range(1 << max(FLAGS).bit_length()))
    for position in contents.messages:
        if len(position) != len(maps) or not all(0 <= place < size for place, size in zip(position, maps, strict=True)):
            raise UnreadableFile(f"a message is of the position {position}, and the maps have shape {maps}")


def _needed(contents: Contents) -> Iterator[Key]:
    """The layers without which there is no result; of standard errors there are all or none."""
    record = contents.record
    has_errors = any(kind == "error" for kind, _ in contents.layers)
    for kind in ("status", "flags", "chi_square", "n_samples", "nfev"):
        yield kind, ""
    for row in record["parameters"]:
        yield "parameter", row["name"]
        if has_errors:
            yield "error", row["name"]
        for what in ("start", "lower", "upper"):
            if row[what] == "map":
                yield what, row["name"]
    for row in record.get("derived", []):
        yield "derived", row["name"]


def _check_codes(layer: Layer, known: Any) -> None:
    unknown = [int(code) for code in np.unique(layer.values) if int(code) not in known] if layer.values.size else []
    if layer.values.dtype.kind not in "iu" or unknown:
        raise UnreadableFile(f"the map {layer.name} has codes that this ndfit does not know: {unknown[:5]}")
