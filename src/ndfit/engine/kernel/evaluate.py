"""One evaluation of the model on all lanes: residuals, derivatives and the sums of their products.

Flows in: the trial point of each lane and its samples. Flows out: GRAM, the packed products of the rows that the model
function wrote, summed over samples; row 0 has become the residual y - f, and all rows are weighted.
"""

from __future__ import annotations

from typing import Any

from ndfit.engine.kernel.algebra import compiled
from ndfit.engine.kernel.lanes import GROUPS, WIDTH, load, store
from ndfit.engine.kernel.memory import at, entry, shift, stand_alone
from ndfit.engine.kernel.workspace import Field
from ndfit.jit import LANES, TILE


@compiled
def evaluate(prepare: Any, write_rows: Any, workspace: Any, n_samples: int, n_rows: int, weighted: bool) -> None:
    stand_alone()
    prepared, rows, gram = at(workspace, Field.PREPARED), at(workspace, Field.ROWS), at(workspace, Field.GRAM)
    x, y, weight = at(workspace, Field.X), at(workspace, Field.Y), at(workspace, Field.WEIGHT)
    prepare(at(workspace, Field.TRIAL), prepared)
    for i in range(entry(n_rows, 0) * LANES):
        gram[i] = 0.0
    for first in range(0, n_samples, TILE):
        count = TILE if n_samples - first > TILE else n_samples - first
        write_rows(shift(x, first * LANES), prepared, rows, n_samples, count)
        finish_tile(rows, shift(y, first * LANES), shift(weight, first * LANES), n_rows, count, weighted)
        for group in range(GROUPS):
            add_products(shift(rows, group * WIDTH), shift(gram, group * WIDTH), n_rows)


@compiled
def finish_tile(rows: Any, y: Any, weight: Any, n_rows: int, count: int, weighted: bool) -> None:
    """Turn values into residuals, weight all rows, and clear what a short tile leaves unwritten."""
    stand_alone()
    for i in range(count * LANES):
        rows[i] = y[i] - rows[i]
    for row in range(n_rows):
        samples = shift(rows, row * TILE * LANES)
        if weighted:
            for i in range(count * LANES):
                samples[i] *= weight[i]
        for i in range(count * LANES, TILE * LANES):
            samples[i] = 0.0


@compiled
def add_products(rows: Any, gram: Any, n_rows: int) -> None:
    """Add the products of one tile."""
    stand_alone()
    for a in range(n_rows):
        for b in range(a + 1):
            total = load(gram, entry(a, b))
            for j in range(TILE):
                total = total + load(rows, a * TILE + j) * load(rows, b * TILE + j)
            store(gram, entry(a, b), total)
