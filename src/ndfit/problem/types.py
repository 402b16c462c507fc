"""The contracts every room shares: what a fit problem is, what an engine gets, what it returns.

Flows in: nothing of ndfit (this module imports numpy only). Flows out: frozen types used everywhere.

Shapes use one letter a dimension: B shape of the iterating axes, N fits in one block, M samples of one fit,
K inputs of the model, P parameters, F of them free.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum, IntFlag
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ndfit.arrays import FloatArray
from ndfit.problem.axes import Axes
from ndfit.problem.samples import Samples

__all__ = [
    "FLAGS",
    "NOTHING_TO_DO",
    "STATUS",
    "Block",
    "BlockResult",
    "Engine",
    "EngineChoice",
    "FitProblem",
    "Flag",
    "FlagRow",
    "ParamTable",
    "SolveOptions",
    "Status",
    "StatusRow",
    "converged",
    "failed",
    "usable",
]


class Status(IntEnum):
    """How one fit ended. 0 to 4 mean what they mean in `scipy.optimize.least_squares`; 5 and 6 are ndfit's own."""

    EVALUATION_LIMIT = 0
    GTOL = 1
    FTOL = 2
    XTOL = 3
    FTOL_XTOL = 4
    STALLED = 5
    SETTLED = 6
    READY = -1
    FINISHED = -10
    NO_DATA = -11
    ALL_MASKED = -12
    TOO_FEW_SAMPLES = -13
    NON_FINITE_DATA = -14
    NON_FINITE_START = -15
    NON_FINITE_MODEL = -16
    INSENSITIVE = -17
    USER_ERROR = -18
    NEGATIVE_COUNTS = -19


class StatusRow(NamedTuple):
    """One row of the STATUS table.

    `converged`: a convergence test was met. `usable`: parameters are finite numbers worth a look. `counted`: the
    position was expected to fit, so that it counts when failures are reported.
    """

    status: Status
    converged: bool
    usable: bool
    counted: bool
    meaning: str
    remedy: str


NOTHING_TO_DO = "nothing to do"

_ROWS = (
    StatusRow(Status.GTOL, True, True, True, "converged: the gradient is zero to within gtol", NOTHING_TO_DO),
    StatusRow(Status.FTOL, True, True, True, "converged: the cost changes by less than ftol", NOTHING_TO_DO),
    StatusRow(Status.XTOL, True, True, True, "converged: the parameters change by less than xtol", NOTHING_TO_DO),
    StatusRow(
        Status.FTOL_XTOL,
        True,
        True,
        True,
        "converged: cost and parameters change by less than ftol and xtol",
        NOTHING_TO_DO,
    ),
    StatusRow(
        Status.SETTLED,
        True,
        True,
        True,
        "converged in a valley or at a kink: neither second derivatives nor fits from beside it lead lower",
        "nothing to do; look whether the data determine every parameter here, whose errors may be too small",
    ),
    StatusRow(
        Status.FINISHED,
        True,
        True,
        True,
        "finished: the fitter returned and reports no convergence test",
        "nothing to do; choose a least-squares fitter to know which test ended the fit",
    ),
    StatusRow(
        Status.EVALUATION_LIMIT,
        False,
        True,
        True,
        "stopped at the limit of evaluations before it converged",
        "raise the limit (fitter_kwargs={'maxiter': ...}) or give better starting values",
    ),
    StatusRow(
        Status.STALLED,
        False,
        True,
        True,
        "stopped where no step lowers the cost, though the gradient says that the minimum is elsewhere",
        "look at the estimated distance to the minimum (edm); give better starting values, fix parameters that "
        "the data hardly determine, or use a simpler model here",
    ),
    StatusRow(Status.READY, False, False, False, "not fitted yet", "run the fit, or resume it"),
    StatusRow(
        Status.NO_DATA, False, False, False, "every sample is NaN", "nothing to do: there is nothing to fit here"
    ),
    StatusRow(
        Status.ALL_MASKED,
        False,
        False,
        False,
        "every sample is masked, or has no weight",
        "check the mask and the weights if data were expected here",
    ),
    StatusRow(
        Status.TOO_FEW_SAMPLES,
        False,
        False,
        True,
        "fewer usable samples than free parameters",
        "fix or tie parameters, or mask fewer samples",
    ),
    StatusRow(
        Status.NON_FINITE_DATA,
        False,
        False,
        True,
        "NaN or infinity among the samples to be used",
        "mask them, or pass fitter_kwargs={'filter_non_finite': True}",
    ),
    StatusRow(
        Status.NON_FINITE_START,
        False,
        False,
        True,
        "a starting value is NaN or infinite, or a bound is NaN",
        "fill the gaps in the maps of starting values and bounds",
    ),
    StatusRow(
        Status.NON_FINITE_MODEL,
        False,
        False,
        True,
        "the model is NaN or infinite at the starting values",
        "start inside the model's domain, or bound the parameters to it",
    ),
    StatusRow(
        Status.INSENSITIVE,
        False,
        False,
        True,
        "the model does not react to any free parameter at the starting values",
        "check that starting values and coordinates have the same unit, and that the model is not zero everywhere",
    ),
    StatusRow(
        Status.USER_ERROR,
        False,
        False,
        True,
        "the model or the fitter raised an error",
        "see the message: diagnostics='error' keeps the traceback of each position",
    ),
    StatusRow(
        Status.NEGATIVE_COUNTS,
        False,
        False,
        True,
        "a sample is negative, which counts cannot be",
        "fit the counts with their background as part of the model, or use statistic='chi2'",
    ),
)

STATUS: Mapping[int, StatusRow] = {int(row.status): row for row in _ROWS}
"""Every status a position can have: what it means and what to do about it. Tables and documents are made from it."""


def _answers(yes: Callable[[StatusRow], bool]) -> NDArray[np.bool_]:
    """A table of answers for every 16-bit number, taken as unsigned; looking up is faster than comparing."""
    table = np.zeros(2**16, dtype=bool)
    table[[code % 2**16 for code, row in STATUS.items() if yes(row)]] = True
    return table


_USABLE = _answers(lambda row: row.usable)
_CONVERGED = _answers(lambda row: row.converged)
_FAILED = _answers(lambda row: row.counted and not row.usable)


def usable(status: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Where a status says that parameters are finite numbers worth a look."""
    return _looked_up(status, _USABLE)


def converged(status: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Where a status says that a convergence test was met."""
    return _looked_up(status, _CONVERGED)


def failed(status: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Where a status says that a position which was expected to fit has no answer."""
    return _looked_up(status, _FAILED)


def counts_of(status: NDArray[np.int16]) -> dict[int, int]:
    """How many positions have each status that occurs, in ascending order; comparing is faster than sorting."""
    counts: dict[int, int] = {}
    for code in STATUS:
        if sum(counts.values()) < status.size:  # few occur, the first of the table most often
            counts[code] = int(np.count_nonzero(status == code))
    return {code: counts[code] for code in sorted(counts) if counts[code]}


def _looked_up(status: NDArray[np.int16], table: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(table.take(np.asarray(status, dtype=np.int16).view(np.uint16)))


class Flag(IntFlag):
    """What else is to be known of a fit that has an answer; several may hold at once."""

    AT_BOUND = 1
    SINGULAR = 2
    NO_EFFECT = 4
    UNDERSAMPLED = 8
    OUT_OF_RANGE = 16
    AT_ZERO = 32
    AMBIGUOUS = 64
    NONLINEAR_AT_BOUND = 128
    NO_FREEDOM = 256
    UNCERTAIN = 512
    MOSTLY_OUTLIERS = 1024


class FlagRow(NamedTuple):
    """One row of the FLAGS table.

    `disqualifies`: values and errors of such a fit are not to be believed as they stand. An amplitude that ended at its
    bound of zero is an answer; a width that did so is none.
    """

    flag: Flag
    disqualifies: bool
    meaning: str
    remedy: str


FLAGS: Mapping[int, FlagRow] = {
    int(row.flag): row
    for row in (
        FlagRow(
            Flag.AT_BOUND,
            False,
            "a parameter ended at one of its bounds; it has no standard error, and the others' hold for it fixed there",
            "widen the bound if the data may decide, or fix the parameter",
        ),
        FlagRow(
            Flag.SINGULAR,
            True,
            "the data do not determine every parameter: changes of some cancel, and the covariance is singular",
            "fix or tie parameters, or use a simpler model here",
        ),
        FlagRow(
            Flag.NO_EFFECT,
            True,
            "a free parameter has no effect: the derivative of the model by it is zero at every sample",
            "check that starting values, bounds and coordinates are in the same unit and range, or fix the parameter",
        ),
        FlagRow(
            Flag.UNDERSAMPLED,
            False,
            "a line is narrower than the samples can show (FWHM / 2.355 below 0.6 of their spacing), which biases it",
            "use a model that is integrated over the samples' widths, or fix the width",
        ),
        FlagRow(
            Flag.OUT_OF_RANGE,
            True,
            "a centre ended more than one range outside of the samples, or a width above five ranges",
            "bound the parameter to what the data can show, or leave the component out here",
        ),
        FlagRow(
            Flag.AT_ZERO,
            True,
            "a width ended at zero, or another parameter where the model turns around or ends: its error says nothing",
            "use a profile without that parameter, or bound it",
        ),
        FlagRow(
            Flag.AMBIGUOUS,
            True,
            "the guess and the caller's start lead to different minima whose chi-squares differ by less than 4",
            "bound or fix what tells them apart, or compare both by eye",
        ),
        FlagRow(
            Flag.NONLINEAR_AT_BOUND,
            True,
            "a parameter that ended at its bound is one that the model is not linear in, such as a centre or a width",
            "widen the bound if the data may decide, or fix the parameter",
        ),
        FlagRow(
            Flag.NO_FREEDOM,
            True,
            "there are as many free parameters as samples: no residual is left to tell the size of the errors",
            "give uncertainties, fix parameters, or mask fewer samples",
        ),
        FlagRow(
            Flag.UNCERTAIN,
            True,
            "the samples do not tell a parameter: the standard error of a centre is larger than the line or than their "
            "range, that of a width than their range, or that of another length, of a frequency or an exponent larger "
            "than itself and than any that they could show",
            "leave the component out here, use a simpler profile, or fix or bound the parameter",
        ),
        FlagRow(
            Flag.MOSTLY_OUTLIERS,
            True,
            "more than half of the samples are further from the model than twice f_scale, where a loss of 'cauchy' or "
            "'arctan' hardly counts them: the fit is to the others, and other minima are to be expected",
            "give uncertainties, or an f_scale of the size of the noise, or start from a fit with loss='huber'",
        ),
    )
}
"""Every flag: what it means and what to do about it. The covariance has to be computed for SINGULAR to be known."""


@dataclass(frozen=True)
class ParamTable:
    """Parameters in the order of `model.param_names`, in the units of the fit with units stripped.

    Attributes
    ----------
    names : P names.
    start, lower, upper : P float64 arrays, each broadcastable to B; no bound is an infinity.
    fixed, tied : P flags. A parameter that is neither is free.
    even : P flags: the model depends on the magnitude alone, so that the fitted value is reported positive.
    """

    names: tuple[str, ...]
    start: tuple[FloatArray, ...]
    lower: tuple[FloatArray, ...]
    upper: tuple[FloatArray, ...]
    fixed: tuple[bool, ...]
    tied: tuple[bool, ...]
    even: tuple[bool, ...]

    @property
    def free(self) -> tuple[int, ...]:
        """Indices of the free parameters, length F."""
        return tuple(i for i in range(len(self.names)) if not (self.fixed[i] or self.tied[i]))

    def is_bounded(self, index: int) -> bool:
        """Whether a parameter has a bound, at any position."""
        return bool(np.isfinite(self.lower[index]).any() or np.isfinite(self.upper[index]).any())


@dataclass(frozen=True)
class SolveOptions:
    """What an engine needs to know about how to solve; the meanings are those of `scipy.optimize.least_squares`.

    `loss` is 'cash' as well, the likelihood ratio of counts. `absolute_sigma`: weights are 1 / sigma, so that the
    variance of the noise is known.
    """

    ftol: float = 1e-7
    xtol: float = 1e-7
    gtol: float = 1e-7
    max_nfev: int = 100
    covariance: bool = False
    loss: str = "linear"
    f_scale: float = 1.0
    absolute_sigma: bool = False


@dataclass(frozen=True)
class FitProblem:
    """Every input of the call, checked and normalised once.

    Attributes
    ----------
    original : copy of the caller's model, which may change once the call has returned; never modified.
    model : the same without units, with scalar parameters at their first starting values; owned by ndfit.
    units : P units (or None) that the fitted numbers are in.
    params : ParamTable
    samples : data, weights, mask and coordinates
    filter_non_finite : leave non-finite samples out; otherwise they make the position NON_FINITE_DATA.
    absolute_sigma : weights are 1/sigma in the data's unit, so that the covariance is not scaled by chi-square.
    transform : shape (P, P), from the parameters that are fitted to those that are reported; None where they are the
        same. It undoes a change of the polynomial basis that was made for the sake of conditioning.
    data_unit : of the data, None where none was given.
    wcs : the caller's low-level WCS of the whole data, None where there is none.
    map_wcs : low-level WCS of the iterating axes alone, None where there is none.
    map_wcs_note : why there is none.
    """

    original: Any
    model: Any
    units: tuple[Any, ...]
    params: ParamTable
    samples: Samples
    filter_non_finite: bool = False
    absolute_sigma: bool = False
    transform: FloatArray | None = None
    data_unit: Any = None
    wcs: Any = None
    map_wcs: Any = None
    map_wcs_note: str = ""

    @property
    def axes(self) -> Axes:
        """Of the data."""
        return self.samples.axes


@dataclass(frozen=True)
class Block:
    """A set of N fits, loaded and checked, that an engine solves in one call. Arrays are read-only to the engine.

    Attributes
    ----------
    data : shape (N, M) float64, or float32 where the caller's are no longer; any strides; 0 where `valid` is False.
    weights : shape (N, M) float64, any strides, finite and non-negative; or None.
    valid : shape (N, M) bool, the samples to use; None when all are.
    coords : K arrays of shape (M,) when all fits share them, else (N, M); finite where `valid`.
    start : shape (N, P), inside the bounds.
    lower, upper : shape (N, P) or (1, P).
    status : shape (N,) int16, `Status.READY` for the fits to solve; the others pass through, with NaN parameters.
    fitting_shape : shape of the fitting axes, product M.
    positions : shape (N,) int64, the number of each fit among all fits of the problem, in the order of the iterating
        axes; random numbers are drawn by it.
    n_invalid : shape (N,) int32, samples left out because their uncertainty is negative or zero; None where none are.
    """

    data: FloatArray | NDArray[np.float32]
    weights: FloatArray | None
    valid: NDArray[np.bool_] | None
    coords: tuple[FloatArray, ...]
    start: FloatArray
    lower: FloatArray
    upper: FloatArray
    status: NDArray[np.int16]
    fitting_shape: tuple[int, ...]
    positions: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    n_invalid: NDArray[np.int32] | None = None

    @property
    def n_fits(self) -> int:
        return self.data.shape[0]

    def take(self, rows: NDArray[np.intp]) -> Block:
        """Some of the fits, in this order; one may be there more than once."""

        def own(array: Any) -> Any:
            """Those of a table (N, ...); what all fits share stays as it is."""
            return array if array is None or (len(array) == 1 and self.n_fits > 1) else array[rows]

        return replace(
            self,
            data=self.data[rows],
            weights=own(self.weights),
            valid=own(self.valid),
            coords=tuple(axis if axis.ndim == 1 else axis[rows] for axis in self.coords),
            start=self.start[rows],
            lower=own(self.lower),
            upper=own(self.upper),
            status=self.status[rows],
            positions=self.positions[rows] if self.positions.size else self.positions,
            n_invalid=own(self.n_invalid),
        )


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
    dimensions : what each parameter is counted in, see `ndfit.graph.dimensions`; None where nothing is known
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
    def values(self, parameters: FloatArray, coords: Sequence[FloatArray]) -> FloatArray:
        """Model values of N fits, shape (N, M), given (N, P) parameters and K coordinates (M,) or (N, M)."""

    def derivatives(self, parameters: FloatArray, coords: Sequence[FloatArray]) -> FloatArray:
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
