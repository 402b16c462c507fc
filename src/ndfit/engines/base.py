"""The contract of every engine: what it gets, what it can do, what it returns.

Flows in: a Block and SolveOptions. Flows out: a BlockResult.

Shapes use one letter a dimension: N fits in one block, M samples of one fit, K inputs of the model, P parameters, F of
them free.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.problem.places import Places
from ndfit.problem.types import Block

__all__ = ["BlockResult", "Engine", "EngineChoice", "SolveOptions"]


@dataclass(frozen=True)
class SolveOptions:
    """What an engine needs to know about how to solve; the meanings are those of `scipy.optimize.least_squares`.

    `loss` is 'cash' as well, the likelihood ratio of counts. `absolute_sigma`: weights are 1 / sigma, so that the
    variance of the noise is known. `through_instrument`: samples see the model through a response.
    """

    ftol: float = 1e-7
    xtol: float = 1e-7
    gtol: float = 1e-7
    max_nfev: int = 100
    covariance: bool = False
    loss: str = "linear"
    f_scale: float = 1.0
    absolute_sigma: bool = False
    through_instrument: bool = False


@dataclass(frozen=True)
class BlockResult:
    """What an engine returns for a Block; one row a fit, in the Block's order.

    Attributes
    ----------
    parameters : shape (N, P) float64, NaN where the status is not usable.
    status : shape (N,) int16, see STATUS.
    nfev : shape (N,) int32, evaluations of the model (0 where none).
    cost : shape (N,) float64, half the sum of squared weighted residuals, or of what the loss makes of them; NaN where
        there is no answer.
    covariance : shape (N, F, F) float64, (J^T J)^-1 with the weights in J, not scaled by chi-square, or that of the
        loss; NaN where it is singular or there is no answer; None when not asked for.
    errors : row -> traceback or message, for fits that failed.
    warnings : row -> messages, for fits that warned.
    info : shape (N,) object, the fitter's own fit_info; None where an engine has none.
    n_samples, flags : shape (N,), int32 samples used and uint32 of Flag. Engines leave them None; whoever made the
        block fills them in.
    edm : shape (N,) float64, the estimated distance to the minimum, g^T (J^T J)^-1 g / 2 over the free parameters
        that no bound holds, in units of the noise variance (F. James, M. Roos, Comput. Phys. Commun. 10 (1975) 343);
        NaN where there is no answer. None where an engine knows none.
    sample_digests : shape (N,) uint64, see `ndfit.run.sample_digest`; None where nobody asked for them.
    parameter_flags : shape (N, F) uint32, those of the flags that are about one free parameter. Engines leave it None.
    n_invalid : as of the Block. Engines leave it None.
    """

    parameters: FloatArray
    status: NDArray[np.int16]
    nfev: NDArray[np.int32]
    cost: FloatArray
    covariance: FloatArray | None = None
    errors: Mapping[int, str] = field(default_factory=dict)
    warnings: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    info: NDArray[np.object_] | None = None
    n_samples: NDArray[np.int32] | None = None
    flags: NDArray[np.uint32] | None = None
    edm: FloatArray | None = None
    sample_digests: NDArray[np.uint64] | None = None
    parameter_flags: NDArray[np.uint32] | None = None
    n_invalid: NDArray[np.int32] | None = None


class Engine(Protocol):
    """How one block is solved. Engines are picklable and hold no state that a solve changes.

    Attributes
    ----------
    name : for people
    chunk_size : fits in one block beyond which the engine gains nothing
    releases_gil : threads run at once
    pointwise : it computes the model sample by sample, from a description of its own, ties included; else by the
        model's own code. Those that are equal, and have the same hash, have the same description
    calls_fitter : it calls the caller's fitter, which then reports of each fit, and leaves outliers out, by itself
    seconds_per_fit : order of magnitude, for planning
    packages : that decide the last bits of its answers
    set_tied : sets the columns of tied parameters of a table (N, P); None where they are to be called one by one
    dimensions : what each parameter is counted in, see `ndfit.model.dimensions`; None where nothing is known
    """

    @property
    def name(self) -> str: ...
    @property
    def chunk_size(self) -> int: ...
    @property
    def releases_gil(self) -> bool: ...
    @property
    def pointwise(self) -> bool: ...
    @property
    def calls_fitter(self) -> bool: ...
    @property
    def seconds_per_fit(self) -> float: ...
    @property
    def packages(self) -> tuple[str, ...]: ...
    @property
    def set_tied(self) -> Callable[[FloatArray], None] | None: ...
    @property
    def dimensions(self) -> Any: ...

    def fingerprint(self) -> Mapping[str, Any]:
        """What decides its answers beside the problem and the options, by name, for the identity of a checkpoint."""

    def make_ready(self, options: SolveOptions) -> None:
        """Import, compile or load what solving with these options takes, in this thread; several may at once."""

    def __call__(self, block: Block, options: SolveOptions) -> BlockResult: ...
    def values(self, parameters: FloatArray, places: Places) -> FloatArray:
        """Model values that the samples of N fits see, shape (N, M), given (N, P) parameters and their places."""

    def derivatives(self, parameters: FloatArray, places: Places) -> FloatArray:
        """Derivatives of these by the free parameters, shape (N, F, M), tied parameters following."""


@dataclass(frozen=True)
class EngineChoice:
    """The engine that solves the problem, and why it was chosen.

    Attributes
    ----------
    difference : (parameters (T, P), K coordinates of one shape) -> how the engine's model differs from the caller's
        there, None where it does not; None where the engine calls the caller's
    """

    engine: Engine
    reason: str
    difference: Callable[[FloatArray, tuple[FloatArray, ...]], str | None] | None = None
