"""Levenberg-Marquardt on LANES fits in lockstep; a lane whose fit has ended takes the block's next one.

Flows in: where the two functions of a model are, and the addresses of two tables: the job, with those of the structure
of the model's derivatives, of scratch and of views of the block; and the limits. Flows out: the outcomes of the block,
written through its view.

No arithmetic crosses lanes, so that a fit's result does not depend on its neighbours.

A fit whose components end upside down, compared with the caller's start, or at a bound, is made a second time, with
their signs kept until it has converged, and the lower cost is kept; its evaluations are those of both attempts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ndfit.compiler.flow import Routine, either, loop, loop_while, subroutine, when
from ndfit.compiler.machine_code import Function
from ndfit.compiler.machine_code import load as load_code
from ndfit.compiler.memory import LANES, float_at, groups, load, none_of, pointer, store, table
from ndfit.compiler.target import host
from ndfit.compiler.values import Int, choose
from ndfit.compiler.variables import Local
from ndfit.engines.compiled.kernel.accumulate import MODEL_KINDS
from ndfit.engines.compiled.kernel.addresses import address, at, at_group
from ndfit.engines.compiled.kernel.by_rows import assemble_rows
from ndfit.engines.compiled.kernel.counts import finish_counts
from ndfit.engines.compiled.kernel.filling import (
    READY,
    fill,
    go_on_free,
    least_edm,
    noise_of,
    report,
    start_fit,
    test_convergence,
)
from ndfit.engines.compiled.kernel.propose import propose
from ndfit.engines.compiled.kernel.step import accept_or_reject
from ndfit.engines.compiled.kernel.system import assemble, eliminate
from ndfit.engines.compiled.kernel.workspace import (
    FIRST,
    KEEP,
    SECOND_SIGNED,
    SIGNED,
    START,
    Field,
    Job,
    Limit,
    View,
)
from ndfit.once import kept


def drive(accumulate_at: Any, differentiate_at: Any, job_address: Any, limits_address: Any) -> None:
    """Solve every fit whose status in the outcome is READY."""
    accumulate, differentiate = (Routine(address, MODEL_KINDS) for address in (accumulate_at, differentiate_at))
    job, limits = table(job_address), pointer(limits_address)
    structure, workspace, views = (table(job[field]) for field in (Job.STRUCTURE, Job.WORKSPACE, Job.VIEWS))
    n_samples = job[Job.SAMPLES]
    weighted, robust, counts = (job[field] != 0 for field in (Job.WEIGHTED, Job.ROBUST, Job.COUNTS))
    ftol, scale = limits[Limit.FTOL], limits[Limit.SCALE]
    fits, codes, attempts = (at(workspace, field) for field in (Field.FIT, Field.CODE, Field.ATTEMPT))
    # Linear parameters have a best value in closed form for least squares alone.
    mode = choose(robust, KEEP, START)
    following, active = Local(0), Local(0)

    def take_next(lane: Any, fresh: bool) -> None:
        following.set(take(job, following.value, lane, weighted, mode, fresh))

    with when(~weighted), loop(groups()) as group, loop(n_samples) as sample:
        store(at_group(workspace, Field.WEIGHT, group), sample, 1.0)
    with loop(LANES) as lane:
        take_next(lane, fresh=True)
        active += choose(fits[lane] >= 0.0, 1, 0)
    with loop_while(lambda: active.value > 0):
        with loop(groups()) as group, when(is_active(workspace, group)):
            accumulate(workspace, group, n_samples, scale)
            eliminate(structure, workspace, group)
            assemble(structure, workspace, group)
            with when(goes_by_rows(workspace, group)):
                differentiate(workspace, group, n_samples, scale)
                assemble_rows(structure, workspace, group, n_samples)
            accept_or_reject(structure, workspace, group)
            noise = noise_of(job, structure, workspace, group)
            least = least_edm(workspace, group, noise, n_samples, ftol)
            propose(structure, workspace, group, least)
            test_convergence(structure, workspace, group, noise, least, limits)
        with when(counts), loop(LANES) as lane, when(fits[lane] >= 0.0):
            finish_counts(structure, workspace, n_samples, lane)
        with loop(LANES) as lane, when((fits[lane] >= 0.0) & (codes[lane] != READY)):
            signed, again = attempts[lane] == SECOND_SIGNED, attempts[lane] != FIRST
            with either(signed & (codes[lane] > 0.0)) as (signs_were_kept, has_ended):
                with signs_were_kept:
                    go_on_free(structure, workspace, views, fits[lane].truncated(), lane)
                with has_ended:
                    follows = report(structure, workspace, views, lane, codes[lane], again)
                    with either(follows) as (second_attempt, ended):
                        with second_attempt:
                            start_fit(structure, workspace, views, fits[lane].truncated(), lane, SIGNED)
                        with ended:
                            take_next(lane, fresh=False)
                            active -= choose(fits[lane] < 0.0, 1, 0)


def is_active(workspace: Any, group: Any) -> Any:
    """Whether a lane has a fit."""
    return ~none_of(load(at_group(workspace, Field.FIT, group), 0) >= 0.0)


def goes_by_rows(workspace: Any, group: Any) -> Any:
    """Whether a lane takes its steps from the rows of J."""
    return ~none_of(load(at_group(workspace, Field.BY_ROWS, group), 0) > 0.0)


@subroutine(Int)
def take(job: Any, first: Any, lane: Any, weighted: Any, mode: Any, fresh: Any) -> Any:
    """Give a lane the next fit to solve, if there is one; return the one after it."""
    structure, workspace, views = (table(job[field]) for field in (Job.STRUCTURE, Job.WORKSPACE, Job.VIEWS))
    n_fits = job[Job.FITS]
    fit, ready = Local(first), Local(False)
    with loop_while(lambda: ~ready.value & (fit.value < n_fits)):
        ready.set(float_at(address(views, View.OUTCOME, fit.value, 0)) == READY)
        fit += choose(ready.value, 0, 1)
    at(workspace, Field.FIT)[lane] = -1.0
    at(workspace, Field.BY_ROWS)[lane] = 0.0
    with when(ready.value):
        fill(job, workspace, views, fit.value, lane, weighted, fresh)
        start_fit(structure, workspace, views, fit.value, lane, mode)
        at(workspace, Field.NFEV)[lane] = 0.0
        fit += 1
    return fit.value


SOLVE = Function("solve", drive, (Int, Int, Int, Int))


@kept
def compiled_solve() -> Callable[..., None]:
    """Return the compiled driver; the first call in a process compiles it or loads it from the cache."""
    return load_code((SOLVE,), host(), __name__)["solve"]
