"""From products of rows to normal equations at the best linear parameters.

Flows in: GRAM at a trial point (alpha, c). Flows out: the trial point with c replaced by the best linear parameters for
its alpha, the sum of squared residuals there, J^T J and J^T r. In lanes whose MODE is not ELIMINATE, c stays.

With residual r = y - f at c and basis functions phi, the best c is c + d with (phi^T phi) d = phi^T r, and the squared
residuals become r^T r - z^T z with L z = phi^T r, L L^T = phi^T phi. Derivative rows are partials of single basis
functions, so that their products with the new coefficients are exact. Gauss-Newton steps on the full system from such a
point are the variable projection steps of L. Kaufman, BIT 15 (1975) 49: the linear unknowns, eliminated from the normal
equations, leave Kaufman's Jacobian. r is always a difference of the data and the model at the predicted c, so that
nothing cancels as a fit converges.

At the start c stays what the caller gave. Next to a line, the best amplitude of a line is often negative; a step from
there fits what is left of the line upside down, while the step from the caller's amplitude goes to the line. But a step
from an amplitude below the data's would be too long by as much: there, c is eliminated at once.
"""

from __future__ import annotations

from typing import Any

from ndfit.engine.kernel.algebra import factorise, substitute
from ndfit.engine.kernel.flow import loop, subroutine, when
from ndfit.engine.kernel.lanes import at_group, choose, load, root, store
from ndfit.engine.kernel.memory import entry, select
from ndfit.engine.kernel.values import Lanes, Local
from ndfit.engine.kernel.workspace import BASIS, ELIMINATE, FREE, LINEAR, PLACES, ROWS, START, VARIABLE, Field

# What elimination takes off the squared residuals is counted short by this part of it: rounding must not show a cost
# that no point has, because every later one would be rejected against it.
DOUBT = 1e-13


def eliminate(structure: Any, workspace: Any, group: Any) -> None:
    """Move the linear parameters of the trial point to their best values; leave their change in STEP."""
    gram, factor = at_group(workspace, Field.GRAM, group), at_group(workspace, Field.FACTOR, group)
    scale, change = at_group(workspace, Field.SCALE, group), at_group(workspace, Field.STEP, group)
    trial = at_group(workspace, Field.TRIAL, group)
    n = structure[LINEAR]
    with loop(n) as i:
        square = load(gram, entry(i + 1, i + 1))
        own = choose(square > 0.0, 1.0 / root(square), 0.0)
        store(scale, i, own)
        store(change, i, load(gram, entry(i + 1, 0)) * own)
        with loop(i + 1) as j:
            store(factor, entry(i, j), load(gram, entry(i + 1, j + 1)) * own * load(scale, j))
    factorise(factor, n)
    before = load(gram, 0)
    cost, least = before - (1.0 - DOUBT) * substitute(factor, change, n), before * DOUBT
    keep_plausible(structure, workspace, group)
    free = load(at_group(workspace, Field.MODE, group), 0) == ELIMINATE
    store(at_group(workspace, Field.TRIAL_COST, group), 0, choose(free, choose(cost < least, least, cost), before))
    with loop(n) as i:
        own = choose(free, load(change, i) * load(scale, i), 0.0)
        store(change, i, own)
        place = structure[PLACES + i]
        store(trial, place, load(trial, place) + own)


def keep_plausible(structure: Any, workspace: Any, group: Any) -> None:
    """Turn MODE from START to ELIMINATE in lanes where the best value of a linear parameter is further from zero."""
    change, scale = at_group(workspace, Field.STEP, group), at_group(workspace, Field.SCALE, group)
    mode, trial = at_group(workspace, Field.MODE, group), at_group(workspace, Field.TRIAL, group)
    growth = Local(Lanes.of(0.0))
    with loop(structure[LINEAR]) as i:
        own = load(trial, structure[PLACES + i]) * load(change, i) * load(scale, i)
        growth.set(choose(own > growth.value, own, growth.value))
    given = load(mode, 0)
    store(mode, 0, choose((growth.value > 0.0) & (given == START), ELIMINATE, given))


@subroutine()
def assemble(structure: Any, workspace: Any, group: Any) -> None:
    """Set J^T J and J^T r of the trial point from the products and the linear parameters."""
    gram, change = at_group(workspace, Field.GRAM, group), at_group(workspace, Field.STEP, group)
    normal, gradient = at_group(workspace, Field.TRIAL_NORMAL, group), at_group(workspace, Field.TRIAL_GRADIENT, group)
    n_linear, n_free, n_rows = structure[LINEAR], structure[FREE], structure[ROWS]
    with loop(entry(n_free, 0)) as i:
        store(normal, i, 0.0)
    with loop(n_free) as i:
        store(gradient, i, 0.0)
    eliminated = load(at_group(workspace, Field.MODE, group), 0) == ELIMINATE
    with loop(n_linear) as i:
        store(gradient, i, choose(eliminated, 0.0, load(gram, entry(i + 1, 0))))
        with loop(i + 1) as j:
            store(normal, entry(i, j), load(gram, entry(i + 1, j + 1)))
    with loop(n_rows) as d:
        i, row, own = structure[structure[VARIABLE] + d], d + 1 + n_linear, coefficient(structure, workspace, group, d)
        slope = Local(load(gram, entry(row, 0)))
        with loop(n_linear) as j:
            product = load(gram, entry(row, j + 1))
            slope -= load(change, j) * product
            store(normal, entry(i, j), load(normal, entry(i, j)) + own * product)
        store(gradient, i, load(gradient, i) + own * slope.value)
        with loop(d + 1) as e:
            j, other = structure[structure[VARIABLE] + e], coefficient(structure, workspace, group, e)
            place, twice = entry(i, j), select((i == j) & (e < d), 2.0, 1.0)
            product = own * other * load(gram, entry(row, e + 1 + n_linear))
            store(normal, place, load(normal, place) + product * twice)


@subroutine(Lanes)
def coefficient(structure: Any, workspace: Any, group: Any, row: Any) -> Any:
    """The linear parameter that a derivative row is multiplied by."""
    basis, value = structure[structure[BASIS] + row], Local(Lanes.of(1.0))
    with when(basis >= 0):
        value.set(load(at_group(workspace, Field.TRIAL, group), structure[PLACES + basis]))
    return value.value
