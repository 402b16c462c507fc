"""Outliers are left out, and the rest is fitted again.

Flows in: a Block and its fits. Flows out: the Block without the outliers, and the fits to what remains.

The rounds are those of `astropy.modeling.fitting.FittingWithOutlierRemoval`: residuals are clipped by
`astropy.stats.sigma_clip`, what was left out stays out, and rounds end when nothing more is. A position whose samples
did not change is not fitted again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from astropy.modeling.fitting import FittingWithOutlierRemoval
from astropy.stats import sigma_clip
from numpy.typing import NDArray

from ndfit.engines.base import BlockResult, Engine, EngineChoice, SolveOptions
from ndfit.engines.fitters import outlier_removal
from ndfit.pipeline.multistart import take_rows
from ndfit.problem.types import Block
from ndfit.status import Status, usable

__all__ = ["Clip", "clip_beside", "clip_beyond"]

_ROUNDS = 10
# Of `sigma_clip`, where none is given.
_SIGMA = 3.0


@dataclass(frozen=True)
class Clip:
    """How outliers are found.

    Attributes
    ----------
    keywords : of `astropy.stats.sigma_clip`
    rounds : at most
    weighted : clip residuals times weights, not the residuals alone
    n_free : free parameters, which take as many samples
    """

    keywords: Mapping[str, Any] = field(default_factory=dict)
    rounds: int = _ROUNDS
    weighted: bool = True
    n_free: int = 0

    @property
    def limit(self) -> float:
        """The least number of standard deviations beyond which a residual is clipped."""
        both = self.keywords.get("sigma", _SIGMA)
        sides = (self.keywords.get(name) for name in ("sigma_lower", "sigma_upper"))
        return float(min(both if side is None else side for side in sides))

    def __call__(
        self, engine: Engine, block: Block, options: SolveOptions, result: BlockResult
    ) -> tuple[Block, BlockResult]:
        """Clip and fit again; `nfev` counts every evaluation."""
        valid = np.ones(block.data.shape, dtype=bool) if block.valid is None else block.valid
        for _ in range(self.rounds):
            kept = valid & ~self._outliers(engine, block, valid, result)
            changed = (kept != valid).any(axis=1)
            if not changed.any():
                break
            valid = kept
            block = replace(block, valid=valid, data=np.where(valid, block.data, 0.0))
            again = engine(self._started(block, valid, result, changed), options)
            result = take_rows(result, replace(again, nfev=result.nfev + again.nfev, flags=result.flags), changed)
        return block, result

    def _outliers(self, engine: Engine, block: Block, valid: NDArray[np.bool_], result: BlockResult) -> Any:
        fitted = usable(result.status)[:, np.newaxis]
        with np.errstate(all="ignore"):
            residual = block.data - engine.values(result.parameters, block.places)
        if self.weighted and block.weights is not None:
            residual = residual * block.weights
        known = valid & fitted & np.isfinite(residual)
        clipped = sigma_clip(np.ma.array(np.where(known, residual, 0.0), mask=~known), axis=1, **self.keywords)
        return np.ma.getmaskarray(clipped) & known

    def _started(
        self, block: Block, valid: NDArray[np.bool_], result: BlockResult, changed: NDArray[np.bool_]
    ) -> Block:
        """The block, from the solutions, with nothing to do but where samples changed."""
        enough = valid.sum(axis=1) >= self.n_free
        status = np.where(enough, Status.READY, Status.TOO_FEW_SAMPLES)
        status = np.where(changed, status, Status.NO_DATA).astype(np.int16)
        return replace(block, start=np.clip(result.parameters, block.lower, block.upper), status=status)


def clip_beside(choice: EngineChoice, fitter: Any, n_free: int) -> Clip | None:
    """How outliers are left out beside an engine's fits, where the caller's fitter leaves some out; else None."""
    removal = None if choice.engine.calls_fitter else outlier_removal(fitter)
    return None if removal is None else Clip(removal.keywords, removal.rounds, weighted=False, n_free=n_free)


def clip_beyond(limit: float | None, fitter: Any, n_free: int) -> Clip | None:
    """How samples are left out that are further off than so many standard deviations; None for all of them.

    Raises
    ------
    ValueError
        The fitter removes outliers itself.
    """
    if limit is None:
        return None
    if isinstance(fitter, FittingWithOutlierRemoval):
        raise ValueError("FittingWithOutlierRemoval removes outliers itself: give either it or clip")
    return Clip({"sigma": limit, "maxiters": 1}, n_free=n_free)
