"""The fitted astropy model, with maps for parameters and units put back.

Flows in: FitProblem and Maps. Flows out: a copy of the caller's model whose parameters have the iterating shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy import units as u

from ndfit._compat.astropy_models import call_first, prepared, set_unit, set_values
from ndfit.arrays import FloatArray
from ndfit.copying import copied
from ndfit.problem.types import FitProblem
from ndfit.result.maps import Maps

__all__ = ["DOMAIN_NAMES", "filled_model", "fitted_model", "reported_model"]

DOMAIN_NAMES = ("domain", "window", "x_domain", "x_window", "y_domain", "y_window")


def fitted_model(problem: FitProblem, maps: Maps, errors: Mapping[str, FloatArray] | None) -> Any:
    """Copy of the caller's model with the fitted parameters.

    `errors`, maps of standard errors in the units of the fit, go to the `std` of each parameter that is not fixed.
    Called with coordinates of the fitting axes alone, the model evaluates every position: coordinates of shape (M,)
    give values of shape (M, *B).
    """
    names = problem.params.names
    model = filled_model(problem, maps.parameters)
    for name, fixed in zip(names, problem.params.fixed, strict=True):
        if errors is not None and not fixed:
            std = errors[name]
            getattr(model, name).std = std if std.flags.writeable else std.copy()  # those of a result are read-only
    shape = problem.axes.iterating_shape
    if shape:
        call_first(model, _EvaluateEverywhere(model, shape))
    return model


def reported_model(problem: FitProblem) -> Any:
    """Bare model of the parameters that are reported: the fitted one, in the caller's polynomial basis."""
    model = copied(problem.model)
    if problem.transform is not None:
        model.domain, model.window = problem.original.domain, problem.original.window
    return model


def filled_model(problem: FitProblem, values: FloatArray) -> Any:
    """Copy of the caller's model with parameters, units and bounds of the fit.

    Parameters
    ----------
    values : shape (P,) for one position, (P, *B) for all
    """
    model, bounds = copied(problem.original), problem.model.bounds
    if problem.transform is None:
        _copy_domains(problem.model, model)
    quantities = {}
    for name, unit, value in zip(problem.params.names, problem.units, values, strict=True):
        parameter = getattr(model, name)
        set_unit(parameter, unit)
        parameter.bounds = bounds[name]
        quantities[name] = value if unit is None else u.Quantity(value, unit)
    set_values(model, quantities)
    return model


def _copy_domains(source: Any, target: Any) -> None:
    """Ranges of polynomials that a linear fit has set."""
    for name in DOMAIN_NAMES:
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
        return prepared(self.model, *inputs, **kwargs)

    def _spread(self, values: Any) -> Any:
        """Add one axis of length one for each iterating axis to coordinates of the fitting axes alone."""
        array = values if isinstance(values, u.Quantity) else np.asanyarray(values)
        if not 1 <= array.ndim <= self.model.n_inputs:
            return values
        return array.reshape(array.shape + (1,) * len(self.shape))
