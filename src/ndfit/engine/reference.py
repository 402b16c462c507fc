"""The caller's own astropy fitter, position by position: the engine that every other one is measured against.

Flows in: a Block, and the fitter as the caller made it. Flows out: a BlockResult with the parameters it found.

Each call works on copies of the fitter and of the model, so that calls in several threads share nothing. Where
residuals are far from the order of one, they and the parameters are scaled by powers of two (`ndfit.engine.scaling`),
and what the fitter reports is scaled back.
"""

from __future__ import annotations

import copy
import inspect
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from astropy.modeling import CompoundModel
from astropy.modeling.fitting import FitInfoArrayContainer, LinearLSQFitter, NonFiniteValueError

from ndfit.caught import recorded_warnings
from ndfit.engine.fit_status import status_of
from ndfit.engine.fitters import innermost
from ndfit.engine.jacobian import covariance_of, jacobian_at, with_free
from ndfit.engine.report import scaled_back
from ndfit.engine.scaling import column_scales, count_parameters_in, residual_scale
from ndfit.engine.stepwise import search_start
from ndfit.problem.types import STATUS, Block, BlockResult, FloatArray, SolveOptions, Status

__all__ = ["ReferenceEngine"]

# A sum of squares below this part of another one's belongs to another answer.
_ANOTHER_ANSWER = 0.9


class ReferenceEngine:
    """Engine that calls an astropy fitter, or any object with the protocol of one, for each fit.

    Parameters
    ----------
    model : bare model, see FitProblem
    fitter : called as fitter(model, *coordinates, data, weights=..., **kwargs); returns the fitted model
    fitter_kwargs : keywords of that call
    free : indices of the free parameters
    absolute_sigma : the caller gave weights
    keep_info : keep each fit's `fit_info`
    bounds_by_map : indices of parameters whose bounds differ between positions
    stepwise : positions in `free` of parameters for which a start is searched, see `ndfit.engine.stepwise`
    fitting_shape : of the coordinates that models are called with; None for one axis
    """

    name = "reference"
    chunk_size = 500
    releases_gil = False
    pointwise = False
    seconds_per_fit = 2e-3

    def __init__(
        self,
        model: Any,
        fitter: Any,
        fitter_kwargs: dict[str, Any],
        free: tuple[int, ...],
        absolute_sigma: bool,
        keep_info: bool,
        bounds_by_map: tuple[int, ...] = (),
        stepwise: tuple[int, ...] = (),
        fitting_shape: tuple[int, ...] | None = None,
    ) -> None:
        self.model, self.fitter, self.fitter_kwargs = model, fitter, fitter_kwargs
        self.free, self.absolute_sigma, self.keep_info = free, absolute_sigma, keep_info
        self.bounds_by_map, self.stepwise = bounds_by_map, stepwise
        self.fitting_shape = fitting_shape

    def make_ready(self, options: SolveOptions) -> None:
        import scipy.optimize  # noqa: F401 -- which astropy's fitters import when they are called

    def __call__(self, block: Block, options: SolveOptions) -> BlockResult:
        worker = _Worker(self, block, options)
        for row in np.flatnonzero(block.status == Status.READY):
            worker.fit(int(row))
        return worker.results()

    def values(self, parameters: FloatArray, coords: Sequence[FloatArray]) -> FloatArray:
        rows = []
        for row, own in enumerate(parameters):
            places = [axis if axis.ndim == 1 else axis[row] for axis in coords]
            shape = places[0].shape if self.fitting_shape is None else self.fitting_shape
            values = self.model.evaluate(*(axis.reshape(shape) for axis in places), *own)
            rows.append(np.broadcast_to(np.asarray(values, dtype=float), shape).ravel())
        return np.stack(rows)


@dataclass(frozen=True)
class _Samples:
    """One fit: coordinates and data with the left-out samples gone, weights with the scale, the scale."""

    coords: tuple[FloatArray, ...]
    data: FloatArray
    weights: FloatArray | None
    scale: float
    caller_weights: FloatArray | None


@dataclass(frozen=True)
class _Found:
    """What one call of the fitter returned: parameters, what they were counted in, its report and its warnings."""

    values: FloatArray
    factors: FloatArray
    info: dict[str, Any]
    messages: tuple[str, ...]

    def after(self, earlier: _Found) -> _Found:
        """The same with the evaluations of an earlier call added."""
        return replace(self, info=self.info | {"nfev": self.info.get("nfev", 0) + earlier.info.get("nfev", 0)})


@dataclass
class _Worker:
    """Private copies of fitter and model, and the results of one block."""

    engine: ReferenceEngine
    block: Block
    options: SolveOptions
    errors: dict[int, str] = field(default_factory=dict)
    warned: dict[int, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n_fits, n_params = self.block.start.shape
        n_free = len(self.engine.free)
        self.fitter = _private_copy(self.engine.fitter)
        self.model = self.engine.model.copy()
        self.inplace = _accepts(self.engine.fitter, "inplace")
        self.rescale = not _is_linear(self.fitter) and _accepts(self.fitter, "weights")
        self.parameters = np.full((n_fits, n_params), np.nan)
        self.status = self.block.status.copy()
        self.nfev = np.zeros(n_fits, dtype=np.int32)
        self.cost = np.full(n_fits, np.nan)
        self.covariance = np.full((n_fits, n_free, n_free), np.nan) if self.options.covariance else None
        self.info = np.full(n_fits, None, dtype=object) if self.engine.keep_info else None

    def results(self) -> BlockResult:
        return BlockResult(
            self.parameters, self.status, self.nfev, self.cost, self.covariance, self.errors, self.warned, self.info
        )

    def fit(self, row: int) -> None:
        """Fit one row; whatever the fitter or the model raise is kept as that row's error."""
        samples = self._samples(row)
        try:
            with np.errstate(all="ignore"):
                self._set_bounds(row)
                start = self._start(row, samples)
                messages = self._fit_from(row, start, samples)
        except NonFiniteValueError:
            self._fail(row, Status.NON_FINITE_MODEL)
        except Exception:  # the caller's model and fitter may raise anything; the other positions go on
            self._fail(row, Status.USER_ERROR)
        else:
            if messages:
                self.warned[row] = messages

    def _fail(self, row: int, status: Status) -> None:
        self.status[row] = status
        self.errors[row] = traceback.format_exc()
        self.parameters[row] = np.nan

    def _fit_from(self, row: int, start: FloatArray, samples: _Samples) -> tuple[str, ...]:
        """Call the fitter, and keep what it found; returns its warnings.

        A fit that stopped at the fitter's own limit, which nobody chose, goes on with scaled steps. What that finds is
        kept where it is another answer: where the sum of squares falls by a tenth. Otherwise the fitter's answer
        stands as it is.
        """
        found = self._attempt(start, samples, scaled=samples.scale != 1.0)
        if status_of(found.info) == Status.EVALUATION_LIMIT and "maxiter" not in self.engine.fitter_kwargs:
            further = self._attempt(found.values, samples, scaled=True)
            if self._cost(further.values, samples) < _ANOTHER_ANSWER * self._cost(found.values, samples):
                found = further.after(found)
        self._keep(row, found, start, samples)
        return found.messages

    def _attempt(self, start: FloatArray, samples: _Samples, scaled: bool) -> _Found:
        """One call of the fitter; `scaled` counts the parameters so that the Jacobian's columns are alike."""
        model, factors = self.model, np.ones(start.size)
        if scaled:
            factors = column_scales(self._jacobian(start, samples), samples.scale, self.engine.free, start.size)
            model = count_parameters_in(self.model, factors)
        model.parameters = start / factors
        fitted, messages = self._call_fitter(model, samples, scaled)
        info = dict(getattr(self.fitter, "fit_info", None) or {})
        return _Found(np.array(fitted.parameters, dtype=float) * factors, factors, info, messages)

    def _cost(self, values: FloatArray, samples: _Samples) -> float:
        residual = self._residual(values, samples)
        return 0.5 * float(residual @ residual)

    def _call_fitter(self, model: Any, samples: _Samples, scaled: bool) -> tuple[Any, tuple[str, ...]]:
        kwargs = dict(self.engine.fitter_kwargs)
        if samples.weights is not None:
            kwargs["weights"] = samples.weights
        if self.inplace:
            kwargs["inplace"] = True
        if scaled and isinstance(model, CompoundModel) and _accepts(self.fitter, "estimate_jacobian"):
            kwargs["estimate_jacobian"] = True  # astropy's derivative of a compound knows nothing of the factors
        with recorded_warnings() as caught:
            fitted = self.fitter(model, *samples.coords, samples.data, **kwargs)
        if isinstance(fitted, tuple):  # FittingWithOutlierRemoval returns the model and the mask of outliers
            fitted = fitted[0]
        return fitted, tuple(str(item) for item in caught)

    def _keep(self, row: int, found: _Found, start: FloatArray, samples: _Samples) -> None:
        free, values, info = list(self.engine.free), found.values, found.info
        if not np.isfinite(values).all():
            raise NonFiniteValueError("the fitter returned parameters that are not finite")
        if np.array_equal(values[free], start[free]) and not np.any(self._jacobian(start, samples)):
            self.status[row] = Status.INSENSITIVE
            self.errors[row] = f"{STATUS[Status.INSENSITIVE].meaning}\n"
            return
        self.parameters[row] = values
        self.nfev[row] = int(info.get("nfev") or info.get("num_function_calls") or 0)
        self.cost[row] = self._cost(values, samples)
        self.status[row] = status_of(info)
        if self.covariance is not None:
            self.covariance[row] = covariance_of(self._jacobian(values, samples))
        if self.info is not None:
            degrees = samples.data.size - len(free)
            relative = samples.scale != 1.0 and not self.engine.absolute_sigma and degrees > 0
            variance = 2 * self.cost[row] / degrees if relative else None
            self.info[row] = scaled_back(info, samples.scale, found.factors[free], variance)

    def _jacobian(self, values: FloatArray, samples: _Samples) -> FloatArray:
        return jacobian_at(lambda moved: self._residual(moved, samples), values, self.engine.free, self.model)

    def _residual(self, values: FloatArray, samples: _Samples) -> FloatArray:
        """Residuals with the caller's weights, flat."""
        difference = np.asarray(self.model.evaluate(*samples.coords, *values), dtype=float) - samples.data
        weighted = difference if samples.caller_weights is None else difference * samples.caller_weights
        return np.broadcast_to(weighted, samples.data.shape).ravel()

    def _set_bounds(self, row: int) -> None:
        for index in self.engine.bounds_by_map:
            low, high = (limit[row if len(limit) > 1 else 0, index] for limit in (self.block.lower, self.block.upper))
            parameter = getattr(self.model, self.model.param_names[index])
            parameter.bounds = (None if np.isinf(low) else low, None if np.isinf(high) else high)

    def _start(self, row: int, samples: _Samples) -> FloatArray:
        """Starting values; searched for where the model has no derivative by a parameter that matters."""
        start, free = self.block.start[row], list(self.engine.free)
        if not self.engine.stepwise:
            return start

        def residual(values: FloatArray) -> FloatArray:
            return self._residual(with_free(start, values, self.engine.free, self.model), samples)

        span = max(float(np.ptp(values)) for values in samples.coords)
        bounds = tuple(limit[row if len(limit) > 1 else 0, free] for limit in (self.block.lower, self.block.upper))
        found = search_start(residual, start[free], self.engine.stepwise, span, (bounds[0], bounds[1]))
        return with_free(start, found, self.engine.free, self.model)

    def _samples(self, row: int) -> _Samples:
        block = self.block
        coords = tuple(values if values.ndim == 1 else values[row] for values in block.coords)
        data = block.data[row].astype(float)
        weights = None if block.weights is None else block.weights[row]
        use = None if block.valid is None or block.valid[row].all() else block.valid[row]
        if use is None:
            shape = block.fitting_shape
            coords, data = tuple(values.reshape(shape) for values in coords), data.reshape(shape)
            weights = None if weights is None else weights.reshape(shape)
        else:
            coords, data = tuple(values[use] for values in coords), data[use]
            weights = None if weights is None else weights[use]
        scale = residual_scale(data if weights is None else data * weights) if self.rescale else 1.0
        scaled = weights
        if scale != 1.0:
            scaled = np.full(data.shape, 1 / scale) if weights is None else weights / scale
        return _Samples(coords, data, scaled, scale, weights)


def _is_linear(fitter: Any) -> bool:
    return isinstance(innermost(fitter), LinearLSQFitter)


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
