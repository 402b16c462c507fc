"""What is given back to a result that was read: data, coordinates, weights and mask.

Flows in: FitProblem without data, its record, and the arguments of the caller. Flows out: FitProblem with data, once
they are known to be those of the fit, as far as the record tells; where they are not, an error or a warning.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ndfit.io.record import coordinate_samples, data_checksum
from ndfit.io.units_text import unit_text
from ndfit.options import Data
from ndfit.problem.field_objects import open_object
from ndfit.problem.normalize import normalize
from ndfit.problem.samples import Samples
from ndfit.problem.types import FitProblem

__all__ = ["with_data"]

# Of the range of a coordinate: the last digits of a WCS are not the same on every machine.
_SAME = 1e-6


def with_data(problem: FitProblem, record: Mapping[str, Any], given: Data, equivalencies: Any) -> FitProblem:
    """The problem with data, weights, mask and coordinates.

    Parameters
    ----------
    given, equivalencies : as in `normalize`; the fitting axes are known

    Raises
    ------
    ValueError
        The data have another shape than those that were fitted, or give the parameters other units.

    Warns
    -----
    UserWarning
        Some of them are not those of the fit.
    """
    given = open_object(given)
    found = tuple(getattr(given.data, "shape", None) or np.shape(given.data))
    if found != problem.axes.shape:
        raise ValueError(f"the data that were fitted have shape {problem.axes.shape}, those given have {found}")
    missing = set(record["data"].get("inputs", ())) - set(given.inputs or ())
    if missing:
        names = ", ".join(f"'{name}'" for name in sorted(missing))
        raise ValueError(f"the fit had the known inputs {names}: give them back as inputs")
    model = problem.original.copy()
    for name in model.param_names:
        getattr(model, name).tied = False  # what is tied to what has no part in units and coordinates
    given = replace(given, fitting_axes=problem.axes.fitting)
    again = normalize(model, given, equivalencies=equivalencies, filter_non_finite=True)
    for name, unit, other in zip(problem.params.names, problem.units, again.units, strict=True):
        if unit_text(unit) != unit_text(other):
            raise ValueError(
                f"'{name}' was fitted in '{unit}', and with the data and coordinates given it is in '{other}': give "
                "data_unit, world and equivalencies as they were in the fit"
            )
    again = replace(again, samples=_with_nodes(again.samples, record))
    differing = tuple(_differing(again, record))
    if differing:
        warnings.warn(
            f"what is given is not what was fitted: {', '.join(differing)} differ; values and residuals are of what is "
            "given now",
            UserWarning,
            stacklevel=3,
        )
    known = ("samples", "wcs", "data_unit", "labels", "coord_units")
    return replace(problem, **{name: getattr(again, name) for name in known})


def _with_nodes(samples: Samples, record: Mapping[str, Any]) -> Samples:
    """The samples with as many places in each as the fit had."""
    recorded, instrument = record.get("instrument"), samples.instrument
    if recorded is None or instrument is None:
        return samples
    return replace(samples, instrument=replace(instrument, nodes=recorded["nodes"]))


def _differing(problem: FitProblem, record: Mapping[str, Any]) -> Iterator[str]:
    """Names of what is known to be something else than in the fit."""
    recorded, instrument = record["data"], problem.samples.instrument
    fitted = record.get("instrument")
    if (instrument and instrument.digest) != (fitted and fitted["sha256"]):
        yield "instrument"
    for name, fitted in recorded["sha256"].items():
        array = getattr(problem.samples, name)
        there = array is not None
        checksum = data_checksum(array) if there else None
        if there != (name in recorded["with"]) or (checksum and fitted and checksum != fitted):
            yield name
    samples = zip(coordinate_samples(problem), recorded["coordinates"], strict=True)
    if not all(_same_coordinate(one, other) for one, other in samples):
        yield "coordinates (world)"


def _same_coordinate(given: list[float | str] | None, fitted: list[float | str] | None) -> bool:
    if given is None or fitted is None:
        return True
    one, other = np.array(given, dtype=float), np.array(fitted, dtype=float)
    known = np.isfinite(other)
    span = np.ptp(other[known]) if known.any() else 0.0
    return bool(np.allclose(one, other, rtol=1e-12, atol=_SAME * span, equal_nan=True))
