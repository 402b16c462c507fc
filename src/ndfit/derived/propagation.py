"""Values and standard errors of functions of the parameters.

Flows in: FitProblem, Maps, the covariance, and functions. Flows out: DerivedMaps.

The variance of t(p) is g^T C g, with g = dt/dp by central differences over a thousandth of each parameter's standard
error: there t is as straight as propagation takes it to be, whatever the units, and the difference has ten digits more
than it needs. Ties are followed. A free parameter at its bound counts as fixed there, as for errors of tied parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u

from ndfit.arrays import FloatArray
from ndfit.problem.types import FitProblem
from ndfit.result.derived_maps import DerivedMap
from ndfit.result.maps import Maps
from ndfit.result.standard_errors import quadratic_form, tied_values
from ndfit.status import Flag

__all__ = ["Measure", "Values", "propagated"]

_OF_ERROR = 1e-3
_OF_VALUE = float(np.finfo(float).eps) ** (1 / 3)


class Values(Mapping[str, Any]):
    """Parameters by name, Quantities where they have a unit; as attributes too. It notes which are looked at.

    Attributes
    ----------
    seen : names that were looked at
    """

    def __init__(self, problem: FitProblem, table: FloatArray) -> None:
        self._problem, self._table = problem, table
        self.seen: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        if name not in self._problem.params.names:
            raise KeyError(name)
        index = self._problem.params.names.index(name)
        self.seen.add(name)
        unit = self._problem.units[index]
        return self._table[index] if unit is None else u.Quantity(self._table[index], unit, copy=False)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._problem.params.names:
            raise AttributeError(f"the model has no parameter '{name}': there is {', '.join(self)}")
        return self[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._problem.params.names)

    def __len__(self) -> int:
        return len(self._problem.params.names)

    @property
    def numbers(self) -> FloatArray:
        """All of them, shape (P, *B), in the units of the fit."""
        self.seen.update(self)
        return self._table


@dataclass(frozen=True)
class Measure:
    """A function of the parameters.

    Attributes
    ----------
    of : takes Values; gives numbers or a Quantity of shape B
    formula : what it is, for people
    over_error : it is the value of the function over its standard error, and has none itself
    """

    of: Callable[[Values], Any]
    formula: str
    over_error: bool = False


def propagated(
    problem: FitProblem, maps: Maps, covariance: FloatArray | None, measures: Mapping[str, Measure]
) -> dict[str, DerivedMap]:
    """Each measure at every position, with its standard error.

    Parameters
    ----------
    covariance : of the free parameters, shape (*B, F, F); None where it was not computed

    Raises
    ------
    ValueError, astropy.units.UnitsError
        A function gives something else than numbers of shape B.
    """
    found = {}
    for name, measure in measures.items():
        values = Values(problem, maps.parameters)
        numbers, unit = _evaluated(name, measure, values, None)
        errors = None
        if covariance is not None:
            errors = _errors(name, measure, values, unit, problem, maps, covariance)
            errors = np.where(maps.usable & np.isfinite(numbers), errors, np.nan)
        if measure.over_error:
            if errors is None:
                raise ValueError(f"'{name}' needs standard errors, and the fit was made with covariance=False")
            with np.errstate(all="ignore"):
                numbers, errors, unit = np.where(errors > 0.0, numbers / errors, np.nan), None, None
        found[name] = DerivedMap(np.where(maps.usable, numbers, np.nan), errors, unit, measure.formula)
    return found


def _evaluated(name: str, measure: Measure, values: Values, unit: Any) -> tuple[FloatArray, Any]:
    """Numbers of shape B, and their unit: that which is asked for, or its own."""
    try:
        with np.errstate(all="ignore"):
            result = measure.of(values)
    except u.UnitConversionError as error:
        raise u.UnitConversionError(f"'{name}', {measure.formula}: {error}") from error
    own = getattr(result, "unit", None)
    unit = own if unit is None else unit
    numbers = np.asarray(result if own is None else result.to_value(unit), dtype=float)
    shape = values._table.shape[1:] if numbers.shape == () else numbers.shape
    if shape != values._table.shape[1:]:
        raise ValueError(
            f"'{name}' should be one number a position, of shape {values._table.shape[1:]}, got shape {numbers.shape}"
        )
    return np.array(np.broadcast_to(numbers, shape)), unit


def _errors(
    name: str, measure: Measure, values: Values, unit: Any, problem: FitProblem, maps: Maps, covariance: FloatArray
) -> FloatArray:
    params = problem.params
    tied = [index for index, is_tied in enumerate(params.tied) if is_tied]
    read = {params.names.index(each) for each in values.seen}
    slopes = np.zeros((*maps.status.shape, len(params.free)))
    for place, index in enumerate(params.free):
        if index in read or not read.isdisjoint(tied):
            step = _step(maps.parameters[index], covariance[..., place, place])
            ends = []
            for sign in (1.0, -1.0):
                table = maps.parameters.copy()
                table[index] += sign * step
                if not read.isdisjoint(tied):
                    table[tied] = tied_values(problem, table, tied)
                ends.append(_evaluated(name, measure, Values(problem, table), unit)[0])
            with np.errstate(all="ignore"):
                slopes[..., place] = (ends[0] - ends[1]) / (2.0 * step)
    if maps.parameter_flags is not None:
        slopes[np.moveaxis(maps.parameter_flags & Flag.AT_BOUND, 0, -1) != 0] = 0.0
    with np.errstate(invalid="ignore"):
        return np.asarray(np.sqrt(quadratic_form(slopes, covariance)))


def _step(values: FloatArray, variance: FloatArray) -> FloatArray:
    """How far to go from the values; where there is no error, what differences of a number need."""
    with np.errstate(all="ignore"):
        step = _OF_ERROR * np.sqrt(variance)
    plain = _OF_VALUE * np.where(values == 0.0, 1.0, np.abs(values))
    return np.where(np.isfinite(step) & (step > 0.0), step, plain)
