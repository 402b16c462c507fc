"""How a fit ended, and what else is to be known of it: the tables of statuses and of flags.

Flows in: nothing of ndfit. Flows out: codes, bits, and for each what it means and what to do about it. Tables,
messages and the documentation are made from these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum, IntFlag
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "FLAGS",
    "NOTHING_TO_DO",
    "STATUS",
    "Flag",
    "FlagRow",
    "Status",
    "StatusRow",
    "converged",
    "counts_of",
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
    """What else is to be known of a fit that has an answer; several may hold at once.

    See Also
    --------
    FLAGS : what each flag means, and what to do about it.
    decode_flags : names of the flags in a map.

    Examples
    --------
    >>> import ndfit
    >>> ndfit.Flag(3) == ndfit.Flag.AT_BOUND | ndfit.Flag.SINGULAR
    True
    """

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
    NOT_DETECTED = 2048


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
            "give instrument=Instrument.bins(), with more nodes if it has them already, or fix the width",
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
        FlagRow(
            Flag.NOT_DETECTED,
            False,
            "no line of the model is detected: noise does as well more often than detect() was told to accept",
            "leave the position out of maps of the line, and give a limit in its place",
        ),
    )
}
"""Every flag: what it means and what to do about it. The covariance has to be computed for SINGULAR to be known."""
