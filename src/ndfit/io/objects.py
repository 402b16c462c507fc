"""Results as objects of other libraries: what their users go on with.

Flows in: FitResult. Flows out: a Dataset, a table, a DataFrame, cubes of ndcube, spectra of specutils. Each library is
imported when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import numpy as np
from astropy import units as u
from astropy.nddata import StdDevUncertainty

from ndfit.errors import WrongArgument

__all__ = ["OBJECTS", "as_object"]


def as_object(result: Any, kind: Any) -> Any:
    """The result as a kind of object.

    Raises
    ------
    ValueError
        There is no such kind, or the result has not what it needs.
    ModuleNotFoundError
        Its library is not installed.
    """
    if not isinstance(kind, str) or kind not in OBJECTS:
        raise WrongArgument("kind", f"one of {', '.join(OBJECTS)}", kind)
    return OBJECTS[kind](result)


def _import(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"this needs {name}, which is not installed: pip install {name}") from error


def _dataset(result: Any) -> Any:
    return result.to_xarray()


def _table(result: Any) -> Any:
    return result.diagnostics()


def _frame(result: Any) -> Any:
    """A row for each position, with its coordinates."""
    dataset = result.to_xarray().drop_vars(["covariance"], errors="ignore")
    kept = {dim for name in result.param_names for dim in dataset[name].dims}
    dataset = dataset.drop_vars([name for name in dataset.coords if not set(dataset[name].dims) <= kept])
    if not dataset.sizes:
        raise ValueError("the result has one position, and no axis to be the index of a DataFrame: use kind='table'")
    return dataset.to_dataframe()


def _cubes(result: Any) -> Any:
    """A cube for each parameter, with the WCS of the positions, errors, and a mask where there is no answer."""
    if result.wcs is None:
        raise ValueError("no WCS of the positions is known, which an NDCube has to have: use kind='xarray'")
    ndcube = _import("ndcube")
    errors: Mapping[str, Any] = result.errors if result.has_errors else {}
    cubes = {}
    for name, values in result.parameters.items():
        numbers = u.Quantity(values)
        sigma = errors.get(name)
        uncertainty = None if sigma is None else StdDevUncertainty(u.Quantity(sigma).to_value(numbers.unit))
        cubes[name] = ndcube.NDCube(
            numbers.value, wcs=result.wcs, uncertainty=uncertainty, mask=~np.isfinite(numbers.value), unit=numbers.unit
        )
    return cubes


def _spectra(result: Any) -> Any:
    """The model at the samples: one Spectrum, or a SpectrumList where each position has coordinates of its own."""
    problem, specutils = result._problem, _import("specutils")
    if len(problem.axes.fitting) != 1:
        raise ValueError("a spectrum has one spectral axis, and the model was fitted along several: use evaluate()")
    values, (axis,) = result.evaluate(), problem.axes.fitting
    unit, own = problem.data_unit or u.dimensionless_unscaled, problem.coord_units[0]
    own = u.dimensionless_unscaled if own is None else own
    coordinates = np.asarray(problem.samples.coords[0])
    if coordinates.size == values.shape[axis]:
        return specutils.Spectrum(flux=values * unit, spectral_axis=coordinates.ravel() * own, spectral_axis_index=axis)
    rows = (
        np.moveaxis(each, axis, -1).reshape(-1, values.shape[axis]) for each in np.broadcast_arrays(values, coordinates)
    )
    return specutils.SpectrumList(
        specutils.Spectrum(flux=row[known] * unit, spectral_axis=places[known] * own)
        for row, places in zip(*rows, strict=True)
        if (known := np.isfinite(places)).any()
    )


OBJECTS: Mapping[str, Callable[[Any], Any]] = {
    "xarray": _dataset,
    "table": _table,
    "pandas": _frame,
    "ndcube": _cubes,
    "spectrum": _spectra,
}
"""Kind of object -> what makes it."""
