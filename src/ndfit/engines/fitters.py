"""The fitter and its keywords, checked before the run.

Flows in: the caller's fitter and `fitter_kwargs`. Flows out: FitterCall, with what ndfit takes over itself separated
from what the fitter is called with.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from astropy.modeling.fitting import (
    FittingWithOutlierRemoval,
    LinearLSQFitter,
    SimplexLSQFitter,
    SLSQPLSQFitter,
)
from astropy.stats import sigma_clip

from ndfit._compat.astropy_models import wants_uncertainties
from ndfit.problem.arguments import check_flag, check_mapping, check_number, check_whole

__all__ = ["FitterCall", "OutlierRemoval", "innermost", "outlier_removal", "parse_fitter"]

# Of `sigma_clip`, those that do not change what its result is.
_OF_SIGMA_CLIP = frozenset({"sigma", "sigma_lower", "sigma_upper", "maxiters", "cenfunc", "stdfunc", "grow"})

# Given to every fit by ndfit itself.
_RESERVED = frozenset({"self", "model", "x", "y", "z", "weights", "inplace", "args", "kwargs"})

# Keywords that astropy's fitters hand on to scipy's optimisers through **kwargs.
_HANDED_ON = {
    SLSQPLSQFitter: ("maxiter", "acc", "epsilon", "verblevel", "disp", "iprint", "full_output", "callback"),
    SimplexLSQFitter: ("maxiter", "acc", "epsilon", "disp", "maxfun", "full_output", "retall", "callback"),
}

# SLSQP prints a report of every fit unless it is asked not to.
_DEFAULTS: dict[type, dict[str, Any]] = {SLSQPLSQFitter: {"verblevel": 0}}


def _check_maxiter(value: Any) -> int:
    return check_whole(value, "fitter_kwargs['maxiter']", "a positive whole number of evaluations")


def _check_acc(value: Any) -> float:
    return check_number(value, "fitter_kwargs['acc']", "a relative accuracy, from 0 to 1", most=1.0)


def _check_epsilon(value: Any) -> float:
    return check_number(value, "fitter_kwargs['epsilon']", "a step for derivatives, a number that is not negative")


def _check_estimate_jacobian(value: Any) -> bool:
    return check_flag(value, "fitter_kwargs['estimate_jacobian']")


# Of astropy's fitters, whose keywords mean the same in each.
_CHECKS: Mapping[str, Callable[[Any], Any]] = {
    "maxiter": _check_maxiter,
    "acc": _check_acc,
    "epsilon": _check_epsilon,
    "estimate_jacobian": _check_estimate_jacobian,
}


@dataclass(frozen=True)
class FitterCall:
    """A fitter and how it is to be called.

    Attributes
    ----------
    fitter : the caller's; never called itself, engines copy it
    kwargs : keywords of each call
    linear : it is linear least squares
    filter_non_finite : ndfit leaves non-finite samples out
    calc_uncertainties : the fitter was made to report standard errors
    """

    fitter: Any
    kwargs: Mapping[str, Any]
    linear: bool
    filter_non_finite: bool
    calc_uncertainties: bool


def parse_fitter(fitter: Any, fitter_kwargs: Mapping[str, Any] | None) -> FitterCall:
    """Check the fitter and the names of its keywords.

    Raises
    ------
    TypeError, ValueError
        The fitter cannot be called, does not know a keyword, or cannot use its value.
    """
    if isinstance(fitter, type) or not callable(fitter):
        raise TypeError(f"fitter should be an instance of an astropy fitter, such as TRFLSQFitter(), got {fitter!r}")
    kwargs = check_mapping(fitter_kwargs, "fitter_kwargs", "a dict of keywords of the fitter")
    filter_non_finite = check_flag(kwargs.pop("filter_non_finite", False), "fitter_kwargs['filter_non_finite']")
    inner = innermost(fitter)
    known = _known_keywords(inner) if kwargs else None
    if known is not None:
        for name in kwargs:
            if name not in known:
                raise TypeError(_unknown(name, inner, known))
        kwargs |= {name: _CHECKS[name](value) for name, value in kwargs.items() if name in _CHECKS}
    return FitterCall(
        fitter=fitter,
        kwargs=_DEFAULTS.get(type(inner), {}) | kwargs,
        linear=isinstance(inner, LinearLSQFitter),
        filter_non_finite=filter_non_finite,
        calc_uncertainties=wants_uncertainties(inner),
    )


def innermost(fitter: Any) -> Any:
    """The fitter that does the fits, where one is wrapped around it to reject outliers."""
    return fitter.fitter if isinstance(fitter, FittingWithOutlierRemoval) else fitter


def _known_keywords(fitter: Any) -> tuple[str, ...] | None:
    """Names the fitter takes; None where it takes any."""
    parameters = inspect.signature(fitter).parameters.values()
    named = (*(p.name for p in parameters if p.name not in _RESERVED), "filter_non_finite")
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters):
        handed_on = _HANDED_ON.get(type(fitter))
        return None if handed_on is None else named + handed_on
    return named


def _unknown(name: str, fitter: Any, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean '{close[0]}'?" if close else ""
    return f"{type(fitter).__name__} has no keyword '{name}'{hint} It knows: {', '.join(sorted(known))}"


class OutlierRemoval(NamedTuple):
    """What a `FittingWithOutlierRemoval` does: keywords of `astropy.stats.sigma_clip`, and rounds at most."""

    keywords: dict[str, Any]
    rounds: int


def outlier_removal(fitter: Any) -> OutlierRemoval | None:
    """How a fitter removes outliers; None where it removes none.

    Raises
    ------
    ValueError
        It finds them in a way that is not known here.
    """
    if type(fitter) is not FittingWithOutlierRemoval:
        return None
    if fitter.outlier_func is not sigma_clip:
        raise ValueError("outliers are found by another function than astropy.stats.sigma_clip")
    unknown = set(fitter.outlier_kwargs) - _OF_SIGMA_CLIP
    if unknown:
        raise ValueError(f"the keyword '{min(unknown)}' of sigma_clip has no compiled counterpart")
    return OutlierRemoval(dict(fitter.outlier_kwargs), fitter.niter)
