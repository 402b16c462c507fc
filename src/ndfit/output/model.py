"""The fitted astropy model, with maps for parameters and units put back.

Flows in: FitProblem and Maps. Flows out: a copy of the caller's model whose parameters have the iterating shape.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import units as u

from ndfit.output.maps import Maps
from ndfit.problem.types import FitProblem, FloatArray

__all__ = ["error_maps", "fitted_model"]

_DOMAIN_NAMES = ("domain", "window", "x_domain", "x_window", "y_domain", "y_window")


def fitted_model(problem: FitProblem, maps: Maps, standard_errors: bool) -> Any:
    """Copy of the caller's model with the fitted parameters.

    With `standard_errors`, these are on each free parameter's `std`, in the parameter's unit.
    Called with coordinates of the fitting axes alone, the model evaluates every position: coordinates of shape (M,)
    give values of shape (M, *B).
    """
    names = problem.params.names
    model = problem.original.copy()
    if problem.transform is None:
        _copy_domains(problem.model, model)
    for name, unit in zip(names, problem.units, strict=True):
        parameter = getattr(model, name)
        parameter._set_unit(unit, force=True)
        parameter.bounds = problem.model.bounds[name]
    model._reset_parameters(**_with_units(problem, maps))
    if standard_errors:
        for name, errors in zip(names, error_maps(problem, maps), strict=True):
            getattr(model, name).std = errors
    shape = problem.axes.iterating_shape
    if shape:
        model._pre_evaluate = _EvaluateEverywhere(model, shape)
    return model


def _with_units(problem: FitProblem, maps: Maps) -> dict[str, Any]:
    rows = zip(problem.params.names, problem.units, maps.parameters, strict=True)
    return {name: values if unit is None else u.Quantity(values, unit) for name, unit, values in rows}


def error_maps(problem: FitProblem, maps: Maps) -> list[FloatArray | None]:
    """One map a parameter, None for those that are fixed or tied; shape B each."""
    covariance = maps.scaled_covariance(problem.absolute_sigma)
    if covariance is None:
        return [None] * len(problem.params.names)
    with np.errstate(invalid="ignore"):
        errors = np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1))
    by_index = dict(zip(problem.params.free, np.moveaxis(errors, -1, 0), strict=True))
    return [by_index.get(index) for index in range(len(problem.params.names))]


def _copy_domains(source: Any, target: Any) -> None:
    """Ranges of polynomials that a linear fit has set."""
    for name in _DOMAIN_NAMES:
        if getattr(target, name, ()) is None:
            setattr(target, name, getattr(source, name))


class _EvaluateEverywhere:
    """The first step of calling a model, with coordinates spread over the maps.

    Installed on the one instance, so that the model stays of its class.
    """

    def __init__(self, model: Any, shape: tuple[int, ...]) -> None:
        self.model, self.shape = model, shape

    def __call__(self, *inputs: Any, **kwargs: Any) -> Any:
        parameters = getattr(self.model, self.model.param_names[0])
        if np.shape(parameters.value) == self.shape:
            inputs = tuple(self._spread(values) for values in inputs)
        return type(self.model)._pre_evaluate(self.model, *inputs, **kwargs)

    def _spread(self, values: Any) -> Any:
        """Add one axis of length one for each iterating axis to coordinates of the fitting axes alone."""
        array = values if isinstance(values, u.Quantity) else np.asanyarray(values)
        if not 1 <= array.ndim <= self.model.n_inputs or array.shape == self.shape:
            return values
        return array.reshape(array.shape + (1,) * len(self.shape))
