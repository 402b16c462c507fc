"""What a file of results holds, whatever its format.

Flows in: FitProblem, Maps and their uncertainties. Flows out: Contents: a record (JSON) and Layers (named arrays with
units), which every format writes in its own way and gives back when it is read.

The KINDS table says what the layers are; a new map is a new row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.io.stored_names import free_name
from ndfit.io.units_text import parse_unit
from ndfit.problem.types import FitProblem, ParamTable
from ndfit.result.derived_maps import DerivedMap
from ndfit.result.maps import Maps
from ndfit.result.standard_errors import Uncertainties

__all__ = ["KINDS", "Contents", "Key", "Layer", "alarms_of", "constraint", "derived_of", "layers_of", "maps_of"]

Key = tuple[str, str]
"""Kind of a layer and the parameter it belongs to, empty where it belongs to none."""


@dataclass(frozen=True)
class Layer:
    """One array of a file. The iterating axes come last, so that they are the first axes of a FITS image.

    Attributes
    ----------
    values : shape (..., *B)
    unit : of the values; None where they are plain numbers, and in layers that were read: the record has the units
    """

    kind: str
    parameter: str
    values: NDArray[Any]
    unit: Any = None

    @property
    def key(self) -> Key:
        return self.kind, self.parameter

    @property
    def name(self) -> str:
        """What the layer is called in a file; two layers may have the same."""
        return KINDS[self.kind].name.format(self.parameter)

    def name_beside(self, taken: Iterable[str]) -> str:
        """The name, or one like it where it is taken already or no file system would keep it."""
        return free_name(self.name, self.kind, taken)


@dataclass(frozen=True)
class Contents:
    """All of a file.

    Attributes
    ----------
    record : strict JSON, see `ndfit.io.record`
    layers : by key
    messages : position -> what went wrong
    map_wcs : WCS of the iterating axes, or None
    """

    record: Mapping[str, Any]
    layers: Mapping[Key, Layer]
    messages: Mapping[tuple[int, ...], str] = field(default_factory=dict)
    map_wcs: Any = None


class _Held(NamedTuple):
    """What a result holds."""

    problem: FitProblem
    maps: Maps
    uncertainties: Uncertainties
    derived: Mapping[str, DerivedMap]
    alarms: Mapping[str, FloatArray]


_Rows = Iterator[tuple[str, NDArray[Any], Any]]
_RowsOf = Callable[[_Held], _Rows]


class _Kind(NamedTuple):
    """`of`: the layers' (parameter, values, unit); `name`: in files, with the parameter put in."""

    name: str
    meaning: str
    of: _RowsOf


def _parameters(held: _Held) -> _Rows:
    problem = held.problem
    yield from zip(problem.params.names, held.maps.parameters, problem.units, strict=True)


def _errors(held: _Held) -> _Rows:
    errors = held.uncertainties.errors
    for name, unit in zip(held.problem.params.names, held.problem.units, strict=True):
        if errors is not None:
            yield name, errors[name], unit


def _derived(held: _Held) -> _Rows:
    for name, each in held.derived.items():
        yield name, each.numbers, each.unit


def _derived_errors(held: _Held) -> _Rows:
    for name, each in held.derived.items():
        if each.errors is not None:
            yield name, each.errors, each.unit


def _alarms(held: _Held) -> _Rows:
    for name, values in held.alarms.items():
        yield name, values, None


def _covariance(held: _Held) -> _Rows:
    covariance = held.uncertainties.covariance
    if covariance is not None:
        yield "", np.moveaxis(covariance, (-2, -1), (0, 1)), None


def _parameter_flags(held: _Held) -> _Rows:
    """Of those parameters that have flags anywhere."""
    params, found = held.problem.params, held.maps.parameter_flags
    if found is not None:
        for index, flags in zip(params.free, found, strict=True):
            if flags.any():
                yield params.names[index], flags, None


def _map(name: str) -> _RowsOf:
    def rows(held: _Held) -> _Rows:
        yield "", getattr(held.maps, name), None

    return rows


def _chi_square(held: _Held) -> _Rows:
    yield "", 2.0 * held.maps.cost, None


def _constraint(name: str) -> _RowsOf:
    """Starting values or bounds of the parameters for which they are maps; numbers stand in the record."""

    def rows(held: _Held) -> _Rows:
        problem = held.problem
        values_of, units = constraint(problem, name)
        for parameter, values, unit in zip(problem.params.names, values_of, units, strict=True):
            if values.size != 1:
                yield parameter, np.broadcast_to(values, problem.axes.iterating_shape), unit

    return rows


def constraint(problem: FitProblem, name: str) -> tuple[tuple[FloatArray, ...], tuple[Any, ...]]:
    """Values and units of `start`, as the caller gave it, or of `lower` or `upper`, in the units of the fit."""
    if name != "start":
        params: ParamTable = problem.params
        return getattr(params, name), problem.units
    given = [getattr(problem.original, parameter) for parameter in problem.params.names]
    return tuple(np.asarray(item.value, dtype=float) for item in given), tuple(item.unit for item in given)


KINDS: Mapping[str, _Kind] = {
    "parameter": _Kind("{}", "fitted parameter, NaN where there is no answer", _parameters),
    "error": _Kind("{}_err", "standard error of the parameter", _errors),
    "derived": _Kind("{}", "quantity that follows from the parameters", _derived),
    "derived_error": _Kind("{}_err", "standard error of the quantity", _derived_errors),
    "false_alarm": _Kind("{}_false_alarm", "probability that noise does as well as the line", _alarms),
    "chi_square": _Kind("chi_square", "sum of the squared weighted residuals, or of their losses", _chi_square),
    "status": _Kind("status", "how the fit ended, see the table of statuses", _map("status")),
    "flags": _Kind("flags", "what else is to be known of it, see the table of flags", _map("flags")),
    "parameter_flags": _Kind("{}_flags", "those of the flags that are about the parameter", _parameter_flags),
    "edm": _Kind("edm", "estimated distance to the minimum, in units of the noise variance", _map("edm")),
    "n_samples": _Kind("n_samples", "samples used", _map("n_samples")),
    "nfev": _Kind("nfev", "evaluations of the model", _map("nfev")),
    "covariance": _Kind("covariance", "covariance of the free parameters", _covariance),
    "start": _Kind("{}_start", "starting value of the parameter", _constraint("start")),
    "lower": _Kind("{}_lower", "lower bound of the parameter", _constraint("lower")),
    "upper": _Kind("{}_upper", "upper bound of the parameter", _constraint("upper")),
}
"""Every kind of layer, in the order in which they stand in a file."""


def layers_of(
    problem: FitProblem,
    maps: Maps,
    uncertainties: Uncertainties,
    derived: Mapping[str, DerivedMap],
    alarms: Mapping[str, FloatArray],
) -> dict[Key, Layer]:
    """Layers of a result, by key; `alarms` are probabilities that noise does as well, by amplitude."""
    held = _Held(problem, maps, uncertainties, derived, alarms)
    layers = (
        Layer(kind, parameter, values, unit) for kind, row in KINDS.items() for parameter, values, unit in row.of(held)
    )
    return {layer.key: layer for layer in layers}


def derived_of(contents: Contents) -> dict[str, DerivedMap]:
    """Derived quantities of a file."""
    layers = contents.layers
    return {
        row["name"]: DerivedMap(
            layers["derived", row["name"]].values,
            layers[key].values if (key := ("derived_error", row["name"])) in layers else None,
            parse_unit(row["unit"]),
            row["formula"],
        )
        for row in contents.record.get("derived", ())
    }


def maps_of(contents: Contents, params: ParamTable) -> tuple[Maps, Uncertainties]:
    """Maps of a file, and the uncertainties in it."""
    names = params.names
    arrays = {key: layer.values for key, layer in contents.layers.items()}
    errors = {name: arrays["error", name] for name in names if ("error", name) in arrays}
    covariance = arrays.get(("covariance", ""))
    status = arrays["status", ""]
    maps = Maps(
        parameters=np.stack([arrays["parameter", name] for name in names]),
        status=status,
        nfev=arrays["nfev", ""],
        cost=0.5 * arrays["chi_square", ""],
        n_samples=arrays["n_samples", ""],
        flags=arrays["flags", ""].astype(np.uint32, copy=False),  # 8 bits in layout 1
        edm=arrays["edm", ""] if ("edm", "") in arrays else np.full(status.shape, np.nan),
        covariance=None,
        info=None,
        parameter_flags=_parameter_flags_of(arrays, params, status.shape),
        messages=dict(contents.messages),
    )
    reported = None if covariance is None else np.moveaxis(covariance, (0, 1), (-2, -1))
    return maps, Uncertainties(errors or None, reported)


def alarms_of(contents: Contents) -> dict[str, FloatArray]:
    """Probabilities that noise does as well as the lines, by amplitude."""
    return {name: layer.values for (kind, name), layer in contents.layers.items() if kind == "false_alarm"}


def _parameter_flags_of(
    arrays: Mapping[Key, NDArray[Any]], params: ParamTable, shape: tuple[int, ...]
) -> NDArray[np.uint32] | None:
    found = {
        place: arrays[key]
        for place, index in enumerate(params.free)
        if (key := ("parameter_flags", params.names[index])) in arrays
    }
    if not found:
        return None
    flags = np.zeros((len(params.free), *shape), dtype=np.uint32)
    for place, values in found.items():
        flags[place] = values
    return flags
