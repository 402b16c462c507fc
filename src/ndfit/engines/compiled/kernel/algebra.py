"""Small dense algebra: one symmetric system a lane.

Flows in: pointers to scratch that holds packed lower triangles, entry (i, j) in row i (i + 1) / 2 + j. Flows out: the
same scratch, overwritten.

`factorise` is Cholesky's method for matrices scaled to a unit diagonal. A pivot below PIVOT means that its row depends
on the earlier ones; its unknown is then set to zero, which keeps the arithmetic free of branches.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ndfit.compiler.flow import either, loop, loop_while, subroutine
from ndfit.compiler.functions.basic import root
from ndfit.compiler.memory import load, store
from ndfit.compiler.values import Lanes, choose
from ndfit.compiler.variables import Local
from ndfit.engines.compiled.kernel.addresses import entry

PIVOT = 1e-14
# So many rows at a time, whose sums do not wait for each other, and then one.
BLOCKS = (4, 1)
# Of a column of length one, what the eliminated columns leave counts as this much at least.
LEAST_LEFT = 1e-8
# D^2 is at most so many times what it is here: a column that was longer is remembered, but not for ever.
MOST_KNOWN = 1e4


def in_blocks(start: Any, stop: Any, sizes: tuple[int, ...], body: Callable[[Any, int], None]) -> None:
    """Write `body(first, count)` for a range, in blocks of some sizes: sums side by side do not wait for each other."""
    first = Local(start)

    def some_are_left(size: int) -> Any:
        return first.value + size <= stop

    for size in sizes:
        with loop_while(partial(some_are_left, size)):
            body(first.value, size)
            first.set(first.value + size)


@subroutine()
def factorise(matrix: Any, n: Any) -> None:
    """Overwrite a matrix with its Cholesky factor, whose diagonal is stored inverted."""
    with loop(n) as j:
        own = entry(j, 0)
        diagonal = Local(load(matrix, own + j))
        with loop(j) as k:
            diagonal -= load(matrix, own + k) * load(matrix, own + k)
        usable = diagonal.value > PIVOT
        inverted = choose(usable, 1.0 / root(choose(usable, diagonal.value, 1.0)), 0.0)
        store(matrix, own + j, inverted)

        def below(first: Any, count: int, j: Any = j, own: Any = own, inverted: Any = inverted) -> None:
            rows = [entry(first + place, 0) for place in range(count)]
            totals = [Local(load(matrix, row + j)) for row in rows]
            with loop(j) as k:
                other = load(matrix, own + k)
                for row, total in zip(rows, totals, strict=True):
                    total -= load(matrix, row + k) * other
            for row, total in zip(rows, totals, strict=True):
                store(matrix, row + j, total.value * inverted)

        in_blocks(j + 1, n, BLOCKS, below)


@subroutine(Lanes)
def factorise_damped(
    matrix: Any, n: Any, n_first: Any, damping: Any, metric: Any, scale: Any, squares: Any, eliminated: Any
) -> Any:
    """As `factorise`, of matrix + damping D^2, where D^2 is `metric` times the squares of `scale`.

    The squares of `scale` are one over the diagonal of `squares`. D^2 is made at least as large as the diagonal, which
    is one; or, where the first `n_first` unknowns are `eliminated`, zero for these, which are not damped, and for the
    others as large as the diagonal of the Schur complement: what is left when they are. Return the least pivot, which
    says how many digits the matrix has lost.
    """
    lowest = Local(Lanes.of(1.0))
    with loop(n) as i, loop(i + 1) as j:
        total = Local(load(matrix, entry(i, j)))
        with either(i > j) as (below, on_the_diagonal):
            with below:
                with loop(j) as k:
                    total -= load(matrix, entry(i, k)) * load(matrix, entry(j, k))
                store(matrix, entry(i, j), total.value * load(matrix, entry(j, j)))
            with on_the_diagonal:
                with loop(choose(i > n_first, n_first, i)) as k:
                    total -= load(matrix, entry(i, k)) * load(matrix, entry(i, k))
                left = choose(total.value > LEAST_LEFT, total.value, LEAST_LEFT)
                least = choose(eliminated, choose(i < n_first, Lanes.of(0.0), left), 1.0)
                known, found = load(metric, i), least * load(squares, entry(i, i))
                most = MOST_KNOWN * found
                known = choose(known > found, choose(known < most, known, most), found)
                own = known * load(scale, i) * load(scale, i)
                store(metric, i, known)
                with loop(n_first, i) as k:
                    total -= load(matrix, entry(i, k)) * load(matrix, entry(i, k))
                lowest.set(choose(total.value < lowest.value, total.value, lowest.value))
                total += damping * own
                usable = total.value > PIVOT
                store(matrix, entry(i, i), choose(usable, 1.0 / root(choose(usable, total.value, 1.0)), 0.0))
    return lowest.value


@subroutine(Lanes)
def forward_norm2(matrix: Any, vector: Any, n: Any) -> Any:
    """Overwrite b with x, where L x = b; return the square of x."""
    square = Local(Lanes.of(0.0))

    def some(first: Any, count: int) -> None:
        rows = [entry(first + place, 0) for place in range(count)]
        totals = [Local(load(vector, first + place)) for place in range(count)]
        with loop(first) as k:
            known = load(vector, k)
            for row, total in zip(rows, totals, strict=True):
                total -= load(matrix, row + k) * known
        found: list[Any] = []
        for place, (row, total) in enumerate(zip(rows, totals, strict=True)):
            for earlier, known in enumerate(found):
                total -= load(matrix, row + first + earlier) * known
            found.append(total.value * load(matrix, row + first + place))
            square.set(square.value + found[-1] * found[-1])
            store(vector, first + place, found[-1])

    in_blocks(0, n, BLOCKS, some)
    return square.value


@subroutine(Lanes)
def substitute(matrix: Any, vector: Any, n: Any) -> Any:
    """Overwrite b with the solution of L L^T x = b; return the square of the intermediate L^-1 b."""
    square = forward_norm2(matrix, vector, n)
    with loop(n) as step:
        i = n - 1 - step
        total = Local(load(vector, i))
        with loop(i + 1, n) as k:
            total -= load(matrix, entry(k, 0) + i) * load(vector, k)
        store(vector, i, total.value * load(matrix, entry(i, i)))
    return square
