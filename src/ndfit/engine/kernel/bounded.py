"""The best linear parameters within their bounds.

Flows in: GRAM at a trial point, the change of the linear parameters that is best without bounds, and the bounds. Flows
out: the best change within them, and what it takes off the squared residuals.

It is the active-set method of bounded linear least squares (C. L. Lawson, R. J. Hanson, Solving Least Squares Problems,
1974, chapter 23) on the Gram matrix, for a group of lanes at once: parameters beyond a bound are set to it, the others
are solved for again, and a parameter whose gradient leads inwards is released, until nothing changes. Lanes in which no
bound is crossed are left as they are, to the last bit.
"""

from __future__ import annotations

from typing import Any

from ndfit.compiler.flow import loop, loop_while, subroutine, when
from ndfit.compiler.functions.basic import root
from ndfit.compiler.memory import load, none_of, store
from ndfit.compiler.values import Lanes, choose
from ndfit.compiler.variables import Local
from ndfit.engine.kernel.algebra import factorise, substitute
from ndfit.engine.kernel.memory import at_group, entry
from ndfit.engine.kernel.workspace import BASIS, LINEAR, PLACES, ROWS, Field

# A gradient leads inwards where it is this part of the residuals, for a basis function of length one.
INWARDS = 1e-9
# Rounds for each parameter; parameters are released in all but the last ones.
ROUNDS, LAST_ROUNDS = 4, 2
# The least size of a component that is to keep its sign, of the residuals and for a basis function of length one.
LEAST_SIZE = 0.1


def room(structure: Any, workspace: Any, group: Any, i: Any) -> tuple[Any, Any]:
    """Least and greatest change of a linear parameter of the trial point."""
    point = load(at_group(workspace, Field.TRIAL, group), structure[PLACES + i])
    lower, upper = load(at_group(workspace, Field.LOWER, group), i), load(at_group(workspace, Field.UPPER, group), i)
    return lower - point, upper - point


def crosses_bound(structure: Any, workspace: Any, group: Any, among: Any) -> Any:
    """Whether the best change, scaled, leads beyond a bound; nothing is CLAMPED yet."""
    change, scale = at_group(workspace, Field.STEP, group), at_group(workspace, Field.SCALE, group)
    crossings = Local(Lanes.of(0.0))
    with loop(structure[LINEAR]) as i:
        least, most = room(structure, workspace, group, i)
        own = load(change, i) * load(scale, i)
        crossings += choose(among & ((own < least) | (own > most)), 1.0, 0.0)
        store(at_group(workspace, Field.CLAMPED, group), i, 0.0)
    return crossings.value > 0.0


@subroutine(Lanes)
def solve_bounded(structure: Any, workspace: Any, group: Any, crossing: Any) -> Any:
    """Set the change of the linear parameters in ALONG, for lanes that are `crossing`; return what it gains."""
    rounds, n = Local(0), structure[LINEAR]

    def one_round() -> Any:
        """Solve, and tell whether to solve again."""
        solve_unclamped(structure, workspace, group)
        changed = clamp(structure, workspace, group, crossing)
        with when(none_of(changed) & (rounds.value < ROUNDS * n)):
            changed_by_release = release(structure, workspace, group, crossing)
            store(at_group(workspace, Field.WORK, group), 0, choose(changed_by_release, 1.0, 0.0))
        with when(~none_of(changed)):
            store(at_group(workspace, Field.WORK, group), 0, 1.0)
        rounds.set(rounds.value + 1)
        again = load(at_group(workspace, Field.WORK, group), 0) > 0.0
        store(at_group(workspace, Field.WORK, group), 0, 0.0)
        return ~none_of(again) & (rounds.value < ROUNDS * n + LAST_ROUNDS)

    store(at_group(workspace, Field.WORK, group), 0, 0.0)
    with loop_while(one_round):
        pass
    gram, change = at_group(workspace, Field.GRAM, group), at_group(workspace, Field.ALONG, group)
    gained = Local(Lanes.of(0.0))
    with loop(n) as i:
        least, most = room(structure, workspace, group, i)
        own = load(change, i)
        store(change, i, choose(own < least, least, choose(own > most, most, own)))
    with loop(n) as i:
        left = Local(load(gram, entry(i + 1, 0)))
        with loop(n) as j:
            left -= 0.5 * load(gram, entry(i + 1, j + 1)) * load(change, j)
        gained += 2.0 * left.value * load(change, i)
    return gained.value


@subroutine()
def solve_unclamped(structure: Any, workspace: Any, group: Any) -> None:
    """Set the best change in ALONG, given that of the parameters that are CLAMPED, in CLAMPED_TO."""
    gram, factor = at_group(workspace, Field.GRAM, group), at_group(workspace, Field.FACTOR, group)
    change, scale = at_group(workspace, Field.ALONG, group), at_group(workspace, Field.SCALE, group)
    clamped, given = at_group(workspace, Field.CLAMPED, group), at_group(workspace, Field.CLAMPED_TO, group)
    n = structure[LINEAR]
    with loop(n) as i:
        square, right = load(gram, entry(i + 1, i + 1)), Local(load(gram, entry(i + 1, 0)))
        with loop(n) as j:
            right -= load(gram, entry(i + 1, j + 1)) * choose(load(clamped, j) > 0.0, load(given, j), 0.0)
        own = choose((square > 0.0) & (load(clamped, i) == 0.0), 1.0 / root(square), 0.0)
        store(scale, i, own)
        store(change, i, right.value * own)
        with loop(i + 1) as j:
            store(factor, entry(i, j), load(gram, entry(i + 1, j + 1)) * own * load(scale, j))
        store(factor, entry(i, i), choose(own > 0.0, load(factor, entry(i, i)), 1.0))
    factorise(factor, n)
    substitute(factor, change, n)
    with loop(n) as i:
        own = load(change, i) * load(scale, i)
        store(change, i, choose(load(clamped, i) > 0.0, load(given, i), own))


def clamp(structure: Any, workspace: Any, group: Any, among: Any) -> Any:
    """Clamp what is beyond a bound; tell in which lanes there was something."""
    change, clamped = at_group(workspace, Field.ALONG, group), at_group(workspace, Field.CLAMPED, group)
    crossings = Local(Lanes.of(0.0))
    with loop(structure[LINEAR]) as i:
        least, most = room(structure, workspace, group, i)
        own, free = load(change, i), among & (load(clamped, i) == 0.0)
        below, above = free & (own < least), free & (own > most)
        given = at_group(workspace, Field.CLAMPED_TO, group)
        store(given, i, choose(below, least, choose(above, most, load(given, i))))
        store(clamped, i, choose(below | above, 1.0, load(clamped, i)))
        crossings += choose(below | above, 1.0, 0.0)
    return crossings.value > 0.0


def release(structure: Any, workspace: Any, group: Any, among: Any) -> Any:
    """Release the clamped parameters whose gradient leads inwards; tell in which lanes there were any."""
    gram, change = at_group(workspace, Field.GRAM, group), at_group(workspace, Field.ALONG, group)
    clamped, n = at_group(workspace, Field.CLAMPED, group), structure[LINEAR]
    released, least_slope = Local(Lanes.of(0.0)), INWARDS * root(load(gram, 0))
    with loop(n) as i:
        slope, square = Local(load(gram, entry(i + 1, 0))), load(gram, entry(i + 1, i + 1))
        with loop(n) as j:
            slope -= load(gram, entry(i + 1, j + 1)) * load(change, j)
        least, most = room(structure, workspace, group, i)
        own, small = load(change, i), least_slope * root(square)
        inwards = ((own <= least) & (slope.value > small)) | ((own >= most) & (slope.value < 0.0 - small))
        inwards = inwards & among & (load(clamped, i) > 0.0) & (least < most)
        store(clamped, i, choose(inwards, 0.0, load(clamped, i)))
        released += choose(inwards, 1.0, 0.0)
    return released.value > 0.0


@subroutine()
def keep_signs(structure: Any, workspace: Any, group: Any, among: Any, cost: Any) -> None:
    """Bound the components of the trial point to keep their sign, and some size: where one vanishes, nothing moves it.

    `cost` is what the best linear parameters leave.
    """
    trial, scale = at_group(workspace, Field.TRIAL, group), at_group(workspace, Field.SCALE, group)
    lower, upper = at_group(workspace, Field.LOWER, group), at_group(workspace, Field.UPPER, group)
    with loop(structure[ROWS]) as d:
        i = structure[structure[BASIS] + d]
        with when(i >= 0):
            given, least = load(trial, structure[PLACES + i]), LEAST_SIZE * root(cost) * load(scale, i)
            low, high = load(lower, i), load(upper, i)
            positive, negative = among & (given > 0.0) & (high > least), among & (given < 0.0) & (low < 0.0 - least)
            store(lower, i, choose(positive & (low < least), least, low))
            store(upper, i, choose(negative & (high > 0.0 - least), 0.0 - least, high))
