"""One evaluation of the model on all lanes: residuals, derivatives and the sums of their products.

Flows in: the trial point of each lane and its samples. Flows out: GRAM, the packed products of the rows that the model
function wrote, summed over samples; row 0 has become the residual y - f, all rows are weighted, and changed by the loss
where there is one.
"""

from __future__ import annotations

from typing import Any

from ndfit.engine.kernel.algebra import compiled, inlined
from ndfit.engine.kernel.lanes import GROUPS, WIDTH, load, store
from ndfit.engine.kernel.memory import at, entry, shift, stand_alone
from ndfit.engine.kernel.workspace import Field
from ndfit.jit import LANES, TILE
from ndfit.vmath.intrinsics import widest


@compiled
def evaluate(
    prepare: Any,
    write_rows: Any,
    reweigh: Any,
    workspace: Any,
    n_samples: int,
    n_rows: int,
    weighted: bool,
    lossy: bool,
    scale: float,
) -> None:
    stand_alone()
    widest()
    prepared, rows, gram = at(workspace, Field.PREPARED), at(workspace, Field.ROWS), at(workspace, Field.GRAM)
    x, y, weight = at(workspace, Field.X), at(workspace, Field.Y), at(workspace, Field.WEIGHT)
    share = at(workspace, Field.SHARE)
    prepare(at(workspace, Field.TRIAL), prepared)
    for i in range(entry(n_rows, 0) * LANES):
        gram[i] = 0.0
    for first in range(0, n_samples, TILE):
        count = TILE if n_samples - first > TILE else n_samples - first
        write_rows(shift(x, first * LANES), prepared, rows, n_samples, count)
        finish_tile(rows, shift(y, first * LANES), shift(weight, first * LANES), n_rows, count, weighted)
        if lossy:
            reweigh(rows, shift(y, first * LANES), share, scale, n_rows, count)
        for group in range(GROUPS):
            add_products(shift(rows, group * WIDTH), shift(gram, group * WIDTH), n_rows, count)


@inlined
def finish_tile(rows: Any, y: Any, weight: Any, n_rows: int, count: int, weighted: bool) -> None:
    """Turn values into residuals, and weight all rows."""
    for i in range(count * LANES):
        rows[i] = y[i] - rows[i]
    if weighted:
        for row in range(n_rows):
            samples = shift(rows, row * TILE * LANES)
            for i in range(count * LANES):
                samples[i] *= weight[i]


@compiled
def add_products(rows: Any, gram: Any, n_rows: int, count: int) -> None:
    """Add the products of one tile, two rows by two rows: each value that is loaded serves two products.

    The number of samples is no literal, because LLVM would unroll the loop over them and run out of registers.
    """
    stand_alone()
    for a in range(0, n_rows, 2):
        for b in range(0, a + 1, 2):
            first, cross = load(gram, entry(a, b)), load(gram, entry(a, b + 1))
            below, second = load(gram, entry(a + 1, b)), load(gram, entry(a + 1, b + 1))
            for j in range(count):
                upper, lower = load(rows, a * TILE + j), load(rows, (a + 1) * TILE + j)
                left, right = load(rows, b * TILE + j), load(rows, (b + 1) * TILE + j)
                first, cross = first + upper * left, cross + upper * right
                below, second = below + lower * left, second + lower * right
            store(gram, entry(a, b), first)
            store(gram, entry(a, b + 1), cross)
            store(gram, entry(a + 1, b), below)
            store(gram, entry(a + 1, b + 1), second)
