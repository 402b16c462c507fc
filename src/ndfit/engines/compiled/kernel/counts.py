"""Counts whose likelihood is greatest where the model is zero at some samples.

Flows in: lanes whose step led to expectations that are negative. Flows out: the same fits, inside.

There a step within the domain is short, and a gradient leads out of it. A few pseudo-counts at every sample keep the
best model positive (the likelihood then holds a logarithmic barrier: A. V. Fiacco, G. P. McCormick, Nonlinear
Programming, 1968), and fits to fewer and fewer of them, each from the last, lead to the edge. The cost that is reported
is that of the counts alone.
"""

from __future__ import annotations

from typing import Any

from ndfit.compiler.flow import loop, subroutine, when
from ndfit.compiler.memory import LANES
from ndfit.compiler.values import choose
from ndfit.compiler.variables import Local
from ndfit.engines.compiled.kernel.addresses import at
from ndfit.engines.compiled.kernel.filling import READY, STALLED, start_again
from ndfit.engines.compiled.kernel.step import HUGE, INFINITY, START_DAMPING
from ndfit.engines.compiled.kernel.workspace import Field

# Pseudo-counts a sample: of the first fit, of the last, and how many are left from one to the next.
MOST, LEAST, LEFT = 0.1, 1.5e-6, 0.1


@subroutine()
def set_pseudo_counts(workspace: Any, n_samples: Any, lane: Any, count: Any) -> None:
    """Have so many pseudo-counts at every sample of a lane that is used."""
    known, y, weight = at(workspace, Field.PSEUDO), at(workspace, Field.Y), at(workspace, Field.WEIGHT)
    change = count - known[lane]
    with loop(n_samples) as sample, when(weight[sample * LANES + lane] != 0.0):
        y[sample * LANES + lane] = y[sample * LANES + lane] + change
    known[lane] = count


@subroutine()
def finish_counts(structure: Any, workspace: Any, n_samples: Any, lane: Any) -> None:
    """Begin the fits to fewer and fewer pseudo-counts where a step has left the domain, and go on to the next of them.

    The last evaluation is without any, for the cost; the fit has then ended as the last one to some has.
    """
    pseudo, final = at(workspace, Field.PSEUDO), at(workspace, Field.FINAL)
    codes, count = at(workspace, Field.CODE), Local(-1.0)
    cost, edm, known = at(workspace, Field.COST), at(workspace, Field.EDM), at(workspace, Field.FINAL_EDM)
    # The best point is at the edge itself, where pseudo-counts cost without limit.
    with when((codes[lane] < READY) & (cost[lane] >= HUGE) & (cost[lane] < INFINITY)):
        final[lane] = STALLED
        known[lane] = INFINITY
    with when(final[lane] != READY):
        codes[lane] = final[lane]
        edm[lane] = known[lane]
        cost[lane] = choose(cost[lane] < HUGE, cost[lane], at(workspace, Field.FINAL_COST)[lane])
    going = (final[lane] == READY) & (codes[lane] == READY)
    with when(going & (pseudo[lane] == 0.0) & (at(workspace, Field.LEFT_DOMAIN)[lane] > 0.0)):
        count.set(MOST)
        at(workspace, Field.FINAL_COST)[lane] = cost[lane]
        at(workspace, Field.RADIUS)[lane] = INFINITY
        at(workspace, Field.DAMPING)[lane] = START_DAMPING
    with when((final[lane] == READY) & (codes[lane] > 0.0) & (pseudo[lane] > 0.0)):
        count.set(choose(pseudo[lane] > LEAST, pseudo[lane] * LEFT, 0.0))
        with when(pseudo[lane] <= LEAST):
            final[lane] = codes[lane]
            known[lane] = edm[lane]
            at(workspace, Field.FINAL_COST)[lane] = cost[lane]
        codes[lane] = READY
    with when(count.value >= 0.0):
        set_pseudo_counts(workspace, n_samples, lane, count.value)
        start_again(structure, workspace, lane)
