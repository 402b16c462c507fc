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
from astropy import units as u
from astropy.modeling import Model

from ndfit.output.fits import is_fits, read_fits
from ndfit.output.layers import Contents, maps_of
from ndfit.output.model_record import CannotRebuild, LostTie, build
from ndfit.output.record import LAYOUT, Call, data_checksum
from ndfit.output.result import FitResult
from ndfit.output.store import is_zarr, read_zarr
from ndfit.output.tie_text import ExpressionTie
from ndfit.output.units_text import parse_unit, unit_text
from ndfit.output.values import parse_exact
from ndfit.problem.constraints import bare_model, scalar_model
from ndfit.problem.normalize import normalize
from ndfit.problem.samples import weights_of
from ndfit.problem.types import Axes, FitProblem, FloatArray, ParamTable
from ndfit.problem.units import UnitPlan
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
        The data have the right shape, but are not the numbers that were fitted.
    """
    path = Path(path)
    contents = _read_contents(path)
    problem = _problem_of(contents, model)
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
        partial(look_up_fit, problem, maps) if evaluable else _NeedsData(path.name),
        partial(evaluate_everywhere, problem, maps.parameters) if evaluable else _NeedsData(path.name),
        _call=Call.read(contents.record),
        _reported=uncertainties,
    )


@dataclass(frozen=True)
class _NeedsData:
    """Stands where a result without data would look at them."""

    name: str

    def __call__(self, *_: Any) -> NoReturn:
        raise ValueError(
            f"the data that were fitted are not in {self.name}: give them back, ndfit.read(path, data=..., world=...), "
            "to look at single fits, model values and residuals"
        )


@dataclass(frozen=True)
class _NoModel:
    """Stands where a model should be that the file does not hold."""

    reason: str

    def copy(self) -> NoReturn:
        raise CannotRebuild(self.reason)


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


def _problem_of(contents: Contents, model: Any) -> FitProblem:
    """The problem that was solved, without its data."""
    record, rows = contents.record, contents.record["parameters"]
    names = tuple(row["name"] for row in rows)
    units = tuple(parse_unit(row["unit"]) for row in rows)
    limits = {name: (_values(contents, row, "lower"), _values(contents, row, "upper")) for name, row in _by_name(rows)}
    original = _original(contents, model, names)
    factors = {
        name: _factor(unit, parse_unit(row["start_unit"])) for name, unit, row in zip(names, units, rows, strict=True)
    }
    starts = tuple(_values(contents, row, "start") * factors[row["name"]] for row in rows)
    bare: Any = original
    if isinstance(original, Model):
        bare = _bare(original, UnitPlan(dict(zip(names, units, strict=True)), factors), limits, record["model"])
    fitting = tuple(record["axes"]["fitting_axes"])
    return FitProblem(
        original=original,
        model=bare,
        units=units,
        params=ParamTable(
            names=names,
            start=starts,
            lower=tuple(limits[name][0] for name in names),
            upper=tuple(limits[name][1] for name in names),
            fixed=tuple(row["fixed"] for row in rows),
            tied=tuple(row["tied"] is not None for row in rows),
            even=tuple(row["even"] for row in rows),
        ),
        axes=Axes(tuple(record["data"]["shape"]), fitting),
        data=None,
        weights=None,
        mask=None,
        coords=(),
        filter_non_finite=record["filter_non_finite"],
        absolute_sigma="weights" in record["data"]["with"],
        transform=parse_exact(record["model"]["transform"]),
        data_unit=parse_unit(record["data"]["unit"]),
        map_wcs=contents.map_wcs,
        map_wcs_note=record["map_wcs"],
    )


def _by_name(rows: list[Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    return [(row["name"], row) for row in rows]


def _values(contents: Contents, row: Mapping[str, Any], what: str) -> FloatArray:
    """Starting values or bounds: a number of the record, or a map."""
    if row[what] == "map":
        return contents.layers[what, row["name"]].values
    return np.asarray(float(row[what]))


def _factor(unit: Any, start_unit: Any) -> float:
    return 1.0 if unit is None or start_unit is None else float(start_unit.to(unit))


def _original(contents: Contents, model: Any, names: tuple[str, ...]) -> Any:
    """The caller's model with its starting values and constraints, or what stands for it."""
    if model is None:
        reason = contents.record["model"]["not_rebuilt"]
        if reason:
            return _NoModel(reason)
        model = build(contents.record["model"]["tree"])
    elif not isinstance(model, Model) or tuple(model.param_names) != names:
        raise ValueError(
            f"model should be the one that was fitted, with the parameters {', '.join(names)}; got {model!r}"
        )
    original = model.copy()
    quantities = {}
    for name, row in _by_name(contents.record["parameters"]):
        parameter, unit = getattr(original, name), parse_unit(row["start_unit"])
        start = _values(contents, row, "start")
        parameter._set_unit(unit, force=True)
        quantities[name] = start if unit is None else u.Quantity(start, unit)
        parameter.fixed = row["fixed"]
        parameter.bounds = (None, None)
        parameter.tied = _tie(name, row["tied"], parameter.tied)
    original._reset_parameters(**quantities)
    original.sync_constraints = True
    return original


def _tie(name: str, recorded: Mapping[str, str] | None, given: Any) -> Any:
    if recorded is None:
        return False
    if given:
        return given
    return ExpressionTie(recorded["expression"]) if "expression" in recorded else LostTie(name, recorded["python"])


def _bare(original: Model, plan: UnitPlan, limits: Mapping[str, Any], record: Mapping[str, Any]) -> Model:
    """The model that was fitted: without units, with the bounds of the fit and the domains that it set."""
    scalar = scalar_model(original)
    lost = {name: tie for name, tie in original.tied.items() if isinstance(tie, LostTie)}
    for name in lost:
        getattr(scalar, name).tied = False
    bare = bare_model(scalar, plan, limits)
    for name, tie in lost.items():
        getattr(bare, name).tied = tie
    for name, value in record["domains"].items():
        setattr(bare, name, parse_exact(value))
    return bare


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
