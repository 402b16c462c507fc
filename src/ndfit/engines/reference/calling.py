"""One call of the caller's fitter, on data and parameters of the order of one.

Flows in: what one fit minimises, and where it starts. Flows out: what the fitter found and reported, in the caller's
numbers.

astropy's fitters get a model counted in lengths from the start (`ndfit.engines.reference.scaling`), and the scale of
the residuals in their weights. Where such a model is not finite they get residuals a hundred times as costly as those
at the start instead, so that a step there is refused and the fit goes on. Anything else with the protocol of a fitter
may look at the model as it is, and gets the caller's own, unless the data are so small or large that numbers in it
would mislead.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.modeling.fitting import (
    DogBoxLSQFitter,
    FitInfoArrayContainer,
    Fitter,
    LevMarLSQFitter,
    LinearLSQFitter,
    LMLSQFitter,
    NonFiniteValueError,
    SimplexLSQFitter,
    SLSQPLSQFitter,
    TRFLSQFitter,
)
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.caught import recorded_warnings
from ndfit.engines.fitters import innermost
from ndfit.engines.reference.fit_status import status_of
from ndfit.engines.reference.fitter_report import scaled_back
from ndfit.engines.reference.objective import Objective
from ndfit.engines.reference.scaling import (
    Counting,
    Lengths,
    counted_model,
    is_extreme,
    is_ordinary,
    lengths_at,
    root_mean_square,
    scale_of,
    set_bounds,
)
from ndfit.status import Status

__all__ = ["Caller", "Found"]

# These minimise the sum of squared residuals. A subclass may minimise anything.
_LEAST_SQUARES = (
    TRFLSQFitter,
    DogBoxLSQFitter,
    LMLSQFitter,
    LevMarLSQFitter,
    LinearLSQFitter,
    SLSQPLSQFitter,
    SimplexLSQFitter,
)
_REFUSED = 10.0


@dataclass(frozen=True)
class Found:
    """What one call of the fitter returned.

    Attributes
    ----------
    values : shape (P,)
    lengths : shape (F,), of the free parameters, see `ndfit.engines.reference.scaling`; None where they are not known
    factors : shape (F,), that the free parameters were counted in
    scale : what residuals were divided by
    info : the fitter's report, of the scaled fit
    messages : its warnings
    nfev : evaluations of the model, those of earlier calls as well
    spent : evaluations or iterations, of whichever `maxiter` of the fitter is a number
    left_out : which samples the fitter left out as outliers; None where it left out none
    """

    values: FloatArray
    lengths: FloatArray | None
    factors: FloatArray
    scale: float
    info: dict[str, Any]
    messages: tuple[str, ...]
    nfev: int
    spent: int
    left_out: NDArray[np.bool_] | None = None

    @property
    def status(self) -> Status:
        return status_of(self.info)

    def report(self, free: FloatArray, variance: float | None) -> dict[str, Any]:
        """The report in the caller's numbers, given the free parameters; for `variance` see `scaled_back`."""
        report = scaled_back(dict(self.info), self.scale, self.factors, None if self.scale == 1.0 else variance)
        own = {"x": free, "nfev": self.nfev}
        return report | {name: value for name, value in own.items() if report.get(name) is not None}


class Caller:
    """Private copies of a fitter and of the model that it gets, so that calls in several threads share nothing.

    Parameters
    ----------
    model : bare model, called as it is where nothing is counted
    fitter, fitter_kwargs : see `ndfit.engines.reference.reference_engine.ReferenceEngine`
    free : indices of the free parameters

    Attributes
    ----------
    linear : the fitter is one for linear models
    least_squares : it is known to minimise the sum of squares
    limit : `maxiter` that the caller chose, None where none was
    """

    def __init__(self, model: Any, fitter: Any, fitter_kwargs: dict[str, Any], free: tuple[int, ...]) -> None:
        inner = innermost(fitter)
        constrained = bool(model.eqcons or model.ineqcons)  # functions of the parameters as they are
        self.model, self.fitter, self.kwargs = model, _private_copy(fitter), dict(fitter_kwargs)
        self.linear = isinstance(inner, LinearLSQFitter)
        self.least_squares = type(inner) in _LEAST_SQUARES and not constrained
        self.limit: int | None = self.kwargs.get("maxiter")
        self._accepted = {name: _accepts(fitter, name) for name in ("weights", "inplace", "estimate_jacobian")}
        self._countable = self._accepted["weights"] and not self.linear and not constrained
        self._always = isinstance(inner, Fitter)
        self._counting = Counting(free, len(model.param_names))
        self._counted = counted_model(model, self._counting) if self._countable else None
        self._known: tuple[Any, Lengths] | None = None

    def __call__(
        self,
        start: FloatArray,
        objective: Objective,
        *,
        again: bool = False,
        earlier: Found | None = None,
        estimate: bool = False,
    ) -> Found:
        """Fit from a start (P,).

        Parameters
        ----------
        again : go on with parameters counted in lengths, whatever the fitter is
        earlier : what an earlier call of this fit found: its evaluations count, towards the caller's limit too
        estimate : the model's own derivative is wrong

        Raises
        ------
        NonFiniteValueError
            The model is not finite at the start.
        """
        kwargs = dict(self.kwargs)
        if earlier is not None and self.limit is not None:
            kwargs["maxiter"] = self.limit - earlier.spent
        if estimate and self._accepted["estimate_jacobian"]:
            kwargs["estimate_jacobian"] = True
        model, weights, scale, lengths = self.model, objective.weights, 1.0, None
        if self._countable and (self._always or again or is_extreme(objective.size)):
            scale, lengths = self._count(start, objective, anew=again or not self._always)
            model = self._counted
            if scale != 1.0:
                weights = np.full(objective.data.shape, 1.0 / scale) if weights is None else weights / scale
        model.sync_constraints = True  # an exception in the fit before leaves it off
        model.parameters = start if lengths is None else self._counting.there(start)
        fitted, messages = self._call(model, objective, weights, kwargs)
        fitted, left_out = fitted if isinstance(fitted, tuple) else (fitted, None)  # as FittingWithOutlierRemoval does
        values = np.array(fitted.parameters, dtype=float)
        values = objective.inside(values if lengths is None else self._counting.back(values))
        info = dict(getattr(self.fitter, "fit_info", None) or {})
        nfev = int(info.get("nfev") or info.get("num_function_calls") or 0)
        spent = int(info.get("numiter") or nfev)
        if earlier is not None:
            nfev, spent = nfev + earlier.nfev, spent + earlier.spent
        factors = self._counting.factors[self._counting.free].copy()
        return Found(values, lengths, factors, scale, info, messages, nfev, spent, left_out)

    def _count(self, start: FloatArray, objective: Objective, anew: bool) -> tuple[float, FloatArray]:
        """Count parameters from here, `anew` also where nothing speaks against them as they are.

        Returns the scale of the residuals, and the lengths of the parameters.
        """
        free = self._counting.free
        known = (start.tobytes(), objective.samples)
        if self._known is None or self._known[0] != known or objective.samples is None:

            def values(free_values: FloatArray) -> FloatArray:
                return objective.values(objective.parameters.complete(start, free_values))

            self._known = known, lengths_at(values, start[free])
        residual = objective.weighted(self._known[1].values) - objective.weighted_data
        if not np.isfinite(residual).all():
            raise NonFiniteValueError("the model is not finite at the starting values")
        scale = scale_of(objective.size, root_mean_square(residual))
        lengths = self._known[1].factors(objective.weights, scale)
        whole = 1.0 if objective.weights is None else root_mean_square(objective.weights.ravel()) or 1.0
        self._counting.instead = float(np.abs(objective.data).max()) + _REFUSED * root_mean_square(residual) / whole
        if not anew and is_ordinary(start[free], lengths, scale):
            self._counting.as_they_are()
            scale = 1.0
        else:
            self._counting.begin(start, lengths)
        set_bounds(self._counted, self._counting, objective.lower, objective.upper)
        return scale, lengths

    def _call(
        self, model: Any, objective: Objective, weights: FloatArray | None, kwargs: dict[str, Any]
    ) -> tuple[Any, tuple[str, ...]]:
        if weights is not None:
            kwargs["weights"] = weights
        if self._accepted["inplace"]:
            kwargs["inplace"] = True
        with recorded_warnings() as caught:
            fitted = self.fitter(model, *objective.coords, objective.data, **kwargs)
        return fitted, tuple(str(item) for item in caught)


def _private_copy(fitter: Any) -> Any:
    """Copy of the fitter without the results of an earlier run, which may be large."""
    duplicate = copy.copy(fitter)
    for name, value in vars(fitter).items():
        if name == "fitter":
            duplicate.fitter = _private_copy(value)
        elif isinstance(value, FitInfoArrayContainer):
            setattr(duplicate, name, {})
        else:
            setattr(duplicate, name, copy.deepcopy(value))
    return duplicate


def _accepts(fitter: Callable[..., Any], keyword: str) -> bool:
    parameters = inspect.signature(fitter).parameters.values()
    return any(p.name == keyword or p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
