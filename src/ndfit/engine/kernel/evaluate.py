"""One evaluation of the model on all lanes: residuals, derivatives and the sums of their products.

Flows in: the trial point of each lane and its samples. Flows out: GRAM, the packed products of the rows that the model
function wrote, summed over samples; row 0 has become the residual y - f, all rows are weighted, and changed by the loss
where there is one. The first product is the cost: the sum of the squares, or of what the loss makes of them.
"""

from __future__ import annotations

from typing import Any

from ndfit.engine.kernel.flow import loop, subroutine, when
from ndfit.engine.kernel.lanes import at_group, load, store
from ndfit.engine.kernel.memory import at, entry, select, shift
from ndfit.engine.kernel.values import GROUPS, WIDTH, Local
from ndfit.engine.kernel.workspace import Field
from ndfit.jit import LANES, TILE


@subroutine()
def evaluate(
    prepare: Any,
    write_rows: Any,
    reweigh: Any,
    workspace: Any,
    n_samples: Any,
    n_rows: Any,
    weighted: Any,
    lossy: Any,
    scale: Any,
) -> None:
    prepared, rows, gram = at(workspace, Field.PREPARED), at(workspace, Field.ROWS), at(workspace, Field.GRAM)
    x, y, weight = at(workspace, Field.X), at(workspace, Field.Y), at(workspace, Field.WEIGHT)
    prepare(at(workspace, Field.TRIAL), prepared)
    with loop(GROUPS) as group, loop(entry(n_rows, 0)) as i:
        store(shift(gram, group * WIDTH), i, 0.0)
    with loop(GROUPS) as group:
        store(at_group(workspace, Field.LOSS, group), 0, 0.0)
    with loop(0, n_samples, TILE) as first:
        count = count_of_tile(first, n_samples)
        write_rows(shift(x, first * LANES), prepared, rows, n_samples, count)
        with loop(GROUPS) as group:
            place = first * LANES + group * WIDTH
            finish_tile(shift(rows, group * WIDTH), shift(y, place), shift(weight, place), n_rows, count, weighted)
        with when(lossy):
            reweigh(rows, shift(y, first * LANES), at(workspace, Field.SHARE), scale, n_rows, count)
            add_costs(workspace, count)
        with loop(GROUPS) as group:
            add_products(shift(rows, group * WIDTH), shift(gram, group * WIDTH), n_rows, count)
    with when(lossy), loop(GROUPS) as group:
        store(shift(gram, group * WIDTH), 0, load(at_group(workspace, Field.LOSS, group), 0))


def add_costs(workspace: Any, count: Any) -> None:
    """Add what the samples of one tile cost, where that is not the square of their rows."""
    with loop(GROUPS) as group:
        total, share = at_group(workspace, Field.LOSS, group), at_group(workspace, Field.SHARE, group)
        with loop(count) as i:
            store(total, 0, load(total, 0) + load(share, i))


def count_of_tile(first: Any, n_samples: Any) -> Any:
    """How many samples the tile has that begins with `first`."""
    return select(n_samples - first > TILE, TILE, n_samples - first)


def finish_tile(rows: Any, y: Any, weight: Any, n_rows: Any, count: Any, weighted: Any) -> None:
    """Turn values into residuals, and weight all rows."""
    with loop(count) as i:
        store(rows, i, load(y, i) - load(rows, i))
    with when(weighted), loop(n_rows) as row, loop(count) as i:
        store(rows, row * TILE + i, load(rows, row * TILE + i) * load(weight, i))


@subroutine()
def add_products(rows: Any, gram: Any, n_rows: Any, count: Any) -> None:
    """Add the products of one tile, two rows by two rows: each value that is loaded serves two products.

    The number of samples is no constant, because LLVM would unroll the loop over them and run out of registers.
    """
    with loop(0, n_rows, 2) as a, loop(0, a + 1, 2) as b:
        places = entry(a, b), entry(a, b + 1), entry(a + 1, b), entry(a + 1, b + 1)
        sums = [Local(load(gram, place)) for place in places]
        with loop(count) as j:
            upper, lower = load(rows, a * TILE + j), load(rows, (a + 1) * TILE + j)
            left, right = load(rows, b * TILE + j), load(rows, (b + 1) * TILE + j)
            products = upper * left, upper * right, lower * left, lower * right
            for total, product in zip(sums, products, strict=True):
                total += product
        for place, total in zip(places, sums, strict=True):
            store(gram, place, total.value)
