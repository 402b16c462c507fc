"""The steps of a fit, in their order.

Flows in: a model and the groups of options. Flows out: FitResult, or the problem and its maps.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ndfit.engines.base import EngineChoice
from ndfit.engines.fitters import FitterCall, parse_fitter
from ndfit.engines.loss import Loss, loss_of
from ndfit.engines.select import select_engine, select_own_model, solve_options
from ndfit.errors import CheckpointError, FitWarning
from ndfit.fit_result import FitResult
from ndfit.io.record import Call
from ndfit.options import SQUARE, Data, Errors, Execution, Objective, Starts, deciding, recorded
from ndfit.pipeline.bootstrap import bootstrap_of
from ndfit.pipeline.clipping import clip_beside, clip_beyond
from ndfit.pipeline.model_rules import rules_of, with_sign_symmetry
from ndfit.pipeline.nodes import with_nodes
from ndfit.pipeline.starting import starting_of
from ndfit.problem.normalize import normalize
from ndfit.problem.types import FitProblem
from ndfit.result.maps import Maps
from ndfit.result.standard_errors import tied_uncertainties
from ndfit.result.summary import IN_THE_RESULT, report_failures
from ndfit.run.evaluate import check_samples_everywhere, evaluate_everywhere, values_of_model
from ndfit.run.inspect import look_up_fit, used_everywhere
from ndfit.run.last_word import OwnModelDisagrees
from ndfit.run.noise_fits import noise_fits
from ndfit.run.notices import coordinates_text, warn_of_bounds, warn_of_invalid, warn_of_no_effect
from ndfit.run.region_pipeline import Pipeline
from ndfit.run.solve import solve

__all__ = ["Description", "fit_described", "solved", "tell_of"]


@dataclass(frozen=True)
class Description:
    """What is to be fitted, and how.

    Attributes
    ----------
    model, bounds, equivalencies, fitter, fitter_kwargs : as in `ndfit.fit`
    tells : fits that failed raise or warn; otherwise their status alone says so
    """

    model: Any
    data: Data
    objective: Objective
    starts: Starts
    errors: Errors
    execution: Execution
    bounds: Mapping[str, tuple[Any, Any]] | None = None
    equivalencies: Any = None
    fitter: Any = None
    fitter_kwargs: Mapping[str, Any] | None = None
    tells: bool = True

    @property
    def groups(self) -> tuple[Any, ...]:
        return self.data, self.objective, self.starts, self.errors, self.execution

    def problem(self, call: FitterCall) -> FitProblem:
        """Checked and normalised; samples that are not finite are left out."""
        return normalize(
            self.model,
            self.data,
            equivalencies=self.equivalencies,
            bounds=self.bounds,
            linear=call.linear,
            filter_non_finite=True,
        )


def fit_described(description: Description) -> FitResult:
    """Make the fits, and keep what is known of each."""
    call = parse_fitter(description.fitter, description.fitter_kwargs)
    problem, objective, execution = description.problem(call), description.objective, description.execution
    loss = loss_of(objective, weighted=problem.samples.weights is not None)
    known = problem.absolute_sigma if objective.absolute_sigma is None else objective.absolute_sigma
    choice = select_engine(problem, call, execution.engine, (), loss)
    problem = with_sign_symmetry(problem, choice.engine)
    problem = with_nodes(problem, rules_of(problem, choice.engine).flags.lines)
    pipeline_of = _pipeline_of(description, problem, call, loss, known)
    warn_of_bounds(problem)
    choice, pipeline, maps = solved(
        problem,
        choice,
        pipeline_of,
        execution,
        partial(select_own_model, problem, call, execution.engine, (), loss),
        asked=deciding(objective, description.starts, description.errors),
    )
    if description.tells:
        tell_of(problem, maps, IN_THE_RESULT)
    return _result(description, problem, choice, pipeline, maps, known or loss.name != SQUARE)


def _pipeline_of(
    description: Description, problem: FitProblem, call: FitterCall, loss: Loss, known: bool
) -> Callable[[EngineChoice], Pipeline]:
    """What gives the work of a problem for an engine; `known` is the size of the errors."""
    objective, errors, free = description.objective, description.errors, problem.params.free
    instrument = problem.samples.instrument
    correlated = instrument is not None and instrument.noise is not None
    drawing = bootstrap_of(errors, description.starts.seed, free, loss.name, known, correlated)

    def pipeline_of(choice: EngineChoice) -> Pipeline:
        options = solve_options(choice, call, (), loss)
        clipping = clip_beyond(objective.clip, call.fitter, len(free)) or clip_beside(choice, call.fitter, len(free))
        return Pipeline.of(
            problem,
            choice.engine,
            replace(
                options,
                covariance=errors.covariance or drawing is not None,
                absolute_sigma=bool(known),
                through_instrument=instrument is not None,
            ),
            starting=starting_of(description.starts, problem, choice, objective.is_robust, clipping),
            clip=clipping,
            bootstrap=drawing,
            digests=True,
        )

    return pipeline_of


def tell_of(problem: FitProblem, maps: Maps, see: str) -> None:
    """Warn of what is wrong with a whole run; see `ndfit.result.summary.report_failures`."""
    samples = problem.samples
    warn_of_invalid(maps)
    report_failures(
        maps,
        masked=samples.mask is not None or samples.weights is not None,
        see=see,
        coordinates=partial(coordinates_text, problem),
    )
    warn_of_no_effect(problem, maps)


def _result(
    description: Description, problem: FitProblem, choice: EngineChoice, pipeline: Pipeline, maps: Maps, final: bool
) -> FitResult:
    """What is kept; `final` errors are not to be scaled."""
    values = values_of_model(problem, choice.engine, maps)
    others = {name: getattr(description, name) for name in ("equivalencies", "fitter", "fitter_kwargs")}
    return FitResult(
        problem,
        maps,
        choice.engine.name,
        choice.reason,
        final,
        partial(look_up_fit, problem, maps, values_of=values, pipeline=pipeline),
        partial(evaluate_everywhere, problem, maps, values),
        Call.of({**recorded(*description.groups), **others}),
        _reported=tied_uncertainties(problem, maps, final),
        _check=partial(check_samples_everywhere, problem, maps),
        _samples_used=partial(used_everywhere, problem, maps, pipeline),
        _noise_fits=partial(noise_fits, problem, maps, pipeline, values),
    )


def solved(
    problem: FitProblem,
    choice: EngineChoice,
    pipeline_of: Callable[[EngineChoice], Pipeline],
    execution: Execution,
    otherwise: Callable[[str], EngineChoice],
    **keywords: Any,
) -> tuple[EngineChoice, Pipeline, Maps]:
    """Solve the problem; where the caller's own model gives other values at solutions, with the caller's fitter."""
    pipeline = pipeline_of(choice)
    try:
        return choice, pipeline, solve(problem, choice, pipeline, execution, **keywords)
    except OwnModelDisagrees as error:
        choice = otherwise(str(error))
    if execution.checkpoint is not None:
        raise CheckpointError(
            f"{choice.reason}: the fits in {execution.checkpoint} are not those of the model. Remove it, and fit with "
            "engine='reference'"
        )
    warnings.warn(
        f"{choice.reason}: the model's code takes a way that was not seen when it was compiled. All fits are made "
        "again with the astropy fitter",
        FitWarning,
        stacklevel=3,
    )
    pipeline = pipeline_of(choice)
    return choice, pipeline, solve(problem, choice, pipeline, execution, **keywords)
