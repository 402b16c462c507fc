"""Small dense algebra: one symmetric system a lane.

Flows in: pointers to scratch that holds packed lower triangles, entry (i, j) in row i (i + 1) / 2 + j. Flows out: the
same scratch, overwritten.

`factorise` is Cholesky's method for matrices scaled to a unit diagonal. A pivot below PIVOT means that its row depends
on the earlier ones; its unknown is then set to zero, which keeps the arithmetic free of branches.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from ndfit.engine.kernel.lanes import choose, load, root, store, widen
from ndfit.engine.kernel.memory import entry, stand_alone

PIVOT = 1e-14

# Never called from Python: without wrappers for that, compilation takes half the time.
_FLAGS = {"nogil": True, "error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
compiled = njit(**_FLAGS)
# For functions with one caller, which they become part of before anything is typed: a fifth less to compile.
inlined = njit(inline="always", **_FLAGS)


@compiled
def factorise(matrix: Any, n: int) -> None:
    """Overwrite a matrix with its Cholesky factor, whose diagonal is stored inverted."""
    stand_alone()
    for i in range(n):
        for j in range(i + 1):
            total = load(matrix, entry(i, j))
            for k in range(j):
                total = total - load(matrix, entry(i, k)) * load(matrix, entry(j, k))
            if i > j:
                total = total * load(matrix, entry(j, j))
            else:
                usable = total > PIVOT
                total = choose(usable, 1.0 / root(choose(usable, total, 1.0)), 0.0)
            store(matrix, entry(i, j), total)


@compiled
def substitute(matrix: Any, vector: Any, n: int) -> Any:
    """Overwrite b with the solution of L L^T x = b; return the square of the intermediate L^-1 b."""
    stand_alone()
    square = widen(0.0)
    for i in range(n):
        total = load(vector, i)
        for k in range(i):
            total = total - load(matrix, entry(i, k)) * load(vector, k)
        total = total * load(matrix, entry(i, i))
        square = square + total * total
        store(vector, i, total)
    for i in range(n - 1, -1, -1):
        total = load(vector, i)
        for k in range(i + 1, n):
            total = total - load(matrix, entry(k, i)) * load(vector, k)
        store(vector, i, total * load(matrix, entry(i, i)))
    return square
