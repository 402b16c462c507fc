"""The best linear parameters within their bounds.

Flows in: GRAM at a trial point, the change of the linear parameters that is best without bounds, and the bounds. Flows
out: the best change within them, and what it takes off the squared residuals.

It is the active-set method of bounded linear least squares (C. L. Lawson, R. J. Hanson, Solving Least Squares Problems,
1974, chapter 23) on the Gram matrix, for a group of lanes at once: parameters beyond a bound are set to it, the others
are solved for again, and those whose gradient leads inwards are released, until nothing changes. All that should are
changed at a time, and one at a time if that has not ended after some rounds (J. J. Judice, F. M. Pires, Comput. Oper.
Res. 21 (1994) 587). Lanes in which no bound is crossed are left as they are, to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ndfit.compiler.flow import either, loop, loop_while, subroutine, when
from ndfit.compiler.functions.basic import root
from ndfit.compiler.memory import load, none_of, store
from ndfit.compiler.values import Float, Lanes, choose
from ndfit.compiler.variables import Local
from ndfit.engines.compiled.kernel.addresses import at_group, entry
from ndfit.engines.compiled.kernel.algebra import BLOCKS, factorise, in_blocks, substitute
from ndfit.engines.compiled.kernel.workspace import BASIS, LINEAR, PLACES, ROWS, Field

# A gradient leads inwards where it is this part of the residuals, for a basis function of length one.
INWARDS = 1e-9
# Rounds in which all parameters change that should; then rounds for each parameter in which one does, which cannot go
# round in circles; then last ones in which none is released.
TOGETHER, ROUNDS, LAST_ROUNDS = 10, 6, 2
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
    find_active(structure, workspace, group, crossing, False)
    change, gained = at_group(workspace, Field.ALONG, group), Local(Lanes.of(0.0))
    left = slopes_left(structure, workspace, group, 0.5)
    with loop(structure[LINEAR]) as i:
        gained += 2.0 * left(i) * load(change, i)
    return gained.value


@subroutine()
def find_active(structure: Any, workspace: Any, group: Any, among: Any, known: Any) -> None:
    """Set the change of the linear parameters in ALONG, within their bounds, for the lanes `among` them.

    Where that is `known`, FACTOR and SCALE are of the parameters that are not CLAMPED at first; so they are at last in
    lanes that UNSETTLED does not mark. No lane waits for what others do.
    """
    rounds, n = Local(0), structure[LINEAR]
    unsettled = at_group(workspace, Field.UNSETTLED, group)

    def one_round() -> Any:
        """Solve, and tell whether to solve again."""
        with either(known & (rounds.value == 0)) as (factored, to_factor):
            with factored:
                solve_factored(structure, workspace, group)
            with to_factor:
                solve_unclamped(structure, workspace, group)
        going = load(unsettled, 0) > 0.0
        store(unsettled, 1, choose(rounds.value < TOGETHER + ROUNDS * n, load(unsettled, 1), load(unsettled, 0)))
        with either((rounds.value < TOGETHER) | (rounds.value >= TOGETHER + ROUNDS * n)) as (together, alone):
            with together:
                changed = clamp(structure, workspace, group, going)
                store(unsettled, 0, choose(changed, 1.0, 0.0))
                rest = going & ~changed
                with when(~none_of(rest) & (rounds.value < TOGETHER)):
                    released = release(structure, workspace, group, rest)
                    store(unsettled, 0, choose(released, 1.0, load(unsettled, 0)))
            with alone:
                store(unsettled, 0, exchange_one(structure, workspace, group, going))
        store(unsettled, 2, choose(load(unsettled, 0) > 0.0, 1.0, load(unsettled, 2)))
        rounds.set(rounds.value + 1)
        return ~none_of(load(unsettled, 0) > 0.0) & (rounds.value < TOGETHER + ROUNDS * n + LAST_ROUNDS)

    store(unsettled, 0, choose(among, 1.0, 0.0))
    store(unsettled, 1, 0.0)
    with loop_while(one_round):
        pass
    store(unsettled, 0, load(unsettled, 1))
    change = at_group(workspace, Field.ALONG, group)
    with loop(n) as i:
        least, most = room(structure, workspace, group, i)
        own = load(change, i)
        store(change, i, choose(own < least, least, choose(own > most, most, own)))


@subroutine()
def take_off(workspace: Any, group: Any, n: Any) -> None:
    """Set LEFT to phi^T r - phi^T phi c, for c in TAKEN; of each basis function."""
    gram, taken = at_group(workspace, Field.GRAM, group), at_group(workspace, Field.TAKEN, group)

    def some(first: Any, count: int) -> None:
        rows = [entry(first + place + 1, 0) for place in range(count)]
        left = [Local(load(gram, row)) for row in rows]

        def take(j: Any, places: Sequence[Any]) -> None:
            own = load(taken, j)
            for place, total in zip(places, left, strict=True):
                total -= load(gram, place) * own

        # The products are a triangle: up to here they lie along rows, and from there on along a column.
        with loop(first) as j:
            take(j, [row + j + 1 for row in rows])
        for place in range(count):
            take(first + place, [entry(first + other + 1, first + place + 1) for other in range(count)])
        with loop(first + count, n) as j:
            column = entry(j + 1, 0) + first + 1
            take(j, [column + place for place in range(count)])
        for place, total in enumerate(left):
            store(at_group(workspace, Field.LEFT, group), first + place, total.value)

    in_blocks(0, n, BLOCKS, some)


def slopes_left(structure: Any, workspace: Any, group: Any, factor: Any = 1.0) -> Any:
    """The slopes that are left after the change in ALONG, times a factor; a function of the basis function."""
    with loop(structure[LINEAR]) as i:
        store(at_group(workspace, Field.TAKEN, group), i, factor * load(at_group(workspace, Field.ALONG, group), i))
    take_off(workspace, group, structure[LINEAR])
    return lambda i: load(at_group(workspace, Field.LEFT, group), i)


@subroutine()
def solve_unclamped(structure: Any, workspace: Any, group: Any) -> None:
    """Set the best change in ALONG, given that of the parameters that are CLAMPED, in CLAMPED_TO."""
    gram, factor = at_group(workspace, Field.GRAM, group), at_group(workspace, Field.FACTOR, group)
    scale, clamped = at_group(workspace, Field.SCALE, group), at_group(workspace, Field.CLAMPED, group)
    n = structure[LINEAR]
    with loop(n) as i:
        row, place = entry(i + 1, 1), entry(i, 0)
        square = load(gram, row + i)
        own = choose((square > 0.0) & (load(clamped, i) == 0.0), 1.0 / root(square), 0.0)
        store(scale, i, own)
        with loop(i + 1) as j:
            store(factor, place + j, load(gram, row + j) * own * load(scale, j))
        store(factor, place + i, choose(own > 0.0, load(factor, place + i), 1.0))
    factorise(factor, n)
    solve_factored(structure, workspace, group)


@subroutine()
def solve_factored(structure: Any, workspace: Any, group: Any) -> None:
    """The same where FACTOR and SCALE are of these parameters already."""
    gram = at_group(workspace, Field.GRAM, group)
    change, scale = at_group(workspace, Field.ALONG, group), at_group(workspace, Field.SCALE, group)
    clamped, given = at_group(workspace, Field.CLAMPED, group), at_group(workspace, Field.CLAMPED_TO, group)
    n = structure[LINEAR]

    taken, left, total = (
        at_group(workspace, Field.TAKEN, group),
        at_group(workspace, Field.LEFT, group),
        Local(Lanes.of(0.0)),
    )
    with loop(n) as j:
        own = choose(load(clamped, j) > 0.0, load(given, j), 0.0)
        store(taken, j, own)
        store(left, j, load(gram, entry(j + 1, 0)))
        total += abs(own)
    with when(~none_of(total.value > 0.0)):
        take_off(workspace, group, n)
    with loop(n) as i:
        store(change, i, load(left, i) * load(scale, i))
    substitute(at_group(workspace, Field.FACTOR, group), change, n)
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
    clamped, released = at_group(workspace, Field.CLAMPED, group), Local(Lanes.of(0.0))

    slope = slopes_left(structure, workspace, group)
    with loop(structure[LINEAR]) as i:
        inwards = among & leads_inwards(structure, workspace, group, i, slope(i))
        store(clamped, i, choose(inwards, 0.0, load(clamped, i)))
        released += choose(inwards, 1.0, 0.0)
    return released.value > 0.0


def leads_inwards(structure: Any, workspace: Any, group: Any, i: Any, slope: Any) -> Any:
    """Whether a parameter is clamped and has a gradient that leads inwards."""
    gram, change = at_group(workspace, Field.GRAM, group), at_group(workspace, Field.ALONG, group)
    least, most = room(structure, workspace, group, i)
    own, small = load(change, i), INWARDS * root(load(gram, 0)) * root(load(gram, entry(i + 1, i + 1)))
    inwards = ((own <= least) & (slope > small)) | ((own >= most) & (slope < 0.0 - small))
    return inwards & (load(at_group(workspace, Field.CLAMPED, group), i) > 0.0) & (least < most)


@subroutine(Lanes)
def exchange_one(structure: Any, workspace: Any, group: Any, among: Any) -> Any:
    """Clamp or release the last parameter that should be; one where there was any.

    So K. G. Murty, Math. Program. 7 (1974) 103, ends after a finite number of rounds.
    """
    change, given = at_group(workspace, Field.ALONG, group), at_group(workspace, Field.CLAMPED_TO, group)
    clamped, last = at_group(workspace, Field.CLAMPED, group), Local(Lanes.of(-1.0))

    def beyond(i: Any) -> tuple[Any, Any]:
        least, most = room(structure, workspace, group, i)
        free, own = among & (load(clamped, i) == 0.0), load(change, i)
        return free & (own < least), free & (own > most)

    slope = slopes_left(structure, workspace, group)
    with loop(structure[LINEAR]) as i:
        below, above = beyond(i)
        wrong = below | above | (among & leads_inwards(structure, workspace, group, i, slope(i)))
        last.set(choose(wrong, Lanes.of(Float.of(i)), last.value))
    with loop(structure[LINEAR]) as i:
        least, most = room(structure, workspace, group, i)
        (below, above), is_last = beyond(i), last.value == Lanes.of(Float.of(i))
        store(given, i, choose(is_last & below, least, choose(is_last & above, most, load(given, i))))
        store(clamped, i, choose(is_last, 1.0 - load(clamped, i), load(clamped, i)))
    return choose(last.value >= 0.0, 1.0, 0.0)


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
