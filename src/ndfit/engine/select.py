"""Which engine solves the problem, and why.

Flows in: FitProblem, the caller's fitter, the engine asked for, and what is wanted of each fit. Flows out:
EngineChoice, with its reason.

The compiled engine stands in for the fitters of METHODS: it minimises the same sum of squares under the same bounds.
Its model is traced from the caller's and compared with it by numbers; whatever speaks against it, the caller's own
fitter does the work, and the reason is kept.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from astropy.modeling.fitting import (
    DogBoxLSQFitter,
    LevMarLSQFitter,
    LinearLSQFitter,
    LMLSQFitter,
    TRFLSQFitter,
)

from ndfit.arrays import FloatArray
from ndfit.engine.availability import why_not_compiled
from ndfit.engine.clipping import Clip, clip_of
from ndfit.engine.fitters import FitterCall, innermost
from ndfit.engine.linear import LinearEngine
from ndfit.engine.loss import Loss
from ndfit.engine.reference import ReferenceEngine
from ndfit.engine.stepwise import stepwise_parameters
from ndfit.graph.design import linear_model
from ndfit.graph.reasons import NotCompilable
from ndfit.graph.trace import trace
from ndfit.graph.verify import verify
from ndfit.options import SQUARE
from ndfit.problem.arrange import sample_coordinates
from ndfit.problem.types import EngineChoice, FitProblem, SolveOptions

__all__ = ["METHODS", "WantedInfo", "clip_beside", "select_engine", "select_reference", "solve_options"]

_MAX_EVALUATIONS = 1000
_LEAST_SQUARES = SolveOptions(ftol=1e-8, xtol=1e-7, gtol=1e-8, max_nfev=_MAX_EVALUATIONS)
_MINPACK = SolveOptions(ftol=1.49012e-8, xtol=1e-7, gtol=0.0, max_nfev=_MAX_EVALUATIONS)

METHODS: dict[type, SolveOptions] = {
    TRFLSQFitter: _LEAST_SQUARES,
    DogBoxLSQFitter: _LEAST_SQUARES,
    LMLSQFitter: _LEAST_SQUARES,
    LevMarLSQFitter: _MINPACK,
    LinearLSQFitter: _LEAST_SQUARES,
}
"""Fitters that the compiled engine stands in for, and the tolerances that each of them uses by default.

A subclass may do anything else, and is not in the table.
"""

# Keyword of the fitter's call -> field of SolveOptions; None where it says how the fitter takes derivatives.
_KEYWORDS = {"maxiter": "max_nfev", "acc": "xtol", "epsilon": None, "estimate_jacobian": None}

# What the compiled engine can say of each fit.
_KNOWN_INFO = frozenset({"status", "success", "message", "nfev", "cost", "edm", "flags", "param_cov"})

_COMPILES = "the model compiles, and agrees with the caller's"
_LINEAR = f"{_COMPILES}; it is linear in every free parameter"

_SQUARE = Loss()

WantedInfo = tuple[str, ...] | None
"""Entries of fit_info that are wanted; None for all that there are."""

_log = logging.getLogger("ndfit")


def select_engine(
    problem: FitProblem, call: FitterCall, engine: str, wanted: WantedInfo, loss: Loss = _SQUARE
) -> EngineChoice:
    """Choose the engine.

    Parameters
    ----------
    engine : as in `ndfit.options.Execution`
    wanted : entries of each fit's report that are to be kept
    loss : what is minimised; astropy's fitters know the square alone

    Raises
    ------
    ValueError
        The problem needs the compiled engine and cannot be compiled.
    """
    choice = _choose(problem, call, engine, wanted, loss)
    _log.info("engine %s: %s", choice.engine.name, choice.reason)
    return choice


def select_reference(
    problem: FitProblem, call: FitterCall, engine: str, wanted: WantedInfo, loss: Loss, reason: str
) -> EngineChoice:
    """The reference engine, where the run of another one has shown that its model is not the caller's.

    Raises
    ------
    ValueError
        The caller's choice of engine or of what is minimised leaves no other.
    """
    if engine == "compiled" or loss.name != SQUARE:
        asked = "engine='compiled'" if engine == "compiled" else f"the loss '{loss.name}'"
        raise ValueError(
            f"{asked} is not possible here: {reason}. Its code takes a way that tracing did not see, a branch on a "
            "value or on the shape of its input: write it with np.where"
        )
    return EngineChoice(_reference(problem, call, wanted), reason)


def solve_options(choice: EngineChoice, call: FitterCall, wanted: WantedInfo, loss: Loss = _SQUARE) -> SolveOptions:
    """Tolerances and limits, from the fitter's keywords.

    A covariance is computed for standard errors, and for a fit_info that no fitter fills.
    """
    asked = wanted is None or "param_cov" in wanted
    covariance = call.calc_uncertainties or (asked and choice.engine.name != ReferenceEngine.name)
    defaults = METHODS.get(type(innermost(call.fitter)), _LEAST_SQUARES)
    given = {
        field: call.kwargs[keyword]
        for keyword, field in _KEYWORDS.items()
        if field is not None and keyword in call.kwargs
    }
    # An accuracy finer than the other tolerances asks for a minimum that is converged by every test.
    finer = {name: min(getattr(defaults, name), given["xtol"]) for name in ("ftol", "gtol") if "xtol" in given}
    return replace(defaults, **given, **finer, covariance=covariance, loss=loss.name, f_scale=loss.scale)


def clip_beside(choice: EngineChoice, call: FitterCall, n_free: int) -> Clip | None:
    """How outliers are to be left out beside the engine's fits, where the caller's fitter leaves some out."""
    return None if choice.engine.name == ReferenceEngine.name else clip_of(call.fitter, n_free)


def _choose(problem: FitProblem, call: FitterCall, engine: str, wanted: WantedInfo, loss: Loss) -> EngineChoice:
    only_compiled = loss.name != SQUARE
    if engine == "reference":
        if only_compiled:
            raise ValueError(f"engine='reference' minimises squares: the loss '{loss.name}' needs engine='auto'")
        return EngineChoice(_reference(problem, call, wanted), "asked for")
    try:
        return _compiled(problem, call, wanted, loss)
    except NotCompilable as error:
        if only_compiled:
            raise ValueError(f"the loss '{loss.name}' needs the compiled engine, not possible here: {error}") from None
        if engine == "compiled":
            raise ValueError(f"engine='compiled' is not possible here: {error}; use engine='auto'") from None
        return EngineChoice(_reference(problem, call, wanted), str(error))


def _reference(problem: FitProblem, call: FitterCall, wanted: WantedInfo) -> ReferenceEngine:
    params = problem.params
    return ReferenceEngine(
        problem.model,
        call.fitter,
        dict(call.kwargs),
        params.free,
        problem.absolute_sigma,
        keep_info=wanted != (),
        bounds_by_map=tuple(i for i in params.free if params.lower[i].size > 1 or params.upper[i].size > 1),
        stepwise=() if call.linear else _stepwise(problem),
        fitting_shape=problem.axes.fitting_shape,
    )


def _compiled(problem: FitProblem, call: FitterCall, wanted: WantedInfo, loss: Loss) -> EngineChoice:
    """The compiled engine or the linear one, or NotCompilable with the reason."""
    _check_call(call, wanted)
    params = problem.params
    graph = trace(problem.model)
    comparison = verify(graph, problem.model, _coordinates(problem), problem.model.parameters, params.free)
    linear = linear_model(graph, params.free) if loss.name == SQUARE else None
    if linear is not None:
        return EngineChoice(LinearEngine(linear, problem.absolute_sigma), _LINEAR, comparison.difference)
    if call.linear and loss.name == SQUARE:
        raise NotCompilable(f"{type(call.fitter).__name__} is for models that are linear in every free parameter")
    if not comparison.all_act and _stepwise(problem):
        raise NotCompilable("the model is flat between jumps, which takes a search without derivatives")
    if why_not_compiled():
        raise NotCompilable(why_not_compiled())
    # With the compiler, which other engines do without.
    from ndfit.engine.compiled import CompiledEngine
    from ndfit.graph.model_code import generate

    engine = CompiledEngine(generate(graph, params.free, params.free), problem.absolute_sigma)
    return EngineChoice(engine, _COMPILES, comparison.difference)


def _check_call(call: FitterCall, wanted: WantedInfo) -> None:
    fitter = type(innermost(call.fitter))
    try:
        removes_outliers = clip_of(call.fitter, 0) is not None
    except ValueError as error:
        raise NotCompilable(str(error)) from None
    if removes_outliers and wanted != ():
        raise NotCompilable("what FittingWithOutlierRemoval reports of each fit is known to it only")
    if fitter not in METHODS:
        raise NotCompilable(f"{fitter.__name__} is not one of {', '.join(kind.__name__ for kind in METHODS)}")
    for keyword in call.kwargs:
        if keyword not in _KEYWORDS:
            raise NotCompilable(f"the keyword '{keyword}' of {fitter.__name__} has no compiled counterpart")
    for name in wanted or ():
        if name not in _KNOWN_INFO:
            raise NotCompilable(f"fit_info '{name}' is known to the fitter only")


def _stepwise(problem: FitProblem) -> tuple[int, ...]:
    model = problem.model
    return stepwise_parameters(model, model.parameters, problem.params.free, _coordinates(problem))


def _coordinates(problem: FitProblem) -> tuple[FloatArray, ...]:
    """Coordinates of the first position."""
    return sample_coordinates(problem.samples.coords, problem.axes, problem.axes.n_samples)
