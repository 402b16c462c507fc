"""One task: inputs of a region -> BlockResult, wherever it runs.

Flows in: Inputs, in memory or lazy. Flows out: BlockResult. A Pipeline is picklable and all that workers need.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.engines.base import BlockResult, Engine, SolveOptions
from ndfit.once import LOADING
from ndfit.options import SQUARE
from ndfit.pipeline.bootstrap import Bootstrap
from ndfit.pipeline.clipping import Clip
from ndfit.pipeline.flags import FlagRules
from ndfit.pipeline.graduated import better_by_way_of_a_convex_loss, options_of_all_fits
from ndfit.pipeline.model_rules import rules_of
from ndfit.pipeline.multistart import Watched, best_of
from ndfit.pipeline.set_flags import set_flags
from ndfit.pipeline.signs import Canonical
from ndfit.pipeline.starting import Starting
from ndfit.problem.block import Inputs, make_block
from ndfit.problem.types import Block, FitProblem, ParamTable
from ndfit.run.sample_digest import sample_digests
from ndfit.status import STATUS, Status

__all__ = ["Pipeline", "samples_used"]

_LIMIT = STATUS[Status.EVALUATION_LIMIT]
_LEFT_OUT = "Non-finite input data has been left out of the fit."


@dataclass(frozen=True)
class Pipeline:
    """How any region of one problem is solved: what fits, where it starts, what is done to its fits.

    Attributes
    ----------
    params : without starting values and bounds
    canonical : of the parameters that give the same model, chooses those that are reported
    flags : what flags need to know of the model
    clip : leave outliers out
    bootstrap : the covariance comes from fits of drawn data
    digests : tell which samples were fitted, for what is looked up later
    """

    engine: Engine
    options: SolveOptions
    params: ParamTable
    filter_non_finite: bool
    starting: Starting
    canonical: Canonical
    flags: FlagRules
    clip: Clip | None = None
    bootstrap: Bootstrap | None = None
    digests: bool = False

    @classmethod
    def of(
        cls,
        problem: FitProblem,
        engine: Engine,
        options: SolveOptions,
        *,
        starting: Starting | None = None,
        clip: Clip | None = None,
        bootstrap: Bootstrap | None = None,
        digests: bool = False,
    ) -> Pipeline:
        """The pipeline of a problem; fits start from the problem's starting values unless `starting` says otherwise."""
        starting = Starting() if starting is None else starting
        finite = problem.filter_non_finite
        rules = rules_of(problem, engine)
        # Maps come with each region; here they would travel to every worker.
        params = replace(problem.params, start=(), lower=(), upper=(), sign_symmetric=rules.sign_symmetric)
        canonical = Canonical(params, problem.model, rules.symmetries)
        return cls(engine, options, params, finite, starting, canonical, rules.flags, clip, bootstrap, digests)

    @property
    def fits_only(self) -> Pipeline:
        """The same fits, without clipping and bootstrap."""
        return replace(self, clip=None, bootstrap=None)

    @property
    def without_bootstrap(self) -> Pipeline:
        """The same fits, whose covariance comes from the fits themselves."""
        return replace(self, bootstrap=None)

    @property
    def errors_are_final(self) -> bool:
        """The covariance is what it is, and not to be scaled by chi-square."""
        return self.bootstrap is not None or self.options.loss != SQUARE

    def make_ready(self) -> None:
        """Import, compile or load, in this thread, what solving takes: threads that start together find it done."""
        with LOADING:
            for options in options_of_all_fits(self.options):
                self.engine.make_ready(options)
            self.starting.make_ready()
            if self.bootstrap is not None:
                self.bootstrap.make_ready()

    def __call__(self, inputs: Inputs) -> BlockResult:
        block = make_block(inputs)
        clipped, result = self._solved(block, None if inputs.starts is None else self._starts(block, inputs.starts))
        if self.bootstrap is not None:
            result = self.bootstrap(self._refit, self.engine.values, clipped, self.options, result)
        if self.digests:
            result = replace(result, sample_digests=sample_digests(block))
        return _note_left_out(result, block, inputs) if self.filter_non_finite else result

    def of_block(self, block: Block) -> BlockResult:
        """Fits of other data, as those of a region are made, without bootstrap."""
        return self._solved(block, None)[1]

    def _solved(self, block: Block, starts: Iterator[FloatArray] | None) -> tuple[Block, BlockResult]:
        """The block without what is left out as outliers, and its fits: from the tables of starts, or as is usual."""
        engine: Any = Watched(self.engine, self.flags.free)
        if starts is None:
            best = self.starting.fit(engine, block, self.options)
            best = better_by_way_of_a_convex_loss(engine, block, self.options, best)
        else:
            best = best_of(engine, block, self.options, starts)
        clipped, result = self._clipped(block, best)
        result = self.canonical(result, block)
        known = result.flags
        finished = set_flags(result, clipped, self.options, self.engine, self.flags, engine.unmoved)
        result = replace(finished, warnings=_with_limits(result), n_invalid=block.n_invalid)
        return clipped, _with_flags(result, known)

    def kept(self, block: Block, inputs: Inputs) -> Block:
        """The block without the samples that are left out of the fits that end at the only one of `inputs.starts`."""
        if self.clip is None or inputs.starts is None:
            return block
        starts = self._starts(block, inputs.starts)
        return self._clipped(block, best_of(self.engine, block, self.options, starts))[0]

    def _clipped(self, block: Block, result: BlockResult) -> tuple[Block, BlockResult]:
        return (block, result) if self.clip is None else self.clip(self.engine, block, self.options, result)

    def _refit(self, block: Block, options: SolveOptions) -> BlockResult:
        return self.canonical(self.engine(block, options), block, around_start=True)

    def _starts(self, block: Block, starts: FloatArray) -> Iterator[FloatArray]:
        """Tables of starting values, with the block's own values of what is not free."""
        free = np.isin(np.arange(block.start.shape[1]), self.params.free)
        for start in starts:
            yield np.where(free, start.reshape(len(start), -1).T, block.start)


def _with_flags(result: BlockResult, known: NDArray[np.uint32] | None) -> BlockResult:
    """The flags of the result and those that its starts have shown."""
    return result if known is None or result.flags is None else replace(result, flags=result.flags | known)


def _with_limits(result: BlockResult) -> dict[int, tuple[str, ...]]:
    """Fits stopped at their limit warn of it, whatever the engine."""
    stopped = np.flatnonzero(result.status == Status.EVALUATION_LIMIT)
    message = (f"The fit may be unsuccessful: {_LIMIT.meaning}",)
    return {**dict.fromkeys((int(row) for row in stopped), message), **result.warnings}


def _note_left_out(result: BlockResult, block: Block, inputs: Inputs) -> BlockResult:
    """Fits that lost non-finite samples warn of it, as astropy's fitters do."""
    if block.valid is None:
        return result
    finite = np.isfinite(inputs.samples.rows(inputs.samples.data))
    rows = np.flatnonzero(~finite.all(axis=1) & (block.status == Status.READY))
    warned = {int(row): (*result.warnings.get(int(row), ()), _LEFT_OUT) for row in rows}
    return replace(result, warnings={**result.warnings, **warned})


def samples_used(inputs: Inputs, pipeline: Pipeline | None) -> NDArray[np.bool_]:
    """Which samples enter the fits, shape (N, M).

    Parameters
    ----------
    inputs : in memory; the solutions are its only `starts`, None where there are none
    work : that made the fits, where it may have left outliers out
    """
    block = make_block(inputs)
    if pipeline is not None:
        block = pipeline.kept(block, inputs)
    return np.ones(block.data.shape, dtype=bool) if block.valid is None else block.valid
