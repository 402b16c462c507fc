"""A model as machine code: its rows at the samples of a group of lanes, and the sums of their products.

Flows in: the trial point of each lane and its samples. Flows out: from `accumulate`, GRAM, the packed products of the
rows, summed over samples; from `differentiate`, JACOBIAN, the columns of J and the residuals.

Row 0 is the residual y - f, the others are those of `Structure`; all are weighted, and changed by the loss where there
is one. The first product is the cost: the sum of the squares, or of what the loss makes of them.

The sums of a few rows stay in registers. Those of more are taken tile by tile: the rows of a few samples go to scratch,
a `RowOperator` may change them there, and then products are added two rows by two. Either way each sum takes its terms
in the order of the samples, and has the same bits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ndfit.compiler.emit import Known, emit_outputs, emit_prepared
from ndfit.compiler.flow import loop, subroutine
from ndfit.compiler.machine_code import Function, Loaded
from ndfit.compiler.machine_code import load as load_code
from ndfit.compiler.memory import load, store, width
from ndfit.compiler.target import Target, host
from ndfit.compiler.values import Float, Int, Lanes, Pointer, Table, choose
from ndfit.compiler.variables import Local
from ndfit.engines.compiled.kernel.addresses import at, at_group, entry
from ndfit.engines.compiled.kernel.losses import LOSSES
from ndfit.engines.compiled.kernel.workspace import Field, Structure, samples_of_tile
from ndfit.once import kept_latest

if TYPE_CHECKING:
    from ndfit.model.ir import ModelGraph

__all__ = ["MODEL_KINDS", "ModelInCode", "RowOperator", "compiled_model", "model_functions"]

MODEL_KINDS = (Table, Int, Int, Float)
"""Arguments of both functions: addresses of scratch, the group, the number of samples, the scale of the loss."""

# With more rows their sums do not fit into registers.
_MOST_ROWS = 6

_KEPT = 64  # models in this process; what runs stays, too

RowOperator = Callable[[Pointer, int, int, Int], None]
"""Writes code that changes the rows of a tile before they are weighted, given their place, how many rows there are, how
many samples a tile has room for, and how many there are. Row r at sample i is at ``r * room + i``, a group of lanes."""


@dataclass(frozen=True)
class ModelInCode:
    """What the code of a model depends on.

    Attributes
    ----------
    rows : the graph whose outputs are the value and the other rows, with slots for constants.
    structure : how they make up derivatives.
    loss : name of the loss.
    weighted : there are weights, or samples left out.
    """

    rows: ModelGraph
    structure: Structure
    loss: str
    weighted: bool


def _prepared(model: ModelInCode, workspace: Table, group: Int) -> Known:
    trial, constants = at_group(workspace, Field.TRIAL, group), at_group(workspace, Field.CONSTANTS, group)
    return emit_prepared(model.rows, lambda p: load(trial, p), lambda i: load(constants, i))


def _outputs(model: ModelInCode, prepared: Known, workspace: Table, group: Int, n_samples: Int, sample: Int) -> Any:
    """Value and other rows at a sample, as the model has them."""
    x = at_group(workspace, Field.X, group)
    return emit_outputs(model.rows, prepared, [load(x, sample + n_samples * k) for k in range(model.rows.n_inputs)])


def _finished(
    model: ModelInCode, outputs: list[Lanes], workspace: Table, group: Int, sample: Int, scale: Float
) -> tuple[list[Lanes], Lanes]:
    """The rows at a sample as they count, and what it costs."""
    data = load(at_group(workspace, Field.Y, group), sample)
    residual, *slopes = data - outputs[0], *outputs[1:]
    if model.weighted:
        weight = load(at_group(workspace, Field.WEIGHT, group), sample)
        residual, slopes = residual * weight, [row * weight for row in slopes]
    loss = LOSSES[model.loss]
    if loss is None:
        return [residual, *slopes], residual * residual
    counted = loss(residual, data, scale)
    return [counted.residual, *(row * counted.factor for row in slopes)], counted.cost


def _accumulate_in_registers(model: ModelInCode) -> Callable[..., None]:
    def accumulate(workspace: Table, group: Int, n_samples: Int, scale: Float) -> None:
        n = model.structure.n_rows
        prepared = _prepared(model, workspace, group)
        sums = [Local(Lanes.of(0.0)) for _ in range(n * (n + 1) // 2)]
        with loop(n_samples) as sample:
            outputs = _outputs(model, prepared, workspace, group, n_samples, sample)
            rows, cost = _finished(model, outputs, workspace, group, sample, scale)
            products = [cost, *(rows[i] * rows[j] for i in range(1, n) for j in range(i + 1))]
            for total, product in zip(sums, products, strict=True):
                total += product
        gram = at_group(workspace, Field.GRAM, group)
        for place, total in enumerate(sums):
            store(gram, place, total.value)

    return accumulate


def _accumulate_by_tiles(model: ModelInCode, operator: RowOperator | None) -> Callable[..., None]:
    def accumulate(workspace: Table, group: Int, n_samples: Int, scale: Float) -> None:
        n, scratch = model.structure.n_rows, at(workspace, Field.ROWS)
        tile = samples_of_tile(n)
        gram, total = at_group(workspace, Field.GRAM, group), Local(Lanes.of(0.0))
        prepared = _prepared(model, workspace, group)
        with loop(n * (n + 1) // 2) as i:
            store(gram, i, 0.0)

        def keep(rows: list[Lanes], i: Int) -> None:
            for row, value in enumerate(rows):
                store(scratch, row * tile + i, value, width())

        def finish(outputs: list[Lanes], sample: Int, i: Int) -> None:
            rows, cost = _finished(model, outputs, workspace, group, sample, scale)
            keep(rows, i)
            total.set(total.value + cost)

        with loop(0, n_samples, tile) as first:
            left = n_samples - first
            count = choose(left > tile, tile, left)
            with loop(count) as i:
                outputs = _outputs(model, prepared, workspace, group, n_samples, first + i)
                if operator is None:
                    finish(outputs, first + i, i)
                else:
                    keep(outputs, i)
            if operator is not None:
                operator(scratch, n, tile, count)
                with loop(count) as i:
                    finish([load(scratch, row * tile + i, width()) for row in range(n)], first + i, i)
            add_products(scratch, gram, Int.of(n), Int.of(tile), count)
        store(gram, 0, total.value)

    return accumulate


@subroutine()
def add_products(rows: Any, gram: Any, n_rows: Any, tile: Any, count: Any) -> None:
    """Add the products of one tile, two rows by two rows: each value that is loaded serves two products.

    The number of samples is no constant, because LLVM would unroll the loop over them and run out of registers.
    """
    pair = range(2)
    with loop(0, n_rows, 2) as a, loop(0, a + 1, 2) as b:
        places = [entry(a + i, b + j) for i in pair for j in pair]
        sums = [Local(load(gram, place)) for place in places]
        with loop(count) as k:
            left = [load(rows, (a + i) * tile + k, width()) for i in pair]
            right = [load(rows, (b + j) * tile + k, width()) for j in pair]
            products = [x * y for x in left for y in right]
            for total, product in zip(sums, products, strict=True):
                total += product
        for place, total in zip(places, sums, strict=True):
            store(gram, place, total.value)


def _differentiate(model: ModelInCode) -> Callable[..., None]:
    """Row k * M + m of JACOBIAN is the derivative of sample m by free parameter k, row F * M + m its residual."""
    structure = model.structure

    def differentiate(workspace: Table, group: Int, n_samples: Int, scale: Float) -> None:
        trial, target = at_group(workspace, Field.TRIAL, group), at_group(workspace, Field.JACOBIAN, group)
        prepared = _prepared(model, workspace, group)
        with loop(n_samples) as sample:
            outputs = _outputs(model, prepared, workspace, group, n_samples, sample)
            (residual, *slopes), _ = _finished(model, outputs, workspace, group, sample, scale)
            columns: list[Any] = [*slopes[: structure.n_linear], *[0.0] * (len(structure.free) - structure.n_linear)]
            for basis, variable, slope in zip(
                structure.basis, structure.variable, slopes[structure.n_linear :], strict=True
            ):
                own = slope if basis < 0 else slope * load(trial, structure.free[basis])
                columns[variable] = own + columns[variable]
            for k, column in enumerate((*columns, residual)):
                store(target, n_samples * k + sample, column)

    return differentiate


def model_functions(model: ModelInCode, operator: RowOperator | None = None) -> tuple[Function, Function]:
    """`accumulate` and `differentiate` of a model, to be compiled."""
    few = model.structure.n_rows <= _MOST_ROWS and operator is None
    accumulate = _accumulate_in_registers(model) if few else _accumulate_by_tiles(model, operator)
    return (
        Function("accumulate", accumulate, MODEL_KINDS),
        Function("differentiate", _differentiate(model), MODEL_KINDS),
    )


@kept_latest(_KEPT)
def compiled_model(model: ModelInCode, machine: Target | None = None) -> Loaded:
    """Compile a model, or load it from the cache, the first time in a process."""
    return load_code(model_functions(model), machine or host(), model)
