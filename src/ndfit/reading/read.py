"""`ndfit.read`: a file of results -> FitResult.

Flows in: a path, and what a file does not hold (data, and a model of the reader's own). Flows out: the FitResult that
was written: maps, units, constraints and uncertainties bit for bit. No code is read or run.

The data are not in the file. Once they are given back, they pass through `normalize` as in the call that was made, and
the result can look up single fits, evaluate and take residuals again.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from ndfit.output.fits import is_fits, read_fits
from ndfit.output.layers import Contents, maps_of
from ndfit.output.maps import Maps
from ndfit.output.record import LAYOUT, Call, data_checksum
from ndfit.output.result import FitResult, OneFit
from ndfit.output.store import is_zarr, read_zarr
from ndfit.output.units_text import unit_text
from ndfit.problem.normalize import normalize
from ndfit.problem.samples import weights_of
from ndfit.problem.types import FitProblem
from ndfit.reading.rebuild import problem_of
from ndfit.run.evaluate import evaluate_everywhere
from ndfit.run.inspect import look_up_fit

__all__ = ["read"]

_FORMATS = ((is_fits, read_fits), (is_zarr, read_zarr))


def read(
    path: Any,
    *,
    data: Any = None,
    data_unit: Any = None,
    world: Any = None,
    mask: Any = None,
    uncertainty: Any = None,
    weights: Any = None,
    equivalencies: Any = None,
    model: Any = None,
) -> FitResult:
    """Read a result that `FitResult.to_fits` or `FitResult.to_zarr` wrote.

    Parameters
    ----------
    path : of a FITS file or a zarr store; which of them is told from its content
    data, data_unit, world, mask, uncertainty, weights, equivalencies
        As they were given to `ndfit.fit`. Without data, the result has no single fits, values or residuals.
    model : astropy.modeling.Model, optional
        The model that was fitted, where it is one of your own making, or has ties that are Python functions: files
        hold no code. Its values and constraints are replaced by those of the file; a tie of its own is kept.

    Returns
    -------
    FitResult

    Raises
    ------
    FileNotFoundError
        There is nothing at `path`.
    ValueError
        The file is none of ndfit's, or of a newer layout; data or model are not those of the fit by their shape, units
        or parameters; data are given, but the model is neither in the file nor given.

    Warns
    -----
    UserWarning
        The data have the right shape, but are not the numbers that were fitted; or the file was damaged.
    """
    path = Path(path)
    contents = _read_contents(path)
    problem = problem_of(contents, model)
    evaluable = data is not None
    if evaluable:
        given = {"data_unit": data_unit, "world": world, "mask": mask, "equivalencies": equivalencies}
        problem = _with_data(problem, contents.record, data, given | {"weights": weights_of(uncertainty, weights)})
    maps, uncertainties = maps_of(contents, problem.params.names)
    engine = contents.record["engine"]
    return FitResult(
        problem,
        maps,
        engine["name"],
        engine["reason"],
        contents.record["absolute_sigma"],
        partial(_look_up, problem, maps) if evaluable else _NeedsData(path.name),
        partial(evaluate_everywhere, problem, maps.parameters) if evaluable else _NeedsData(path.name),
        _call=Call.read(contents.record),
        _reported=uncertainties,
    )


def _look_up(problem: FitProblem, maps: Maps, position: tuple[int, ...]) -> OneFit:
    one = look_up_fit(problem, maps, position)
    if maps.usable[position] and np.count_nonzero(one.used) != maps.n_samples[position]:
        warnings.warn(
            f"{maps.n_samples[position]} samples entered the fit at {position}, fewer than mask and weights leave: "
            "outliers were left out, and the file does not tell which",
            UserWarning,
            stacklevel=3,
        )
    return one


@dataclass(frozen=True)
class _NeedsData:
    """Stands where a result without data would look at them."""

    name: str

    def __call__(self, *_: Any) -> NoReturn:
        raise ValueError(
            f"the data that were fitted are not in {self.name}: give them back, ndfit.read(path, data=..., world=...), "
            "to look at single fits, model values and residuals"
        )


def _read_contents(path: Path) -> Contents:
    if not path.exists():
        raise FileNotFoundError(f"there is nothing at {path}: expected a FITS file or a zarr store written by ndfit")
    for matches, read_format in _FORMATS:
        if matches(path):
            contents = read_format(path)
            break
    else:
        raise ValueError(f"{path} is neither a FITS file nor a zarr store: ndfit reads the results it has written")
    layout = contents.record["layout"]
    if layout > LAYOUT:
        raise ValueError(
            f"{path} has layout {layout}, of a newer ndfit, and this one reads up to {LAYOUT}: update ndfit"
        )
    return contents


def _with_data(problem: FitProblem, record: Mapping[str, Any], data: Any, given: Mapping[str, Any]) -> FitProblem:
    """The problem with data, weights, mask and coordinates given back."""
    found = tuple(getattr(data, "shape", None) or np.shape(data))
    if found != problem.axes.shape:
        raise ValueError(f"the data that were fitted have shape {problem.axes.shape}, those given have {found}")
    model = problem.original.copy()
    for name in model.param_names:
        getattr(model, name).tied = False  # what is tied to what has no part in units and coordinates
    again = normalize(model=model, data=data, fitting_axes=problem.axes.fitting, filter_non_finite=True, **given)
    for name, unit, other in zip(problem.params.names, problem.units, again.units, strict=True):
        if unit_text(unit) != unit_text(other):
            raise ValueError(
                f"'{name}' was fitted in '{unit}', and with the data and coordinates given it is in '{other}': give "
                "data_unit, world and equivalencies as they were in the fit"
            )
    if _are_others(again.data, record["data"]):
        warnings.warn("the data given are not the numbers that were fitted", UserWarning, stacklevel=3)
    return replace(
        problem,
        data=again.data,
        weights=again.weights,
        mask=again.mask,
        coords=again.coords,
        wcs=again.wcs,
        data_unit=again.data_unit,
    )


def _are_others(data: Any, fitted: Mapping[str, Any]) -> bool:
    """Whether numbers of the same kind are known to be others than those that were fitted."""
    if fitted["sha256"] is None or str(data.dtype.newbyteorder("=")) != fitted["dtype"]:
        return False
    return data_checksum(data) not in (None, fitted["sha256"])
