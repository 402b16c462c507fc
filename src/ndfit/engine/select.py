"""Which engine solves the problem, and why.

Flows in: FitProblem, the caller's fitter, and the engine asked for. Flows out: EngineChoice, with its reason.
"""

from __future__ import annotations

from ndfit.engine.fitters import FitterCall
from ndfit.engine.reference import ReferenceEngine
from ndfit.engine.stepwise import stepwise_parameters
from ndfit.problem.arrange import sample_coordinates
from ndfit.problem.types import EngineChoice, FitProblem, SolveOptions

__all__ = ["ENGINES", "select_engine", "solve_options"]

ENGINES = ("auto", "compiled", "reference")


def select_engine(problem: FitProblem, call: FitterCall, engine: str, keep_info: bool) -> EngineChoice:
    """Choose the engine.

    Parameters
    ----------
    engine : one of ENGINES
    keep_info : each fit's `fit_info` is wanted

    Raises
    ------
    ValueError
        `engine` is not one of ENGINES.
    """
    if engine not in ENGINES:
        raise ValueError(f"engine should be one of {', '.join(ENGINES)}, got {engine!r}")
    return EngineChoice(_reference(problem, call, keep_info), "asked for")


def _reference(problem: FitProblem, call: FitterCall, keep_info: bool) -> ReferenceEngine:
    free = problem.params.free
    coords = sample_coordinates(problem.coords, problem.axes, problem.axes.n_samples)
    stepwise = () if call.linear else stepwise_parameters(problem.model, problem.model.parameters, free, coords)
    params = problem.params
    by_map = tuple(i for i in free if params.lower[i].size > 1 or params.upper[i].size > 1)
    return ReferenceEngine(
        problem.model, call.fitter, dict(call.kwargs), free, problem.absolute_sigma, keep_info, by_map, stepwise
    )


def solve_options(call: FitterCall, covariance: bool) -> SolveOptions:
    """Tolerances and limits, from the fitter's keywords."""
    return SolveOptions(covariance=covariance)
