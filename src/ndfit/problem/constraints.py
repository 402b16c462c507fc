"""Parameters, bounds, fixed and tied -> ParamTable and a model without units.

Flows in: the caller's model and the UnitPlan. Flows out: ParamTable, in the fit's units, and the bare scalar model that
engines evaluate. The caller's model is not touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from astropy import units as u
from astropy.modeling import CompoundModel, Model

from ndfit.problem.fixed_inputs import FixedInputsModel
from ndfit.problem.ties import UnitTie
from ndfit.problem.types import Axes, FloatArray, ParamTable
from ndfit.problem.units import UnitPlan

__all__ = ["bare_model", "parameter_table", "scalar_model"]

Sample = tuple[FloatArray, ...]


def scalar_model(model: Model) -> Model:
    """Copy of the model with each parameter at its first finite value, units kept."""
    copy = model.copy()
    copy._reset_parameters(**{name: _first_finite(getattr(model, name)) for name in model.param_names})
    return copy


def _first_finite(parameter: Any) -> Any:
    values = np.atleast_1d(parameter.value).ravel()
    finite = values[np.isfinite(values)]
    value = float(finite[0] if finite.size else values[0])
    return value if parameter.unit is None else u.Quantity(value, parameter.unit)


def bare_model(model: Model, plan: UnitPlan) -> Model:
    """Copy of a scalar model with units stripped, ties rewritten for the fit's units.

    The model's own check of its inputs' units is told to let bare numbers pass.
    """
    bare = model.copy()
    for name in bare.param_names:
        parameter = getattr(bare, name)
        parameter._set_unit(None, force=True)
        parameter.value = parameter.value * plan.factors[name]
        tie = parameter.tied
        if tie:
            parameter.tied = UnitTie.around(tie, name, model, plan)
    for part in _parts(bare):
        part._input_units_allow_dimensionless = True
        if isinstance(part, CompoundModel):
            _make_fittable(part)
        else:
            for name in part.param_names:
                getattr(part, name)._set_unit(None, force=True)
    bare.sync_constraints = True
    return bare


def _parts(model: Model) -> Iterator[Model]:
    """The model and every model within it."""
    yield model
    if isinstance(model, CompoundModel):
        for side in (model.left, model.right):
            if isinstance(side, Model):
                yield from _parts(side)


def _make_fittable(compound: CompoundModel) -> None:
    """Let compounds with fixed inputs be fitted, which astropy's fitters otherwise stumble over."""
    if compound.op == "fix_inputs":
        compound.__class__ = FixedInputsModel
    compound._fittable = all(part.fittable for part in _parts(compound) if not isinstance(part, CompoundModel))


def parameter_table(model: Model, bare: Model, plan: UnitPlan, axes: Axes, sample: Sample) -> ParamTable:
    """Starting values and constraints of the caller's model, in the fit's units.

    `sample` holds a few coordinates of each input, at which the model is tried.

    Raises
    ------
    ValueError
        A parameter's shape does not broadcast to the iterating axes, a lower bound exceeds its upper bound, or every
        starting value of a parameter is outside its bounds.
    """
    names = tuple(model.param_names)
    start = tuple(_start(getattr(model, name), name, plan, axes) for name in names)
    pairs = [_bounds(bare.bounds[name], plan.factors[name]) for name in names]
    lower, upper = (tuple(np.asarray(pair[side], dtype=float) for pair in pairs) for side in (0, 1))
    fixed = tuple(bool(bare.fixed[name]) for name in names)
    tied = tuple(bool(bare.tied[name]) for name in names)
    for name, values, low, high, is_fixed, is_tied in zip(names, start, lower, upper, fixed, tied, strict=True):
        if not (is_fixed or is_tied):
            _check_bounds(name, values, low, high)
    free = tuple(not (is_fixed or is_tied) for is_fixed, is_tied in zip(fixed, tied, strict=True))
    even = _even_parameters(bare, lower, upper, free, sample)
    return ParamTable(names, start, lower, upper, fixed, tied, even)


def _start(parameter: Any, name: str, plan: UnitPlan, axes: Axes) -> FloatArray:
    values: FloatArray = np.asarray(parameter.value, dtype=float) * plan.factors[name]
    target = axes.iterating_shape
    try:
        fits = np.broadcast_shapes(values.shape, target) == target
    except ValueError:
        fits = False
    if not fits and values.size != 1:
        raise ValueError(
            f"parameter '{name}' has shape {values.shape}, which does not broadcast to the iterating axes {target}"
        )
    return values if fits else values.reshape(())


def _bounds(pair: tuple[Any, Any], factor: float) -> tuple[Any, Any]:
    low, high = pair
    low = -np.inf if low is None else np.asarray(low, dtype=float) * factor
    high = np.inf if high is None else np.asarray(high, dtype=float) * factor
    return (low, high) if factor > 0 else (high, low)


def _check_bounds(name: str, values: FloatArray, low: FloatArray, high: FloatArray) -> None:
    if np.any(low > high):
        raise ValueError(f"the lower bound of '{name}' ({low}) exceeds its upper bound ({high})")
    finite = np.isfinite(values)
    outside = (values < low) | (values > high)
    if finite.any() and np.all(outside | ~finite):
        shown = values[finite].ravel()[0]
        raise ValueError(
            f"every starting value of '{name}' is outside its bounds: {shown:g} is not in [{low:g}, {high:g}]; start "
            "inside the bounds, or widen them"
        )


def _even_parameters(
    bare: Model, lower: tuple[FloatArray, ...], upper: tuple[FloatArray, ...], free: tuple[bool, ...], sample: Sample
) -> tuple[bool, ...]:
    """Free, unbounded parameters of which the model depends on the magnitude alone: widths that enter squared.

    Tested by evaluation with the sign turned, ties applied, at values of all parameters moved off the start so that
    nothing is hidden by a zero.
    """

    def is_even(i: int) -> bool:
        bounded = np.any(np.isfinite(lower[i])) or np.any(np.isfinite(upper[i]))
        return free[i] and not bounded and all(_is_even_at(bare, i, shift, sample) for shift in (0.9, 1.0, 1.2))

    with np.errstate(all="ignore"):
        return tuple(is_even(i) for i in range(len(bare.param_names)))


def _is_even_at(bare: Model, i: int, shift: float, sample: Sample) -> bool:
    values = np.where(bare.parameters == 0.0, shift, bare.parameters * shift)
    plain, turned, larger = (_evaluate_with(bare, i, values, scale, sample) for scale in (1.0, -1.0, 1.1))
    return bool(np.array_equal(plain, turned) and np.any(plain != larger) and np.all(np.isfinite(plain)))


def _evaluate_with(bare: Model, i: int, values: FloatArray, scale: float, sample: Sample) -> FloatArray:
    trial = bare.copy()
    trial.parameters = np.where(np.arange(values.size) == i, values * scale, values)
    for name in trial.param_names:
        if trial.tied[name]:
            setattr(trial, name, trial.tied[name](trial))
    return np.asarray(trial.evaluate(*sample, *trial.parameters), dtype=float)
