"""The problem that was solved, from its record.

Flows in: Contents of a file, and the model where the file cannot hold it. Flows out: FitProblem without data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from astropy import units as u
from astropy.modeling import Model

from ndfit._compat.astropy_models import set_unit, set_values
from ndfit.arrays import FloatArray
from ndfit.io.fits_wcs import NOT_IN_FITS
from ndfit.io.json_values import parse_exact
from ndfit.io.layers import Contents
from ndfit.io.model_record import CannotRebuild, UnrestorableTie, build
from ndfit.io.tie_text import ExpressionTie
from ndfit.io.units_text import parse_unit
from ndfit.problem.axes import Axes
from ndfit.problem.constraints import Limits, scalar_model, unitless_model
from ndfit.problem.samples import Samples
from ndfit.problem.types import FitProblem, ParamTable
from ndfit.problem.units import UnitPlan

__all__ = ["problem_of", "refuse_another"]


@dataclass(frozen=True)
class _NoModel:
    """Stands where a model should be that the file does not hold."""

    reason: str

    def copy(self) -> NoReturn:
        raise CannotRebuild(self.reason)


def problem_of(contents: Contents, model: Any) -> FitProblem:
    """The problem that was solved, without its data.

    Parameters
    ----------
    model : the model that was fitted (`refuse_another`), or None for that of the record; where the file says that it
        does not hold that, whatever needs it raises CannotRebuild

    Raises
    ------
    ValueError, TypeError, KeyError
        Entries of the record that do not go together.
    """
    record, rows = contents.record, contents.record["parameters"]
    names = tuple(row["name"] for row in rows)
    by_name = dict(zip(names, rows, strict=True))
    units = tuple(parse_unit(row["unit"]) for row in rows)
    limits = {name: (_values(contents, row, "lower"), _values(contents, row, "upper")) for name, row in by_name.items()}
    original = _original(contents, model, names)
    factors = {
        name: _factor(unit, parse_unit(row["start_unit"])) for name, unit, row in zip(names, units, rows, strict=True)
    }
    starts = tuple(_values(contents, row, "start") * factors[row["name"]] for row in rows)
    unitless: Any = original
    if isinstance(original, Model):
        unitless = _unitless(original, UnitPlan(dict(zip(names, units, strict=True)), factors), limits, record["model"])
    fitting = tuple(record["axes"]["fitting_axes"])
    return FitProblem(
        original=original,
        model=unitless,
        units=units,
        params=ParamTable(
            names=names,
            start=starts,
            lower=tuple(limits[name][0] for name in names),
            upper=tuple(limits[name][1] for name in names),
            fixed=tuple(row["fixed"] for row in rows),
            tied=tuple(row["tied"] is not None for row in rows),
            sign_symmetric=tuple(row["even"] for row in rows),
        ),
        samples=Samples(Axes(tuple(record["data"]["shape"]), fitting), data=None),
        filter_non_finite=record["filter_non_finite"],
        absolute_sigma="weights" in record["data"]["with"],
        transform=parse_exact(record["model"]["transform"]),
        data_unit=parse_unit(record["data"]["unit"]),
        map_wcs=contents.map_wcs,
        map_wcs_note=record["map_wcs"] or ("" if contents.map_wcs is not None else NOT_IN_FITS),
    )


def refuse_another(model: Any, contents: Contents) -> None:
    """Check that a model is the one that was fitted, as far as that can be seen.

    Raises
    ------
    ValueError
        It is another one.
    """
    names = tuple(row["name"] for row in contents.record["parameters"])
    if not isinstance(model, Model) or tuple(model.param_names) != names:
        raise ValueError(
            f"model should be the one that was fitted, with the parameters {', '.join(names)}; got {model!r}"
        )


def _values(contents: Contents, row: Mapping[str, Any], what: str) -> FloatArray:
    """Starting values or bounds: a number of the record, or a map."""
    if row[what] == "map":
        return contents.layers[what, row["name"]].values
    return np.asarray(float(row[what]))


def _factor(unit: Any, start_unit: Any) -> float:
    same = unit is None or start_unit is None or start_unit == unit
    return 1.0 if same else float(start_unit.to(unit))


def _original(contents: Contents, model: Any, names: tuple[str, ...]) -> Any:
    """The caller's model with its starting values and constraints, or what stands for it."""
    if model is None:
        reason = contents.record["model"]["not_rebuilt"]
        if reason:
            return _NoModel(reason)
        model = build(contents.record["model"]["tree"])
        if tuple(model.param_names) != names:
            raise CannotRebuild("the parameters of the model in the record are not those that were fitted")
    original = model.copy()
    quantities = {}
    for row in contents.record["parameters"]:
        name, unit = row["name"], parse_unit(row["start_unit"])
        parameter = getattr(original, name)
        start = _values(contents, row, "start")
        set_unit(parameter, unit)
        quantities[name] = start if unit is None else u.Quantity(start, unit)
        parameter.fixed = row["fixed"]
        parameter.bounds = (None, None)
        parameter.tied = _tie(name, row["tied"], parameter.tied, names)
    set_values(original, quantities)
    original.sync_constraints = True
    return original


def _tie(name: str, recorded: Mapping[str, str] | None, given: Any, names: tuple[str, ...]) -> Any:
    if recorded is None:
        return False
    if given:
        return given
    if "expression" not in recorded:
        return UnrestorableTie(name, recorded["python"])
    tie = ExpressionTie(recorded["expression"])
    if not tie.names <= set(names):
        raise ValueError(
            f"the tie of '{name}' in the record is not of the model's parameters: {recorded['expression']}"
        )
    return tie


def _unitless(original: Model, plan: UnitPlan, limits: Limits, record: Mapping[str, Any]) -> Model:
    """The model that was fitted: without units, with the bounds of the fit and the domains that it set."""
    scalar = scalar_model(original)
    lost = {name: tie for name, tie in original.tied.items() if isinstance(tie, UnrestorableTie)}
    for name in lost:
        getattr(scalar, name).tied = False
    unitless = unitless_model(scalar, plan, limits)
    for name, tie in lost.items():
        getattr(unitless, name).tied = tie
    for name, value in record["domains"].items():
        setattr(unitless, name, parse_exact(value))
    return unitless
