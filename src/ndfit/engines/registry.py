"""The engines there are: the table of rows.

Flows in: a Request. Flows out: for each row an engine, or the reason why it is none for this request.

A row tries to build its engine. The first that can be built is taken, so that faster engines stand before slower ones,
and the last of the reasons before it is the reason for taking it where that is not the row's own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from astropy.modeling.fitting import DogBoxLSQFitter, LevMarLSQFitter, LinearLSQFitter, LMLSQFitter, TRFLSQFitter

from ndfit.arrays import FloatArray
from ndfit.engines.availability import why_not_compiled
from ndfit.engines.base import EngineChoice, SolveOptions
from ndfit.engines.fitters import FitterCall, innermost, outlier_removal
from ndfit.engines.linear.linear_engine import LinearEngine
from ndfit.engines.loss import Loss
from ndfit.engines.reference.piecewise_constant import piecewise_constant_parameters
from ndfit.engines.reference.reference_engine import ReferenceEngine
from ndfit.model.design import linear_model
from ndfit.model.reasons import NotCompilable
from ndfit.model.trace.tracing import trace
from ndfit.model.verify import verify
from ndfit.once import cached_property
from ndfit.options import SQUARE
from ndfit.problem.arrange import sample_coordinates
from ndfit.problem.types import FitProblem

if TYPE_CHECKING:
    from ndfit.model.comparison import Comparison
    from ndfit.model.ir import ModelGraph

__all__ = ["ENGINES", "KEYWORDS", "LEAST_SQUARES", "METHODS", "EngineRow", "Request", "WantedInfo"]

_MAX_EVALUATIONS = 1000
LEAST_SQUARES = SolveOptions(ftol=1e-8, xtol=1e-7, gtol=1e-8, max_nfev=_MAX_EVALUATIONS)
_MINPACK = SolveOptions(ftol=1.49012e-8, xtol=1e-7, gtol=0.0, max_nfev=_MAX_EVALUATIONS)

METHODS: dict[type, SolveOptions] = {
    TRFLSQFitter: LEAST_SQUARES,
    DogBoxLSQFitter: LEAST_SQUARES,
    LMLSQFitter: LEAST_SQUARES,
    LevMarLSQFitter: _MINPACK,
    LinearLSQFitter: LEAST_SQUARES,
}
"""Fitters that the compiled engines stand in for, and the tolerances that each of them uses by default.

A subclass may do anything else, and is not in the table.
"""

KEYWORDS = {"maxiter": "max_nfev", "acc": "xtol", "epsilon": None, "estimate_jacobian": None}
"""Keyword of the fitter's call -> field of SolveOptions; None where it says how the fitter takes derivatives."""

# What the compiled engines can say of each fit.
_KNOWN_INFO = frozenset({"status", "success", "message", "nfev", "cost", "edm", "flags", "param_cov"})

_COMPILES = "the model compiles, and agrees with the caller's"
_LINEAR = f"{_COMPILES}; it is linear in every free parameter"

WantedInfo = tuple[str, ...] | None
"""Entries of fit_info that are wanted; None for all that there are."""


@dataclass(frozen=True)
class Request:
    """What is to be solved, and what is asked of the engine.

    Attributes
    ----------
    call : the caller's fitter
    wanted : entries of each fit's report that are to be kept
    loss : what is minimised
    """

    problem: FitProblem
    call: FitterCall
    wanted: WantedInfo
    loss: Loss

    def traced(self) -> tuple[ModelGraph, Comparison]:
        """The model as a graph, and the comparison of the two.

        Raises
        ------
        NotCompilable
        """
        if isinstance(self._traced, NotCompilable):
            raise self._traced
        return self._traced

    @cached_property
    def _traced(self) -> tuple[ModelGraph, Comparison] | NotCompilable:
        model = self.problem.model
        try:
            graph = trace(model)
            return graph, verify(graph, model, self.coordinates, model.parameters, self.problem.params.free)
        except NotCompilable as reason:
            return reason

    @cached_property
    def piecewise_constant(self) -> tuple[int, ...]:
        """Which free parameters the model is flat in between jumps."""
        model = self.problem.model
        return piecewise_constant_parameters(model, model.parameters, self.problem.params.free, self.coordinates)

    @cached_property
    def coordinates(self) -> tuple[FloatArray, ...]:
        """Those of the first position."""
        return sample_coordinates(self.problem.samples.inputs, self.problem.axes, self.problem.axes.n_samples)


class EngineRow(NamedTuple):
    """A row of the table.

    Attributes
    ----------
    asked_as : what the option `engine` calls it, beside 'auto'
    calls_model : it calls the caller's own model
    build : Request -> EngineChoice, whose reason is empty where that of the row before serves; raises NotCompilable
        with the reason why the engine cannot serve
    """

    asked_as: str
    calls_model: bool
    build: Callable[[Request], EngineChoice]


def _linear(request: Request) -> EngineChoice:
    _check_call(request)
    graph, comparison = request.traced()
    linear = linear_model(graph, request.problem.params.free) if request.loss.name == SQUARE else None
    if linear is None:
        raise NotCompilable("the model is not linear in every free parameter")
    return EngineChoice(LinearEngine(linear, request.problem.absolute_sigma), _LINEAR, comparison.difference)


def _compiled(request: Request) -> EngineChoice:
    _check_call(request)
    graph, comparison = request.traced()
    if request.call.linear and request.loss.name == SQUARE:
        name = type(request.call.fitter).__name__
        raise NotCompilable(f"{name} is for models that are linear in every free parameter")
    if not comparison.all_act and request.problem.samples.instrument is None and request.piecewise_constant:
        raise NotCompilable("the model is flat between jumps, which takes a search without derivatives")
    if why_not_compiled():
        raise NotCompilable(why_not_compiled())
    # With the compiler, which other engines do without.
    from ndfit.engines.compiled.compiled_engine import CompiledEngine
    from ndfit.model.model_code import generate

    free = request.problem.params.free
    engine = CompiledEngine(generate(graph, free, free), request.problem.absolute_sigma)
    return EngineChoice(engine, _COMPILES, comparison.difference)


def _reference(request: Request) -> EngineChoice:
    problem, call, params = request.problem, request.call, request.problem.params
    instrument = problem.samples.instrument is not None
    if instrument and call.linear:
        raise NotCompilable("LinearLSQFitter knows no instrument: use TRFLSQFitter, which is the default")
    if request.loss.name != SQUARE:
        raise NotCompilable(f"astropy's fitters minimise squares, and not the loss '{request.loss.name}'")
    engine = ReferenceEngine(
        problem.model,
        call.fitter,
        dict(call.kwargs),
        params.free,
        problem.absolute_sigma,
        keep_info=request.wanted != (),
        bounds_by_map=tuple(i for i in params.free if params.lower[i].size > 1 or params.upper[i].size > 1),
        piecewise_constant=() if call.linear or instrument else request.piecewise_constant,
    )
    return EngineChoice(engine, "")


def _check_call(request: Request) -> None:
    """Refuse what the caller's fitter alone can do, or tell."""
    call, wanted = request.call, request.wanted
    fitter = type(innermost(call.fitter))
    try:
        removes_outliers = outlier_removal(call.fitter) is not None
    except ValueError as error:
        raise NotCompilable(str(error)) from None
    if removes_outliers and wanted != ():
        raise NotCompilable("what FittingWithOutlierRemoval reports of each fit is known to it only")
    if fitter not in METHODS:
        raise NotCompilable(f"{fitter.__name__} is not one of {', '.join(kind.__name__ for kind in METHODS)}")
    for keyword in call.kwargs:
        if keyword not in KEYWORDS:
            raise NotCompilable(f"the keyword '{keyword}' of {fitter.__name__} has no compiled counterpart")
    for name in wanted or ():
        if name not in _KNOWN_INFO:
            raise NotCompilable(f"fit_info '{name}' is known to the fitter only")


ENGINES: tuple[EngineRow, ...] = (
    EngineRow("compiled", False, _linear),
    EngineRow("compiled", False, _compiled),
    EngineRow("reference", True, _reference),
)
"""Every engine, in the order in which they are tried."""
