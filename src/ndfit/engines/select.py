"""Which engine solves the problem, and why.

Flows in: FitProblem, the caller's fitter, the engine asked for, and what is wanted of each fit. Flows out:
EngineChoice, with its reason.

The rows of `ndfit.engines.registry` are tried in turn. A compiled engine stands in for the fitters of METHODS: it
minimises the same sum of squares under the same bounds. Its model is traced from the caller's and compared with it by
numbers; whatever speaks against it, the caller's own fitter does the work, and the reason is kept.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from ndfit.engines.base import EngineChoice, SolveOptions
from ndfit.engines.fitters import FitterCall, innermost
from ndfit.engines.loss import Loss
from ndfit.engines.registry import ENGINES, KEYWORDS, LEAST_SQUARES, METHODS, Request, WantedInfo
from ndfit.errors import WrongArgument
from ndfit.model.reasons import NotCompilable
from ndfit.problem.types import FitProblem

__all__ = ["calls_own_model", "engine_names", "select_engine", "select_own_model", "solve_options"]

_AUTO = "auto"
_SQUARE = Loss()

_log = logging.getLogger("ndfit")


def engine_names() -> tuple[str, ...]:
    """What the option `engine` can be."""
    return (_AUTO, *dict.fromkeys(row.asked_as for row in ENGINES))


def calls_own_model(engine: str) -> bool:
    """Whether an engine, by the name in a record, calls the caller's own model."""
    return any(row.calls_model for row in ENGINES if row.asked_as == engine)


def select_engine(
    problem: FitProblem, call: FitterCall, engine: str, wanted: WantedInfo, loss: Loss = _SQUARE
) -> EngineChoice:
    """Choose the engine.

    Parameters
    ----------
    engine : one of `engine_names`
    wanted : entries of each fit's report that are to be kept
    loss : what is minimised

    Raises
    ------
    ValueError
        No engine of that name, or none that is asked for can solve the problem.
    """
    if engine not in engine_names():
        raise WrongArgument("engine", f"one of {', '.join(engine_names())}", engine)
    request, reasons = Request(problem, call, wanted, loss), ["asked for"]
    for row in ENGINES:
        if engine in (_AUTO, row.asked_as):
            try:
                choice = row.build(request)
            except NotCompilable as reason:
                reasons.append(str(reason))
                continue
            _log.info("engine %s: %s", choice.engine.name, choice.reason or reasons[-1])
            return replace(choice, reason=choice.reason or reasons[-1])
    if engine != _AUTO:
        raise ValueError(f"engine='{engine}' is not possible here: {reasons[-1]}; use engine='auto'")
    raise ValueError(f"no engine can fit this: {'; '.join(dict.fromkeys(reasons[1:]))}")


def select_own_model(
    problem: FitProblem, call: FitterCall, engine: str, wanted: WantedInfo, loss: Loss, reason: str
) -> EngineChoice:
    """An engine that calls the caller's own model, where the run of another has shown that its model is not that.

    Raises
    ------
    ValueError
        The caller's choice of engine or of what is minimised leaves no other.
    """
    request = Request(problem, call, wanted, loss)
    for row in ENGINES:
        if engine in (_AUTO, row.asked_as) and row.calls_model:
            try:
                return replace(row.build(request), reason=reason)
            except NotCompilable:
                continue
    asked = f"the loss '{loss.name}'" if engine == _AUTO else f"engine='{engine}'"
    raise ValueError(
        f"{asked} is not possible here: {reason}. The model's code takes a way that tracing did not see, a branch on a "
        "value or on the shape of its input: write it with np.where"
    )


def solve_options(choice: EngineChoice, call: FitterCall, wanted: WantedInfo, loss: Loss = _SQUARE) -> SolveOptions:
    """Tolerances and limits, from the fitter's keywords.

    A covariance is computed for standard errors, and for a fit_info that no fitter fills.
    """
    asked = wanted is None or "param_cov" in wanted
    covariance = call.calc_uncertainties or (asked and not choice.engine.calls_fitter)
    defaults = METHODS.get(type(innermost(call.fitter)), LEAST_SQUARES)
    given = {
        field: call.kwargs[keyword]
        for keyword, field in KEYWORDS.items()
        if field is not None and keyword in call.kwargs
    }
    # An accuracy finer than the other tolerances asks for a minimum that is converged by every test.
    finer = {name: min(getattr(defaults, name), given["xtol"]) for name in ("ftol", "gtol") if "xtol" in given}
    return replace(defaults, **given, **finer, covariance=covariance, loss=loss.name, f_scale=loss.scale)
