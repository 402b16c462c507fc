"""A model as machine code: its rows at the samples of a group of lanes, and the sums of their products.

Flows in: the trial point of each lane and its samples. Flows out: from `accumulate`, GRAM, the packed products of the
rows, summed over samples; from `differentiate`, JACOBIAN, the columns of J and the residuals.

Row 0 is the residual y - f, the others are those of `Structure`; all are weighted, and changed by the loss where there
is one. The first product is the cost: the sum of the squares, or of what the loss makes of them.

The sums of a few rows stay in registers. Those of more are taken tile by tile: the rows of a few samples go to scratch,
and then products are added two rows by two. Either way each sum takes its terms in the order of the samples, and has
the same bits. Where samples see the model through an instrument, its rows are those of `seeing`.
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
from ndfit.compiler.values import Float, Int, Lanes, Table, choose
from ndfit.compiler.variables import Local
from ndfit.engines.compiled.kernel.addresses import at, at_group, entry
from ndfit.engines.compiled.kernel.losses import LOSSES
from ndfit.engines.compiled.kernel.seeing import Seeing, seen_at, write_places
from ndfit.engines.compiled.kernel.workspace import Field, Structure, samples_of_tile
from ndfit.once import kept_latest

if TYPE_CHECKING:
    from ndfit.model.ir import ModelGraph

__all__ = ["MODEL_KINDS", "ModelInCode", "compiled_model", "model_functions"]

MODEL_KINDS = (Table, Int, Int, Float)
"""Arguments of both functions: addresses of scratch, the group, the number of samples, the scale of the loss."""

# With more rows their sums do not fit into registers.
_MOST_ROWS = 6

_KEPT = 64  # models in this process; what runs stays, too


@dataclass(frozen=True)
class ModelInCode:
    """What the code of a model depends on.

    Attributes
    ----------
    rows : the graph whose outputs are the value and the other rows, with slots for constants.
    structure : how they make up derivatives.
    loss : name of the loss.
    weighted : there are weights, or samples left out.
    seeing : how samples see the model.
    """

    rows: ModelGraph
    structure: Structure
    loss: str
    weighted: bool
    seeing: Seeing = Seeing.DIRECT


def _prepared(model: ModelInCode, workspace: Table, group: Int) -> Known:
    trial, constants = at_group(workspace, Field.TRIAL, group), at_group(workspace, Field.CONSTANTS, group)
    return emit_prepared(model.rows, lambda p: load(trial, p), lambda i: load(constants, i))


def _reader(model: ModelInCode, workspace: Table, group: Int, n_samples: Int) -> Callable[[Int], list[Lanes]]:
    """What gives value and other rows at a sample, as the model has them; what it takes for all samples is written."""
    prepared, x = _prepared(model, workspace, group), at_group(workspace, Field.X, group)

    def outputs(place: Int, n_places: Int) -> list[Lanes]:
        return emit_outputs(model.rows, prepared, [load(x, place + n_places * k) for k in range(model.rows.n_inputs)])

    if model.seeing == Seeing.DIRECT:
        return lambda sample: outputs(sample, n_samples)
    write_places(workspace, outputs)
    return lambda sample: seen_at(workspace, group, sample, model.structure.n_rows, model.seeing)


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
        outputs_at = _reader(model, workspace, group, n_samples)
        sums = [Local(Lanes.of(0.0)) for _ in range(n * (n + 1) // 2)]
        with loop(n_samples) as sample:
            rows, cost = _finished(model, outputs_at(sample), workspace, group, sample, scale)
            products = [cost, *(rows[i] * rows[j] for i in range(1, n) for j in range(i + 1))]
            for total, product in zip(sums, products, strict=True):
                total += product
        gram = at_group(workspace, Field.GRAM, group)
        for place, total in enumerate(sums):
            store(gram, place, total.value)

    return accumulate


def _accumulate_by_tiles(model: ModelInCode) -> Callable[..., None]:
    def accumulate(workspace: Table, group: Int, n_samples: Int, scale: Float) -> None:
        n, scratch = model.structure.n_rows, at(workspace, Field.ROWS)
        tile = samples_of_tile(n)
        gram, total = at_group(workspace, Field.GRAM, group), Local(Lanes.of(0.0))
        outputs_at = _reader(model, workspace, group, n_samples)
        with loop(n * (n + 1) // 2) as i:
            store(gram, i, 0.0)
        with loop(0, n_samples, tile) as first:
            left = n_samples - first
            count = choose(left > tile, tile, left)
            with loop(count) as i:
                rows, cost = _finished(model, outputs_at(first + i), workspace, group, first + i, scale)
                for row, value in enumerate(rows):
                    store(scratch, row * tile + i, value, width())
                total.set(total.value + cost)
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
        outputs_at = _reader(model, workspace, group, n_samples)
        with loop(n_samples) as sample:
            (residual, *slopes), _ = _finished(model, outputs_at(sample), workspace, group, sample, scale)
            columns: list[Any] = [*slopes[: structure.n_linear], *[0.0] * (len(structure.free) - structure.n_linear)]
            for basis, variable, slope in zip(
                structure.basis, structure.variable, slopes[structure.n_linear :], strict=True
            ):
                own = slope if basis < 0 else slope * load(trial, structure.free[basis])
                columns[variable] = own + columns[variable]
            for k, column in enumerate((*columns, residual)):
                store(target, n_samples * k + sample, column)

    return differentiate


def model_functions(model: ModelInCode) -> tuple[Function, Function]:
    """`accumulate` and `differentiate` of a model, to be compiled."""
    few = model.structure.n_rows <= _MOST_ROWS
    accumulate = _accumulate_in_registers(model) if few else _accumulate_by_tiles(model)
    return (
        Function("accumulate", accumulate, MODEL_KINDS),
        Function("differentiate", _differentiate(model), MODEL_KINDS),
    )


@kept_latest(_KEPT)
def compiled_model(model: ModelInCode, machine: Target | None = None) -> Loaded:
    """Compile a model, or load it from the cache, the first time in a process."""
    return load_code(model_functions(model), machine or host(), model)
