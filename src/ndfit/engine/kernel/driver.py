"""Levenberg-Marquardt on LANES fits in lockstep; a lane whose fit has ended takes the block's next one.

Flows in: a model as two compiled functions, the loss as one, and tables: the structure of its derivatives, scratch,
views of the block. Flows out: the outcomes of the block, written through its view.

No arithmetic crosses lanes, so that a fit's result does not depend on its neighbours.

A fit whose components end upside down, compared with the caller's start, is made a second time without elimination, and
the lower cost is kept; its evaluations are those of both attempts.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

from numba import types

from ndfit.engine.kernel.algebra import compiled
from ndfit.engine.kernel.evaluate import evaluate
from ndfit.engine.kernel.filling import READY, begin, conclude, fill, report
from ndfit.engine.kernel.lanes import GROUPS
from ndfit.engine.kernel.losses import REWEIGH
from ndfit.engine.kernel.memory import address, at, float_at, stand_alone, table
from ndfit.engine.kernel.step import judge, propose
from ndfit.engine.kernel.system import assemble, eliminate
from ndfit.engine.kernel.workspace import KEEP, LINEAR, ROWS, START, Field, View
from ndfit.jit import LANES, PREPARE, WRITE_ROWS, compile_cached, files_key


def solve(
    prepare: Any,
    write_rows: Any,
    reweigh: Any,
    structure_address: int,
    workspace_address: int,
    views_address: int,
    n_fits: int,
    n_samples: int,
    n_inputs: int,
    ftol: float,
    xtol: float,
    gtol: float,
    max_nfev: float,
    scale: float,
    weighted: bool,
    bounded: bool,
    lossy: bool,
) -> None:
    """Solve every fit whose status in the outcome is READY."""
    structure, workspace, views = table(structure_address), table(workspace_address), table(views_address)
    fits, codes = at(workspace, Field.FIT), at(workspace, Field.CODE)
    n_rows = 1 + structure[LINEAR] + structure[ROWS]
    # Linear parameters have a best value in closed form for least squares alone.
    first_mode = KEEP if lossy else START
    following, active = 0, 0
    for lane in range(LANES):
        following = take(
            structure, workspace, views, following, lane, n_fits, n_samples, n_inputs, weighted, first_mode, True
        )
        active += fits[lane] >= 0.0
    while active > 0:
        evaluate(prepare, write_rows, reweigh, workspace, n_samples, n_rows, weighted, lossy, scale)
        for group in range(GROUPS):
            eliminate(structure, workspace, group)
            assemble(structure, workspace, group)
            judge(structure, workspace, group)
            propose(structure, workspace, group, bounded)
            conclude(structure, workspace, group, n_samples, ftol, xtol, gtol, max_nfev)
        for lane in range(LANES):
            if fits[lane] < 0.0 or codes[lane] == READY:
                continue
            if report(structure, workspace, views, lane, codes[lane]):
                begin(structure, workspace, views, int(fits[lane]), lane, KEEP)
                continue
            following = take(
                structure, workspace, views, following, lane, n_fits, n_samples, n_inputs, weighted, first_mode, False
            )
            active -= fits[lane] < 0.0


@compiled
def take(
    structure: Any,
    workspace: Any,
    views: Any,
    following: int,
    lane: int,
    n_fits: int,
    n_samples: int,
    n_inputs: int,
    weighted: bool,
    mode: float,
    fresh: bool,
) -> int:
    """Give a lane the next fit to solve, if there is one; return the one after it."""
    stand_alone()
    while following < n_fits and float_at(address(views, View.OUTCOME, following, 0)) != READY:
        following += 1
    if following == n_fits:
        at(workspace, Field.FIT)[lane] = -1.0
        return n_fits
    fill(workspace, views, following, lane, n_samples, n_inputs, weighted, fresh)
    begin(structure, workspace, views, following, lane, mode)
    at(workspace, Field.NFEV)[lane] = 0.0
    return following + 1


_SOLVE = types.void(
    types.FunctionType(PREPARE),
    types.FunctionType(WRITE_ROWS),
    types.FunctionType(REWEIGH),
    *[types.int64] * 6,
    *[types.float64] * 5,
    *[types.boolean] * 3,
)


_LOCK = Lock()


def compiled_solve() -> Any:
    """Return the compiled driver; the first call in a process compiles it or loads it from the cache."""
    with _LOCK:
        return _compiled_solve()


@cache
def _compiled_solve() -> Any:
    return compile_cached(solve, _SOLVE, files_key(Path(__file__).parent))
