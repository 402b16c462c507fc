"""Small dense algebra: one symmetric system a lane.

Flows in: pointers to scratch that holds packed lower triangles, entry (i, j) in row i (i + 1) / 2 + j. Flows out: the
same scratch, overwritten.

`factorise` is Cholesky's method for matrices scaled to a unit diagonal. A pivot below PIVOT means that its row depends
on the earlier ones; its unknown is then set to zero, which keeps the arithmetic free of branches.
"""

from __future__ import annotations

from typing import Any

from ndfit.engine.kernel.flow import either, loop, subroutine
from ndfit.engine.kernel.lanes import choose, load, root, store
from ndfit.engine.kernel.memory import entry
from ndfit.engine.kernel.values import Lanes, Local

PIVOT = 1e-14


@subroutine()
def factorise(matrix: Any, n: Any) -> None:
    """Overwrite a matrix with its Cholesky factor, whose diagonal is stored inverted."""
    with loop(n) as i, loop(i + 1) as j:
        total = Local(load(matrix, entry(i, j)))
        with loop(j) as k:
            total -= load(matrix, entry(i, k)) * load(matrix, entry(j, k))
        with either(i > j) as (below, on_the_diagonal):
            with below:
                store(matrix, entry(i, j), total.value * load(matrix, entry(j, j)))
            with on_the_diagonal:
                usable = total.value > PIVOT
                store(matrix, entry(i, i), choose(usable, 1.0 / root(choose(usable, total.value, 1.0)), 0.0))


@subroutine(Lanes)
def substitute(matrix: Any, vector: Any, n: Any) -> Any:
    """Overwrite b with the solution of L L^T x = b; return the square of the intermediate L^-1 b."""
    square = Local(Lanes.of(0.0))
    with loop(n) as i:
        total = Local(load(vector, i))
        with loop(i) as k:
            total -= load(matrix, entry(i, k)) * load(vector, k)
        own = total.value * load(matrix, entry(i, i))
        square += own * own
        store(vector, i, own)
    with loop(n) as step:
        i = n - 1 - step
        total = Local(load(vector, i))
        with loop(i + 1, n) as k:
            total -= load(matrix, entry(k, i)) * load(vector, k)
        store(vector, i, total.value * load(matrix, entry(i, i)))
    return square.value
