"""What is needed to repeat a run, as strict JSON.

Flows in: the arguments of the call, FitProblem and the engine. Flows out: the record that stands in every file; and
from a record the model and its constraints again (`ndfit.io` makes a FitProblem of them).

    layout       version of the files' layout
    engine       name and reason
    options      arguments of `ndfit.fit`; objects by their class, arrays by their shape
    versions     of ndfit, astropy, numpy, llvmlite and Python
    date         of the fit, UTC
    source       name, size and SHA-256 of the file the data came from, where it is known
    data         shape, dtype and unit of the data; which inputs came with them, SHA-256 of those that are in memory,
                 and three numbers of each coordinate; names of the model's inputs that are known
    instrument   its stages, places in each sample, and SHA-256 of its settings; null where there is none
    axes         fitting_axes, and the shape of the maps
    absolute_sigma, filter_non_finite
    model        expression, tree, whether the tree makes the model again, domains set by a linear fit
    parameters   name, unit, start, bounds, fixed, tied of each
    map_wcs      why there is no WCS of the maps, where there is none
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ndfit.io.json_values import described, exact, number
from ndfit.io.layers import constraint
from ndfit.io.model_record import describe, describe_tie, expression, why_not_rebuilt
from ndfit.io.units_text import unit_text
from ndfit.problem.chain import Chain
from ndfit.problem.deferred import is_lazy
from ndfit.problem.types import FitProblem
from ndfit.result.derived_maps import DerivedMap
from ndfit.result.fitted_model import DOMAIN_NAMES

__all__ = [
    "LAYOUT",
    "Call",
    "coordinate_samples",
    "data_checksum",
    "derived_rows",
    "is_hashed",
    "record_of",
    "source_of",
]

LAYOUT = 2
_PACKAGES = ("ndfit", "astropy", "numpy", "llvmlite")
_SLAB = 2**24
_HASHED = 2**30  # bytes; a second or two


@dataclass(frozen=True)
class Call:
    """The call that made a result, as JSON values.

    Attributes
    ----------
    options : the arguments that are not part of the FitProblem
    versions : package -> version
    date : when the fit was made
    source : of the data, None where it is not known
    read : of a result that was read from a file, what the file says of data, model and parameters; a file may hold
        neither data nor model
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    date: str = ""
    source: Mapping[str, Any] | None = None
    read: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> Call:
        """The call made now with these arguments."""
        options = {name: described(value) for name, value in arguments.items()}
        return cls(options, _versions(), datetime.now(UTC).isoformat(timespec="seconds"))

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> Call:
        """The call that a record tells of."""
        read = {name: record.get(name) for name in ("data", "model", "parameters", "instrument")}
        return cls(record["options"], record["versions"], record["date"], record["source"], read)

    def with_source(self, path: Any) -> Call:
        """The same with the file that the data came from; None leaves what is known."""
        return self if path is None else replace(self, source=source_of(Path(path)))


def record_of(
    problem: FitProblem, call: Call, engine: str, reason: str, absolute_sigma: bool, unchanged: bool = True
) -> dict[str, Any]:
    """The record of a run; see the module's docstring.

    Parameters
    ----------
    unchanged : the data are still those that were fitted, so that their checksums are those of the fit
    """
    described = call.read or _describe(problem, unchanged)
    return {
        "layout": LAYOUT,
        "engine": {"name": engine, "reason": reason},
        "options": dict(call.options),
        "versions": dict(call.versions),
        "date": call.date,
        "source": call.source,
        "data": described["data"],
        "axes": {"fitting_axes": list(problem.axes.fitting), "maps": list(problem.axes.iterating_shape)},
        "absolute_sigma": absolute_sigma,
        "filter_non_finite": problem.filter_non_finite,
        "model": described["model"],
        "parameters": described["parameters"],
        "map_wcs": problem.map_wcs_note,
        "instrument": described["instrument"],
    }


def derived_rows(derived: Mapping[str, DerivedMap]) -> list[dict[str, Any]]:
    """The entry `derived` of a record."""
    return [{"name": name, "unit": unit_text(each.unit), "formula": each.formula} for name, each in derived.items()]


def _describe(problem: FitProblem, unchanged: bool) -> dict[str, Any]:
    tree = describe(problem.original)
    model = {
        "expression": expression(tree),
        "tree": tree,
        "not_rebuilt": why_not_rebuilt(problem.original, tree),
        "domains": _domains(problem),
        "transform": exact(problem.transform),
    }
    return {
        "data": _describe_data(problem, unchanged),
        "model": model,
        "parameters": _parameters(problem),
        "instrument": _describe_instrument(problem.samples.instrument),
    }


def _describe_instrument(instrument: Chain | None) -> dict[str, Any] | None:
    if instrument is None:
        return None
    stages = [type(stage).__name__ for stage in instrument.stages]
    return {"stages": stages, "nodes": instrument.nodes, "sha256": instrument.digest}


def _parameters(problem: FitProblem) -> list[dict[str, Any]]:
    """Starting values in the unit that the caller gave them in, `factor` times which are those of the fit."""
    params = problem.params
    starts, given_units = constraint(problem, "start")
    return [
        {
            "name": name,
            "unit": unit_text(problem.units[index]),
            "start": _number_or_map(starts[index]),
            "start_unit": unit_text(given_units[index]),
            "lower": _number_or_map(params.lower[index]),
            "upper": _number_or_map(params.upper[index]),
            "fixed": params.fixed[index],
            "tied": describe_tie(problem.original.tied[name]),
            "even": bool(params.sign_symmetric[index]),
        }
        for index, name in enumerate(params.names)
    ]


def _number_or_map(values: NDArray[Any]) -> float | str:
    return number(values.item()) if values.size == 1 else "map"


def _domains(problem: FitProblem) -> dict[str, Any]:
    """Ranges of polynomials that the fit has set."""
    set_by_fit = {name: getattr(problem.model, name, None) for name in DOMAIN_NAMES}
    return {
        name: exact(value)
        for name, value in set_by_fit.items()
        if value is not None and value != getattr(problem.original, name, None)
    }


def _describe_data(problem: FitProblem, unchanged: bool) -> dict[str, Any]:
    samples = problem.samples
    arrays = {"data": samples.data, "weights": samples.weights, "mask": samples.mask}
    known = [name for name, value in (*arrays.items(), ("wcs", problem.wcs)) if value is not None]
    return {
        "shape": list(problem.axes.shape),
        "dtype": str(samples.data.dtype.newbyteorder("=")),
        "unit": unit_text(problem.data_unit),
        "with": known,
        "sha256": {name: data_checksum(array) if unchanged else None for name, array in arrays.items()},
        "coordinates": coordinate_samples(problem),
        "inputs": [problem.original.inputs[own.number] for own in samples.known],
    }


def coordinate_samples(problem: FitProblem) -> list[list[float | str] | None]:
    """First, middle and last number of each coordinate, in the units of the fit; None where it is lazy."""
    return [
        [number(values.flat[place]) for place in (0, values.size // 2, values.size - 1)]
        if isinstance(values, np.ndarray) and values.size
        else None
        for values in problem.samples.coords
    ]


def is_hashed(data: Any) -> bool:
    """Whether the checksum of an array is recorded."""
    return not (data is None or is_lazy(data) or data.nbytes > _HASHED)


def data_checksum(data: Any) -> str | None:
    """SHA-256 of the numbers as float64 in C order and the machine's byte order.

    None for no array, for lazy ones, which would be loaded, and for those of more than a gigabyte, which may be mapped
    from disk.
    """
    if not is_hashed(data):
        return None
    digest = hashlib.sha256()
    rows = max(1, _SLAB // max(1, data[:1].size))
    for start in range(0, len(data), rows):
        digest.update(np.ascontiguousarray(data[start : start + rows], dtype=np.float64).tobytes())
    return digest.hexdigest()


def source_of(path: Path) -> dict[str, Any]:
    """Name, size and SHA-256 of a file."""
    with path.open("rb") as file:
        return {
            "name": path.name,
            "bytes": path.stat().st_size,
            "sha256": hashlib.file_digest(file, "sha256").hexdigest(),
        }


@lru_cache(maxsize=1)
def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found
