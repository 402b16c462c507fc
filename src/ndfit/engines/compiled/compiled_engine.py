"""The compiled engine: a block of fits in, solved by the kernel, a BlockResult out.

Numpy glue only: addresses of the block's arrays for the kernel, and its outcomes as a result. The engine is data; what
it needs compiled is compiled, or loaded from the cache, when it is made ready or solves its first block in a process.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.engines.base import BlockResult, SolveOptions
from ndfit.engines.certificate import CONVERGED_EDM, edm_of, noise_variance, status_with_certificate
from ndfit.engines.compiled.beside import NUDGES, beside
from ndfit.engines.compiled.kernel.accumulate import ModelInCode, compiled_model
from ndfit.engines.compiled.kernel.at_points import compiled_evaluation
from ndfit.engines.compiled.kernel.covariance import compiled_inversion
from ndfit.engines.compiled.kernel.driver import compiled_solve
from ndfit.engines.compiled.kernel.seeing import Seeing
from ndfit.engines.compiled.kernel.workspace import (
    OUTCOME_COLUMNS,
    Job,
    Limit,
    Structure,
    Table,
    View,
    Workspace,
    allocate,
    job_table,
    sight_arrays,
    sight_numbers,
    view_table,
)
from ndfit.engines.compiled.points import model_values
from ndfit.engines.compiled.second_look import settle
from ndfit.engines.compiled.some_fits import Fits, Model
from ndfit.engines.loss import Loss, huber_factor
from ndfit.engines.natural import natural_scales, with_least_widths
from ndfit.engines.plain_data import PlainDataEngine
from ndfit.engines.start_sizes import with_start_sizes
from ndfit.options import CASH, SQUARE
from ndfit.problem.places import Places
from ndfit.problem.types import Block
from ndfit.status import Status, converged, usable

if TYPE_CHECKING:
    from ndfit.model.ir import ModelGraph

__all__ = ["CompiledEngine", "ModelCode"]


# How often a fit that stalled is looked at again, and by how many variances of the noise a fit from beside it has to be
# lower to be kept.
_LOOKS, _LOWER = 5, 1e-3
# Evaluations of a search beside: one that leads lower shows it soon.
_MOST_BESIDE = 100
# Of samples, for searches beside.
_NUMBERS_AT_ONCE = 2**22
_ALL = slice(None)


class ModelCode(Model, Protocol):
    """What the engine needs of a model. Picklable; see `ndfit.model.model_code.ModelCode`, which is one.

    Attributes
    ----------
    n_inputs, n_params : K and P
    rows : the graph of the value, the basis functions and the derivatives, with slots for constants.
    free : the F free parameters, `n_linear` ones first that the model is linear in.
    basis, variable : as in `ndfit.engines.compiled.kernel.workspace.Structure`.
    dimensions, widths : what is known of the parameters, see `ndfit.engines.natural`.
    kinked : derivatives jump where free parameters move.
    """

    @property
    def n_inputs(self) -> int: ...
    @property
    def n_params(self) -> int: ...
    @property
    def n_linear(self) -> int: ...
    @property
    def basis(self) -> tuple[int, ...]: ...
    @property
    def variable(self) -> tuple[int, ...]: ...
    @property
    def kinked(self) -> bool: ...
    @property
    def rows(self) -> ModelGraph: ...


@dataclass(frozen=True)
class CompiledEngine(PlainDataEngine):
    """Levenberg-Marquardt with exact derivatives, many fits side by side.

    Linear parameters are eliminated, within their bounds. A fit that then ends with a component turned against its
    start, or at a bound, is made again from the caller's start with the signs of the components kept until it has
    converged, and the lower cost is kept; `nfev` counts both.

    `absolute_sigma`: weights are one over the errors of the samples.
    """

    model: ModelCode
    absolute_sigma: bool = False

    name: ClassVar[str] = "compiled"

    @property
    def dimensions(self) -> Any:
        return self.model.dimensions

    def make_ready(self, options: SolveOptions) -> None:
        """Compile or load what blocks need, with and without weights."""
        compiled_solve()
        compiled_evaluation()
        if options.covariance:
            compiled_inversion()
        ways = (Seeing.SHARED, Seeing.OWN) if options.through_instrument else (Seeing.DIRECT,)
        for weighted, seeing in product((False, True), ways):
            compiled_model(_in_code(self.model, options.loss, weighted, seeing))

    def __call__(self, block: Block, options: SolveOptions) -> BlockResult:
        """Solve a block. Parameters are NaN where the status is not usable."""
        block = block.whitened
        outcome = np.full((block.n_fits, OUTCOME_COLUMNS + self.model.n_params), np.nan)
        outcome[:, 0], outcome[:, 1] = _status_of_counts(block, options), 0.0
        block = with_start_sizes(self.model, block)
        call = _Call.of(self.model, block, outcome, loss=options.loss, absolute=self._known_noise(options))
        call.solve(options)
        self._settle(outcome, block, options)
        variance = self._noise_variance(outcome, block, options)
        parameters = np.ascontiguousarray(outcome[:, OUTCOME_COLUMNS:])
        self.model.set_tied(parameters)
        covariance = self._covariance(call, block, options, parameters) if options.covariance else None
        edm = edm_of(outcome[:, 3], variance)
        status = status_with_certificate(outcome[:, 0].astype(np.int16), edm)
        without_answer = ~usable(status)
        if without_answer.any():
            parameters[without_answer] = edm[without_answer] = np.nan
        return BlockResult(
            parameters, status, outcome[:, 1].astype(np.int32), outcome[:, 2].copy(), covariance, edm=edm
        )

    def _settle(self, outcome: FloatArray, block: Block, options: SolveOptions) -> None:
        """Take a second look at fits that stalled, and search for something lower beside those that it finds ended.

        Where derivatives jump there are minima side by side: beside every answer is searched.
        """
        if self.model.kinked:
            ended = converged(outcome[:, 0].astype(np.int16))
            self._search_beside_while_lower(outcome, block, options, np.flatnonzero(ended))
        for _ in range(_LOOKS):
            rows = np.flatnonzero(outcome[:, 0] == Status.STALLED)
            if not rows.size:
                break
            parameters, left = outcome[rows, OUTCOME_COLUMNS:], options.max_nfev - outcome[rows, 1]
            self.model.set_tied(parameters)
            variance = self._noise_variance(outcome, block, options, rows)
            settled = settle(self._fits(block.take(rows), options), parameters, variance, left)
            outcome[rows, OUTCOME_COLUMNS:] = settled.parameters
            outcome[rows, 3] = np.where(settled.nfev > 0, settled.distance, outcome[rows, 3])
            outcome[rows, 2] = np.minimum(settled.cost, outcome[rows, 2])
            outcome[rows, 1] += settled.nfev
            # Where the noise is known from the cost alone, it is less now.
            variance = self._noise_variance(outcome, block, options, rows)
            rows = rows[outcome[rows, 3] <= CONVERGED_EDM * variance]
            # Without an evaluation left for a search, nothing tells that there is nothing lower beside it.
            searched = outcome[rows, 1] < options.max_nfev
            outcome[rows, 0] = np.where(searched, Status.SETTLED, Status.EVALUATION_LIMIT)
            self._search_beside_while_lower(outcome, block, options, rows)

    def _search_beside_while_lower(
        self, outcome: FloatArray, block: Block, options: SolveOptions, rows: NDArray[np.intp]
    ) -> None:
        """Search beside some answers, and beside what that finds, as long as it finds anything lower.

        No search is begun for a fit that has taken as many evaluations as it may.
        """
        for _ in range(_LOOKS):
            rows = rows[(outcome[rows, 0] != Status.STALLED) & (outcome[rows, 1] < options.max_nfev)]
            if not rows.size:
                break
            before = outcome[rows, 2]
            self._search_beside(outcome, block, options, rows, self._noise_variance(outcome, block, options, rows))
            rows = rows[outcome[rows, 2] < before]

    def _search_beside(
        self, outcome: FloatArray, block: Block, options: SolveOptions, rows: NDArray[np.intp], variance: FloatArray
    ) -> None:
        """Start some fits again from beside their answers, and keep what is lower."""
        at_once = max(1, _NUMBERS_AT_ONCE // (NUDGES * block.data.shape[1]))
        for first in range(0, len(rows), at_once):
            part = slice(first, first + at_once)
            some, noise = rows[part], variance[part]
            parameters = outcome[some, OUTCOME_COLUMNS:]
            self.model.set_tied(parameters)
            starts = beside(self._fits(block.take(some), options), parameters, noise)
            found = self._found_from(starts, block, options, some)
            lowest = np.argmin(np.where(np.isnan(found[:, :, 2]), np.inf, found[:, :, 2]), axis=0)
            best = found[lowest, np.arange(len(some))]
            nfev = outcome[some, 1] + found[:, :, 1].sum(axis=0)
            with np.errstate(invalid="ignore"):
                lower = outcome[some, 2] - best[:, 2] > _LOWER * noise
            outcome[some[lower]] = best[lower]
            outcome[some, 1] = nfev

    def _found_from(
        self, starts: FloatArray, block: Block, options: SolveOptions, rows: NDArray[np.intp]
    ) -> FloatArray:
        """Outcomes of some fits of a block from other starts, shape (S, n, ...), given (S, n, P)."""
        n_params = starts.shape[2]
        again = replace(block.take(np.tile(rows, len(starts))), start=starts.reshape(-1, n_params))
        found = np.full((again.n_fits, OUTCOME_COLUMNS + n_params), np.nan)
        found[:, 0], found[:, 1] = Status.READY, 0.0
        few = replace(options, max_nfev=min(options.max_nfev, _MOST_BESIDE))
        _Call.of(self.model, again, found, loss=options.loss, absolute=self._known_noise(options)).solve(few)
        # What has not ended goes on from there, if it is lower.
        found[found[:, 0] == Status.EVALUATION_LIMIT, 0] = Status.STALLED
        return found.reshape(len(starts), len(rows), -1)

    def _fits(self, block: Block, options: SolveOptions) -> Fits:
        code = _in_code(self.model, options.loss, True, _seeing(block.places))
        return Fits.of(self.model, code, block, options)

    def values(self, parameters: FloatArray, places: Places) -> FloatArray:
        code = _in_code(self.model, SQUARE, False, _seeing(places))
        return model_values(code, self.model.constants, np.ascontiguousarray(parameters, dtype=float), places)

    def derivatives(self, parameters: FloatArray, places: Places) -> FloatArray:
        return places.seen(self.model.derivatives(parameters, places.inputs))

    def _known_noise(self, options: SolveOptions) -> bool:
        """Whether a weighted residual has a variance of one."""
        return self.absolute_sigma or options.loss == CASH

    def _noise_variance(
        self, outcome: FloatArray, block: Block, options: SolveOptions, rows: NDArray[np.intp] | slice = _ALL
    ) -> FloatArray:
        n_samples = block.data.shape[1] if block.valid is None else block.valid[rows].sum(axis=1)
        n_free, known = len(self.model.free), self._known_noise(options)
        return noise_variance(outcome[rows, 2], n_samples, n_free, outcome[rows, 4], known)

    def _covariance(self, call: _Call, block: Block, options: SolveOptions, parameters: FloatArray) -> FloatArray:
        """That of the loss, see `ndfit.engines.loss`."""
        loss = Loss(options.loss, options.f_scale)
        if loss.name == SQUARE:
            return call.covariance()
        values = self.values(parameters, block.places)
        used = np.ones((1, 1), dtype=bool) if block.valid is None else block.valid
        if loss.name == CASH:
            with np.errstate(divide="ignore", invalid="ignore"):
                weights = np.where(used & (values > 0.0), 1.0 / np.sqrt(values), 0.0)
            # Without any counts the best expectation is zero, and has no error.
            weights[~np.any(block.data > 0.0, axis=1, where=used)] = 0.0
            return _Call.of(self.model, replace(block, weights=weights), call.outcome).covariance()
        residual = (block.data - values) * (1.0 if block.weights is None else block.weights)
        factor = huber_factor(loss, residual, used, len(self.model.free))
        return call.covariance() * factor[:, np.newaxis, np.newaxis]


def _status_of_counts(block: Block, options: SolveOptions) -> NDArray[np.int16]:
    """The block's status; counts that are negative cannot be."""
    if options.loss != CASH:
        return block.status
    negative = (block.data < 0.0).any(axis=1) & (block.status == Status.READY)
    return np.where(negative, Status.NEGATIVE_COUNTS, block.status).astype(np.int16)


def _seeing(places: Places) -> Seeing:
    if places.response is None:
        return Seeing.DIRECT
    return Seeing.SHARED if places.response.is_shared else Seeing.OWN


def _in_code(model: ModelCode, loss: str, weighted: bool, seeing: Seeing) -> ModelInCode:
    widths = tuple(model.widths[i] for i in model.free)
    structure = Structure(model.n_params, model.n_linear, model.free, model.basis, model.variable, widths)
    return ModelInCode(model.rows, structure, loss, weighted, seeing)


@dataclass(frozen=True)
class _Call:
    """Arguments of one call of the kernel; holds what the tables point to."""

    model: ModelInCode
    workspace: Workspace
    tables: tuple[Table, ...]
    arrays: tuple[NDArray[Any] | None, ...]
    job: Table
    places: Places

    @classmethod
    def of(
        cls,
        model: ModelCode,
        block: Block,
        outcome: FloatArray,
        *,
        loss: str = SQUARE,
        absolute: bool = False,
    ) -> _Call:
        weighted = block.weights is not None or block.valid is not None
        places = block.places
        in_code = _in_code(model, loss, weighted, _seeing(places))
        structure = in_code.structure
        n_fits, n_samples = block.data.shape
        limits = (*with_least_widths(model, block), natural_scales(model, block))
        arrays = (
            block.data,
            block.weights,
            block.valid,
            block.start,
            *(np.broadcast_to(limit, (n_fits, model.n_params)) for limit in limits),
            outcome,
            *sight_arrays(places, n_fits),
        )
        workspace = allocate(structure, n_samples, places, model.constants)
        tables = structure.table(), workspace.table, view_table(arrays)
        job = {
            Job.STRUCTURE: tables[0].ctypes.data,
            Job.WORKSPACE: tables[1].ctypes.data,
            Job.VIEWS: tables[2].ctypes.data,
            Job.FITS: n_fits,
            Job.SAMPLES: n_samples,
            **sight_numbers(places),
            Job.WEIGHTED: weighted,
            Job.ROBUST: loss != SQUARE,
            Job.SINGLE: block.data.dtype == np.float32,
            Job.ABSOLUTE: absolute,
            Job.COUNTS: loss == CASH,
        }
        return cls(in_code, workspace, tables, arrays, job_table(job), places)

    @property
    def outcome(self) -> FloatArray:
        return self.arrays[View.OUTCOME]  # type: ignore[return-value]

    def solve(self, options: SolveOptions) -> None:
        """Fill the outcome."""
        ends = {
            Limit.FTOL: options.ftol,
            Limit.XTOL: options.xtol,
            Limit.GTOL: options.gtol,
            Limit.EVALUATIONS: options.max_nfev,
            Limit.SCALE: options.f_scale,
        }
        limits = np.array([ends[limit] for limit in Limit], np.float64)
        model = compiled_model(self.model)
        functions = model.addresses["accumulate"], model.addresses["differentiate"]
        compiled_solve()(*functions, self.job.ctypes.data, limits.ctypes.data)

    def covariance(self) -> FloatArray:
        """Return (N, F, F), at the outcome's parameters."""
        n_fits, n_free = self.job[Job.FITS], len(self.model.structure.free)
        covariance = np.empty((n_fits, n_free, n_free))
        model = compiled_model(replace(self.model, loss=SQUARE))
        compiled_inversion()(model.addresses["differentiate"], self.job.ctypes.data, covariance.ctypes.data)
        return covariance
