"""The caller's own astropy fitter, position by position: the engine that every other one is measured against.

Flows in: a Block, and the fitter as the caller made it. Flows out: a BlockResult with the parameters it found.

The fitter's word that it converged is not taken for it. Each answer gets a certificate, the estimated distance to the
minimum (`ndfit.engines.certificate`), by derivatives at the answer, whatever the fitter went by. Where that is too
large, the fitter goes on from there: from the minimum that the derivatives point to, if the cost is lower there, with
parameters counted anew (`ndfit.engines.reference.calling`), until it is at a minimum, finds nothing lower, or has made
as many evaluations as the caller allows. What is then still not at a minimum is STALLED.

A parameter that stopped just off a bound, as interior points do, is put on it where the cost is not higher there.

What minimises something else than the sum of squares (a subclass, an object with the protocol of a fitter) is believed.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from astropy.modeling.fitting import NonFiniteValueError

from ndfit.arrays import FloatArray
from ndfit.copying import copied
from ndfit.engines.base import BlockResult, SolveOptions
from ndfit.engines.certificate import CONVERGED_EDM, status_with_certificate
from ndfit.engines.reference.answer import Answer, answer_of
from ndfit.engines.reference.calling import Caller
from ndfit.engines.reference.jacobian import FreeParameters, covariance_of, jacobian_at
from ndfit.engines.reference.objective import Objective
from ndfit.engines.reference.piecewise_constant import search_start
from ndfit.engines.reference.seen_model import Seen
from ndfit.problem.places import Places
from ndfit.problem.types import Block
from ndfit.status import STATUS, Status

__all__ = ["ReferenceEngine"]


@dataclass(eq=False)
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
    piecewise_constant : positions in `free` of parameters for which a start is searched, see
        `ndfit.engines.reference.piecewise_constant`
    """

    model: Any
    fitter: Any
    fitter_kwargs: dict[str, Any]
    free: tuple[int, ...]
    absolute_sigma: bool
    keep_info: bool
    bounds_by_map: tuple[int, ...] = ()
    piecewise_constant: tuple[int, ...] = ()

    name: ClassVar[str] = "reference"
    chunk_size: ClassVar[int] = 500
    releases_gil: ClassVar[bool] = False
    pointwise: ClassVar[bool] = False
    calls_fitter: ClassVar[bool] = True
    seconds_per_fit: ClassVar[float] = 2e-3
    packages: ClassVar[tuple[str, ...]] = ("ndfit", "astropy", "scipy", "numpy")
    set_tied: ClassVar[None] = None
    dimensions: ClassVar[None] = None

    def __post_init__(self) -> None:
        # Models remember on themselves what was asked of them, and what they last computed: one that threads copy while
        # another asks it gives no copy, or numbers of two at once. This one nobody asks anything.
        self._untouched = copied(self.model)

    def own_model(self) -> Any:
        """A copy of the model for one thread."""
        return copied(self._untouched)

    def fingerprint(self) -> dict[str, Any]:
        return {"computes": self.model, "fitter": self.fitter, "fitter_kwargs": self.fitter_kwargs}

    def make_ready(self, options: SolveOptions) -> None:
        import scipy.optimize  # noqa: F401 -- which astropy's fitters import when they are called

    def __call__(self, block: Block, options: SolveOptions) -> BlockResult:
        block = block.whitened
        worker = _Worker(self, block, options)
        for row in np.flatnonzero(block.status == Status.READY):
            worker.fit(int(row))
        return worker.results()

    def values(self, parameters: FloatArray, places: Places) -> FloatArray:
        model, rows = self.own_model(), []
        for row, own in enumerate(parameters):
            inputs, shape = places.one(row).inputs, places.shape
            values = model.evaluate(*(axis.reshape(shape) for axis in inputs), *own)
            rows.append(np.broadcast_to(np.asarray(values, dtype=float), shape).ravel())
        return places.seen(np.stack(rows))

    def derivatives(self, parameters: FloatArray, places: Places) -> FloatArray:
        model, rows = self.own_model(), []
        for row, own in enumerate(parameters):
            inputs = places.one(row).inputs

            def values(moved: FloatArray, inputs: Sequence[FloatArray] = inputs) -> FloatArray:
                return np.broadcast_to(np.asarray(model.evaluate(*inputs, *moved), dtype=float), inputs[0].shape)

            rows.append(jacobian_at(values, own, self.free, model).T)
        return places.seen(np.stack(rows))


class _Worker:
    """The results of one block."""

    def __init__(self, engine: ReferenceEngine, block: Block, options: SolveOptions) -> None:
        n_fits, n_params = block.start.shape
        n_free = len(engine.free)
        self.engine, self.block, self.options = engine, block, options
        self.model = engine.own_model()
        self.seen = None if block.places.response is None else Seen(self.model)
        self.free = FreeParameters(self.model, engine.free)
        self.call = Caller(self.model, engine.fitter, engine.fitter_kwargs, engine.free)
        self.errors: dict[int, str] = {}
        self.warned: dict[int, tuple[str, ...]] = {}
        self.parameters = np.full((n_fits, n_params), np.nan)
        self.status = block.status.copy()
        self.nfev = np.zeros(n_fits, dtype=np.int32)
        self.cost, self.edm = np.full(n_fits, np.nan), np.full(n_fits, np.nan)
        self.covariance = np.full((n_fits, n_free, n_free), np.nan) if options.covariance else None
        self.info = np.full(n_fits, None, dtype=object) if engine.keep_info else None

    def results(self) -> BlockResult:
        return BlockResult(
            self.parameters,
            status_with_certificate(self.status, self.edm),
            self.nfev,
            self.cost,
            self.covariance,
            self.errors,
            self.warned,
            self.info,
            edm=self.edm,
        )

    def fit(self, row: int) -> None:
        """Fit one row; whatever the fitter or the model raise is kept as that row's error."""
        try:
            with np.errstate(all="ignore"):
                objective = self._objective(row)
                start = self._start(row, objective)
                answer = answer_of(self.call, self.block.start[row], start, objective, self.options.absolute_sigma)
                self._keep(row, answer)
        except NonFiniteValueError:
            self._fail(row, Status.NON_FINITE_MODEL)
        except Exception:  # the caller's model and fitter may raise anything; the other positions go on
            self._fail(row, Status.USER_ERROR)

    def _fail(self, row: int, status: Status) -> None:
        self.status[row] = status
        self.errors[row] = traceback.format_exc()
        self.parameters[row] = np.nan

    def _keep(self, row: int, answer: Answer) -> None:
        found, certificate = answer.found, answer.certificate
        if found.messages:
            self.warned[row] = found.messages
        free = found.values[self.free.free]
        if np.array_equal(free, self.block.start[row, self.free.free]) and not certificate.jacobian.any():
            self.status[row] = Status.INSENSITIVE
            self.errors[row] = f"{STATUS[Status.INSENSITIVE].meaning}\n"
            return
        status = found.status if answer.status is None else answer.status
        self.parameters[row], self.status[row], self.nfev[row] = found.values, status, found.nfev
        self.cost[row] = answer.cost
        if self.call.least_squares:
            self.edm[row] = certificate.edm
        if self.covariance is None and self.info is None:
            return
        covariance = covariance_of(certificate.jacobian, certificate.accuracy)
        if self.covariance is not None:
            self.covariance[row] = covariance
        if self.info is not None:
            degrees = answer.n_samples - free.size
            relative = not self.engine.absolute_sigma and degrees > 0
            variance = 2 * answer.cost / degrees if relative else None
            report = found.report(free, variance)
            if answer.moved:
                _move_report(report, answer, covariance * (certificate.variance if relative else 1.0))
            elif np.isnan(covariance).all() and report.get("param_cov") is not None:
                report["param_cov"] = covariance  # where astropy's has zeros for what the data do not determine
            if answer.status is not None or (STATUS[status].converged and self.edm[row] > CONVERGED_EDM):
                report["message"] = None  # the fitter's own says something else
            self.info[row] = report

    def _start(self, row: int, objective: Objective) -> FloatArray:
        """Starting values; searched for where the model has no derivative by a parameter that matters."""
        start, free = self.block.start[row], self.free.free
        if not self.engine.piecewise_constant:
            return start

        def residual(values: FloatArray) -> FloatArray:
            return objective.residual(self.free.complete(start, values))

        span = max(float(np.ptp(values)) for values in objective.coords)
        bounds = objective.lower, objective.upper
        return self.free.complete(
            start, search_start(residual, start[free], self.engine.piecewise_constant, span, bounds)
        )

    def _objective(self, row: int) -> Objective:
        block = self.block
        places = block.places.one(row)
        if self.seen is None:
            coords = tuple(values.reshape(block.fitting_shape) for values in places.inputs)
        else:
            coords = self.seen.at(places, block.fitting_shape, len(places.inputs))
        data = block.data[row].astype(float)
        weights = None if block.weights is None else block.weights[row]
        use = None if block.valid is None or block.valid[row].all() else block.valid[row]
        if use is None:
            shape = block.fitting_shape
            data, weights = data.reshape(shape), None if weights is None else weights.reshape(shape)
        else:
            coords, data = tuple(values.ravel()[use] for values in coords), data[use]
            weights = None if weights is None else weights[use]
        samples = (None if block.places.are_shared else row, None if use is None else use.tobytes())
        return Objective(self.model, self.free, coords, data, weights, *self._bounds(row), samples)

    def _bounds(self, row: int) -> tuple[FloatArray, FloatArray]:
        """Of the free parameters, each (F,); the model gets those that differ between positions."""
        lower, upper = (limit[row if len(limit) > 1 else 0] for limit in (self.block.lower, self.block.upper))
        for index in self.engine.bounds_by_map:
            low, high = lower[index], upper[index]
            parameter = getattr(self.model, self.model.param_names[index])
            parameter.bounds = (None if np.isinf(low) else low, None if np.isinf(high) else high)
        return lower[self.free.free], upper[self.free.free]


def _move_report(report: dict[str, Any], answer: Answer, covariance: FloatArray) -> None:
    """Put what holds where the answer is in place of what held where the fitter stopped."""
    residual, jacobian = answer.certificate.residual, answer.certificate.jacobian
    gradient = jacobian.T @ residual
    here = {
        "cost": answer.cost,
        "fun": residual,
        "fvec": residual,
        "jac": jacobian,
        "grad": gradient,
        "optimality": float(np.max(np.abs(gradient))),
        "param_cov": covariance,
    }
    report.update({name: value for name, value in here.items() if report.get(name) is not None})
