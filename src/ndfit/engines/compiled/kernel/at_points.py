"""Costs, gradients and model values of fits at given parameters, LANES fits at a time.

Flows in: a model and tables as in `driver`, with the parameters as the starts of a block. Flows out: of each fit half
of what is minimised and its gradient by the free parameters, or its model values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ndfit.compiler.flow import Routine, loop, when
from ndfit.compiler.machine_code import Function
from ndfit.compiler.machine_code import load as load_code
from ndfit.compiler.memory import LANES, float_at, groups, pointer, shift, store, table, width
from ndfit.compiler.target import host
from ndfit.compiler.values import Float, Int, choose
from ndfit.engines.compiled.kernel.accumulate import MODEL_KINDS
from ndfit.engines.compiled.kernel.addresses import address, at, at_group
from ndfit.engines.compiled.kernel.filling import fill, fill_sight
from ndfit.engines.compiled.kernel.system import assemble
from ndfit.engines.compiled.kernel.workspace import (
    FREE,
    KEEP,
    PARAMS,
    RANKS,
    Field,
    Job,
    View,
)
from ndfit.once import kept

__all__ = ["compiled_evaluation", "compiled_values"]


def evaluate_all(accumulate_at: Any, job_address: Any, found_at: Any, scale: Any) -> None:
    """Write (1 + F) values of each fit: the cost, and its gradient in the order of the parameters."""
    accumulate, job, found = Routine(accumulate_at, MODEL_KINDS), table(job_address), pointer(found_at)
    structure, workspace = table(job[Job.STRUCTURE]), table(job[Job.WORKSPACE])
    with loop(0, job[Job.FITS], LANES) as first:
        left = job[Job.FITS] - first
        count = choose(left > LANES, LANES, left)
        with loop(count) as lane:
            take(job, structure, workspace, first + lane, lane)
        with loop(groups()) as group, when(group * width() < count):
            accumulate(workspace, group, job[Job.SAMPLES], scale)
            store(at_group(workspace, Field.MODE, group), 0, KEEP)
            with loop(structure[FREE]) as i:
                store(at_group(workspace, Field.STEP, group), i, 0.0)
            assemble(structure, workspace, group)
        with loop(count) as lane:
            report(structure, workspace, lane, shift(found, (first + lane) * (structure[FREE] + 1)))


def take(job: Any, structure: Any, workspace: Any, fit: Any, lane: Any) -> None:
    """Give a lane a fit and its parameters."""
    views = table(job[Job.VIEWS])
    fill(job, workspace, views, fit, lane, True, True)
    take_parameters(structure, workspace, views, fit, lane)


def take_parameters(structure: Any, workspace: Any, views: Any, fit: Any, lane: Any) -> None:
    """Give a lane the parameters of a fit."""
    with loop(structure[PARAMS]) as p:
        at(workspace, Field.TRIAL)[p * LANES + lane] = float_at(address(views, View.START, fit, p))


def report(structure: Any, workspace: Any, lane: Any, found: Any) -> None:
    """Write what was found for a lane."""
    found[0] = 0.5 * at(workspace, Field.GRAM)[lane]
    with loop(structure[FREE]) as i:
        downhill = at(workspace, Field.TRIAL_GRADIENT)[i * LANES + lane]
        found[1 + structure[structure[RANKS] + i]] = 0.0 - downhill


def values_of_all(differentiate_at: Any, job_address: Any, found_at: Any) -> None:
    """Write the M model values of each fit: the residuals of data that are zero, with the other sign."""
    differentiate, job, found = Routine(differentiate_at, MODEL_KINDS), table(job_address), pointer(found_at)
    structure, workspace, views = (table(job[field]) for field in (Job.STRUCTURE, Job.WORKSPACE, Job.VIEWS))
    n_samples = job[Job.SAMPLES]
    residual = shift(at(workspace, Field.JACOBIAN), structure[FREE] * n_samples * LANES)
    with loop(0, job[Job.FITS], LANES) as first:
        left = job[Job.FITS] - first
        count = choose(left > LANES, LANES, left)
        with loop(count) as lane:
            fill_sight(job, workspace, views, first + lane, lane, first == 0)
            take_parameters(structure, workspace, views, first + lane, lane)
        with loop(groups()) as group, when(group * width() < count):
            differentiate(workspace, group, n_samples, 1.0)
        with loop(count) as lane, loop(n_samples) as sample:
            found[(first + lane) * n_samples + sample] = 0.0 - residual[sample * LANES + lane]


_EVALUATE = Function("evaluate", evaluate_all, (Int, Int, Int, Float))
_VALUES = Function("values", values_of_all, (Int, Int, Int))


@kept
def compiled_evaluation() -> Callable[..., None]:
    """Return the compiled function; the first call in a process compiles it or loads it from the cache."""
    return load_code((_EVALUATE, _VALUES), host(), __name__)["evaluate"]


@kept
def compiled_values() -> Callable[..., None]:
    """As `compiled_evaluation`, of the model's values."""
    return load_code((_EVALUATE, _VALUES), host(), __name__)["values"]
