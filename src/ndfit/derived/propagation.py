"""Values and standard errors of functions of the parameters.

Flows in: FitProblem, Maps, the covariance, and functions. Flows out: DerivedMaps.

The variance of t(p) is g^T C g, with g = dt/dp by central differences over `derivative_steps`. Ties are followed. A
free parameter at its bound counts as fixed there, as for errors of tied parameters; what follows from such parameters
alone has no error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u

from ndfit.arrays import FloatArray
from ndfit.errors import WrongArgumentType
from ndfit.problem.types import FitProblem
from ndfit.result.derived_maps import DerivedMap
from ndfit.result.maps import Maps
from ndfit.result.standard_errors import derivative_steps, either_side, errors_along

__all__ = ["Measure", "Values", "propagated"]


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
    steps = None
    if covariance is not None and measures:
        steps = derivative_steps(np.moveaxis(maps.parameters[list(problem.params.free)], 0, -1), covariance)
    for name, measure in measures.items():
        values = Values(problem, maps.parameters)
        numbers, unit = _evaluated(name, measure, values, None)
        errors = None
        if covariance is not None and steps is not None:
            slopes = _slopes(name, measure, values, unit, problem, maps, steps)
            errors = errors_along(slopes, maps, covariance)
            errors = np.where(maps.usable & np.isfinite(numbers), errors, np.nan)
        if measure.over_error:
            if errors is None:
                raise ValueError(f"'{name}' needs standard errors, and the fit was made with covariance=False")
            with np.errstate(all="ignore"):
                numbers, errors, unit = np.where(errors > 0.0, numbers / errors, np.nan), None, None
        numbers = np.where(maps.usable & np.isfinite(numbers), numbers, np.nan)
        found[name] = DerivedMap(numbers, errors, unit, measure.formula)
    return found


def _evaluated(name: str, measure: Measure, values: Values, unit: Any) -> tuple[FloatArray, Any]:
    """Numbers of shape B, and their unit: that which is asked for, or its own."""
    try:
        with np.errstate(all="ignore"):
            result = measure.of(values)
    except (u.UnitConversionError, u.UnitTypeError) as error:
        raise type(error)(f"'{name}', {measure.formula}: {error}") from error
    own = getattr(result, "unit", None)
    unit = own if unit is None else unit
    numbers = np.ma.asanyarray(result if own is None else result.to_value(unit))
    if numbers.dtype.kind not in "buif":
        raise WrongArgumentType(name, "a function that gives a real number a position", result)
    numbers = np.ma.filled(numbers.astype(float), np.nan)
    shape = values._table.shape[1:] if numbers.shape == () else numbers.shape
    if shape != values._table.shape[1:]:
        raise ValueError(
            f"'{name}' should be one number a position, of shape {values._table.shape[1:]}, got shape {numbers.shape}"
        )
    return np.array(np.broadcast_to(numbers, shape)), unit


def _slopes(
    name: str, measure: Measure, values: Values, unit: Any, problem: FitProblem, maps: Maps, steps: FloatArray
) -> FloatArray:
    """Derivatives by the free parameters, shape (*B, F)."""
    params = problem.params
    read = {params.names.index(each) for each in values.seen}
    tied = [index for index, is_tied in enumerate(params.tied) if is_tied]
    if read.isdisjoint(tied):
        tied = []
    slopes = np.zeros(steps.shape)
    for place, index in enumerate(params.free):
        if index in read or tied:
            above, below = either_side(problem, maps.parameters, index, steps[..., place], tied)
            ends = [_evaluated(name, measure, Values(problem, table), unit)[0] for table in (above, below)]
            with np.errstate(all="ignore"):
                slopes[..., place] = (ends[0] - ends[1]) / (above[index] - below[index])
    return slopes
