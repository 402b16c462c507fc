"""Small dense algebra: one symmetric system a lane.

Flows in: pointers to scratch that holds packed lower triangles, entry (i, j) in row i (i + 1) / 2 + j. Flows out: the
same scratch, overwritten.

`factorise` is Cholesky's method for matrices scaled to a unit diagonal. A pivot below PIVOT means that its row depends on
the earlier ones; its unknown is then set to zero, which keeps the arithmetic free of branches.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from ndfit.engine.kernel.lanes import choose, load, root, store
from ndfit.engine.kernel.memory import stand_alone

PIVOT = 1e-14

compiled = njit(nogil=True, error_model="numpy")


@compiled
def entry(i: int, j: int) -> int:
    """Row of scratch that holds entry (i, j), j <= i."""
    return (i * i + i) // 2 + j


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
def forward(matrix: Any, vector: Any, n: int) -> None:
    """Overwrite b with the solution of L z = b."""
    stand_alone()
    for i in range(n):
        total = load(vector, i)
        for k in range(i):
            total = total - load(matrix, entry(i, k)) * load(vector, k)
        store(vector, i, total * load(matrix, entry(i, i)))


@compiled
def backward(matrix: Any, vector: Any, n: int) -> None:
    """Overwrite z with the solution of L^T x = z."""
    stand_alone()
    for i in range(n - 1, -1, -1):
        total = load(vector, i)
        for k in range(i + 1, n):
            total = total - load(matrix, entry(k, i)) * load(vector, k)
        store(vector, i, total * load(matrix, entry(i, i)))
