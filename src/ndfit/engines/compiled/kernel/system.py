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

from ndfit.compiler.flow import loop, subroutine, when
from ndfit.compiler.functions.basic import root
from ndfit.compiler.memory import load, none_of, store
from ndfit.compiler.values import Lanes, choose
from ndfit.compiler.variables import Local
from ndfit.engines.compiled.kernel.addresses import at_group, entry
from ndfit.engines.compiled.kernel.algebra import factorise, substitute
from ndfit.engines.compiled.kernel.bounded import crosses_bound, keep_signs, solve_bounded
from ndfit.engines.compiled.kernel.workspace import (
    BASIS,
    ELIMINATE,
    FREE,
    LINEAR,
    PLACES,
    ROWS,
    SIGNED,
    START,
    VARIABLE,
    Field,
)

# What elimination takes off the squared residuals is counted short by this part of it: rounding must not show a cost
# that no point has, because every later one would be rejected against it.
ROUNDING_OF_REDUCTION = 1e-13
# Where elimination leaves less than this part, the point is evaluated again at the linear parameters that it found; but
# not where that is rounding of the data.
LOST, EXACT, MOST_REPEATS = 1e-7, 1e-28, 3.0


def eliminate(structure: Any, workspace: Any, group: Any) -> None:
    """Move the linear parameters of the trial point to their best values; leave their change in STEP."""
    gram, factor = at_group(workspace, Field.GRAM, group), at_group(workspace, Field.FACTOR, group)
    scale, change = at_group(workspace, Field.SCALE, group), at_group(workspace, Field.STEP, group)
    trial, mode = at_group(workspace, Field.TRIAL, group), at_group(workspace, Field.MODE, group)
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
    gained = Local(substitute(factor, change, n))
    keep_plausible(structure, workspace, group)
    signed = load(mode, 0) == SIGNED
    with when(~none_of(signed)):
        keep_signs(structure, workspace, group, signed, before - gained.value)
        store(mode, 0, choose(signed, ELIMINATE, load(mode, 0)))
    free = load(mode, 0) == ELIMINATE
    crossing = crosses_bound(structure, workspace, group, free)
    with loop(n) as i:
        store(change, i, choose(free, load(change, i) * load(scale, i), 0.0))
    with when(~none_of(crossing)):
        gained.set(choose(crossing, solve_bounded(structure, workspace, group, crossing), gained.value))
        with loop(n) as i:
            bounded = load(at_group(workspace, Field.ALONG, group), i)
            store(change, i, choose(crossing, bounded, load(change, i)))
    cost, least = before - (1.0 - ROUNDING_OF_REDUCTION) * gained.value, before * ROUNDING_OF_REDUCTION
    store(at_group(workspace, Field.TRIAL_COST, group), 0, choose(free, choose(cost < least, least, cost), before))
    evaluate_again(workspace, group, free & (cost < LOST * before))
    with loop(n) as i:
        place = structure[PLACES + i]
        store(trial, place, load(trial, place) + load(change, i))
    with when(~none_of(crossing)):
        stay_inside(structure, workspace, group, crossing)


def stay_inside(structure: Any, workspace: Any, group: Any, crossing: Any) -> None:
    """Set the clamped parameters to their bounds, without the rounding of a sum."""
    trial, clamped = at_group(workspace, Field.TRIAL, group), at_group(workspace, Field.CLAMPED, group)
    with loop(structure[LINEAR]) as i:
        place = structure[PLACES + i]
        lower, upper = (
            load(at_group(workspace, Field.LOWER, group), i),
            load(at_group(workspace, Field.UPPER, group), i),
        )
        point, here = load(trial, place), crossing & (load(clamped, i) > 0.0)
        nearest = choose(point - lower < upper - point, lower, upper)
        store(trial, place, choose(here, nearest, point))


def evaluate_again(workspace: Any, group: Any, lost: Any) -> None:
    """Have a trial point evaluated again where its cost has lost its digits, a few times at most.

    RESTART marks the evaluation after that: what was known of steps is of other linear parameters.
    """
    repeated, power = at_group(workspace, Field.REPEATS, group), load(at_group(workspace, Field.DATA_NORM2, group), 0)
    lost = lost & (load(repeated, 0) < MOST_REPEATS)
    lost = lost & (load(at_group(workspace, Field.TRIAL_COST, group), 0) > EXACT * power)
    restart = at_group(workspace, Field.RESTART, group)
    store(restart, 0, choose(~lost & (load(repeated, 0) > 0.0), 1.0, 0.0))
    store(repeated, 0, choose(lost, load(repeated, 0) + 1.0, 0.0))


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
    clamped = at_group(workspace, Field.CLAMPED, group)
    with loop(n_linear) as i:
        slope = Local(load(gram, entry(i + 1, 0)))
        with loop(n_linear) as j:
            slope -= load(change, j) * load(gram, entry(i + 1, j + 1))
        store(gradient, i, choose(eliminated & (load(clamped, i) == 0.0), 0.0, slope.value))
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
            place, twice = entry(i, j), choose((i == j) & (e < d), 2.0, 1.0)
            product = own * other * load(gram, entry(row, e + 1 + n_linear))
            store(normal, place, load(normal, place) + product * twice)


@subroutine(Lanes)
def coefficient(structure: Any, workspace: Any, group: Any, row: Any) -> Any:
    """The linear parameter that a derivative row is multiplied by."""
    basis, value = structure[structure[BASIS] + row], Local(Lanes.of(1.0))
    with when(basis >= 0):
        value.set(load(at_group(workspace, Field.TRIAL, group), structure[PLACES + basis]))
    return value.value
